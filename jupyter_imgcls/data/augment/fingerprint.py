"""Tell whether a pipeline is still the one that made a file."""

from __future__ import annotations

import hashlib
import inspect
import io
import logging
import os
from collections import ChainMap
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any, ClassVar

import cloudpickle

from .imgaug_seed import is_imgaug, seeded

__all__ = ["fingerprint"]

_log = logging.getLogger(__name__)


class _CodePickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles code by what it does, not by its place in a file or notebook."""

    dispatch_table: ClassVar[Any] = ChainMap(
        {
            CodeType: lambda code: (
                tuple,
                ((code.co_code, code.co_consts, code.co_names, code.co_freevars),),
            )
        },
        cloudpickle.Pickler.dispatch_table,
    )


def fingerprint(pipeline: Callable[..., object]) -> str:
    """A text that changes with the pipeline; new each time if changes cannot be detected."""
    buffer = io.BytesIO()
    try:
        _CodePickler(buffer).dump(seeded(pipeline, 0) if is_imgaug(pipeline) else pipeline)
    except Exception:  # noqa: BLE001 -- objects run their own code here, and raise anything
        _log.info("Cannot tell whether %r has changed: making its copies again", pipeline)
        return os.urandom(8).hex()
    return hashlib.sha256(buffer.getvalue() + _module_text(pipeline)).hexdigest()


def _module_text(pipeline: Callable[..., object]) -> bytes:
    """Source of the pipeline's module, whose functions and classes are pickled by name."""
    function = getattr(pipeline, "func", pipeline)
    module = inspect.getmodule(function if inspect.isroutine(function) else type(function))
    source = getattr(module, "__file__", None) or ""
    # Functions that a script defines are pickled with their code.
    if not source.endswith(".py") or getattr(module, "__name__", "") == "__main__":
        return b""
    return Path(source).read_bytes()
