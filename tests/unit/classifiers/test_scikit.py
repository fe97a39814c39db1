"""A scikit-learn classifier over the features of a base model."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from jupyter_imgcls.classifiers import ScikitClassifier, load_classifier
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.errors import TrainingError


def linear_svc():
    return LinearSVC(C=0.1, random_state=0)


def draw(root, seed=0, spread=20, count=8, **brightnesses):
    """Photos of classes that differ in brightness; the larger the spread the more they overlap."""
    generator = np.random.default_rng(seed)
    for name, brightness in brightnesses.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            base = np.clip(generator.normal(brightness, spread), 20, 235)
            pixels = base + generator.integers(-20, 20, (24, 32, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{i}.png")
    return ClassificationDataset.create_from_dir("photos", root)


@pytest.fixture
def three(tmp_path):
    return draw(tmp_path / "three", cup=50, fork=125, plate=200)


@pytest.fixture
def fitted(small_model, photos):
    return ScikitClassifier(small_model(), linear_svc()).train(photos, progress=False)


# -- training and scoring -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "learner",
    [
        linear_svc(),
        LogisticRegression(),
        SVC(),
        RidgeClassifier(),
        make_pipeline(StandardScaler(), linear_svc()),
        RandomForestClassifier(n_estimators=20, random_state=0),
    ],
    ids=lambda learner: type(learner).__name__,
)
def test_any_classifier_of_scikit_learn_gives_probabilities(small_model, three, learner):
    classifier = ScikitClassifier(small_model(["cup", "fork", "plate"]), learner)
    assert classifier.train(three, progress=False) is classifier
    scores = classifier.score(three)
    assert scores.shape == (24, 3)
    assert scores.dtype == np.float32
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert (scores >= 0).all()
    assert (scores.argmax(axis=1) == three.label_indices).mean() > 0.9
    features = classifier.model.featurize(three)
    assert np.array_equal(scores.argmax(axis=1), learner.predict(features))


def test_without_a_learner_it_is_a_balanced_linear_support_vector_machine(small_model):
    learner = ScikitClassifier(small_model()).learner
    assert isinstance(learner, LinearSVC)
    assert (learner.C, learner.class_weight) == (1.0, "balanced")


@pytest.mark.parametrize("learner", [linear_svc(), LogisticRegression()])
def test_two_classes_have_two_columns(small_model, photos, learner):
    scores = ScikitClassifier(small_model(), learner).train(photos, progress=False).score(photos)
    assert scores.shape == (10, 2)
    assert np.array_equal(scores.argmax(axis=1), photos.label_indices)


def test_columns_are_those_of_the_model(small_model, photos):
    model = small_model(class_map={0: "plate", 1: "cup"})
    classifier = ScikitClassifier(model, linear_svc()).train(photos, progress=False)
    assert classifier.class_map == {0: "plate", 1: "cup"}
    assert np.array_equal(classifier.score(photos).argmax(axis=1), 1 - photos.label_indices)
    assert classifier.predict(photos) == ["cup"] * 5 + ["plate"] * 5


@pytest.mark.parametrize("learner", [linear_svc(), LogisticRegression()])
def test_a_class_without_training_photos_has_score_0(small_model, photos, learner):
    model = small_model(["bowl", "cup", "fork", "plate"])
    scores = ScikitClassifier(model, learner).train(photos, progress=False).score(photos)
    assert (scores[:, [0, 2]] == 0).all()
    assert np.allclose(scores.sum(axis=1), 1)
    assert scores[0].argmax() == 1
    assert scores[9].argmax() == 3


def test_photos_that_cannot_be_read_or_have_no_label_are_left_out(small_model, photos):
    photos.change_label_for_image(photos.images[4], [])
    for row in (0, 9):
        with open(photos.paths[row], "wb") as file:
            file.write(b"not a photo")
    classifier = ScikitClassifier(small_model(), linear_svc()).train(photos, progress=False)
    unreadable = [photos.paths[0], photos.paths[9]]
    assert [problem.path for problem in photos.problems] == unreadable

    scores = classifier.score(photos)
    assert np.isnan(scores[[0, 9]]).all()
    assert np.isfinite(scores[1:9]).all()
    assert classifier.predict(photos) == [None] + ["cup"] * 4 + ["plate"] * 4 + [None]
    assert [problem.path for problem in photos.problems] == unreadable


def test_when_no_photo_can_be_read_there_are_no_scores(fitted):
    assert np.isnan(fitted.score([b"", b"no photo"])).all()
    assert fitted.predict([b""]) == [None]


def test_refining_the_base_model_later_does_not_change_it(small_model, photos, tmp_path):
    model = small_model()
    classifier = ScikitClassifier(model, linear_svc()).train(photos, progress=False)
    before = classifier.score(photos)
    model.train(photos, 0.05, num_epochs=1, progress=False)
    assert np.array_equal(classifier.score(photos), before)
    saved = load_classifier(classifier.serialize(tmp_path / "svm.model"))
    assert np.array_equal(saved.score(photos), before)
    classifier.train(photos, progress=False)
    assert not np.array_equal(classifier.score(photos), before)


# -- what is refused ----------------------------------------------------------------------------


def test_before_training_there_is_nothing_to_score_or_save(small_model, photos, tmp_path):
    classifier = ScikitClassifier(small_model())
    with pytest.raises(TrainingError, match=r"not trained yet: call train\(\) first"):
        classifier.score(photos)
    with pytest.raises(TrainingError, match="not trained yet"):
        classifier.serialize(tmp_path / "svm.model")
    assert list(tmp_path.glob("*.model")) == []


def test_one_class_is_not_enough(small_model, photos):
    classifier = ScikitClassifier(small_model(), linear_svc())
    with pytest.raises(TrainingError, match="not of two or more classes"):
        classifier.train(photos.take(range(5)), progress=False)
    for path in photos.paths[5:]:
        with open(path, "wb"):
            pass
    with pytest.raises(TrainingError, match="that can be used are not of two or more classes"):
        classifier.train(photos, progress=False)


def test_a_class_that_the_model_does_not_know_is_named(small_model, photos):
    with pytest.raises(TrainingError, match="training set has photos of plate"):
        ScikitClassifier(small_model(["cup", "bowl"])).train(photos, progress=False)


def test_what_a_learner_refuses_is_said_and_the_classifier_is_untrained_then(small_model, photos):
    learner = linear_svc()
    classifier = ScikitClassifier(small_model(), learner).train(photos, progress=False)
    learner.C = -1
    with pytest.raises(TrainingError, match=r"LinearSVC\(C=-1.*\) cannot be fitted: .*C"):
        classifier.train(photos, progress=False)
    with pytest.raises(TrainingError, match="not trained yet"):
        classifier.score(photos)


@pytest.mark.parametrize("learner", [LinearRegression(), "svm"])
def test_a_learner_without_scores_is_refused(small_model, photos, learner):
    with pytest.raises(TrainingError, match="neither probabilities .* nor decision values"):
        ScikitClassifier(small_model(), learner).train(photos, progress=False)


def test_decision_values_of_pairs_of_classes_are_refused(small_model, tmp_path):
    four = draw(tmp_path / "four", count=3, bowl=40, cup=100, fork=160, plate=220)
    classifier = ScikitClassifier(
        small_model(["bowl", "cup", "fork", "plate"]), SVC(decision_function_shape="ovo")
    )
    with pytest.raises(TrainingError, match="one decision value for each of the 4 classes"):
        classifier.train(four, progress=False)


def test_a_classifier_says_what_it_is(fitted):
    assert repr(fitted) == (
        "<ScikitClassifier LinearSVC(C=0.1, random_state=0) over "
        "<TransferLearningModel squeezenet1.1 (3, 64, 64): cup, plate>>"
    )


# -- calibration --------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_calibrated_scores_are_better_than_plain_softmax_on_held_out_photos(
    small_model, tmp_path, scale
):
    """Whether the learner is too sure of itself or not sure enough."""
    names = ["cup", "fork", "plate"]
    brightness = dict(zip(names, (90, 120, 150), strict=True))
    train_set = draw(tmp_path / "train", 1, 25, 30, **brightness)
    test_set = draw(tmp_path / "test", 2, 25, 30, **brightness)
    # Without regularization the decision values are large.
    learner = make_pipeline(StandardScaler(), PCA(4), SVC(C=scale, kernel="linear"))
    classifier = ScikitClassifier(small_model(names), learner).train(train_set, progress=False)
    assert classifier.temperature != 1.0
    truth = test_set.label_indices
    calibrated = log_loss(truth, classifier.score(test_set))
    classifier.temperature = 1.0
    plain = log_loss(truth, classifier.score(test_set))
    assert calibrated < plain


def test_copies_of_a_photo_do_not_make_the_scores_surer(small_model, tmp_path):
    """A copy is held out with its original, else the learner would be tested on what it knows."""
    names = ["cup", "plate"]
    photos = draw(tmp_path, 3, 45, 20, cup=110, plate=140)
    with_copies = ClassificationDataset.create_from_frame("copies", photos.to_frame())
    for _ in range(3):
        for image in photos.images:
            with_copies.add_image(image.storage_path, image.labels, origin_id=image.storage_id)
    # Knows what it was fitted on by heart.
    once, often = (
        ScikitClassifier(small_model(names), SVC(C=100.0)).train(dataset, progress=False)
        for dataset in (photos, with_copies)
    )
    assert often.temperature > once.temperature / 2


def test_too_few_photos_for_calibration_leave_the_temperature_at_1(small_model, photos):
    few = photos.take([0, 1, 5, 6])
    classifier = ScikitClassifier(small_model(), linear_svc()).train(few, progress=False)
    assert classifier.temperature == 1.0


def test_a_learner_that_refuses_two_thirds_of_the_photos_is_not_calibrated(
    small_model, photos, caplog
):
    learner = make_pipeline(PCA(9), linear_svc())
    classifier = ScikitClassifier(small_model(), learner).train(photos, progress=False)
    assert classifier.temperature == 1.0
    assert "The scores are not calibrated" in caplog.text
    assert np.isfinite(classifier.score(photos)).all()


def test_a_learner_that_has_probabilities_is_left_alone(small_model, photos):
    learner = LogisticRegression()
    classifier = ScikitClassifier(small_model(), learner).train(photos, progress=False)
    assert classifier.temperature == 1.0
    expected = learner.predict_proba(classifier.model.featurize(photos))
    assert np.allclose(classifier.score(photos), expected)
