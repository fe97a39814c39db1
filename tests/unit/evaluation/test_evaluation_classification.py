"""From a classifier and a test set to metrics."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from sklearn import metrics as sk

from jupyter_imgcls.data.dataset import ClassificationDataset
from jupyter_imgcls.data.types import Label
from jupyter_imgcls.errors import EvaluationError
from jupyter_imgcls.evaluation import ClassificationEvaluation

CLASSES = ["bowl", "cup", "cutlery", "plate"]


class TableClassifier:
    """Looks its scores up by the name of the file."""

    def __init__(self, classes, scores):
        self.class_map = dict(enumerate(classes))
        self.scores = scores
        self.asked = None

    def score(self, source, batch_size=32, progress=False):
        self.asked = (batch_size, progress)
        return np.array([self.scores[image.name] for image in source.images], dtype=np.float32)


def dataset_of(photos, labels=()):
    dataset = ClassificationDataset("tableware-test", labels)
    for name, label in photos:
        dataset.add_image(f"/photos/{name}", label)
    return dataset


def random_evaluation(photos=40, classes=4, seed=0, **options):
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, photos)
    scores = rng.dirichlet(np.ones(classes), photos)
    return ClassificationEvaluation.from_scores(scores, true, CLASSES[:classes], **options)


@pytest.fixture
def small():
    scores = [[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8]]
    paths = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    return ClassificationEvaluation.from_scores(
        scores, [0, 1, 1, 2], ["bowl", "cup", "plate"], paths=paths
    )


def test_the_classifier_scores_the_test_set_in_minibatches():
    test_set = dataset_of([("a.jpg", "bowl"), ("b.jpg", "cup")])
    classifier = TableClassifier(["bowl", "cup"], {"a.jpg": [0.8, 0.2], "b.jpg": [0.7, 0.3]})
    ce = ClassificationEvaluation(classifier, test_set, batch_size=7)
    assert classifier.asked == (7, False)
    np.testing.assert_array_equal(ce.scores, np.float32([[0.8, 0.2], [0.7, 0.3]]))
    assert ce.labels == [Label("bowl"), Label("cup")]
    assert ce.true_labels.tolist() == [0, 1]
    assert ce.pred_labels.tolist() == [0, 0]
    assert ce.compute_accuracy() == 0.5
    assert list(ce.to_frame()["path"]) == list(test_set.paths)


def test_classes_are_matched_by_name_when_the_test_set_lists_them_otherwise():
    test_set = dataset_of([("a.jpg", "plate"), ("b.jpg", "bowl")], labels=["plate", "bowl"])
    scores = {"a.jpg": [0.1, 0.1, 0.8], "b.jpg": [0.9, 0.1, 0.0]}
    ce = ClassificationEvaluation(TableClassifier(["bowl", "cup", "plate"], scores), test_set)
    assert ce.true_labels.tolist() == [2, 0]
    assert ce.compute_accuracy(average="micro") == 1
    assert ce.untested_labels == [Label("cup")]


def test_a_class_that_the_classifier_does_not_know_is_named_before_anything_is_scored():
    test_set = dataset_of([("a.jpg", "bowl"), ("b.jpg", "mug")])
    classifier = TableClassifier(["bowl", "cup"], {})
    with pytest.raises(EvaluationError, match=r"'mug', which the classifier does not know.*'cup'"):
        ClassificationEvaluation(classifier, test_set)
    assert classifier.asked is None


def test_an_unknown_class_without_photos_does_no_harm():
    test_set = dataset_of([("a.jpg", "bowl"), ("b.jpg", "cup")], labels=["mug"])
    scores = {"a.jpg": [1, 0], "b.jpg": [0, 1]}
    ce = ClassificationEvaluation(TableClassifier(["bowl", "cup"], scores), test_set)
    assert ce.compute_accuracy() == 1


def test_unreadable_and_unlabelled_photos_are_left_out_and_counted(caplog):
    test_set = dataset_of([("a.jpg", "bowl"), ("b.jpg", "cup"), ("c.jpg", []), ("d.jpg", "cup")])
    nan = [float("nan")] * 2
    scores = {"a.jpg": [0.8, 0.2], "b.jpg": nan, "c.jpg": [0.1, 0.9], "d.jpg": [0.3, 0.7]}
    with caplog.at_level(logging.WARNING):
        ce = ClassificationEvaluation(TableClassifier(["bowl", "cup"], scores), test_set)
    assert "2 of 4 photos not evaluated (1 unreadable, 1 without" in caplog.text
    assert (ce.left_out, ce.unreadable, ce.unlabelled) == (2, 1, 1)
    assert ce.scores.shape == (4, 2)
    assert ce.true_labels.tolist() == [0, 1, -1, 1]
    assert ce.pred_labels.tolist() == [0, -1, 1, 1]
    assert ce.evaluated.tolist() == [True, False, False, True]
    assert ce.compute_confusion_matrix().sum() == 2
    frame = ce.to_frame()
    assert frame["correct"].isna().tolist() == [False, True, True, False]
    assert frame["true"].isna().tolist() == [False, False, True, False]
    assert frame["predicted"].isna().tolist() == [False, True, False, False]
    assert ce.find_mistakes().empty


def test_a_test_set_without_photos_or_without_usable_ones_is_an_error():
    classifier = TableClassifier(["bowl", "cup"], {"a.jpg": [float("nan")] * 2})
    with pytest.raises(EvaluationError, match="'tableware-test' has no photos"):
        ClassificationEvaluation(classifier, dataset_of([], labels=["bowl"]))
    with pytest.raises(EvaluationError, match=r"none of the 1 photos.*1 unreadable"):
        ClassificationEvaluation(classifier, dataset_of([("a.jpg", "bowl")]))


@pytest.mark.parametrize(
    ("scores", "true", "classes", "message"),
    [
        ([[1.0]], [0], ["bowl"], "at least two classes"),
        ([[1.0, 0.0]], [0], ["cup", "cup"], "same name: 'cup', 'cup'"),
        ([[1.0, 0.0, 0.0]], [0], ["bowl", "cup"], r"1 photos and 2 classes need \(1, 2\)"),
        ([[3.0, -2.0]], [0], ["bowl", "cup"], "not probabilities.*softmax"),
        ([[0.2, 0.2]], [0], ["bowl", "cup"], "not probabilities"),
        ([[1.0, float("inf")]], [0], ["bowl", "cup"], "not probabilities"),
        ([[1.0, 0.0]], [2], ["bowl", "cup"], "between 0 and 1 .* between 2 and 2"),
        ([[1.0, 0.0]], [0.5], ["bowl", "cup"], "one class index a photo"),
        ([[1.0, 0.0]], [-1], ["bowl", "cup"], "1 without a label"),
    ],
)
def test_scores_that_cannot_be_evaluated_are_refused(scores, true, classes, message):
    with pytest.raises(EvaluationError, match=message):
        ClassificationEvaluation.from_scores(scores, true, classes)


def test_as_many_paths_as_photos_are_needed():
    with pytest.raises(EvaluationError, match="3 paths for 1 photos"):
        ClassificationEvaluation.from_scores(
            [[1.0, 0.0]], [0], ["bowl", "cup"], paths=["a", "b", "c"]
        )


def test_the_accuracy_is_the_mean_of_the_classes_unless_asked_otherwise(small):
    assert small.compute_accuracy() == pytest.approx((1 + 0.5 + 1) / 3)
    assert small.compute_accuracy(average="micro") == pytest.approx(3 / 4)


@pytest.mark.parametrize("metric", ["accuracy", "auc", "average_precision"])
def test_classes_without_test_photos_are_left_out_of_the_mean_and_named(metric):
    ce = ClassificationEvaluation.from_scores(
        [[0.9, 0.1, 0.0], [0.2, 0.7, 0.1]], [0, 1], ["bowl", "cup", "plate"]
    )
    compute = getattr(ce, f"compute_{metric}")
    with pytest.warns(UserWarning, match="No test photos of 'plate'"):
        assert compute() == 1
    assert compute(average="micro") == 1  # without a warning


def test_a_warning_does_not_list_hundreds_of_classes():
    classes = [f"class {i}" for i in range(200)]
    ce = ClassificationEvaluation.from_scores(np.eye(200)[:1], [0], classes)
    with pytest.warns(UserWarning, match="'class 10' and 189 more"):
        ce.compute_accuracy()


def test_the_confusion_matrix_has_true_classes_in_rows(small):
    assert small.compute_confusion_matrix().tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize("normalize", ["true", "pred", "all"])
def test_the_normalized_confusion_matrix_is_scikit_learns(normalize):
    ce = random_evaluation()
    expected = sk.confusion_matrix(ce.true_labels, ce.pred_labels, normalize=normalize)
    np.testing.assert_array_equal(ce.compute_confusion_matrix(normalize), expected)


def test_the_curves_of_one_class_are_scikit_learns():
    ce = random_evaluation()
    truth, scores = ce.true_labels == 1, ce.scores[:, 1]
    for ours in (
        ce.compute_precision_recall_curve("cup"),
        ce.compute_precision_recall_curve(Label("cup")),
    ):
        for mine, theirs in zip(ours, sk.precision_recall_curve(truth, scores), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(ce.compute_roc_curve("cup"), sk.roc_curve(truth, scores), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_curves_of_no_class_take_all_decisions_together():
    ce = random_evaluation()
    truth = sk.roc_curve(np.eye(4)[ce.true_labels].ravel(), ce.scores.ravel())
    for mine, theirs in zip(ce.compute_roc_curve(), truth, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    false_rates, true_rates, _ = ce.compute_roc_curve()
    assert sk.auc(false_rates, true_rates) == pytest.approx(ce.compute_auc("micro"))


def test_the_precision_recall_curve_fits_the_articles_next_cell():
    precisions, recalls, thresholds = random_evaluation().compute_precision_recall_curve()
    thresholds = list(thresholds)
    thresholds.append(thresholds[-1])
    assert len(precisions) == len(recalls) == len(thresholds)
    assert (precisions[-1], recalls[-1]) == (1, 0)
    assert (100 * recalls[::-1])[-1] == 100


def test_a_curve_needs_a_known_class_with_photos_and_others():
    ce = ClassificationEvaluation.from_scores(
        [[0.9, 0.1, 0.0], [0.2, 0.7, 0.1]], [0, 0], ["bowl", "cup", "plate"]
    )
    with pytest.raises(EvaluationError, match=r"no class 'mug'. It knows 'bowl', 'cup', 'plate'"):
        ce.compute_roc_curve("mug")
    with pytest.raises(EvaluationError, match="No test photo is of class 'plate'"):
        ce.compute_precision_recall_curve("plate")
    with pytest.raises(EvaluationError, match="All test photos are of class 'bowl'"):
        ce.compute_roc_curve("bowl")


def test_the_report_has_a_row_a_class_and_nan_for_what_cannot_be_said():
    ce = ClassificationEvaluation.from_scores(
        [[0.9, 0.1, 0.0], [0.8, 0.2, 0.0]], [0, 1], ["bowl", "cup", "plate"]
    )
    report = ce.compute_report()
    assert report.index.tolist() == ["bowl", "cup", "plate"]
    assert report["support"].tolist() == [1, 1, 0]
    assert report["recall"].tolist()[:2] == [1, 0]
    assert report["precision"]["bowl"] == 0.5
    assert np.isnan(report["precision"]["cup"])  # never predicted
    assert report.loc["plate", ["recall", "auc", "average_precision"]].isna().all()


def test_single_numbers_come_from_the_evaluated_photos_only():
    whole = random_evaluation()
    holes = whole.scores.copy()
    holes[::2] = np.nan
    ce = ClassificationEvaluation.from_scores(holes, whole.true_labels, whole.labels)
    half = ClassificationEvaluation.from_scores(
        whole.scores[1::2], whole.true_labels[1::2], whole.labels
    )
    for name in ("accuracy", "auc", "average_precision", "log_loss", "calibration_error"):
        assert getattr(ce, f"compute_{name}")() == getattr(half, f"compute_{name}")()
    assert ce.compute_top_k_accuracy(2) == half.compute_top_k_accuracy(2)
    assert ce.compute_reliability_curve().count.sum() == 20
    assert ce.compute_confidence_interval() == half.compute_confidence_interval()
    assert ce.compute_confidence_interval("top_k_accuracy", k=2, resamples=20) == (
        half.compute_confidence_interval("top_k_accuracy", k=2, resamples=20)
    )


def test_the_frame_says_for_each_photo_what_was_predicted_and_how_surely(small):
    row = small.to_frame().loc[2]
    assert (row["path"], row["true"], row["predicted"]) == ("c.jpg", "cup", "bowl")
    assert row["score"] == pytest.approx(0.6)
    assert row["margin"] == pytest.approx(0.3)
    assert row["loss"] == pytest.approx(-np.log(0.3))
    assert not row["correct"]
    assert small.to_frame()["correct"].sum() == 3


def test_mistakes_come_with_the_most_confident_first():
    scores = [[0.6, 0.4], [0.9, 0.1], [0.1, 0.9], [0.7, 0.3]]
    ce = ClassificationEvaluation.from_scores(scores, [1, 1, 1, 1], ["bowl", "cup"])
    assert ce.find_mistakes().index.tolist() == [1, 3, 0]
    assert ce.find_mistakes(2).index.tolist() == [1, 3]


def test_it_says_how_many_photos_are_right():
    scores = [[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.5, 0.5]]
    ce = ClassificationEvaluation.from_scores(scores, [0, 1, 1, -1], ["bowl", "cup"])
    assert repr(ce).endswith("2 of 3 photos right (66.7%), 2 classes, 1 left out>")
