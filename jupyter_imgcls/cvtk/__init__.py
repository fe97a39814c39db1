"""The names of the 2018 package `cvtk`, so that code written for it runs after its imports change.

``from cvtk…``, ``from azureml.logging`` and ``from azuremltkbase.logging`` become
``from jupyter_imgcls.cvtk…`` and ``from jupyter_imgcls.cvtk.logging``.
"""

from ..context import Context, StorageContext
from ..data import ClassificationDataset, Splitter
from .core.classifier import CNTKTLModel

__all__ = ["CNTKTLModel", "ClassificationDataset", "Context", "Splitter", "StorageContext"]
