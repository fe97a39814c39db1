"""What must hold for any bytes: our own errors only, in time, in little memory, in its place."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from jupyter_imgcls import load_classifier
from jupyter_imgcls.context import Context
from jupyter_imgcls.dashboard.files.zips import extract_photos
from jupyter_imgcls.data import set_decoding_limits
from jupyter_imgcls.data.decoding.decode import check_image, decode_rgb, image_size
from jupyter_imgcls.data.journal import Journal
from jupyter_imgcls.errors import (
    ArtifactError,
    DatasetError,
    ServiceError,
    StorageError,
    UnreadableImageError,
)
from jupyter_imgcls.serving.limits import Limits
from jupyter_imgcls.serving.service.requests import ScoringEntry, file_of, read_json

from . import SECONDS, seeds

MEMORY = 256 * 2**20
# What Python, readers and threads take beside a photo's memory.
_BESIDE = 64 * 2**20
_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def photo(data: bytes) -> None:
    """A photo is decoded within the budget, or refused with a reason."""
    with _little_memory(MEMORY):
        reason = check_image(data, "full")
        try:
            width, height = image_size(data)
        except UnreadableImageError as error:
            assert error.reason
        else:
            assert width > 0 and height > 0
        if reason is None:
            pixels = decode_rgb(data)
            assert pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8
        else:
            assert reason and "\n" not in reason


def artifact(data: bytes) -> None:
    """A classifier scores with finite numbers, or is refused."""
    with _own_folder() as folder:
        file = folder / "a.model"
        file.write_bytes(data)
        try:
            classifier = load_classifier(file)
        except ArtifactError:
            return
        scores = classifier.raw_scores(np.zeros((1, *classifier.image_dims), np.float32))
        assert np.isfinite(scores).all()
        assert scores.shape == (1, len(classifier.labels))


def archive(data: bytes) -> None:
    """A zip's photos are taken, or it is refused and nothing is left."""
    with _own_folder() as folder:
        (folder / "a.zip").write_bytes(data)
        try:
            extract_photos(folder / "a.zip", folder / "in" / "photos")
        except DatasetError:
            assert not list((folder / "in").glob("*"))


def journal(data: bytes) -> None:
    """A journal is opened, with what can be read of it, or refused; and takes edits."""
    with _own_folder() as folder:
        context = Context.create(folder, folder, folder)
        file = seeds.journal_file(folder)
        for part in file.parent.glob(f"{file.name}-*"):
            part.unlink()
        file.write_bytes(data)
        dataset = seeds.dataset(folder)
        try:
            opened = Journal.open(dataset, context)
        except StorageError:
            return
        with opened:
            opened.edit([dataset.images[1]], "cup")
            opened.undo()


def request(data: bytes) -> None:
    """A request is understood, or refused with a reason."""
    try:
        entries = read_json(data, Limits())
    except ServiceError as error:
        assert str(error)
        return
    for entry in entries:
        if isinstance(entry, ScoringEntry):
            try:
                file_of(entry.photo)
            except UnreadableImageError as error:
                assert error.reason
        else:
            assert entry


@dataclass(frozen=True)
class Target:
    """A function that takes bytes, and what to begin with."""

    check: Callable[[bytes], None]
    seeds: Callable[[], tuple[bytes, ...]]


TARGETS = {
    "photo": Target(photo, seeds.photos),
    "artifact": Target(artifact, lambda: (seeds.artifact(),)),
    "archive": Target(archive, lambda: (seeds.archive(),)),
    "journal": Target(journal, lambda: (seeds.journal(),)),
    "request": Target(request, seeds.requests),
}


def set_limits() -> None:
    """Of decoding, so that what goes beyond them is soon seen."""
    set_decoding_limits(memory=MEMORY, seconds=SECONDS)


@contextmanager
def _own_folder() -> Iterator[Path]:
    """An empty folder in another one, which must be the only thing there in the end."""
    outer = Path(tempfile.mkdtemp(prefix="fuzz-"))
    inner = outer / "inner"
    inner.mkdir()
    try:
        yield inner
        assert os.listdir(outer) == ["inner"], "something was written outside"
    finally:
        shutil.rmtree(outer, ignore_errors=True)


@contextmanager
def _little_memory(n_bytes: int) -> Iterator[None]:
    if not _can_measure():
        yield
        return
    _CLEAR.write_text("5")
    before = _memory("VmRSS")
    yield
    assert _memory("VmHWM") - before <= n_bytes + _BESIDE, "more memory than the budget"


@cache
def _can_measure() -> bool:
    return _CLEAR.exists() and os.access(_CLEAR, os.W_OK)


def _memory(name: str) -> int:
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024
