"""Image classification inside Jupyter: from a folder of photos to a web service.

The public names stand here; each is imported when it is first used, so that importing the package
loads no framework.
"""

import os
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

from .numpy_names import restore_numpy_names

if TYPE_CHECKING:
    from .classifiers import (
        EpochRecord,
        ScikitClassifier,
        TrainingListener,
        TrainingRun,
        TransferLearningModel,
        load_classifier,
    )
    from .context import Context, StorageContext
    from .data import ClassificationDataset, Image, Label, Problem, Splitter
    from .data.augment import augment_dataset, show_augmentations
    from .errors import ImgclsError
    from .evaluation import ClassificationEvaluation
    from .serving.deployment import Deployment
    from .widgets.annotation import AnnotationUI
    from .widgets.image_grid import ImageGrid
    from .widgets.precision_recall import PrecisionRecallUI
    from .widgets.results_viewer import ResultsUI
    from .widgets.training_monitor import TrainingMonitor

    __version__: str

# Read by ONNX Runtime when it is loaded: without it, each process reports its use to Microsoft.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
restore_numpy_names()

__all__ = [
    "AnnotationUI",
    "ClassificationDataset",
    "ClassificationEvaluation",
    "Context",
    "Deployment",
    "EpochRecord",
    "Image",
    "ImageGrid",
    "ImgclsError",
    "Label",
    "PrecisionRecallUI",
    "Problem",
    "ResultsUI",
    "ScikitClassifier",
    "Splitter",
    "StorageContext",
    "TrainingListener",
    "TrainingMonitor",
    "TrainingRun",
    "TransferLearningModel",
    "__version__",
    "augment_dataset",
    "load_classifier",
    "show_augmentations",
]

_NAMES = {
    "classifiers": (
        "EpochRecord",
        "ScikitClassifier",
        "TrainingListener",
        "TrainingRun",
        "TransferLearningModel",
        "load_classifier",
    ),
    "context": ("Context", "StorageContext"),
    "data": ("ClassificationDataset", "Image", "Label", "Problem", "Splitter"),
    "data.augment": ("augment_dataset", "show_augmentations"),
    "errors": ("ImgclsError",),
    "evaluation": ("ClassificationEvaluation",),
    "serving.deployment": ("Deployment",),
    "widgets.annotation": ("AnnotationUI",),
    "widgets.image_grid": ("ImageGrid",),
    "widgets.precision_recall": ("PrecisionRecallUI",),
    "widgets.results_viewer": ("ResultsUI",),
    "widgets.training_monitor": ("TrainingMonitor",),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}

# Hidden from type checkers, which would take every misspelt name for one that exists.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "__version__":
            value = version(__name__)
        elif name in _MODULE_OF:
            value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
