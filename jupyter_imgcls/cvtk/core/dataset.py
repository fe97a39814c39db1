"""The names of 2018 for datasets."""

from ...data import ClassificationDataset, Image, Label, Splitter
from ...data import ClassificationDataset as Dataset
from ..other_tasks import ObjectDetectionDataset

__all__ = [
    "ClassificationDataset",
    "Dataset",
    "Image",
    "Label",
    "ObjectDetectionDataset",
    "Splitter",
]
