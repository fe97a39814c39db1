"""Writing files so that nothing half-written is ever seen."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replacing"]


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Give a path beside `file` to write to; put it in `file`'s place when all went well.

    The folder is made when it is missing. After an error or an interruption `file` is what it was
    before, and nothing is left beside it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(
        dir=file.parent, prefix=f".{file.name}-", suffix=file.suffix
    )
    os.close(descriptor)
    beside = Path(name)
    try:
        yield beside
        # mkstemp makes files that only their owner may read; give them what open() would.
        umask = os.umask(0)
        os.umask(umask)
        beside.chmod(0o666 & ~umask)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
