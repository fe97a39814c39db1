"""Step 6: take the model, the report and the labels along, and let other programs ask it."""

from __future__ import annotations

from pathlib import Path

import ipywidgets

from ...files import safe_name
from ..files.downloads import Download
from ..files.uploads import size
from ..parts.controls import box, button, html
from ..parts.step_list import Status
from ..work import Work
from .base import Step
from .labels_out import LabelsOut
from .service import Service

__all__ = ["KeepStep"]


class KeepStep(Step):
    """Downloads, a service, and deleting what is kept here."""

    name = "Keep"

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self.model = Download(self.make_model, label="Download the model")
        self.report = Download(
            self.make_report,
            label="Download the report",
            note="A page with the results, the curves and the worst mistakes",
        )
        self.labels = LabelsOut(work)
        self.service = Service(work)
        self._sure = button("Yes, delete", self._delete, self.problem, style="danger")
        self._sure.layout.display = "none"
        self.children = [
            html("<h2>Keep it, and use it</h2>"),
            self.problem,
            box(html("<h3>On your computer</h3>"), self.model, self.report, self.labels, card=True),
            self.service,
            box(
                html(
                    "<h3>Delete</h3><p>The model, the service and the photos that you uploaded. "
                    "Labels, and the photos in the folder, stay.</p>"
                ),
                ipywidgets.HBox([button("Delete them …", self._ask, self.problem), self._sure]),
                card=True,
            ),
        ]

    def status(self) -> Status:
        """See `Step`."""
        if self.work.trained is None:
            return Status("locked", "First train")
        return Status("done" if self.service.url else "open", self.service.note)

    def show(self) -> None:
        """See `Step`."""
        file = self.work.trained.file
        self.model.note = f"{size(file.stat().st_size)}; imgcls and Python programs read it"
        self._sure.layout.display = "none"
        self.service.show()

    # -- files, made when they are asked for ----------------------------------------------------

    def make_model(self) -> tuple[Path, str]:
        """The file of the model, and a name for it."""
        return self.work.trained.file, self._named(".model")

    def make_report(self) -> tuple[Path, str]:
        """The report, by the labels of now."""
        name = self._named("-report.html")
        return self.work.trained.evaluation().to_html(self._folder / name), name

    @property
    def _folder(self) -> Path:
        return self.work.kept.folder / "downloads"

    def _named(self, end: str) -> str:
        return f"{safe_name(self.work.dataset.name)}{end}"

    # -- deleting -------------------------------------------------------------------------------

    def _ask(self) -> None:
        self._sure.layout.display = ""

    def _delete(self) -> None:
        self.service.delete()
        self.work.forget()
