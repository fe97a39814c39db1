"""A file for the browser to save, sent piece by piece: no server has a part in it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ...errors import ImgclsError
from ...widgets.base.assets import asset
from ..parts.controls import in_words
from .uploads import size

__all__ = ["Download"]

_PIECE = 2**20
# The browser holds all of it in memory before it saves it.
_LARGEST = 10**9


class Download(anywidget.AnyWidget):
    """A button that saves a file.

    Parameters
    ----------
    make : callable
        Gives the file's path, and a name to save it under; is called in a thread at each click.
        What it raises is shown beside the button.
    **traits
        Values for the traits.

    Attributes
    ----------
    label, note : str
        Traits, to set.
    disabled : bool
        Trait, to set.
    """

    _esm = asset("download.js")
    _css = asset("download.css")

    label = traitlets.Unicode("Download").tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    disabled = traitlets.Bool(default_value=False).tag(sync=True)

    def __init__(self, make: Callable[[], tuple[Path, str]], **traits: Any) -> None:
        super().__init__(**traits)
        self._make = make
        self._file: Path | None = None
        self.on_msg(self._receive)

    def _receive(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        if content["kind"] == "make":
            threading.Thread(target=self._answer, name="imgcls-download", daemon=True).start()
        else:
            self._guarded(lambda: self._give(int(content["at"])))

    def _answer(self) -> None:
        self._guarded(self._begin)

    def _guarded(self, do: Callable[[], None]) -> None:
        try:
            do()
        except Exception as error:  # noqa: BLE001 - shown to the user
            self.send({"kind": "failed", "words": in_words(error)})

    def _begin(self) -> None:
        self._file, name = self._make()
        length = self._file.stat().st_size
        if length > _LARGEST:
            raise ImgclsError(
                f"It has {size(length)}, and {size(_LARGEST)} at most can be saved from this "
                f"page. It lies on the computer that runs the page: {self._file}"
            )
        self.send({"kind": "made", "name": name, "size": length})

    def _give(self, at: int) -> None:
        if self._file is None or at < 0:
            raise ImgclsError("Click the button again.")
        with self._file.open("rb") as file:
            file.seek(at)
            piece = file.read(_PIECE)
        if not piece:
            raise ImgclsError("The file has changed meanwhile: click the button again.")
        self.send({"kind": "piece"}, [piece])
