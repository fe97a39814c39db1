"""The file of a scikit-learn classifier: the same scores, and nothing hostile in it is run."""

from __future__ import annotations

import copy
import io
import json
import zipfile

import numpy as np
import pytest
import skops.io
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC

from jupyter_imgcls.classifiers import ScikitClassifier, TransferLearningModel, load_classifier
from jupyter_imgcls.classifiers.artifact import Artifact
from jupyter_imgcls.errors import ArtifactError, TrainingError

from ...conftest import draw_photos
from .test_scikit import draw, linear_svc


@pytest.fixture(scope="module")
def fitted(small_model, tmp_path_factory):
    photos = draw_photos(tmp_path_factory.mktemp("photos"))
    return ScikitClassifier(small_model(), linear_svc()).train(photos, progress=False)


@pytest.mark.parametrize(
    "learner",
    [
        linear_svc(),
        LogisticRegression(),
        SVC(),
        make_pipeline(StandardScaler(), SVC()),
        CalibratedClassifierCV(linear_svc(), cv=2),
        MLPClassifier((8,), solver="adam", random_state=0, tol=1.0),
    ],
    ids=lambda learner: type(learner).__name__,
)
def test_a_saved_classifier_scores_the_same_to_the_bit(small_model, photos, tmp_path, learner):
    classifier = ScikitClassifier(small_model(), learner).train(photos, progress=False)
    file = classifier.serialize(tmp_path / "svm.model")
    for loaded in (ScikitClassifier.deserialize(file), load_classifier(file)):
        assert type(loaded) is ScikitClassifier
        assert type(loaded.learner) is type(learner)
        assert loaded.temperature == classifier.temperature
        assert np.array_equal(loaded.score(photos), classifier.score(photos))


def test_a_loaded_classifier_can_be_trained_again(fitted, photos, tmp_path):
    loaded = ScikitClassifier.deserialize(fitted.serialize(tmp_path / "svm.model"))
    assert np.array_equal(loaded.train(photos, progress=False).score(photos), fitted.score(photos))


def test_each_kind_is_loaded_as_what_it_is(fitted, tmp_path):
    svm = fitted.serialize(tmp_path / "svm.model")
    network = fitted.model.serialize(tmp_path / "network.model")
    with pytest.raises(ArtifactError, match="of the kind 'network and estimator', not 'network'"):
        TransferLearningModel.deserialize(svm)
    with pytest.raises(ArtifactError, match="of the kind 'network', not 'network and estimator'"):
        ScikitClassifier.deserialize(network)


def halve(features):
    return features / 2


@pytest.mark.parametrize(
    ("learner", "held"),
    [
        (RandomForestClassifier(2, random_state=0), r"sklearn\.tree\._tree\.Tree"),
        (make_pipeline(FunctionTransformer(halve), linear_svc()), r"test_scikit_saving\.halve"),
    ],
)
def test_what_would_not_be_safe_to_load_is_not_saved(small_model, photos, tmp_path, learner, held):
    classifier = ScikitClassifier(small_model(), learner).train(photos, progress=False)
    with pytest.raises(TrainingError, match=f"cannot be saved so that it is safe.*{held}"):
        classifier.serialize(tmp_path / "svm.model")
    assert list(tmp_path.glob("*.model")) == []


class Hostile:
    """Writes a file when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return open, (self.file, "w")


def with_head(classifier, head, file, **values):
    """A classifier's file with another estimator in it, all sums right."""
    artifact = classifier.model.to_artifact()
    manifest = {**artifact.manifest, "temperature": 1.0} | values
    return Artifact(
        ScikitClassifier.kind, manifest, {**artifact.entries, "head.skops": head}
    ).write(file)


def test_a_hostile_estimator_is_refused_and_not_run(fitted, tmp_path):
    trap = tmp_path / "trap"
    learner = clone(fitted.learner)
    learner.extra = Hostile(str(trap))
    for head in (skops.io.dumps(learner), skops.io.dumps(Hostile(str(trap)))):
        file = with_head(fitted, head, tmp_path / "svm.model")
        with pytest.raises(ArtifactError, match="refused: .* not known to be safe .*Hostile"):
            ScikitClassifier.deserialize(file)
    assert not trap.exists()


@pytest.mark.parametrize("loader", ["FunctionNode", "TypeNode", "MethodNode", "OperatorFuncNode"])
@pytest.mark.parametrize(
    ("module", "name"), [("os", "system"), ("builtins", "eval"), ("subprocess", "Popen")]
)
def test_a_function_of_the_system_in_an_estimator_is_refused(
    fitted, tmp_path, loader, module, name
):
    node = {"__class__": name, "__module__": module, "__loader__": loader, "__id__": 1}
    schema = {
        **node,
        "content": {**node, "func": name, "obj": node, "attrs": node, "function": name},
        "attrs": node,
        "protocol": 2,
        "_skops_version": skops.__version__,
    }
    head = io.BytesIO()
    with zipfile.ZipFile(head, "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
    with pytest.raises(ArtifactError):
        ScikitClassifier.deserialize(with_head(fitted, head.getvalue(), tmp_path / "svm.model"))


def test_an_estimator_that_grows_when_it_is_read_is_refused(fitted, tmp_path):
    head = skops.io.dumps(fitted.learner, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ArtifactError, match="compressed data"):
        ScikitClassifier.deserialize(with_head(fitted, head, tmp_path / "svm.model"))


@pytest.mark.parametrize("change", [lambda head: b"", lambda head: head[:-30], lambda head: b"PK"])
def test_a_damaged_estimator_is_refused(fitted, tmp_path, change):
    head = change(skops.io.dumps(fitted.learner))
    with pytest.raises(ArtifactError, match="damaged"):
        ScikitClassifier.deserialize(with_head(fitted, head, tmp_path / "svm.model"))


@pytest.mark.parametrize("thing", [{"a": 1}, LinearSVC(), [1, 2]])
def test_what_is_no_fitted_estimator_is_refused(fitted, tmp_path, thing):
    file = with_head(fitted, skops.io.dumps(thing), tmp_path / "svm.model")
    with pytest.raises(ArtifactError, match="its classes do not fit together"):
        ScikitClassifier.deserialize(file)


def test_an_estimator_of_more_classes_is_refused(fitted, small_model, tmp_path):
    three = draw(tmp_path / "three", cup=50, fork=125, plate=200)
    other = ScikitClassifier(small_model(["cup", "fork", "plate"]), linear_svc())
    other.train(three, progress=False)
    file = with_head(fitted, skops.io.dumps(other.learner), tmp_path / "svm.model")
    with pytest.raises(ArtifactError, match="its classes do not fit together"):
        ScikitClassifier.deserialize(file)


def test_an_estimator_of_other_features_is_refused(fitted, tmp_path):
    other = clone(fitted.learner).fit(np.eye(2, 7), [0, 1])
    file = with_head(fitted, skops.io.dumps(other), tmp_path / "svm.model")
    with pytest.raises(ArtifactError, match="its estimator does not fit its network"):
        ScikitClassifier.deserialize(file)


def test_an_estimator_that_scores_no_numbers_is_refused(fitted, tmp_path):
    other = copy.deepcopy(fitted.learner)
    other.coef_[:] = np.nan
    file = with_head(fitted, skops.io.dumps(other), tmp_path / "svm.model")
    with pytest.raises(ArtifactError, match="damaged: its (scores|estimator)"):
        ScikitClassifier.deserialize(file)


@pytest.mark.parametrize("temperature", [None, "1", 1, 0.0, -1.0, 5e-324, 1e300])
def test_a_temperature_that_is_none_is_refused(fitted, tmp_path, temperature):
    head = skops.io.dumps(fitted.learner)
    file = with_head(fitted, head, tmp_path / "svm.model", temperature=temperature)
    with pytest.raises(ArtifactError, match="temperature is not valid"):
        ScikitClassifier.deserialize(file)
