"""Augmented copies of photos, as files."""

from __future__ import annotations

import hashlib
import inspect
import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...context import Context
from ...errors import DatasetError, UnreadableImageError
from ...files import safe_name, write_whole
from ...progress import Progress, counting
from ..dataset import ClassificationDataset
from ..decoding.decode import decode_rgb
from .fingerprint import fingerprint
from .imgaug_seed import is_imgaug, seeded

__all__ = ["Pipeline", "apply_pipeline", "augment_dataset", "mirror_and_crop"]

Pixels = NDArray[np.uint8]
Pipeline = Callable[..., Pixels]
"""An imgaug `Augmenter`, or a callable on an (height, width, 3) uint8 RGB array."""

_QUALITY = 95
_RECIPE = 1  # part of every copy's name: increase it when the same inputs give other copies
_AT_ONCE = 512  # photos given to the threads at a time


def augment_dataset(
    dataset: ClassificationDataset,
    pipelines: Sequence[Pipeline],
    *,
    seed: int = 0,
    context: Context | None = None,
    workers: int | None = None,
    progress: Progress = True,
) -> ClassificationDataset:
    """Add one augmented copy of every photo for each pipeline.

    One pipeline doubles a dataset, two triple it. Copies have the labels of their photo, and
    `Image.origin_id` names it, so `split` keeps a photo and its copies on one side.

    Parameters
    ----------
    dataset : ClassificationDataset
        It is not changed.
    pipelines : sequence of imgaug.augmenters.Augmenter or callable
        A callable takes a photo, uint8 RGB of shape (height, width, 3), and returns another,
        whose height and width may differ. A parameter named ``rng`` receives a
        `numpy.random.Generator`; a callable with another source of random numbers makes different
        copies each time.
    seed : int
        Same seed, same copies, whatever the number of workers. imgaug pipelines are seeded for
        each photo by its content.
    context : Context, optional
        Copies are JPEGs of quality 95 under ``<outputs_path>/augmented/<name of the dataset>``;
        default: the global context. A copy is reused as long as photo, pipeline and seed stay
        the same.
    workers : int, optional
        Number of threads; by default one per CPU core.
    progress : Progress
        Whether to show a progress bar, or a function to call with the number of photos done and
        the total. An exception that it raises stops the work.

    Returns
    -------
    ClassificationDataset
        The photos of `dataset`, then the copies of the first pipeline, and so on. A photo that
        cannot be read has no copies and is listed in `problems`.

    Raises
    ------
    DatasetError
        If a pipeline fails or does not return a photo. No partial file remains.
    StorageError
        If a copy cannot be written.

    Examples
    --------
    >>> from jupyter_imgcls import augment_dataset
    >>> from jupyter_imgcls.data.sample import tableware
    >>> dataset = tableware(n=8)
    >>> mirrored = augment_dataset(dataset, [lambda photo: photo[:, ::-1]], progress=False)
    >>> len(mirrored), mirrored.images[8].origin_id == dataset.images[0].storage_id
    (16, True)
    """
    # An imgaug Sequential is itself a list: given alone, its steps would count as pipelines.
    steps = [cast("Pipeline", pipelines)] if callable(pipelines) else list(pipelines)
    for number, step in enumerate(steps, 1):
        if not callable(step):
            raise DatasetError(
                f"Pipeline {number} is {step!r}: give imgaug augmenters or functions on an array."
            )
    folder = (context or Context.get_global_context()).storage.outputs_path / "augmented"
    folder /= safe_name(dataset.name)
    maker = _CopyMaker(folder, steps, [fingerprint(step) for step in steps], seed)
    paths = dataset.paths
    with counting(progress, len(dataset), " photos", "Augmenting") as count:
        results = []
        for result in _in_threads(maker, paths, workers or os.cpu_count() or 1):
            results.append(result)
            count(1)
    return _with_copies(dataset, results, len(steps))


def mirror_and_crop() -> Pipeline:
    """The article's pipeline: mirrors half of the photos and crops all by up to 10 %."""
    from imgaug import augmenters

    steps = [augmenters.Fliplr(0.5), augmenters.Crop(percent=(0, 0.1))]
    return cast("Pipeline", augmenters.Sequential(steps))


def apply_pipeline(pipeline: Pipeline, pixels: Pixels, seed: int) -> Pixels:
    """Make one augmented copy of a photo, without changing the pipeline or `pixels`.

    Parameters
    ----------
    pipeline : imgaug.augmenters.Augmenter or callable
        See `augment_dataset`.
    pixels : ndarray, (height, width, 3) uint8
        The photo in RGB.
    seed : int
        0 to 2**31 - 1.

    Raises
    ------
    DatasetError
        If the pipeline fails or does not return a photo.
    """
    given = pixels.copy()
    try:
        made: Any
        if is_imgaug(pipeline):
            made = seeded(pipeline, seed)(image=given)
        elif _wants_rng(pipeline):
            made = pipeline(given, rng=np.random.default_rng(seed))
        else:
            made = pipeline(given)
    except Exception as error:
        raise DatasetError(f"it failed with {type(error).__name__}: {error}") from error
    if not isinstance(made, np.ndarray):
        raise DatasetError(f"it returned {type(made).__name__} instead of an array")
    if made.dtype != np.uint8 or made.ndim != 3 or made.shape[2] != 3 or 0 in made.shape:
        raise DatasetError(
            f"it returned an array of shape {made.shape} and type {made.dtype}; expected "
            "(height, width, 3) and uint8"
        )
    return made


@dataclass(frozen=True)
class _CopyMaker:
    """Makes the copies of one photo; returns their files, or why the photo cannot be read."""

    folder: Path
    pipelines: list[Pipeline]
    fingerprints: list[str]
    seed: int

    def __call__(self, path: str) -> list[Path] | str:
        try:
            status = os.stat(path)  # noqa: PTH116
            names = self._names(path, status.st_size, status.st_mtime_ns)
            missing = [n for n, file in enumerate(names) if not file.exists()]
            if missing:
                content = Path(path).read_bytes()
                pixels = decode_rgb(content)
        except UnreadableImageError as error:
            return error.reason
        except OSError as error:
            return f"the file cannot be read: {error.strerror or error}"
        for number in missing:
            seed = _number_from(content, number, self.seed)
            try:
                copied = apply_pipeline(self.pipelines[number], pixels, seed)
            except DatasetError as error:
                raise DatasetError(f"Pipeline {number + 1} on {path}: {error}.") from error
            write_whole(names[number], _jpeg(copied))
        return names

    def _names(self, path: str, size: int, changed: int) -> list[Path]:
        """A file name for each pipeline, made from everything its pixels depend on."""
        stem = safe_name(Path(path).stem)
        return [
            self.folder
            / f"{stem}-{_digest(_RECIPE, path, size, changed, *key, self.seed)[:20]}.jpg"
            for key in enumerate(self.fingerprints)
        ]


def _with_copies(
    dataset: ClassificationDataset, results: list[list[Path] | str], pipelines: int
) -> ClassificationDataset:
    augmented = dataset.take(np.arange(len(dataset)), f"{dataset.name}-augmented")
    for problem in dataset.problems:
        augmented.add_problem(problem.path, problem.reason)
    parts = dataset.parts
    for number in range(pipelines):
        for image, part, copies in zip(dataset.images, parts, results, strict=True):
            if not isinstance(copies, str):
                augmented.add_image(
                    copies[number], image.labels, origin_id=image.origin_id, part=part
                )
    unreadable = {row: reason for row, reason in enumerate(results) if isinstance(reason, str)}
    augmented.leave_out(unreadable)
    return augmented


def _in_threads(
    maker: _CopyMaker, paths: Sequence[str], workers: int
) -> Iterator[list[Path] | str]:
    """Results in order."""
    # imgaug, OpenCV and Pillow release the GIL, so threads use all cores, and pipelines need not
    # be picklable.
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(paths), _AT_ONCE):
            yield from pool.map(maker, paths[start : start + _AT_ONCE])


def _jpeg(pixels: Pixels) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _wants_rng(pipeline: Pipeline) -> bool:
    try:
        return "rng" in inspect.signature(pipeline).parameters
    except ValueError:  # some C functions have no signature
        return False


def _digest(*values: object) -> str:
    return hashlib.sha256(repr(values).encode("utf-8", "surrogateescape")).hexdigest()


def _number_from(content: bytes, *values: int) -> int:
    digest = hashlib.sha256(repr(values).encode() + content).digest()
    return int.from_bytes(digest[:4], "big") >> 1
