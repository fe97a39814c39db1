"""The photos on the wrong side of a threshold."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from io import BytesIO
from typing import NamedTuple

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from ...data import ClassificationDataset
from ...errors import UnreadableImageError
from ...evaluation import ClassificationEvaluation
from ...text import shown_name
from ..base.theme import text

__all__ = ["WrongSide", "WrongSideView", "find_wrong_side"]

_MOST = 12
_PIXELS = 160
_SIZE = "96px"


class WrongSide(NamedTuple):
    """Decisions that are wrong at a threshold, the worst first.

    Each is a row of the test set and a column of the scores: a class that the photo is taken for
    and is not (`false_alarms`), or is not taken for and is (`missed`). Shape (n, 2).
    """

    false_alarms: NDArray[np.int64]
    missed: NDArray[np.int64]


def find_wrong_side(
    evaluation: ClassificationEvaluation, threshold: float, column: int | None
) -> WrongSide:
    """What is wrong at a threshold for the class of one column, or for all classes (None)."""
    scores, true = evaluation.scores, evaluation.true_labels
    taken = scores >= threshold
    is_true = true[:, None] == np.arange(scores.shape[1])
    considered = np.zeros_like(taken)
    considered[evaluation.evaluated, slice(None) if column is None else column] = True

    def ranked(wrong: NDArray[np.bool_], sign: int) -> NDArray[np.int64]:
        cells = np.argwhere(wrong & considered)
        return cells[np.argsort(sign * scores[cells[:, 0], cells[:, 1]], kind="stable")]

    return WrongSide(ranked(taken & ~is_true, -1), ranked(~taken & is_true, 1))


class WrongSideView(ipywidgets.VBox):
    """Counts and small pictures, at most twelve, of the photos on the wrong side.

    Parameters
    ----------
    evaluation : ClassificationEvaluation
    dataset : ClassificationDataset or None
        The test set, for the pictures; None shows counts alone.
    """

    def __init__(
        self, evaluation: ClassificationEvaluation, dataset: ClassificationDataset | None
    ) -> None:
        self._evaluation = evaluation
        self._dataset = dataset
        self._thumbnail = lru_cache(maxsize=500)(self._make_thumbnail)
        self._titles = [ipywidgets.HTML(), ipywidgets.HTML()]
        self._tiles = [[_Tile() for _ in range(_MOST)] for _ in self._titles]
        layout = ipywidgets.Layout(flex_flow="row wrap", grid_gap="8px")
        self._boxes = [ipywidgets.HBox(layout=layout) for _ in self._titles]
        children = [part for pair in zip(self._titles, self._boxes, strict=True) for part in pair]
        super().__init__(children, layout=ipywidgets.Layout(grid_gap="4px"))

    def show(self, threshold: float, column: int | None) -> None:
        """Show what is wrong at a threshold; see `find_wrong_side`."""
        wrong = find_wrong_side(self._evaluation, threshold, column)
        name = None if column is None else self._evaluation.labels[column].name
        # Where one side needs less than half of the room, the other one gets it.
        fewer = [min(len(cells), _MOST // 2) for cells in wrong]
        room = [_MOST - fewer[1], _MOST - fewer[0]]
        words = (
            (
                "False alarms",
                "taken for a class they are not" if name is None else f"taken for {name}",
            ),
            (
                "Missed",
                "not taken for their class" if name is None else f"{name}, but not taken for it",
            ),
        )
        parts = zip(wrong, room, words, self._titles, self._tiles, self._boxes, strict=True)
        for cells, most, (kind, what), title, tiles, box in parts:
            shown = cells[:most] if self._dataset is not None else cells[:0]
            title.value = (
                f'<span class="imgcls-title">{kind}: {len(cells)}</span> '
                f'<span class="imgcls-muted">{text(what)}'
                f"{f', the worst {len(shown)}' if 0 < len(shown) < len(cells) else ''}</span>"
            )
            for tile, (row, number) in zip(tiles, shown, strict=False):
                self._fill(tile, row, number)
            box.children = tiles[: len(shown)]

    def _fill(self, tile: _Tile, row: int, column: int) -> None:
        names = [label.name for label in self._evaluation.labels]
        score = self._evaluation.scores[row, column]
        true = names[self._evaluation.true_labels[row]]
        caption = true if true == names[column] else f"{true}, not {names[column]}"
        picture = self._thumbnail(int(row))
        tile.show(picture, f"{caption} · {score:.2f}", self._evaluation.paths[row])

    def _make_thumbnail(self, row: int) -> bytes | str:
        """A JPEG, or why there is none."""
        assert self._dataset is not None
        file = BytesIO()
        try:
            self._dataset.images[row].thumbnail(_PIXELS).save(file, "JPEG", quality=80)
        except UnreadableImageError as error:
            return error.reason
        return file.getvalue()


class _Tile(ipywidgets.VBox):
    def __init__(self) -> None:
        self._image: ipywidgets.Image | None = None
        self._caption = ipywidgets.HTML()
        super().__init__(layout=ipywidgets.Layout(width=_SIZE))

    def show(self, picture: bytes | str, caption: str, path: str) -> None:
        """Show a JPEG, or the words that say why there is none."""
        if isinstance(picture, str):
            self.children = [self._caption]
            caption = f"{picture} · {caption}"
        else:
            self.children = [self._filled(picture), self._caption]
        # Not as the picture's tooltip: ipywidgets 8.1 cannot show a picture that has one.
        title = escape(shown_name(path, 300))
        self._caption.value = f'<div class="imgcls-caption" title="{title}">{text(caption)}</div>'

    def _filled(self, picture: bytes) -> ipywidgets.Image:
        # Made with its first picture: the page reports an error for one that is made without.
        if self._image is None:
            layout = ipywidgets.Layout(width=_SIZE, height=_SIZE)
            self._image = ipywidgets.Image(value=picture, format="jpeg", layout=layout)
            self._image.add_class("imgcls-thumbnail")
        self._image.value = picture
        return self._image
