"""The article's JSON: a list of folders, photos, image URLs and text queries for each class."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ...context import Context
from ...errors import DatasetError
from ...files import replacing, safe_name
from ..collect import collect
from ..image import Images
from ..table import PhotoTable
from ..types import Check
from .folders import add_checked, find_files, first_problems

if TYPE_CHECKING:
    from ..search import SearchProvider

__all__ = ["read_json", "write_json"]

_URL = re.compile("https?://", re.IGNORECASE)
_LOOKS_LIKE_PATH = re.compile(r"[/\\]|^\.|^~")


def read_json(
    file: Path,
    name: str,
    context: Context | None,
    provider: SearchProvider | None,
    check: Check,
    progress: bool,
) -> PhotoTable:
    """Read a JSON file; downloads go to a folder called `name`."""
    table = PhotoTable()
    from_web: dict[str, list[str]] = {}
    classes = _entries(file)
    # A photo listed by name in several classes has all of them.
    labels_of: dict[str, list[str]] = {}
    for label, entries in classes.items():
        table.add_label(label)
        for entry in dict.fromkeys(entries):
            labels_of.setdefault(entry, []).append(label)
    for label, entries in classes.items():
        for entry in dict.fromkeys(entries):
            labels = labels_of[entry]
            if _URL.match(entry) or not _add_local(table, file.parent, entry, label, labels, check):
                from_web.setdefault(label, []).append(entry)
    if from_web:
        outputs = (context or Context.get_global_context()).storage.outputs_path
        folder = outputs / "collected" / safe_name(name)
        _add_collected(table, from_web, folder, provider, progress)
    if len(table) == 0:
        raise DatasetError(f"No photos found from {file}.{first_problems(table)}")
    return table


def paths_by_class(table: PhotoTable) -> dict[str, list[str]]:
    """The absolute paths of the photos of each class; of several classes, in each of them."""
    classes: dict[str, list[str]] = {label.name: [] for label in table.labels}
    for image in Images(table):
        for label in image.labels:
            classes[label.name].append(image.storage_path)
    return classes


def write_json(table: PhotoTable, file: Path) -> Path:
    """Write `paths_by_class`; a photo without a label is left out."""
    with replacing(file) as temporary:
        temporary.write_text(json.dumps(paths_by_class(table), indent=1), encoding="utf-8")
    return file


def _add_local(
    table: PhotoTable,
    root: Path,
    entry: str,
    label: str,
    labels: list[str],
    check: Check,
) -> bool:
    """Add a folder or photo; return False if `entry` is neither and does not look like one."""
    local = os.path.abspath(root / Path(entry).expanduser())  # noqa: PTH100 - keeps symlinks
    # For a text that is too long for a file name, os.path returns False and Path raises.
    if os.path.isdir(local):  # noqa: PTH112
        for folder, names in find_files(table, Path(local)):
            add_checked(table, folder, names, label, None, check)
    elif os.path.isfile(local):  # noqa: PTH113
        if label == labels[0]:
            row = len(table)
            folder, name = os.path.split(local)
            add_checked(table, folder, [name], label, None, check)
            if len(table) > row and len(labels) > 1:
                table.set_labels(row, labels)
    elif _LOOKS_LIKE_PATH.search(entry):
        table.add_problem(local, f"no such folder or photo (class {label!r})")
    else:
        return False
    return True


def _add_collected(
    table: PhotoTable,
    requests: dict[str, list[str]],
    folder: Path,
    provider: SearchProvider | None,
    progress: bool,
) -> None:
    """Download what `requests` asks for into `folder`."""
    collected = collect(requests, folder, provider=provider, progress=progress)
    for label, files in collected.files.items():
        for downloaded in files:
            table.add_photo(downloaded, [label])
    for failure in collected.failures:
        table.add_problem(failure.source, failure.reason)


def _entries(file: Path) -> dict[str, list[str]]:
    expected = 'an object with a list of strings for each class, such as {"cup": ["photos/cup"]}'
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DatasetError(f"Cannot read {file}: {error.strerror or error}") from error
    except ValueError as error:
        raise DatasetError(f"{file} is not JSON ({error}); expected {expected}.") from error
    if not isinstance(content, dict) or not all(
        isinstance(entries, list) and all(isinstance(entry, str) for entry in entries)
        for entries in content.values()
    ):
        raise DatasetError(f"{file} does not have the expected form: {expected}.")
    return content
