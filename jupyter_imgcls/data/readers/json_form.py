"""The article's JSON: for each class a list of folders, photos, image URLs and text queries."""

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
from ..dataset import Check, ClassificationDataset
from ..problems import log_left_out
from .folders import add_checked, find_files, first_problems

if TYPE_CHECKING:
    from ..search import SearchProvider

__all__ = ["read_json", "write_json"]

_URL = re.compile("https?://", re.IGNORECASE)
_LOOKS_LIKE_PATH = re.compile(r"[/\\]|^\.|^~")


def read_json(
    dataset: ClassificationDataset,
    file: Path,
    context: Context | None,
    provider: SearchProvider | None,
    check: Check,
    progress: bool,
) -> ClassificationDataset:
    """Fill `dataset` from a JSON file."""
    before = len(dataset.problems)
    from_web: dict[str, list[str]] = {}
    classes = _entries(file)
    # A photo that several classes list by its name has them all.
    labels_of: dict[str, list[str]] = {}
    for label, entries in classes.items():
        dataset.add_label(label)
        for entry in dict.fromkeys(entries):
            labels_of.setdefault(entry, []).append(label)
    for label, entries in classes.items():
        for entry in dict.fromkeys(entries):
            labels = labels_of[entry]
            if _URL.match(entry) or not _add_local(
                dataset, file.parent, entry, label, labels, check
            ):
                from_web.setdefault(label, []).append(entry)
    if from_web:
        _add_collected(
            dataset, from_web, context or Context.get_global_context(), provider, progress
        )
    log_left_out(dataset.name, len(dataset.problems) - before)
    if len(dataset) == 0:
        raise DatasetError(f"Nothing in {file} leads to a photo.{first_problems(dataset)}")
    return dataset


def write_json(dataset: ClassificationDataset, file: Path) -> Path:
    """Write the photos of each class, paths absolute, beside `file`; then put it in place.

    A photo of several classes is listed in each; one without a label is left out.
    """
    classes: dict[str, list[str]] = {label.name: [] for label in dataset.labels}
    for image in dataset.images:
        for label in image.labels:
            classes[label.name].append(image.storage_path)
    with replacing(file) as beside:
        beside.write_text(json.dumps(classes, indent=1), encoding="utf-8")
    return file


def _add_local(
    dataset: ClassificationDataset,
    root: Path,
    entry: str,
    label: str,
    labels: list[str],
    check: Check,
) -> bool:
    """Add a folder or photo; False where `entry` is neither and does not look like one."""
    local = os.path.abspath(root / Path(entry).expanduser())  # noqa: PTH100 - keeps symlinks
    # os.path answers False, where Path raises, for a text that is too long for a name.
    if os.path.isdir(local):  # noqa: PTH112
        for folder, names in find_files(dataset, Path(local)):
            add_checked(dataset, folder, names, label, None, check)
    elif os.path.isfile(local):  # noqa: PTH113
        if label == labels[0]:
            before = len(dataset)
            folder, name = os.path.split(local)
            add_checked(dataset, folder, [name], label, None, check)
            if len(dataset) > before and len(labels) > 1:
                dataset.change_label_for_image(dataset.images[before], labels)
    elif _LOOKS_LIKE_PATH.search(entry):
        dataset.add_problem(local, f"no such folder or photo (class {label!r})")
    else:
        return False
    return True


def _add_collected(
    dataset: ClassificationDataset,
    requests: dict[str, list[str]],
    context: Context,
    provider: SearchProvider | None,
    progress: bool,
) -> None:
    """Download what `requests` asks for, under the context's outputs."""
    folder = context.storage.outputs_path / "collected" / safe_name(dataset.name)
    collected = collect(requests, folder, provider=provider, progress=progress)
    for label, files in collected.files.items():
        for downloaded in files:
            dataset.add_image(downloaded, label)
    for failure in collected.failures:
        dataset.add_problem(failure.source, failure.reason)


def _entries(file: Path) -> dict[str, list[str]]:
    expected = 'an object with a list of strings for each class, such as {"cup": ["photos/cup"]}'
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DatasetError(f"{file} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise DatasetError(f"{file} is not JSON ({error}); expected is {expected}.") from error
    if not isinstance(content, dict) or not all(
        isinstance(entries, list) and all(isinstance(entry, str) for entry in entries)
        for entries in content.values()
    ):
        raise DatasetError(f"{file} has another form than expected: {expected}.")
    return content
