"""Datasets as tables: one row for each label of each photo."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pandas as pd

from ...errors import DatasetError
from ...files import replacing
from ..csv_text import cell_value, csv_bytes
from ..image import Images
from ..table import PhotoTable
from ..types import PARTS, Check, Part
from .folders import check_files, first_problems

__all__ = ["read_csv", "read_frame", "to_csv", "to_frame"]


@dataclass
class _Photo:
    """The combined rows of one path."""

    labels: list[str] = field(default_factory=list)
    part: Part | None = None
    origin: str | None = None


def read_csv(file: Path, check: Check) -> PhotoTable:
    """Read a CSV file."""
    try:
        # All cells are text: 'NA' and '007' are class names like others.
        frame = pd.read_csv(
            file,
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig",
            encoding_errors="surrogateescape",
        )
    except (OSError, ValueError) as error:
        raise DatasetError(f"Cannot read {file} as a CSV file: {error}") from error
    return read_frame(frame.map(cell_value), file.parent, check)


def read_frame(frame: pd.DataFrame, root: Path, check: Check) -> PhotoTable:
    """Read a data frame; see `ClassificationDataset.create_from_frame`."""
    table = PhotoTable()
    photos = _photos(frame, root)
    reasons = list(check_files(iter(photos), len(photos), check))
    good = [path for path, reason in zip(photos, reasons, strict=True) if reason is None]
    storage_ids = {path: number for number, path in enumerate(good, start=1)}
    for path in good:
        photo = photos[path]
        # Copies of an original that was left out share the id of the first copy instead.
        origin = None
        if photo.origin is not None:
            origin = storage_ids.setdefault(photo.origin, storage_ids[path])
        table.add_photo(path, photo.labels, origin, photo.part)
    for path, reason in zip(photos, reasons, strict=True):
        if reason is not None:
            table.add_problem(path, reason)
    if len(table) == 0:
        raise DatasetError(f"No row refers to a usable photo.{first_problems(table)}")
    return table


def _photos(frame: pd.DataFrame, root: Path) -> dict[str, _Photo]:
    """The rows of `frame` grouped by absolute path, in order of first appearance."""
    for column in ("path", "label"):
        if column not in frame.columns:
            found = ", ".join(map(str, frame.columns)) or "none"
            raise DatasetError(f"There is no column {column!r}; the columns are: {found}.")
    table = frame.reindex(columns=["path", "label", "split", "origin"]).astype(object)
    table = table.where(table.notna(), "").astype(str)
    photos: dict[str, _Photo] = {}
    for number, (path, label, part, origin) in enumerate(
        table.itertuples(index=False, name=None), start=1
    ):
        if not path:
            raise DatasetError(f"Row {number} has no path.")
        if part not in ("", *PARTS):
            raise DatasetError(
                f"Row {number} has the split {part!r}: use {', '.join(PARTS)} or leave it empty."
            )
        photo = photos.setdefault(_absolute(root, path), _Photo())
        photo.labels += [label] if label else []
        photo.part = cast(Part, part) if part else photo.part
        photo.origin = _absolute(root, origin) if origin else photo.origin
    for path, photo in photos.items():
        if photo.origin is not None and photo.origin not in photos:
            raise DatasetError(f"{path} is a copy of {photo.origin}, which has no row.")
    return photos


def to_frame(table: PhotoTable) -> pd.DataFrame:
    """One row for each label of each photo; one with an empty label where it has none."""
    path_of = dict(zip(table.storage_ids, table.paths, strict=True))
    rows = [
        {
            "path": image.storage_path,
            "label": label,
            "split": part or "",
            "origin": path_of.get(image.origin_id, "")
            if image.origin_id != image.storage_id
            else "",
        }
        for image, part in zip(Images(table), table.parts, strict=True)
        for label in [label.name for label in image.labels] or [""]
    ]
    frame = pd.DataFrame(rows, columns=["path", "label", "split", "origin"], dtype=object)
    # Leave out columns without values.
    return frame.drop(columns=[c for c in ("split", "origin") if not (frame[c] != "").any()])


def to_csv(table: PhotoTable, file: Path) -> Path:
    """Write `to_frame` as a CSV file."""
    with replacing(file) as temporary:
        temporary.write_bytes(csv_bytes(to_frame(table)))
    return file


def _absolute(root: Path, path: str) -> str:
    return os.path.abspath(root / path)  # noqa: PTH100 - resolves '..', keeps symlinks
