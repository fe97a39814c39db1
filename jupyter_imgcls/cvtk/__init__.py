"""The names of the 2018 package `cvtk`, so that code written for it runs.

Either its imports change, from ``cvtk`` to ``jupyter_imgcls.cvtk``, or one line before them makes
them work as they are: ``import jupyter_imgcls.cvtk.as_cvtk``.
"""

from ..context import Context, StorageContext
from .core import (
    ClassificationDataset,
    CNTKTLModel,
    Dataset,
    DNNModel,
    Image,
    Label,
    ObjectDetectionDataset,
    ScikitClassifier,
    Splitter,
    TFFasterRCNN,
    TransferLearningModel,
)

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
