"""A sample dataset that needs no download: drawn photos of tableware."""

from __future__ import annotations

import io
import json
import os
import re
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ...context import Context
from ...errors import DatasetError
from ...files import write_whole
from ...progress import Progress, counting
from ..dataset import ClassificationDataset

__all__ = ["class_counts", "tableware"]

# About the shares of the article's classes, but with enough bowls to test on.
_SHARES = {"bowl": 11, "cup": 17, "cutlery": 14, "plate": 21}
_MANIFEST = ".tableware.json"


def tableware(
    n: int = 63,
    seed: int = 0,
    root: str | os.PathLike[str] | None = None,
    *,
    progress: Progress = True,
) -> ClassificationDataset:
    """Photos of bowls, cups, cutlery and plates on a table, drawn by the program.

    Size, place, angle, colour, pattern, light, table, noise and clutter vary. As in real photos,
    some are hard: a shallow bowl seen from above looks like a plate, a cup without a handle looks
    like a bowl, and a fork lies next to a plate.

    Parameters
    ----------
    n : int
        Number of photos, at least 4. About 17 % are bowls, 27 % cups, 22 % cutlery, 33 % plates.
    seed : int
        At least 0. The same seed gives the same bytes (with the same versions of NumPy, OpenCV and
        Pillow), and a larger `n` the same photos and more.
    root : str or Path, optional
        Folder for ``<root>/<class>/<class>_000.jpg`` and so on (640 x 480 pixels, JPEG). By default
        ``samples/tableware-<n>-<seed>`` under the outputs of the global context. Existing photos
        are not drawn again.
    progress : Progress
        Whether to show a progress bar, or a function to call with the number of photos drawn and
        the total.

    Returns
    -------
    ClassificationDataset
        Named ``"tableware"``.

    Raises
    ------
    DatasetError
        If `n` or `seed` is out of range, or `root` contains something other than this sample.

    Examples
    --------
    >>> from jupyter_imgcls.data.sample import tableware
    >>> dataset = tableware(n=8)
    >>> dataset.print_info()
    Dataset 'tableware': 8 photos, 4 classes
      bowl     1
      cup      2
      cutlery  2
      plate    3
    """
    if n < len(_SHARES):
        raise DatasetError(f"n is {n}: choose at least {len(_SHARES)}, one photo per class.")
    if seed < 0:
        raise DatasetError(f"seed is {seed}: choose 0 or more.")
    if root is None:
        outputs = Context.get_global_context().storage.outputs_path
        root = outputs / "samples" / f"tableware-{n}-{seed}"
    folder = Path(root).expanduser().absolute()
    manifest = json.dumps({"sample": "tableware", "n": n, "seed": seed})
    if _is_empty(folder):
        _draw_all(folder, n, seed, manifest, progress)
    _draw_missing(folder, n, seed, manifest, progress)
    return ClassificationDataset.create_from_dir("tableware", folder)


def _is_empty(folder: Path) -> bool:
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def _draw_all(folder: Path, n: int, seed: int, manifest: str, progress: Progress) -> None:
    """Draw all photos in a temporary folder, then rename it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        photos = Path(temporary, "photos")
        _draw(photos, _files(n), seed, progress)
        (photos / _MANIFEST).write_text(manifest, encoding="utf-8")
        try:
            if folder.exists():
                folder.rmdir()  # Windows does not replace folders
            photos.replace(folder)
        except OSError:
            # Another process was faster and drew the same photos. Anything else is an error.
            if _is_empty(folder):
                raise


def _draw_missing(folder: Path, n: int, seed: int, manifest: str, progress: Progress) -> None:
    """Draw the photos that were deleted from a sample."""
    known = folder / _MANIFEST
    if not known.is_file() or known.read_text(encoding="utf-8") != manifest:
        raise DatasetError(
            f"{folder} contains something other than the sample of {n} photos with seed {seed}: "
            "choose another folder, or delete this one."
        )
    missing = [file for file in _files(n) if not Path(folder, file).exists()]
    _draw(folder, missing, seed, progress)


def _files(n: int) -> list[str]:
    """Relative paths of the photos, by class."""
    return [
        f"{name}/{name}_{index:03d}.jpg"
        for name, count in class_counts(n).items()
        for index in range(count)
    ]


def class_counts(n: int) -> dict[str, int]:
    """Photos of each class: at least one, the rest by largest remainder."""
    total = sum(_SHARES.values())
    free = n - len(_SHARES)
    exact = {name: max(n * share / total - 1, 0) for name, share in _SHARES.items()}
    scale = free / sum(exact.values()) if free else 0.0
    counts = {name: 1 + int(value * scale) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: int(exact[name] * scale) - exact[name] * scale)
    for name in by_remainder[: n - sum(counts.values())]:
        counts[name] += 1
    return counts


def _draw(folder: Path, files: Iterable[str], seed: int, progress: Progress) -> None:
    from PIL import Image

    from .drawing.photo import draw_photo

    def draw(file: str) -> None:
        kind = file.split("/", maxsplit=1)[0]
        index = int(re.findall("[0-9]+", file)[-1])
        buffer = io.BytesIO()
        pixels = draw_photo(kind, (seed, list(_SHARES).index(kind), index))
        Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
        write_whole(folder / file, buffer.getvalue())

    todo = list(files)
    if not todo:
        return
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        counting(progress, len(todo), " photos", "Drawing") as count,
    ):
        for _ in pool.map(draw, todo):
            count(1)
