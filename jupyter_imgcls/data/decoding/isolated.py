"""Decode a photo in a process of its own, which can be stopped while C code runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from PIL import Image

from .greys import ValueRange
from .limits import DecodingLimits, RefusedError

__all__ = ["decode"]

_PACKAGE = __name__.partition(".")[0]
_CODE = Path(__file__).parents[__name__.count(".")]


def decode(
    source: str | os.PathLike[str] | bytes,
    memory: int,
    limits: DecodingLimits,
    value_range: ValueRange | None,
) -> Image.Image:
    """Decode a photo to upright RGB, in at most `memory` bytes and ``limits.seconds``.

    Raises
    ------
    RefusedError
        If it takes more, or is damaged.
    """
    asked = {"memory": memory, "pixels": limits.pixels, "value_range": value_range}
    content, name = (source, "-") if isinstance(source, bytes) else (b"", os.path.abspath(source))  # noqa: PTH100
    before = os.environ.get("PYTHONPATH")
    try:
        done = subprocess.run(  # noqa: S603 -- this program itself
            [sys.executable, "-m", f"{_PACKAGE}.data.decoding.child", json.dumps(asked), name],
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, (str(_CODE), before))),
                "OPENBLAS_NUM_THREADS": "1",  # each thread reserves memory, which is limited
            },
            timeout=limits.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RefusedError(limits.too_slow()) from None
    answer = done.stdout
    if done.returncode == 0:
        size = int.from_bytes(answer[:4], "big"), int.from_bytes(answer[4:8], "big")
        return Image.frombytes("RGB", size, memoryview(answer)[8:])
    raise RefusedError(
        answer.decode() or "the file is damaged, or needs more memory than others of its size"
    )
