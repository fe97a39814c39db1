"""Step 4: how good is it, where is it wrong, and when is it sure enough."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
from scipy.stats import binomtest

from ...classifiers import TransferLearningModel
from ...evaluation import ClassificationEvaluation
from ...text import a_few, counted
from ...widgets.precision_recall import PrecisionRecallUI
from ...widgets.results_viewer import ResultsUI
from ..parts.controls import bars, box, button, html, note
from ..parts.step_list import Status
from ..trained import Trained
from ..work import Work
from .base import Step

__all__ = ["ResultsStep"]

_GOOD = "#009e73"
_MOST_NAMED = 5
_CHOSEN = (
    "<p>The best round was chosen by these photos, which makes the figures a little too good.</p>"
)


class _Results(ResultsUI):
    """The page shows it anew with the new names."""

    _what_to_do = ""


class ResultsStep(Step):
    """The accuracy in plain words, `ResultsUI` and `PrecisionRecallUI`.

    Parameters
    ----------
    work : Work
        What the steps share.
    train_again : callable
        Goes to the step where that is done.
    """

    name = "Results"

    def __init__(self, work: Work, train_again: Callable[[], None]) -> None:
        super().__init__(work)
        self._shown: Trained | None = None
        self._names: list[str] = []
        self.results: ResultsUI | None = None
        self.curve: PrecisionRecallUI | None = None
        self._words = html()
        self._threshold = html()
        self._again = box(
            html(
                note(
                    "Photos or labels changed since the training: these are older results.", "warn"
                )
            ),
            ipywidgets.HBox([button("Train again", train_again, self.problem)]),
            gap=8,
        )
        self.view = ipywidgets.ToggleButtons(
            options=[("Right and wrong photos", 0), ("Confidence threshold", 1)],
            style={"button_width": "auto"},
        )
        self.view.observe(self._turn, "value")
        self._part = box()
        self.children = [
            html("<h2>How good is it?</h2>"),
            self.problem,
            self._again,
            self._words,
            self.view,
            self._part,
        ]

    def status(self) -> Status:
        """See `Step`."""
        if self.work.trained is None:
            return Status("locked", self.work.missing() or "First train")
        if self.work.stale:
            return Status("again", "Labels changed since the training")
        correct, of = _correct(self.work.trained)
        return Status("done", f"{correct:,} of {of:,} right")

    def show(self) -> None:
        """See `Step`."""
        trained: Trained = self.work.trained
        if trained is not self._shown or trained.names != self._names:
            self._rebuild(trained)
        self._again.layout.display = "" if self.work.stale else "none"
        chosen = _CHOSEN if isinstance(trained.classifier, TransferLearningModel) else ""
        self._words.value = _missing(trained) + _in_words(trained.evaluation()) + chosen
        self._draw_threshold()

    def close_parts(self) -> None:
        """Close what listens to the journal of the test photos, and the journal."""
        for part in (self.results, self.curve):
            if part is not None:
                part.close()
        if self._shown is not None and self._shown.test_set.journal is not None:
            self._shown.test_set.journal.close()
        self._shown = self.results = self.curve = None

    def _rebuild(self, trained: Trained) -> None:
        self.close_parts()
        self._names = trained.names
        self.results = _Results(
            trained.test_set, self.work.context, trained.scores, labels=trained.names
        )
        self.curve = PrecisionRecallUI(evaluation=trained.evaluation(), dataset=trained.test_set)
        self.curve.observe(self._chosen, "threshold")
        self.curve.threshold = self.work.threshold
        self._sure = box(
            html(
                "<p>The classifier gives each photo a score. Below the threshold it answers 'not "
                "sure'. Move the slider left: fewer photos get an answer, and more of the answers "
                "are right.</p>"
            ),
            self._threshold,
            self.curve,
        )
        self._shown = trained
        self._turn()

    def _turn(self, _: object = None) -> None:
        # The other part is taken away and not hidden: without a size no chart can be drawn.
        if self.results is not None:
            self._part.children = [self._sure if self.view.value else self.results]

    def _chosen(self, change: dict[str, Any]) -> None:
        self.work.choose_threshold(change["new"])
        self._draw_threshold()

    def _draw_threshold(self) -> None:
        if self._shown is None:
            return
        scores = np.nan_to_num(self._shown.scores).max(axis=1)
        unsure = int((scores < self.work.threshold).sum())
        words = (
            f"Threshold {self.work.threshold:.0%}: of the {counted(len(scores), 'test photo')} "
            f"it is not sure about {unsure:,}. The next steps keep this."
        )
        self._threshold.value = note(words)


def _correct(trained: Trained) -> tuple[int, int]:
    evaluation = trained.evaluation()
    right = evaluation.true_labels == evaluation.pred_labels
    return int(right[evaluation.evaluated].sum()), int(evaluation.evaluated.sum())


def _missing(trained: Trained) -> str:
    """Which of the photos that it was tested on are gone, as HTML."""
    if not trained.missing:
        return ""
    names = [Path(path).name for path in trained.missing]
    gone = counted(len(names), "test photo is", "test photos are")
    return note(
        f"{gone} not there any more: {a_few(names, _MOST_NAMED)}. These are the results "
        "of the others.",
        "warn",
    )


def _in_words(evaluation: ClassificationEvaluation) -> str:
    """Accuracy with Wilson's interval, and the share of right ones of each class, as HTML.

    Wilson, Probable inference, the law of succession, and statistical inference, 1927: fit for few
    photos, all right ones too.
    """
    matrix = evaluation.compute_confusion_matrix()
    right, of = matrix.diagonal(), matrix.sum(axis=1)
    correct, total = int(right.sum()), int(of.sum())
    interval = binomtest(correct, total).proportion_ci(method="wilson")
    rows = [
        (label.name, f"{r} of {n}", r / n if n else 0.0, _GOOD)
        for label, r, n in zip(evaluation.labels, right, of, strict=True)
    ]
    return (
        f'<span class="ds-figure">{correct / total:.0%}</span> right: {correct:,} of '
        f"{counted(total, 'photo')} that it had never seen."
        f"<p>With other photos of the same kind, expect between {interval.low:.0%} and "
        f"{interval.high:.0%} (95 % certain{': few photos make this wide' if total < 100 else ''})."
        f"</p>{bars(rows)}"
    )
