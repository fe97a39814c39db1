"""The names of 2018 for datasets, the storage context and classifiers."""

from ...context import Context, StorageContext
from ...data import ClassificationDataset, Image, Label, Splitter
from .classifier import CNTKTLModel, ScikitClassifier

__all__ = [
    "CNTKTLModel",
    "ClassificationDataset",
    "Context",
    "Image",
    "Label",
    "ScikitClassifier",
    "Splitter",
    "StorageContext",
]
