"""Step 5: try a photo of one's own."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import ipywidgets
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...data.decoding.decode import decode_rgb
from ...errors import ImgclsError, UnreadableImageError
from ...style import ACCENT, QUIET
from ...widgets.base.theme import text
from ..files.uploads import Upload
from ..parts.controls import bars, html
from ..parts.step_list import Status
from ..parts.task import Task
from ..work import Work
from .base import Step

__all__ = ["TryStep"]

_LARGEST = 100 * 10**6
_PIXELS = 640
_MOST_BARS = 12


class TryStep(Step):
    """A photo in, the scores of the classes out."""

    name = "Try"

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self.task = Task(work)
        self.upload = Upload(
            self._uploaded,
            work.kept.folder / "tried",
            _LARGEST,
            label="Choose or take a photo",
            hint="or drop one here",
            accept="image/*",
        )
        self._photo = ipywidgets.Image(format="jpeg", layout=ipywidgets.Layout(display="none"))
        self._photo.add_class("ds-photo")
        self.answer = html()
        self.answer.layout.flex = "1 1 280px"
        self._shown_for: object = None
        self.children = [
            html("<h2>Try a photo of your own</h2><p>Your photo is not stored.</p>"),
            self.problem,
            self.upload,
            self.task,
            ipywidgets.HBox(
                [self._photo, self.answer],
                layout=ipywidgets.Layout(flex_flow="row wrap", grid_gap="16px 24px"),
            ),
        ]

    def status(self) -> Status:
        """See `Step`."""
        if self.work.trained is None:
            return Status("locked", "First train")
        tried = self._shown_for is self.work.trained
        return Status("done" if tried else "open", "A photo of your own")

    def show(self) -> None:
        """See `Step`."""
        self.upload.disabled = bool(self.work.busy)
        if self._shown_for is not self.work.trained:
            self.answer.value = ""
            self._photo.layout.display = "none"

    def _uploaded(self, files: list[Path]) -> None:
        content = files[0].read_bytes()
        self.task.run("Classifying the photo", lambda task: self.look(task, content, files[0].name))

    def look(self, task: Task, content: bytes, name: str) -> None:
        """Show a photo and its scores.

        Raises
        ------
        ImgclsError
            If it is no photo that can be read.
        """
        try:
            pixels = decode_rgb(content)
        except UnreadableImageError as error:
            raise ImgclsError(f"{name} cannot be used: {error.reason}.") from error
        trained = self.work.trained
        (scores,) = trained.classifier.score([content])
        picture = Image.fromarray(pixels)
        picture.thumbnail((_PIXELS, _PIXELS))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=85)
        self._photo.value = buffer.getvalue()
        self._photo.layout.display = ""
        names = [label.name for label in trained.classifier.labels]
        self.answer.value = _answer(names, scores, self.work.threshold)
        self._shown_for = trained
        task.say("")
        shutil.rmtree(self.work.kept.folder / "tried", ignore_errors=True)


def _answer(names: list[str], scores: NDArray[np.float32], threshold: float) -> str:
    order = np.argsort(-scores)
    best, score = text(names[order[0]]), float(scores[order[0]])
    if score < threshold:
        verdict = f'<span class="ds-figure">Not sure</span><p>Perhaps {best}: {score:.0%}.</p>'
    else:
        verdict = f'<span class="ds-figure">{best}</span><p>{score:.0%} sure.</p>'
    rows = [
        (names[i], f"{scores[i]:.0%}", float(scores[i]), ACCENT if i == order[0] else QUIET)
        for i in order[:_MOST_BARS]
    ]
    return (
        f"<div role=\"status\">{verdict}<p>Below {threshold:.0%} it says 'not sure': step 4.</p>"
        f"{bars(rows)}</div>"
    )
