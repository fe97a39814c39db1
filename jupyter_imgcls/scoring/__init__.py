"""Photos in, features or scores out: the one preprocessing, and ONNX Runtime kept fed."""

from .onnx_scorer import OnnxScorer, Output, ScoringResult
from .pipeline import Batch, decode_ahead
from .preprocessing import PhotoSource, Preprocessing
from .sources import Photos, as_sources

__all__ = [
    "Batch",
    "OnnxScorer",
    "Output",
    "PhotoSource",
    "Photos",
    "Preprocessing",
    "ScoringResult",
    "as_sources",
    "decode_ahead",
]
