"""The names of 2018 for models."""

from ...classifiers import Classifier as DNNModel
from ...classifiers import TransferLearningModel
from ..other_tasks import TFFasterRCNN
from .classifier import CNTKTLModel

__all__ = ["CNTKTLModel", "DNNModel", "TFFasterRCNN", "TransferLearningModel"]
