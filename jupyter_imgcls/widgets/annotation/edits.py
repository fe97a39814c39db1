"""The edits that a page of AnnotationUI asks for, made one after the other beside the kernel."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

from ...data import Image
from ...data.journal import Edit, Journal
from ...errors import DatasetError, ImgclsError
from ...text import as_text, counted

__all__ = ["Edits"]

# Photos whose content is read between two looks at the stop flag.
_AT_ONCE = 200

Answer = dict[str, Any]
Progress = Callable[[int, int], None]


class Edits:
    """A queue of edits of one journal: in the order in which they were asked for, in a thread.

    Parameters
    ----------
    journal : Journal
        Where the edits are written.
    progress : callable
        Told how many photos of how many were read, when there are many.
    """

    def __init__(self, journal: Journal, progress: Progress) -> None:
        self.journal = journal
        self._progress = progress
        self._stop = threading.Event()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="imgcls-edits")
        self._actions: dict[str, Callable[..., Answer]] = {
            "label": self._label,
            "exclude": self._exclude,
            "add_class": lambda name: self._do(journal.add_class, name.strip()),
            "rename_class": lambda old, new: self._do(journal.rename_class, old, new.strip()),
            "merge_classes": lambda old, into: self._do(journal.merge_classes, old, into),
            "undo": lambda: self._taken_back("Undone", journal.undo()),
            "redo": lambda: self._taken_back("Done again", journal.redo()),
            "commit": self._commit,
            "resume": lambda: self._do(journal.resume),
        }

    def __contains__(self, action: str) -> bool:
        return action in self._actions

    def ask(self, action: str, values: dict[str, Any], answered: Callable[[Answer], None]) -> None:
        """Queue an edit; `answered` is called in the thread, with ``error`` if it failed."""

        def work() -> None:
            self._stop.clear()
            try:
                answer = self._actions[action](**values)
            except Exception as error:  # noqa: BLE001 -- the page shows it
                answer = {"error": as_text(str(error)) or type(error).__name__}
            answered(answer)

        # Some hosts, such as Shiny, tell by the context whose page is to be answered.
        self._worker.submit(copy_context().run, work)

    def stop(self) -> None:
        """Give up the edit that is being made; nothing of it stays."""
        self._stop.set()

    def close(self) -> None:
        """Finish what was asked for."""
        self._worker.shutdown()

    def _label(self, rows: list[int], name: str | None, several: bool) -> Answer:
        """Give photos a label, or take all away; with `several`, add one, or take it from all."""
        images = self._read(rows)
        if name is None:
            self.journal.edit(images, [])
            return {"said": f"{_photos(images)}: no label"}
        if not several:
            self.journal.edit(images, name)
            return {"said": f"{_photos(images)}: {name}"}
        by_labels: dict[tuple[str, ...], list[Image]] = defaultdict(list)
        for image in images:
            by_labels[tuple(label.name for label in image.labels)].append(image)
        taken = all(name in labels for labels in by_labels)
        with self.journal.batch():
            for labels, group in by_labels.items():
                others = [label for label in labels if label != name]
                self.journal.edit(group, others if taken else [*others, name])
        return {"said": f"{_photos(images)}: {'no longer ' if taken else ''}{name}"}

    def _exclude(self, rows: list[int]) -> Answer:
        """Exclude photos, or if all of them are, include them again."""
        images = self._read(rows)
        exclude = not all(self.journal.is_excluded(image) for image in images)
        self.journal.exclude(images, exclude)
        return {"said": f"{_photos(images)}: {'excluded' if exclude else 'included again'}"}

    def _read(self, rows: list[int]) -> list[Image]:
        """The photos of rows, after their content was read: many take long, and can be stopped."""
        photos = self.journal.dataset.images
        # From the page: a negative number would be another photo.
        if not all(type(row) is int and 0 <= row < len(photos) for row in rows):
            raise DatasetError(
                f"The page names photos that are not there: the dataset has {len(photos)}. Reload "
                "the page."
            )
        images = [photos[row] for row in rows]
        for start in range(0, len(images), _AT_ONCE):
            if self._stop.is_set():
                raise DatasetError("Stopped: nothing was changed.")
            if start:
                self._progress(start, len(images))
            self.journal.identify(images[start : start + _AT_ONCE])
        return images

    def _do(self, change: Callable[..., None], *names: str) -> Answer:
        change(*names)
        return {}

    def _taken_back(self, said: str, edits: list[Edit]) -> Answer:
        photos = {edit.photo for edit in edits if edit.photo is not None}
        what = counted(len(photos), "photo") if photos else "a change of the classes"
        return {"said": f"{said}: {what}", "row": next(iter(self.journal.rows_of(edits)), -1)}

    def _commit(self, target: str, dry_run: bool) -> Answer:
        if not target.strip():
            raise ImgclsError("Say where: a folder, or a file whose name ends in .csv or .json.")
        plan = self.journal.commit(Path(target.strip()), dry_run=dry_run)
        return {
            "plan": as_text(str(plan)),
            "moves": len(plan.moves),
            "writes": plan.file is not None,
        }


def _photos(images: list[Image]) -> str:
    return as_text(images[0].name) if len(images) == 1 else counted(len(images), "photo")
