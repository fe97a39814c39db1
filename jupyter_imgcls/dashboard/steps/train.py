"""Step 3: learn from the labelled photos."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets

from ...backends import refines_here
from ...data.augment.copies import augment_dataset, mirror_and_crop
from ...data.types import given_sides
from ...text import counted
from ...widgets.training_monitor import TrainingMonitor
from ..parts.controls import box, button, html, note
from ..parts.step_list import Status
from ..parts.task import Task
from ..work import Work
from .base import Step

if TYPE_CHECKING:
    from ...classifiers import Classifier, TransferLearningModel
    from ...data import ClassificationDataset

__all__ = ["TrainStep"]

_QUICK, _REFINE = "quick", "refine"
_BASE_MODELS = [
    ("EfficientNet-Lite0: small and good, installed already", "efficientnet_lite0"),
    ("MobileNetV2: small, is downloaded once", "mobilenetv2"),
    ("ResNet-18: larger, is downloaded once", "resnet18"),
    ("ResNet-50: large, slow, often better, is downloaded once", "resnet50"),
]
_SMALL_SET = 500
_WIDE = {"description_width": "160px"}


class TrainStep(Step):
    """Two ways to train, what they need to know, and how far they are."""

    name = "Train"

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self.task = Task(work)
        self.monitor = TrainingMonitor()
        self._hint = html()
        layout = ipywidgets.Layout(width="auto", max_width="560px")
        self.way = ipywidgets.RadioButtons(
            options=[
                ("Quick: takes seconds, mostly good enough", _QUICK),
                ("Thorough: takes minutes to hours, often better", _REFINE),
            ],
            layout=layout,
        )
        self.held_out = ipywidgets.IntSlider(
            34, 10, 50, description="Test photos, %", style=_WIDE, layout=layout
        )
        self.copies = ipywidgets.Checkbox(
            value=False,
            indent=False,
            description="Also train on mirrored and cropped copies (slower; helps with few photos)",
            layout=layout,
        )
        self.base_model = ipywidgets.Dropdown(
            options=_BASE_MODELS, description="Network", style=_WIDE, layout=layout
        )
        self.epochs = ipywidgets.IntSlider(
            5, 1, 50, description="Rounds (epochs)", style=_WIDE, layout=layout
        )
        self._thorough = box(
            self.base_model,
            self.epochs,
            html(
                "<p>In each round all photos are looked at once: about a minute for 500 photos "
                "on a laptop. Stop when the curves no longer get better: the best round is "
                "kept.</p>"
            ),
        )
        self._go = button("Train", self.train, self.problem, style="primary")
        self._live = box()
        self._elsewhere = html()
        stop = button("Stop", work.running.stop_elsewhere, self.problem)
        self._other = box(self._elsewhere, ipywidgets.HBox([stop]), gap=8)
        work.observe(self._draw_elsewhere, "elsewhere")
        self._draw_elsewhere()
        self.way.observe(self._draw_way, "value")
        self._draw_way()
        self.children = [
            html(
                "<h2>Train on the labelled photos</h2><p>Some photos are held out to test the "
                "classifier on photos that it has never seen.</p>"
            ),
            self._hint,
            self.way,
            self.held_out,
            self.copies,
            self._thorough,
            ipywidgets.HBox([self._go]),
            self._other,
            self.problem,
            self.task,
            self._live,
        ]

    def status(self) -> Status:
        """See `Step`."""
        missing = self.work.missing()
        if missing:
            return Status("locked", missing)
        if self.work.elsewhere:
            return Status("open", "Training …")
        if self.work.trained is None:
            return Status("open", "Train again" if self.work.lost else "Not trained yet")
        if self.work.stale:
            return Status("again", "Labels changed: train again")
        return Status("done", self.work.trained.how)

    def show(self) -> None:
        """See `Step`."""
        divided = given_sides(self.work.dataset.parts) is not None
        self.held_out.layout.display = "none" if divided else ""
        if self.work.lost:
            self._hint.value = note(f"{self.work.lost} Train again.", "warn")
        elif self.work.stale:
            self._hint.value = note("Photos or labels changed since the last training.", "warn")
        elif divided:
            self._hint.value = note(f"Your folders divide the photos: {self.work.dataset.parts}.")
        else:
            self._hint.value = ""
        fields = (self._go, self.way, self.held_out, self.copies, self.base_model, self.epochs)
        for field in fields:
            field.disabled = bool(self.work.busy or self.work.elsewhere)
        wait = self.work.busy or self.work.elsewhere
        self._go.tooltip = f"Wait: {wait}" if wait else ""

    def train(self) -> None:
        """Begin, with what the fields say."""
        refine = self.way.value == _REFINE
        self._live.children = []
        self.task.run("Training", self._refine if refine else self._quick, alone=True)

    def _draw_elsewhere(self, _: object = None) -> None:
        words = self.work.elsewhere
        self._other.layout.display = "" if words else "none"
        self._elsewhere.value = (
            note(f"A training goes on that you began in another page, or before a reload: {words}")
            if words
            else ""
        )

    def _draw_way(self, _: object = None) -> None:
        self._thorough.layout.display = "" if self.way.value == _REFINE else "none"

    # -- in the task's thread -------------------------------------------------------------------

    def _quick(self, task: Task) -> None:
        from ...classifiers import ScikitClassifier

        before = self.work.fingerprint(), self.work.last_edit()
        train_set, test_set = self._sides(task)
        task.say("Loading the network")
        classifier = ScikitClassifier(self._model(train_set, "efficientnet_lite0"))
        classifier.train(train_set, progress=task.count("Computing features"))
        self._finish(task, classifier, test_set, before, "quick")

    def _refine(self, task: Task) -> None:
        before = self.work.fingerprint(), self.work.last_edit()
        train_set, test_set = self._sides(task)
        task.say("Loading the network")
        model = self._model(train_set, self.base_model.value)
        task.check_stop()
        whole = refines_here()
        run = model.train(
            train_set,
            0.01,
            8 if len(train_set) < _SMALL_SET else 32,
            self.epochs.value,
            eval_dataset=test_set,
            callbacks=[self.monitor.listener],
            background=True,
            trainable="all" if whole else "head",
            resume=True,
        )
        self._live.children = [self.monitor]
        task.say("")
        while not run.wait(0.2):
            at = min(len(run.history) + 1, self.epochs.value)
            self.work.running.say(f"Round {at} of {self.epochs.value}")
            if task.stop_asked:
                run.stop()
        task.resume()
        if not model.history:
            task.say("Stopped before the end of the first epoch: nothing was changed.")
            return
        rounds = counted(len(model.history), "round")
        how = "thorough" if whole else "last layer of the network"
        self._finish(task, model, test_set, before, f"{how}, {rounds}")

    def _sides(self, task: Task) -> tuple[ClassificationDataset, ClassificationDataset]:
        labelled = self.work.labelled()
        divided = given_sides(labelled.parts) is not None
        train_set, test_set = labelled.split(None if divided else 1 - self.held_out.value / 100)
        if self.copies.value:
            tell = task.count("Making mirrored and cropped copies")
            train_set = augment_dataset(
                train_set, [mirror_and_crop()], context=self.work.context, progress=tell
            )
        return train_set, test_set

    def _model(self, train_set: ClassificationDataset, name: str) -> TransferLearningModel:
        from ...classifiers import TransferLearningModel

        counts = self.work.counts()
        classes = [label for label in train_set.labels if counts.get(label.name)]
        return TransferLearningModel(classes, name)

    def _finish(
        self,
        task: Task,
        classifier: Classifier,
        test_set: ClassificationDataset,
        before: tuple[str, tuple[str, int]],
        how: str,
    ) -> None:
        tell = task.count("Testing on the held-out photos")
        scores = classifier.score(test_set, progress=tell)
        task.say("Saving")
        self.work.keep_trained(classifier, test_set, scores, *before, how)
        task.say("Done. The next step shows the results.")
