"""Read and write class folders."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm.auto import tqdm

from ...errors import DatasetError
from ...files import free_name, is_folder_name
from ..decoding.decode import check_image
from ..image import Images
from ..natural import natural_sort
from ..table import PhotoTable
from ..types import Check, Part

__all__ = [
    "IMAGE_SUFFIXES",
    "find_files",
    "read_class_folders",
    "read_files",
    "write_class_folders",
]

_SUFFIXES = (
    ".apng .avif .bmp .dib .gif .heic .heif .jfif .jp2 .jpe .jpeg .jpg .pbm .pgm .png .pnm .ppm "
    ".tga .tif .tiff .webp"
)
IMAGE_SUFFIXES = frozenset(_SUFFIXES.split())
# What operating systems leave in folders, besides hidden files.
_SYSTEM_NAMES = frozenset(
    {
        "$recycle.bin",
        "__macosx",
        "desktop.ini",
        "icon\r",
        "system volume information",
        "thumbs.db",
    }
)
_PART_NAMES: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}
_CHECK_WORKERS = 8
_CHECKS_AT_ONCE = 4096
_SHOW_PROGRESS_FROM = 2000


def read_class_folders(root: Path, check: Check) -> PhotoTable:
    """Read ``root/<class>/`` or ``root/<part>/<class>/``."""
    if not root.exists():
        raise DatasetError(f"There is no folder {root}.")
    if not root.is_dir():
        raise DatasetError(f"{root} is a file: give a folder with one sub-folder per class.")
    table = PhotoTable()
    top = _sub_folders(table, root)
    loose = _loose_photos(root)
    if not top and not loose and not table.problems:
        raise DatasetError(
            f"{root} contains no photos and no sub-folders: put the photos of each class into a "
            "sub-folder named after the class, or photos without a class directly into it."
        )
    classes: list[tuple[Part | None, Path]] = [(None, folder) for folder in top]
    parts = [_PART_NAMES.get(folder.name.lower()) for folder in top]
    if len(top) > 1 and "train" in parts and None not in parts:
        classes = [
            (part, folder)
            for part, parent in zip(parts, top, strict=True)
            for folder in _sub_folders(table, parent)
        ]
        names = list({folder.name for _, folder in classes})
        natural_sort(names)
        for name in names:
            table.add_label(name)
    for part, folder in classes:
        table.add_label(folder.name)
        for parent, files in find_files(table, folder):
            add_checked(table, parent, files, folder.name, part, check)
    add_checked(table, str(root.absolute()), loose, None, None, check)
    if len(table) == 0:
        raise DatasetError(f"No photos in {root} or its sub-folders.{first_problems(table)}")
    counts = zip(table.labels, table.count_labels(), strict=True)
    empty = [label.name for label, count in counts if count == 0]
    if empty:
        warnings.warn(
            f"No photos in class {', '.join(empty)}: add photos, or delete the folder.",
            UserWarning,
            stacklevel=3,
        )
    return table


def read_files(paths: Iterable[Path], check: Check) -> PhotoTable:
    """Read photos without labels: files, and all in folders and their sub-folders."""
    table = PhotoTable()
    for path in paths:
        found = (
            find_files(table, path)
            if path.is_dir()
            else [(str(path.absolute().parent), [path.name])]
        )
        for folder, names in found:
            add_checked(table, folder, names, None, None, check)
    return table


def first_problems(table: PhotoTable) -> str:
    """The first few files that were left out, for the end of an error message."""
    shown = "; ".join(str(problem) for problem in list(table.problems)[:3])
    return f" Left out: {shown}" if shown else ""


def find_files(table: PhotoTable, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each folder at or under `folder` with its files in natural order.

    Symbolic links are followed; a folder that was already visited (a loop) or that cannot be read
    becomes a problem of `table`.
    """
    visited: set[tuple[int, int] | str] = set()
    waiting = [str(folder.absolute())]
    while waiting:
        current = waiting.pop()
        folders: list[str] = []
        files: list[str] = []
        try:
            status = os.stat(current)  # noqa: PTH116
            # Some file systems on Windows number no files: all have 0.
            place = (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(current)
            if place in visited:
                table.add_problem(current, "a link to a folder that was already read")
                continue
            visited.add(place)
            with os.scandir(current) as entries:
                for entry in entries:
                    if _is_hidden(entry.name):
                        continue
                    (folders if _is_folder(entry) else files).append(entry.name)
        except OSError as error:
            table.add_problem(current, _reason(error))
            continue
        natural_sort(files)
        natural_sort(folders)
        waiting += [os.path.join(current, name) for name in reversed(folders)]  # noqa: PTH118
        yield current, files


def add_checked(
    table: PhotoTable,
    folder: str,
    names: Sequence[str],
    label: str | None,
    part: Part | None,
    check: Check,
) -> None:
    """Add the files of one folder that pass `check`; the others become problems."""
    start = os.path.join(folder, "")  # noqa: PTH118 - no second separator after that of a root
    paths = (f"{start}{name}" for name in names)
    good = []
    for name, reason in zip(names, check_files(paths, len(names), check), strict=True):
        if reason is None:
            good.append(name)
        else:
            table.add_problem(f"{start}{name}", reason)
    table.add_folder(folder, good, label, part)


def check_files(paths: Iterator[str], count: int, check: Check) -> Iterator[str | None]:
    """For each path, the reason why it is not a usable photo, or None."""
    if check not in ("full", "header", "none"):
        raise DatasetError(f"check is {check!r}: choose 'full', 'header' or 'none'.")
    if check == "none":
        for path in paths:
            suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122
            yield None if suffix in IMAGE_SUFFIXES else "not an image file name"
        return
    # Threads help with slow disks and network folders.
    with (
        ThreadPoolExecutor(_CHECK_WORKERS) as pool,
        tqdm(
            total=count, unit=" photos", desc="Checking", disable=count < _SHOW_PROGRESS_FROM
        ) as bar,
    ):
        while some := list(itertools.islice(paths, _CHECKS_AT_ONCE)):
            yield from pool.map(lambda path: check_image(path, check), some)
            bar.update(len(some))


def write_class_folders(table: PhotoTable, root: Path) -> Path:
    """Copy photos into class folders under `root`."""
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise DatasetError(f"{root} already exists: choose a new or an empty folder.")
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=f".{root.name}-") as temporary:
        photos = Path(temporary, "photos")
        photos.mkdir()
        for image, part in zip(Images(table), table.parts, strict=True):
            for label in image.labels:
                if not is_folder_name(label.name):
                    raise DatasetError(
                        f"The class name {label.name!r} is not a valid folder name: rename the "
                        "class."
                    )
                folder = Path(photos, part or "", label.name)
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy2(image.storage_path, free_name(folder / image.name))
        if root.exists():
            root.rmdir()
        photos.rename(root)
    return root


def _sub_folders(table: PhotoTable, root: Path) -> list[Path]:
    try:
        names = [p.name for p in root.iterdir() if p.is_dir() and not _is_hidden(p.name)]
    except OSError as error:
        table.add_problem(root, _reason(error))
        return []
    natural_sort(names)
    return [root / name for name in names]


def _loose_photos(root: Path) -> list[str]:
    """Files named like photos; other files next to the class folders are not a problem."""
    try:
        names = [p.name for p in root.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES]
        names = [name for name in names if not _is_hidden(name) and (root / name).is_file()]
    except OSError:  # already a problem of the table
        return []
    natural_sort(names)
    return names


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: opening it as a photo gives the reason
        return False


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def _reason(error: OSError) -> str:
    return f"the folder cannot be read: {error.strerror or error}"
