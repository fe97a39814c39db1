"""The labels to take along: as tables, or as photos in folders of their classes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import ipywidgets

from ...data.csv_text import csv_bytes
from ...data.problems import Problem
from ...data.readers.json_form import paths_by_class
from ...errors import ImgclsError
from ...files import safe_name, write_whole
from ...text import a_few, counted, shown_name
from ..files.downloads import LARGEST, Download
from ..files.sorted_zip import zip_by_class
from ..work import Work

__all__ = ["LabelsOut"]

_ZIP_NOTE = "A zip with a copy of each labelled photo, in the folder of its class"
_MOST_NAMED = 5


class LabelsOut(ipywidgets.VBox):
    """Buttons that save the labels of the photos that are not excluded."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.csv = Download(
            self.make_csv,
            label="Labels as a table (CSV)",
            note="Path and label of each photo, for a spreadsheet",
        )
        self.json = Download(
            self.make_json, label="Labels as JSON", note="The paths of the photos of each class"
        )
        self.zip = Download(
            self.make_zip, passing=True, label="Photos in class folders", note=_ZIP_NOTE
        )
        super().__init__(
            [self.csv, self.json, self.zip], layout=ipywidgets.Layout(grid_gap="12px", width="auto")
        )

    def make_csv(self) -> tuple[Path, str]:
        """The labels as a table that `create_from_csv` reads beside the photos."""
        frame = self.work.journal.included().to_frame()
        frame["path"] = [self._relative(path) for path in frame["path"]]
        return self._written("-labels.csv", csv_bytes(frame[["path", "label"]]))

    def make_json(self) -> tuple[Path, str]:
        """The labels as JSON that `create_from_json` reads beside the photos."""
        lists = paths_by_class(self.work.journal.included().table)
        classes = {name: [self._relative(path) for path in paths] for name, paths in lists.items()}
        return self._written("-labels.json", json.dumps(classes, indent=1).encode())

    def make_zip(self) -> tuple[Path, str]:
        """Copies of the labelled photos, in folders of their classes."""
        included = self.work.journal.included()
        if not any(included.count_labels().values()):
            raise ImgclsError("No photo has a label yet.")
        file = self._file("-sorted.zip")
        left_out = zip_by_class(included, file, LARGEST, self.zip.count("Packing"))
        self.zip.note = _said(left_out) if left_out else _ZIP_NOTE
        return file, file.name

    def _relative(self, path: str) -> str:
        assert self.work.folder is not None
        return os.path.relpath(path, self.work.folder)

    def _written(self, end: str, content: bytes) -> tuple[Path, str]:
        file = self._file(end)
        write_whole(file, content)
        return file, file.name

    def _file(self, end: str) -> Path:
        return self.work.kept.folder / "downloads" / f"{safe_name(self.work.dataset.name)}{end}"


def _said(left_out: list[Problem]) -> str:
    names = [shown_name(Path(problem.path).name, 60) for problem in left_out]
    photos = counted(len(left_out), "photo that cannot be read", "photos that cannot be read")
    return f"Without {photos}: {a_few(names, _MOST_NAMED)}"
