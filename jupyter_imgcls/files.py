"""Writing files that are whole or not there, and names for them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import StorageError

__all__ = ["as_text", "replacing", "safe_name", "write_whole"]


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Give a path beside `file` to write to; put it in `file`'s place when all went well.

    Folders are made as needed. After an error or an interruption `file` is what it was before, and
    nothing is left beside it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{uuid.uuid4().hex}{file.suffix}")
    try:
        yield beside
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def write_whole(file: Path, content: bytes) -> None:
    """Write a file by way of `replacing`.

    Raises
    ------
    StorageError
        If that fails, for instance because the disk is full.
    """
    try:
        with replacing(file) as beside:
            beside.write_bytes(content)
    except OSError as error:
        raise StorageError(f"Cannot write {file}: {error.strerror or error}.") from error


def safe_name(name: str) -> str:
    """A name for a file or folder made from a dataset's name, safe on every file system."""
    return re.sub(r"[^\w.-]+", "_", name).strip("._")[:80] or "dataset"


def as_text(name: str) -> str:
    """A file's name as valid Unicode text: bytes of it that are no UTF-8 become question marks."""
    return name.encode("utf-8", "replace").decode("utf-8")
