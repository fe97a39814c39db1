"""Import it, and the imports of code of 2018 work without a change.

It makes `cvtk` and its modules those of `jupyter_imgcls.cvtk`. Where there are none, neither
installed nor beside the notebook, it also makes `ui_utils`, `azureml.logging`,
`azuremltkbase.logging` and `azuremltkbase.deployment`.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType

from .. import cvtk, ui_utils
from ..ui_utils import ui_annotation, ui_precision_recall, ui_results_viewer
from . import augmentation, core, deployment, evaluation, logging, operationalization, utils
from .core import classifier, context, dataset, model
from .evaluation import evaluation_utils
from .utils import constants, detection_utils

__all__: list[str] = []

_CVTK = (
    *(augmentation, core, classifier, context, dataset, model, evaluation, evaluation_utils),
    *(logging, operationalization, utils, constants, detection_utils),
)
_UI_UTILS = (ui_annotation, ui_precision_recall, ui_results_viewer)


def _register(name: str, package: ModuleType, modules: tuple[ModuleType, ...]) -> None:
    """Let a package and these modules of it be imported by another name."""
    for module in (package, *modules):
        sys.modules[name + module.__name__.removeprefix(package.__name__)] = module


def _is_there(name: str) -> bool:
    return name in sys.modules or find_spec(name) is not None


def _stand_in(name: str, part: str, module: ModuleType) -> None:
    """Give a package this module, and make the package, unless they are there."""
    if not _is_there(name):
        sys.modules[name] = ModuleType(name, "A stand-in of jupyter_imgcls.")
        sys.modules[name].__path__ = []
    if not _is_there(f"{name}.{part}"):
        setattr(sys.modules[name], part, module)
        sys.modules[f"{name}.{part}"] = module


if sys.modules.get("cvtk", cvtk) is not cvtk:
    raise ImportError(
        "Another package named cvtk was imported before: restart the kernel and import "
        "jupyter_imgcls.cvtk.as_cvtk first."
    )
_register("cvtk", cvtk, _CVTK)
if not _is_there("ui_utils"):
    _register("ui_utils", ui_utils, _UI_UTILS)
_stand_in("azureml", "logging", logging)
_stand_in("azuremltkbase", "logging", logging)
_stand_in("azuremltkbase", "deployment", deployment)
