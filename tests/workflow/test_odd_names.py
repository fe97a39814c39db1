"""Names of files and classes that are no UTF-8, or that a program could take for something else."""

from __future__ import annotations

import json
import os
import sys

import pytest

from jupyter_imgcls import (
    AnnotationUI,
    ClassificationEvaluation,
    Deployment,
    ResultsUI,
    ScikitClassifier,
    load_classifier,
)
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.data.journal import Journal
from tests.conftest import save_photo

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode elsewhere")

CLASSES = [b"na\xff", "=1+1 Äpfel\N{RIGHT-TO-LEFT OVERRIDE}".encode(), b"<b>&amp;"]
LABELS = [r"na\xff", "=1+1 Äpfel\N{RIGHT-TO-LEFT OVERRIDE}", "<b>&amp;"]


@pytest.fixture
def dataset(tmp_path):
    root = tmp_path / os.fsdecode(b"photos\xfe")
    for number, name in enumerate(CLASSES):
        for photo in range(4):
            save_photo(root / os.fsdecode(name) / os.fsdecode(b"%d\xfd.png" % photo), number)
    return ClassificationDataset.create_from_dir("odd", root)


def test_they_go_from_a_folder_to_a_service(dataset, small_model, tmp_path):
    assert sorted(label.name for label in dataset.labels) == sorted(LABELS)
    AnnotationUI(dataset)
    with Journal.open(dataset) as journal:
        journal.edit([dataset.images[0]], [LABELS[2], r"na\xff"])
        journal.undo()
        journal.add_class("\ud800")
        written = journal.commit(tmp_path / "labels.csv", dry_run=False).file
        assert journal.commit(tmp_path / os.fsdecode(b"photos\xfe")).moves == ()
    again = ClassificationDataset.create_from_csv("again", written)
    assert sorted(again.paths) == sorted(dataset.paths)

    train, test = again.split(train_size=0.5, stratify="label")
    classifier = ScikitClassifier(small_model(again.labels)).train(train, progress=False)
    evaluation = ClassificationEvaluation(classifier, test)
    ResultsUI(test, pred_scores=evaluation.scores)
    evaluation.to_html(tmp_path / "report.html")
    classifier.serialize(tmp_path / "odd.model")
    loaded = load_classifier(tmp_path / "odd.model")
    assert loaded.labels == again.labels

    deployment = Deployment("odd", loaded).deploy()
    try:
        answer = deployment.score_image(again.paths[0], parameters={"topK": 3})
        assert {label for label, _ in json.loads(json.loads(answer)[0])} == set(LABELS)
    finally:
        deployment.delete()
