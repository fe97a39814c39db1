"""Step 1: which photos."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

import ipywidgets

from ...data import ClassificationDataset
from ...data.problems import Problem as LeftOut
from ...data.readers.folders import IMAGE_SUFFIXES
from ...data.sample import tableware
from ...errors import ImgclsError
from ...files import free_name
from ...style import NO_CLASS, PALETTE
from ...text import counted
from ...widgets.base.theme import text
from ..files.folders import choices
from ..files.uploads import Upload, size
from ..files.zips import extract_photos
from ..parts.controls import bars, box, button, html
from ..parts.step_list import Status
from ..parts.task import Task
from ..storage import below
from ..work import Work
from .base import Step

__all__ = ["PhotosStep"]

_LARGEST = 10 * 10**9
_MOST_LISTED = 200
_SAMPLE = 63


class PhotosStep(Step):
    """Choose the photos: a folder, an upload, or the sample."""

    name = "Photos"

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self.task = Task(work)
        self._left_out: list[LeftOut] = []
        self._choice = ipywidgets.Dropdown(
            description="Folder",
            style={"description_width": "48px"},
            layout=ipywidgets.Layout(width="auto"),
        )
        self._choice.add_class("ds-choice")
        self.upload = Upload(
            self._uploaded,
            work.kept.uploads,
            _LARGEST,
            label="Choose a zip, or photos",
            hint=f"or drop them here; {size(_LARGEST)} at most",
            accept=",".join([".zip", "image/*", *sorted(IMAGE_SUFFIXES)]),
            multiple=True,
        )
        self._summary = html()
        ways = [
            box(
                html("<h3>A folder on this computer</h3><p>It is only read: nothing is moved.</p>"),
                self._choice,
                button("Open the folder", self._open_chosen, self.problem, style="primary"),
                card=True,
            ),
            box(
                html(
                    "<h3>Upload</h3><p>In the zip, one sub-folder for each class. Photos without a "
                    "class are fine, too: you label them in the next step.</p>"
                ),
                self.upload,
                card=True,
            ),
            box(
                html(
                    f"<h3>Try it out</h3><p>{_SAMPLE} sample images of bowls, cups, cutlery and "
                    "plates.</p>"
                ),
                button("Take the sample", self.take_sample, self.problem),
                card=True,
            ),
        ]
        for way in ways:
            way.layout.flex = "1 1 280px"
            way.layout.min_width = "0"
        self.children = [
            html("<h2>Which photos?</h2>"),
            self.problem,
            self.task,
            self._summary,
            ipywidgets.HBox(
                ways, layout=ipywidgets.Layout(flex_flow="row wrap", grid_gap="16px", margin="0")
            ),
        ]

    def status(self) -> Status:
        """See `Step`."""
        dataset = self.work.dataset
        if dataset is None:
            return Status("open", self.work.busy or "Choose a folder or upload a zip")
        return Status("done", counted(len(dataset), "photo"))

    def show(self) -> None:
        """See `Step`."""
        options = choices(self.work.root, self.work.kept.uploads)
        if tuple(options) != self._choice.options:
            chosen, values = self._choice.value, [value for _, value in options]
            self._choice.options = options
            self._choice.value = chosen if chosen in values else values[0]
        self.upload.disabled = bool(self.work.busy)
        self._summary.value = "" if self.work.dataset is None else self._summarized()

    # -- what happens ---------------------------------------------------------------------------

    def open_folder(self, folder: Path) -> None:
        """Read the photos of a folder, in a thread.

        Raises
        ------
        ImgclsError
            If it is not one that this person may see.
        """
        real = self._allowed(folder)
        self.task.run("Looking through the folder", lambda task: self._open(task, real))

    def take_sample(self) -> None:
        """Draw the sample, in a thread."""

        def draw(task: Task) -> None:
            folder = self.work.kept.folder / "sample"
            tableware(_SAMPLE, root=folder, progress=task.count("Drawing the sample"))
            self._open(task, folder)

        self.task.run("Drawing the sample", draw)

    def _open_chosen(self) -> None:
        if self._choice.value is None:
            raise ImgclsError("There is no folder to choose: upload photos instead.")
        self.open_folder(Path(self._choice.value))

    def _allowed(self, folder: Path) -> Path:
        own = self.work.kept.folder
        if own.is_dir() and folder.resolve().is_relative_to(own.resolve()):
            # An upload holds what `extract_photos` found to be its root.
            note = folder / ".root"
            return below(own, folder / note.read_text()) if note.is_file() else folder.resolve()
        return below(self.work.root, folder)

    def _open(self, task: Task, folder: Path, left_out: list[LeftOut] | None = None) -> None:
        task.say("Looking through the folder")
        name = folder.name or "photos"
        dataset = ClassificationDataset.create_from_dir(name, folder)
        task.check_stop()
        self._left_out = [*(left_out or []), *dataset.problems]
        task.say("Reading the labels")
        self.work.open(dataset, folder)
        task.say("")

    def _uploaded(self, files: list[Path]) -> None:
        """Keep what was sent; what is done with it takes longer than the message may."""
        if self.work.busy:
            raise ImgclsError(f"Wait until this is done: {self.work.busy}.")
        zips = [file for file in files if file.suffix.lower() == ".zip"]
        if zips and len(files) > 1:
            raise ImgclsError("Choose one zip, or photos, but not both.")
        if not zips and not any(file.suffix.lower() in IMAGE_SUFFIXES for file in files):
            raise ImgclsError("That is neither a zip nor a photo.")
        kept = self.work.kept.uploads / f".sent-{uuid.uuid4().hex}"
        kept.parent.mkdir(parents=True, exist_ok=True)
        files[0].parent.rename(kept)
        files[0].parent.mkdir()
        name = files[0].stem if zips else "Photos"

        def unpack(task: Task) -> None:
            target = free_name(self.work.kept.uploads / name)
            left_out: list[LeftOut] = []
            try:
                if zips:
                    tell = task.count("Unpacking")
                    root, left_out = extract_photos(kept / zips[0].name, target, tell)
                    (target / ".root").write_text(os.path.relpath(root, target))
                else:
                    root = target
                    kept.rename(target)
            finally:
                shutil.rmtree(kept, ignore_errors=True)
            self._open(task, root, left_out)

        self.task.run("Unpacking", unpack)

    # -- what is seen ---------------------------------------------------------------------------

    def _summarized(self) -> str:
        dataset = self.work.dataset
        counts = self.work.counts()
        most = max([1, *counts.values()])
        rows = [
            (name, f"{count:,}", count / most, PALETTE[number % len(PALETTE)])
            for number, (name, count) in enumerate(counts.items())
        ]
        without = self.work.unlabelled()
        if without:
            rows.append(("no label yet", f"{without:,}", without / most, NO_CLASS))
        heading = (
            f"{text(dataset.name)}: {counted(len(dataset), 'photo')}, "
            f"{counted(len(counts), 'class', 'classes')}"
        )
        return f"<h3>{heading}</h3>{bars(rows)}{_listed(self._left_out)}"


def _listed(left_out: list[LeftOut]) -> str:
    if not left_out:
        return ""
    items = "".join(
        f"<li>{text(Path(problem.path).name)}: {text(problem.reason)}</li>"
        for problem in left_out[:_MOST_LISTED]
    )
    more = len(left_out) - _MOST_LISTED
    items += f"<li>and {more:,} more</li>" if more > 0 else ""
    files = counted(len(left_out), "file was", "files were")
    return f"<details><summary>{files} left out: why?</summary><ul>{items}</ul></details>"
