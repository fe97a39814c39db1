"""Telling whether a pipeline is still the one that made a file."""

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
    """Pickles code by what it does, not by where it stands in a file or a notebook."""

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
    """A text that changes when the pipeline does; new each time where that cannot be known."""
    buffer = io.BytesIO()
    try:
        _CodePickler(buffer).dump(seeded(pipeline, 0) if is_imgaug(pipeline) else pipeline)
    except Exception:  # noqa: BLE001 -- objects run their own code here, and raise anything
        _log.info("%r cannot be compared with an earlier one: copies are made again", pipeline)
        return os.urandom(8).hex()
    return hashlib.sha256(buffer.getvalue() + _module_text(pipeline)).hexdigest()


def _module_text(pipeline: Callable[..., object]) -> bytes:
    """The module that a pipeline comes from: its functions and classes are pickled by name."""
    function = getattr(pipeline, "func", pipeline)
    module = inspect.getmodule(function if inspect.isroutine(function) else type(function))
    source = getattr(module, "__file__", None) or ""
    # What a script defines itself is pickled whole.
    if not source.endswith(".py") or getattr(module, "__name__", "") == "__main__":
        return b""
    return Path(source).read_bytes()
