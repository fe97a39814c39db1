"""Step 2: look at the photos, and label them."""

from __future__ import annotations

from typing import Any

from ...errors import ImgclsError
from ...text import counted
from ...widgets.annotation import AnnotationUI
from ..parts.controls import box, html, note
from ..parts.step_list import Status
from ..work import Work
from .base import Step
from .labels_out import LabelsOut

__all__ = ["LabelsStep"]


class _Labels(AnnotationUI):
    """Labels go into the journal and nowhere else: the page names no file of this computer."""

    def _act(self, content: dict[str, Any], buffers: list[Any]) -> None:
        if content["kind"] in ("commit", "resume"):
            raise ImgclsError("Photos are not moved here. Below you can save the labels.")
        super()._act(content, buffers)


class LabelsStep(Step):
    """`AnnotationUI`, and what is missing for a training."""

    name = "Labels"

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self.ui: AnnotationUI | None = None
        self._missing = html()
        self._head = html(
            "<h2>Are the labels right?</h2><p>Click a photo, then its class, or press the class's "
            "key. Every change is saved at once and can be undone, also tomorrow.</p>"
        )
        self.out = LabelsOut(work)
        self._out = box(
            html(
                "<h3>Take the labels along</h3><p>At any time, also without a training. Excluded "
                "photos are not among them.</p>"
            ),
            self.out,
            card=True,
        )
        self.children = [self._head, self.problem, self._missing]

    def status(self) -> Status:
        """See `Step`."""
        if self.work.dataset is None:
            return Status("locked", "First choose photos")
        labelled = sum(self.work.counts().values())
        of = labelled + self.work.unlabelled()
        state = "open" if self.work.missing() else "done"
        return Status(state, f"{labelled:,} of {of:,} labelled")  # type: ignore[arg-type]

    def show(self) -> None:
        """See `Step`."""
        if self.ui is None or self.ui.dataset is not self.work.dataset:
            before = self.ui
            self.ui = _Labels(self.work.dataset, self.work.context, can_write=False)
            if self.work.unlabelled():
                self.ui.show, self.ui.skip_labelled = "unlabelled", True
            self.children = [self._head, self.problem, self._missing, self.ui, self._out]
            if before is not None:
                before.close()
        missing = self.work.missing()
        left = self.work.unlabelled()
        if missing:
            words = f"Before you can train: {missing}. Give some photos a label."
            self._missing.value = note(words, "warn")
        elif left:
            words = f"{counted(left, 'photo has', 'photos have')} no label, and will not be used."
            self._missing.value = note(f"Enough to train. {words}")
        else:
            self._missing.value = ""
