"""Photos and their labels: creating, splitting, augmenting and collecting datasets."""

from .dataset import ClassificationDataset
from .decoding.decode import decode_rgb, set_value_range
from .decoding.limits import DecodingLimits, decoding_limits, set_decoding_limits, set_max_pixels
from .image import Image
from .problems import Problem
from .split import Splitter
from .types import Label

__all__ = [
    "ClassificationDataset",
    "DecodingLimits",
    "Image",
    "Label",
    "Problem",
    "Splitter",
    "decode_rgb",
    "decoding_limits",
    "set_decoding_limits",
    "set_max_pixels",
    "set_value_range",
]
