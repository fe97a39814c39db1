"""Deep-learning frameworks behind one interface (`jupyter_imgcls.backends.base`)."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import BackendUnavailableError
from .base import Backend

__all__ = ["BACKENDS", "get_backend"]


def _gluon() -> Backend:
    from .gluon import GluonBackend

    return GluonBackend()


BACKENDS: dict[str, Callable[[], Backend]] = {"gluon": _gluon}


def get_backend(name: str = "gluon") -> Backend:
    """Get a training backend by name, and import its framework.

    Raises
    ------
    BackendUnavailableError
        If there is none of that name, or its framework does not load here.
    """
    if name not in BACKENDS:
        raise BackendUnavailableError(
            f"There is no backend {name!r}. Backends: {', '.join(BACKENDS)}."
        )
    return BACKENDS[name]()
