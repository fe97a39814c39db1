"""Deep-learning frameworks behind one interface (`jupyter_imgcls.backends.base`)."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import BackendUnavailableError
from .base import Backend

__all__ = ["BACKENDS", "FRAMEWORKS", "get_backend", "refines_here"]


def _gluon() -> Backend:
    from .gluon import GluonBackend

    return GluonBackend()


def _onnx() -> Backend:
    from .onnx import OnnxBackend

    return OnnxBackend()


def _torch() -> Backend:
    from .torch import TorchBackend

    return TorchBackend()


BACKENDS: dict[str, Callable[[], Backend]] = {"gluon": _gluon, "torch": _torch, "onnx": _onnx}
FRAMEWORKS = ("gluon", "torch")
"""The backends that train whole networks, the first choice first."""


def get_backend(name: str = "auto") -> Backend:
    """Get a backend by name, and import its framework.

    Parameters
    ----------
    name : str
        ``"gluon"`` (MXNet Gluon), ``"torch"`` (PyTorch), ``"onnx"`` (no framework: it trains the
        head alone), or ``"auto"``, the first training framework that loads here.

    Raises
    ------
    BackendUnavailableError
        If there is none of that name, or no framework loads here.
    """
    if name != "auto":
        if name not in BACKENDS:
            raise BackendUnavailableError(
                f"There is no backend {name!r}. Backends: auto, {', '.join(BACKENDS)}."
            )
        return BACKENDS[name]()
    reasons = []
    for framework in FRAMEWORKS:
        try:
            return BACKENDS[framework]()
        except BackendUnavailableError as error:
            reasons.append(str(error))
    raise BackendUnavailableError(
        f"Refining the whole network needs a training framework, and none loads here. "
        f'{" ".join(reasons)} Training the head, train(trainable="head"), and ScikitClassifier '
        "need none."
    )


def refines_here() -> bool:
    """Whether a training framework loads, so that whole networks can be trained."""
    try:
        get_backend("auto")
    except BackendUnavailableError:
        return False
    return True
