"""The names of 2018 for datasets, the storage context and classifiers."""

from ...context import Context, StorageContext
from .classifier import CNTKTLModel, ScikitClassifier
from .dataset import ClassificationDataset, Dataset, Image, Label, ObjectDetectionDataset, Splitter
from .model import DNNModel, TFFasterRCNN, TransferLearningModel

__all__ = [
    "CNTKTLModel",
    "ClassificationDataset",
    "Context",
    "DNNModel",
    "Dataset",
    "Image",
    "Label",
    "ObjectDetectionDataset",
    "ScikitClassifier",
    "Splitter",
    "StorageContext",
    "TFFasterRCNN",
    "TransferLearningModel",
]
