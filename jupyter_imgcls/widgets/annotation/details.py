"""What AnnotationUI tells about one photo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...data import Image
from ...data.decoding.decode import image_size
from ...data.journal import Edit, Journal
from ...errors import UnreadableImageError
from ...text import as_text

__all__ = ["details"]

_EDITS = 50


def details(journal: Journal, image: Image) -> dict[str, Any]:
    """Name, place, size, labels and history of a photo, as JSON can hold them."""
    facts: dict[str, Any] = {
        "name": as_text(image.name),
        "path": as_text(image.storage_path),
        "size": None,
        "bytes": None,
        "problem": None,
        "part": journal.dataset.table.part(image.row),
        "labels": [as_text(label.name) for label in image.labels],
        "excluded": journal.is_excluded(image),
        "history": [_as_json(edit) for edit in journal.history(image)[-_EDITS:]],
    }
    try:
        facts["size"] = list(image_size(image.storage_path))
        facts["bytes"] = Path(image.storage_path).stat().st_size
    except UnreadableImageError as error:
        facts["problem"] = error.reason
    return facts


def _as_json(edit: Edit) -> dict[str, Any]:
    return {
        "time": edit.time.isoformat(),
        "who": edit.who,
        "action": edit.action,
        "before": _words(edit.before),
        "after": _words(edit.after),
    }


def _words(state: list[str] | bool) -> str:
    if isinstance(state, bool):
        return "excluded" if state else "part of the dataset"
    return as_text(", ".join(state)) or "no label"
