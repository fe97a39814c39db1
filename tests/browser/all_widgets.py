"""One cell for each widget, for what must hold for all of them; a new widget is a line more."""

from __future__ import annotations

from pathlib import Path

SET_UP = """
import numpy as np
from jupyter_imgcls import Context
from jupyter_imgcls.classifiers.run import EpochRecord, TrainingRun
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.evaluation import ClassificationEvaluation
from jupyter_imgcls.widgets.annotation import AnnotationUI
from jupyter_imgcls.widgets.image_grid import ImageGrid
from jupyter_imgcls.widgets.precision_recall import PrecisionRecallUI
from jupyter_imgcls.widgets.results_viewer import ResultsUI
from jupyter_imgcls.widgets.training_monitor import TrainingMonitor

Context.create(*({folder!r} + name for name in ("/outputs", "/persistent", "/temp")))
dataset = ClassificationDataset.create_from_dir({name!r}, {photos!r})
classes = dataset.label_indices[:, None] == np.arange(len(dataset.labels))
scores = np.where(classes, 0.8, 0.2 / (classes.shape[1] - 1))
scores[1] = scores[1, ::-1]  # wrong
evaluation = ClassificationEvaluation.from_scores(
    scores, dataset.label_indices, dataset.labels, paths=list(dataset.paths)
)

def work(run):
    for epoch in range(1, 4):
        run.add_batch(epoch, 1, loss=1 / epoch)
        error = 0.4 / epoch
        run.add_epoch(EpochRecord(epoch, 3, 1 / epoch, error, error, 1 / epoch, 0.01, 60, 20, 2.0))

run = TrainingRun(work, 3)
"""

WIDGETS = {
    "AnnotationUI": "annotation = AnnotationUI(dataset)\nannotation",
    "ImageGrid": "grid = ImageGrid(dataset)\ngrid",
    "ResultsUI": "results = ResultsUI(dataset, pred_scores=scores)\nresults",
    "PrecisionRecallUI": "PrecisionRecallUI(evaluation=evaluation, dataset=dataset)",
    "TrainingMonitor": "run.start()\nrun.wait()\nmonitor = TrainingMonitor(run)\nmonitor",
}


def cells(photos: Path, name: str = "photos") -> list[str]:
    """Cells that show each widget for a folder of class folders; the first one shows nothing."""
    folder = str(photos.parent)
    return [SET_UP.format(folder=folder, photos=str(photos), name=name), *WIDGETS.values()]
