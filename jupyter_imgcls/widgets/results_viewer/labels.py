"""The labels of the photos chosen in ResultsUI: change, undo and redo, through the journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from ...data.journal import Journal
from ...text import counted, shown_name
from ..base.frame import Key
from ..base.theme import ErrorMessage, button, free_of_busy_cells, text

__all__ = ["LABEL_KEYS", "LabelEditor"]

LABEL_KEYS = "123456789abcdefghijklmnopqrstuvwxyz"


class LabelEditor:
    """The parts that change labels, for ResultsUI to place.

    Parameters
    ----------
    journal : Journal
    names : sequence of str
        Classes to choose from, beside those of the dataset.
    problem : ErrorMessage
        Shows why a label could not be changed.
    say : callable
        Called with words to read out.

    Attributes
    ----------
    choice, note, undo, redo : ipywidgets.Widget
    rows : list of int
        The photos that a class is given to.
    """

    def __init__(
        self,
        journal: Journal,
        names: Sequence[str],
        problem: ErrorMessage,
        say: Callable[[str], None],
    ) -> None:
        self.journal = journal
        self.rows: list[int] = []
        self._names = list(names)
        self._problem = problem
        self._read_out = say
        self._shown: str | None = None
        self.choice = ipywidgets.Dropdown(
            description="Label",
            layout=ipywidgets.Layout(flex="1 1 160px", width="auto", max_width="320px"),
            style={"description_width": "48px"},
        )
        self.choice.observe(self._chosen, "value")
        free_of_busy_cells(self.choice)
        self.note = ipywidgets.HTML()
        self.undo = button("Undo", self._undo, "undo", width="80px")
        self.redo = button("Redo", self._redo, "repeat", width="80px")
        self.show_classes()

    @property
    def classes(self) -> list[str]:
        """What can be given: the classes of the dataset, then those that only the scores have."""
        known = [label.name for label in self.journal.dataset.labels]
        return [*known, *(name for name in self._names if name not in known)]

    @property
    def keys(self) -> list[Key]:
        """The keys that `press` takes."""
        taken = LABEL_KEYS[: len(self.classes)]
        span = ", ".join(taken) if len(taken) < 4 else f"{taken[0]} … {taken[-1]}"
        return [
            Key(" ".join(taken), span, "give the selected photos the class of the key"),
            Key("Control+z", "Ctrl-Z", "undo the last change of a label"),
            Key("Control+Shift+z", "Ctrl-Shift-Z", "redo it"),
        ]

    def press(self, key: str) -> None:
        """Do what one of `keys` stands for."""
        if key == "Control+z":
            self._undo()
        elif key == "Control+Shift+z":
            self._redo()
        else:
            self.give(self.classes[LABEL_KEYS.index(key)])

    def give(self, name: str) -> None:
        """Give the photos in `rows` a class."""
        with self._problem.showing():
            images = self.journal.dataset.images
            self.journal.edit([images[row] for row in self.rows], name)
        self.show(self.rows)  # what could not be written is not what is seen

    # -- showing --------------------------------------------------------------------------------

    def show(self, rows: list[int]) -> None:
        """Show the label that some photos have in common; they are the ones to change."""
        self.rows = rows
        of_rows = [self.journal.dataset.labels_of_row(row)[:1] for row in rows]
        common = of_rows[0] if rows and all(labels == of_rows[0] for labels in of_rows) else []
        self._shown = common[0].name if common else None
        self.choice.value = self._shown
        self.choice.disabled = not rows
        many = len(rows) > 1
        self._say(f"{len(rows)} photos are selected: a label is given to all of them." * many)
        self.undo.disabled = not self.journal.can_undo
        self.redo.disabled = not self.journal.can_redo
        self.undo.tooltip = "Nothing was changed yet." if self.undo.disabled else "Ctrl-Z"
        self.redo.tooltip = "Nothing was undone." if self.redo.disabled else "Ctrl-Shift-Z"

    def show_classes(self) -> None:
        """Offer the classes that there are now, each with its key."""
        keys = [*LABEL_KEYS, *[" "] * len(self.classes)]
        # New options choose the first of them, which is not the user's choice.
        self._shown = self.classes[0] if self.classes else None
        self.choice.options = [
            (f"{key}  {shown_name(name, 60)}", name)
            for key, name in zip(keys, self.classes, strict=False)
        ]
        self._shown = self.choice.value = None

    def _say(self, words: str) -> None:
        self.note.value = f'<span class="imgcls-muted">{text(words)}</span>'
        if words:
            self._read_out(words)

    # -- doing ----------------------------------------------------------------------------------

    def _chosen(self, change: dict[str, Any]) -> None:
        # What `show` put there is nobody's wish.
        if change["new"] is not None and change["new"] != self._shown:
            self.give(change["new"])

    def _undo(self) -> None:
        self._repeat(self.journal.undo, "Undone", "Nothing to undo.")

    def _redo(self) -> None:
        self._repeat(self.journal.redo, "Done again", "Nothing to redo.")

    def _repeat(self, do: Callable[[], list[Any]], done: str, nothing: str) -> None:
        with self._problem.showing():
            edits = do()
            photos = len({edit.photo for edit in edits if edit.photo is not None})
            count = counted(photos, "photo") if photos else "a class"
            self._say(f"{done}: {count}." if edits else nothing)
