"""Photos and their labels: creating, splitting, augmenting and collecting datasets."""

from .dataset import ClassificationDataset
from .decoding.decode import decode_rgb, set_max_pixels
from .image import Image
from .problems import Problem
from .split import Splitter
from .types import Label

__all__ = [
    "ClassificationDataset",
    "Image",
    "Label",
    "Problem",
    "Splitter",
    "decode_rgb",
    "set_max_pixels",
]
