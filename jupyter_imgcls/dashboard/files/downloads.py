"""A file for the browser to save, sent piece by piece: no server has a part in it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ...classifiers.run import Stopped
from ...errors import ImgclsError
from ...text import counted
from ...widgets.base.assets import asset
from ..parts.controls import in_words
from .uploads import size

__all__ = ["LARGEST", "Download"]

_PIECE = 2**20
# The browser holds all of it in memory before it saves it.
LARGEST = 10**9


class Download(anywidget.AnyWidget):
    """A button that saves a file.

    Parameters
    ----------
    make : callable
        Gives the file's path, and a name to save it under; is called in a thread at each click.
        What it raises is shown beside the button.
    passing : bool
        Whether the file is deleted when the browser has it.
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

    def __init__(
        self, make: Callable[[], tuple[Path, str]], passing: bool = False, **traits: Any
    ) -> None:
        super().__init__(**traits)
        self._make = make
        self._passing = passing
        self._stop = threading.Event()
        self._file: Path | None = None
        self.on_msg(self._receive)

    def count(self, words: str) -> Callable[[int, int], None]:
        """For `make`: gives what is to be told how many photos are done, and ends it when asked."""
        stop, shown = self._stop, -1

        def tell(done: int, of: int) -> None:
            nonlocal shown
            if stop.is_set():
                raise Stopped
            if (percent := 100 * done // (of or 1)) != shown:
                shown = percent
                self.send(
                    {"kind": "making", "words": f"{words}: {done:,} of {counted(of, 'photo')}"}
                )

        return tell

    def _receive(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        if content["kind"] == "make":
            self._stop.set()
            self._stop = threading.Event()
            threading.Thread(
                target=self._answer, args=(self._stop,), name="imgcls-download", daemon=True
            ).start()
        elif content["kind"] == "stop":
            self._stop.set()
        else:
            self._guarded(lambda: self._give(int(content["at"])))

    def _answer(self, stop: threading.Event) -> None:
        self._guarded(lambda: self._begin(stop))

    def _guarded(self, do: Callable[[], None]) -> None:
        try:
            do()
        except Stopped:
            pass  # the page does not wait for it any more
        except Exception as error:  # noqa: BLE001 - shown to the user
            self.send({"kind": "failed", "words": in_words(error)})

    def _begin(self, stop: threading.Event) -> None:
        made, name = self._make()
        if stop.is_set():
            return
        self._file = made
        length = self._file.stat().st_size
        if length > LARGEST:
            raise ImgclsError(
                f"It has {size(length)}, and {size(LARGEST)} at most can be saved from this "
                f"page. It lies on the computer that runs the page: {self._file}"
            )
        self.send({"kind": "made", "name": name, "size": length})

    def _give(self, at: int) -> None:
        if self._file is None or at < 0:
            raise ImgclsError("Click the button again.")
        with self._file.open("rb") as file:
            file.seek(at)
            piece = file.read(_PIECE)
            is_last = not file.read(1)
        if not piece:
            raise ImgclsError("The file has changed meanwhile: click the button again.")
        self.send({"kind": "piece"}, [piece])
        if is_last and self._passing:
            self._file.unlink(missing_ok=True)
