"""Every metric gives what scikit-learn, or the definition written out, gives."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from jupyter_imgcls.errors import EvaluationError
from jupyter_imgcls.evaluation import ClassificationEvaluation, metrics
from jupyter_imgcls.evaluation.bootstrap import METRICS, bootstrap_interval


def random_scores(seed, photos, classes, sharpness=1.5):
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, photos)
    logits = rng.normal(size=(photos, classes))
    logits[np.arange(photos), true] += sharpness
    scores = np.exp(logits)
    return (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32), true


@st.composite
def evaluations(draw):
    """Scores and truth: from one photo on, ties and classes without photos among them."""
    classes = draw(st.integers(2, 6))
    photos = draw(st.integers(1, 30))
    scores, true = random_scores(draw(st.integers(0, 10_000)), photos, classes)
    if draw(st.booleans()):
        scores = np.round(scores, 1) + np.float32(0.1)
        scores /= scores.sum(axis=1, keepdims=True)
    if draw(st.booleans()):
        true = np.minimum(true, classes - 2)
    return scores, true


@given(evaluations())
@settings(max_examples=25, deadline=None)
def test_accuracy_recall_and_report_are_scikit_learns(case):
    scores, true = case
    predicted, classes = scores.argmax(axis=1), np.arange(scores.shape[1])
    assert metrics.accuracy(scores, true, "micro") == pytest.approx(
        sk.accuracy_score(true, predicted)
    )
    tested = np.unique(true)
    macro = sk.recall_score(true, predicted, labels=tested, average="macro")
    assert metrics.accuracy(scores, true, "macro") == pytest.approx(macro)
    report = ClassificationEvaluation.from_scores(scores, true, list("abcdef")[: len(classes)])
    frame = report.compute_report()
    expected = sk.precision_recall_fscore_support(
        true, predicted, labels=classes, zero_division=np.nan
    )
    for column, values in zip(["precision", "recall", "f1", "support"], expected, strict=True):
        np.testing.assert_array_equal(frame[column], values)
    np.testing.assert_array_equal(frame["recall"], metrics.recall_per_class(scores, true))


@given(evaluations())
@settings(max_examples=25, deadline=None)
def test_auc_is_the_share_of_pairs_in_the_right_order(case):
    scores, true = case
    areas = metrics.auc_per_class(scores, true)
    for label, area in enumerate(areas):
        inside, outside = scores[true == label, label], scores[true != label, label]
        if not len(inside) or not len(outside):
            assert np.isnan(area)
            continue
        right = (inside[:, None] > outside).mean() + (inside[:, None] == outside).mean() / 2
        assert area == pytest.approx(right)
    if not np.isnan(areas).all():
        assert metrics.auc(scores, true) == pytest.approx(np.nanmean(areas))


@given(evaluations())
@settings(max_examples=25, deadline=None)
def test_average_precision_is_scikit_learns(case):
    scores, true = case
    truth = metrics.one_hot(true, scores.shape[1])
    per_class = metrics.average_precision_per_class(scores, true)
    tested = truth.any(axis=0)
    assert np.isnan(per_class[~tested]).all()
    macro = sk.average_precision_score(truth[:, tested], scores[:, tested], average="macro")
    assert metrics.average_precision(scores, true) == pytest.approx(macro)
    micro = sk.average_precision_score(truth, scores, average="micro")
    assert metrics.average_precision(scores, true, "micro") == pytest.approx(micro)


@given(evaluations())
@settings(max_examples=25, deadline=None)
def test_log_loss_is_scikit_learns_and_the_mean_of_the_photos_losses(case):
    scores, true = case
    expected = sk.log_loss(true, scores, labels=np.arange(scores.shape[1]))
    assert metrics.log_loss(scores, true) == pytest.approx(expected, rel=1e-5)
    assert metrics.photo_losses(scores, true).mean() == pytest.approx(expected, rel=1e-5)


@given(evaluations(), st.integers(1, 20))
@settings(max_examples=25, deadline=None)
def test_calibration_error_is_the_sum_over_bins_written_out(case, bins):
    scores, true = case
    confidence, correct = scores.max(axis=1).astype(float), scores.argmax(axis=1) == true
    edges = np.linspace(0, 1, bins + 1)
    expected = 0.0
    for low, high in pairwise(edges):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            gap = abs(correct[inside].mean() - confidence[inside].mean())
            expected += gap * inside.mean()
    assert metrics.calibration_error(scores, true, bins) == pytest.approx(expected)


@given(evaluations())
@settings(max_examples=25, deadline=None)
def test_top_1_is_the_micro_accuracy_and_top_k_of_all_classes_is_certain(case):
    scores, true = case
    assert metrics.top_k_accuracy(scores, true, 1) == metrics.accuracy(scores, true, "micro")
    assert metrics.top_k_accuracy(scores, true, scores.shape[1]) == 1


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_top_k_accuracy_is_scikit_learns_where_no_scores_are_equal(k):
    scores, true = random_scores(3, 200, 7)
    expected = sk.top_k_accuracy_score(true, scores, k=k, labels=np.arange(7))
    assert metrics.top_k_accuracy(scores, true, k) == pytest.approx(expected)


def test_a_score_of_zero_for_the_true_class_has_a_finite_loss():
    loss = metrics.log_loss(np.array([[1.0, 0.0]], dtype=np.float32), np.array([1]))
    assert loss == pytest.approx(-np.log(np.finfo(np.float32).eps))


def test_the_mean_of_nothing_defined_is_nan():
    assert np.isnan(metrics.defined_mean(np.array([np.nan, np.nan])))


@pytest.mark.parametrize("average", ["macro", "micro"])
def test_the_accuracys_interval_agrees_with_drawing_photos_one_by_one(average):
    scores, true = random_scores(1, 60, 3)
    rng = np.random.default_rng(0)
    rows = [np.flatnonzero(true == label) for label in range(3)]
    drawn = [np.concatenate([rng.choice(row, len(row)) for row in rows]) for _ in range(4000)]
    values = [metrics.accuracy(scores[photos], true[photos], average) for photos in drawn]
    interval = bootstrap_interval("accuracy", scores, true, average=average, resamples=4000)
    assert interval == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])), abs=0.02)


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_has_an_interval_around_its_value_that_a_seed_repeats(metric):
    scores, true = random_scores(2, 120, 4)
    value = METRICS[metric](scores, true)
    low, high = bootstrap_interval(metric, scores, true, resamples=30)
    assert low <= high
    # A resample has fewer distinct photos, so its calibration error is always the larger.
    slack = 0.05 if metric == "calibration_error" else 0
    assert low - slack <= value <= high
    assert bootstrap_interval(metric, scores, true, resamples=30) == (low, high)


def test_a_higher_confidence_gives_a_wider_interval():
    scores, true = random_scores(2, 120, 4)
    low, high = bootstrap_interval("accuracy", scores, true, confidence=0.5)
    wider_low, wider_high = bootstrap_interval("accuracy", scores, true, confidence=0.99)
    assert wider_low < low < high < wider_high


def test_without_mistakes_the_accuracys_interval_is_a_point():
    scores = np.eye(3, dtype=np.float32)
    assert bootstrap_interval("accuracy", scores, np.arange(3)) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": "beauty"}, "no metric 'beauty'. Choose from accuracy"),
        ({"metric": "accuracy", "confidence": 95}, "between 0 and 1"),
        ({"metric": "accuracy", "resamples": 0}, "at least 1"),
        ({"metric": "accuracy", "average": "median"}, "'macro' or 'micro'"),
        ({"metric": "auc", "average": "median"}, "'macro' or 'micro'"),
        ({"metric": "top_k_accuracy", "k": 0}, "k must be at least 1"),
        ({"metric": "calibration_error", "bins": 0}, "bins must be at least 1"),
    ],
)
def test_senseless_questions_are_refused(arguments, message):
    scores, true = random_scores(0, 10, 2)
    with pytest.raises(EvaluationError, match=message):
        bootstrap_interval(scores=scores, true=true, **arguments)
