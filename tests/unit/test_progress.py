"""Long work tells whoever wants to know how far it is, and ends when that one raises."""

from __future__ import annotations

import pytest

from jupyter_imgcls.classifiers import ScikitClassifier
from jupyter_imgcls.data.augment import augment_dataset
from jupyter_imgcls.evaluation import ClassificationEvaluation


class Enough(Exception):
    pass


def test_training_scoring_and_augmenting_tell_how_many_photos_are_done(photos, small_model):
    told = []

    def tell(done, of):
        told.append((done, of))

    classifier = ScikitClassifier(small_model())
    classifier.train(photos, batch_size=4, progress=tell)
    assert told == [(0, 10), (4, 10), (8, 10), (10, 10)]
    told.clear()
    ClassificationEvaluation(classifier, photos, 8, progress=tell)
    assert told == [(0, 10), (8, 10), (10, 10)]
    told.clear()
    augment_dataset(photos, [lambda pixels: pixels[:, ::-1]], progress=tell)
    assert told[0] == (0, 10) and told[-1] == (10, 10)


def test_who_is_told_can_end_the_work_and_nothing_of_it_stays(photos, small_model):
    def stop(done, _of):
        if done:
            raise Enough

    classifier = ScikitClassifier(small_model())
    with pytest.raises(Enough):
        classifier.train(photos, batch_size=4, progress=stop)
    assert classifier._fitted is None
    with pytest.raises(Enough):
        augment_dataset(photos, [lambda pixels: pixels[:, ::-1]], progress=stop)
