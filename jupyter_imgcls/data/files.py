"""Writing files that are whole or not there, and names for folders."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

from ..errors import StorageError

__all__ = ["folder_name", "write_whole"]


def write_whole(file: Path, content: bytes) -> None:
    """Write `content` beside `file`, then move it there: no reader ever sees a part of it.

    Folders are made as needed.

    Raises
    ------
    StorageError
        If that fails, for instance because the disk is full.
    """
    part = file.with_name(f".{uuid.uuid4().hex}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(content)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"Cannot write {file}: {error.strerror or error}.") from error


def folder_name(name: str) -> str:
    """A name for a folder made from a dataset's name, safe on every file system."""
    return re.sub(r"[^\w.-]+", "_", name).strip("._")[:80] or "dataset"
