"""Scores of photos that were prepared elsewhere, as a service does."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from jupyter_imgcls.classifiers import ScikitClassifier
from jupyter_imgcls.classifiers.base import softmax


@pytest.fixture
def models(small_model, photos):
    model = small_model(["cup", "fork", "plate"])
    learners = (LinearSVC(C=0.1, random_state=0), LogisticRegression())
    return [
        model,
        *(ScikitClassifier(model, one).train(photos, progress=False) for one in learners),
    ]


def test_the_softmax_of_raw_scores_is_the_probability(models, photos):
    for model in models:
        prepared = np.stack([model.preprocessing(path) for path in photos.paths])
        raw = model.raw_scores(prepared)
        assert raw.dtype == np.float32
        assert np.isfinite(raw).all()
        assert np.allclose(softmax(raw), model.score(photos), atol=1e-6)


def test_the_raw_scores_of_a_network_are_its_outputs(models, photos):
    prepared = np.stack([models[0].preprocessing(path) for path in photos.paths])
    assert not np.allclose(models[0].raw_scores(prepared).sum(axis=1), 1)
    assert models[0].raw_scores(prepared[:0]).shape == (0, 3)


def test_the_scores_are_the_same_with_any_number_of_threads(models, photos):
    for model in models:
        prepared = np.stack([model.preprocessing(path) for path in photos.paths])
        for threads in (1, 2):
            other = model.with_threads(threads)
            assert np.allclose(other.raw_scores(prepared), model.raw_scores(prepared), atol=1e-5)
            assert np.allclose(other.score(photos), model.score(photos), atol=1e-5)
