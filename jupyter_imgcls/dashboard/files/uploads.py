"""Files of the browser, brought here piece by piece: a message of a kernel has a largest size."""

from __future__ import annotations

import bisect
import itertools
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ...errors import ImgclsError
from ...files import free_name
from ...widgets.base.assets import asset
from ..parts.controls import in_words

__all__ = ["Upload", "file_name", "require_room", "size"]

_PIECE = 2**20
_MOST_FILES = 20_000
_RESERVE = 2**28


class Upload(anywidget.AnyWidget):
    """A field to choose files, or to drop them on.

    Parameters
    ----------
    on_files : callable
        Is called with the paths of the files, in a temporary folder that goes away afterwards, so
        that it moves or reads what it wants to keep. What it raises is shown in the field.
    folder : Path
        Where that folder is made.
    largest : int
        Bytes of all files together.
    **traits
        Values for the traits.

    Attributes
    ----------
    label, hint, accept : str
        Traits, to set: what to choose, more words, and the ``accept`` of an HTML file field.
    multiple, disabled : bool
        Traits, to set.
    """

    _esm = asset("upload.js")
    _css = asset("upload.css")

    label = traitlets.Unicode("Choose a file").tag(sync=True)
    hint = traitlets.Unicode().tag(sync=True)
    accept = traitlets.Unicode().tag(sync=True)
    multiple = traitlets.Bool(default_value=False).tag(sync=True)
    disabled = traitlets.Bool(default_value=False).tag(sync=True)

    def __init__(
        self, on_files: Callable[[list[Path]], None], folder: Path, largest: int, **traits: Any
    ) -> None:
        super().__init__(**traits)
        self._on_files = on_files
        self._folder = folder
        self._largest = largest
        self._temporary: Path | None = None
        # Where each file ends, of all files put end to end.
        self._files: list[Path] = []
        self._ends: list[int] = []
        self._at = 0
        self.on_msg(self._receive)

    def _receive(self, _widget: object, content: dict[str, Any], buffers: list[Any]) -> None:
        try:
            if content["kind"] == "files":
                self._begin(content["files"])
            elif content["kind"] == "piece":
                self._write(int(content["at"]), bytes(buffers[0]))
            else:
                raise ImgclsError("Your browser cannot read this file: choose it again.")
            self._go_on()
        except Exception as error:  # noqa: BLE001 - shown to the user
            self._give_up()
            self.send({"kind": "refused", "words": in_words(error)})

    def _begin(self, files: list[dict[str, Any]]) -> None:
        self._give_up()
        if len(files) > _MOST_FILES:
            raise ImgclsError(
                f"These are {len(files):,} files, and {_MOST_FILES:,} at a time can be sent: pack "
                "them into a zip."
            )
        sizes = [max(int(file["size"]), 0) for file in files]
        if sum(sizes) > self._largest:
            raise ImgclsError(
                f"That is {size(sum(sizes))}, and at most {size(self._largest)} can be sent."
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        require_room(self._folder, sum(sizes))
        self._temporary = Path(tempfile.mkdtemp(dir=self._folder, prefix=".upload-"))
        self._ends = list(itertools.accumulate(sizes))
        for file in files:
            path = free_name(self._temporary / file_name(file["name"]))
            path.touch()
            self._files.append(path)

    def _write(self, at: int, piece: bytes) -> None:
        """Write what comes next of all files put end to end; a piece is of one file."""
        number = bisect.bisect_right(self._ends, at)
        fits = at == self._at and number < len(self._ends) and piece
        if not fits or at + len(piece) > self._ends[number]:
            raise ImgclsError("The upload was cut off: try again.")
        with self._files[number].open("ab") as file:
            file.write(piece)
        self._at += len(piece)

    def _go_on(self) -> None:
        if self._temporary is None:
            return
        if self._ends and self._at < self._ends[-1]:
            self.send({"kind": "more", "at": self._at, "length": _PIECE})
            return
        try:
            self._on_files(self._files)
        finally:
            self._give_up()
        self.send({"kind": "done"})

    def _give_up(self) -> None:
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary, self._files, self._ends, self._at = None, [], [], 0


def file_name(given: str) -> str:
    """A name for a file on any system, from one that a browser or a zip gave.

    Folders are cut off, and what has a meaning of its own somewhere becomes an underscore.
    """
    name = re.split(r"[/\\]", str(given))[-1]
    stem, suffix = os.path.splitext(re.sub(r'[\x00-\x1f\x7f<>:"|?*]', "_", name))  # noqa: PTH122
    stem = stem.strip(" .")[:100] or "photo"
    if re.fullmatch(r"(?i)con|prn|aux|nul|com\d|lpt\d", stem):
        stem += "_"
    return stem + suffix[:10].rstrip(" .")


def require_room(folder: Path, needed: int) -> None:
    """Refuse what would fill the disk.

    Raises
    ------
    ImgclsError
        If fewer bytes are free.
    """
    free = shutil.disk_usage(folder).free - _RESERVE
    if needed > free:
        raise ImgclsError(
            f"{size(needed)} are needed, and there is room for {size(max(free, 0))} on the disk."
        )


def size(number: float) -> str:
    """A number of bytes for people: '18 MB'."""
    for unit in ("bytes", "KB", "MB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} GB"
