"""A base model with a head: what it is made of, scoring, and its file."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import safetensors.numpy
from PIL import Image

from jupyter_imgcls.classifiers import TransferLearningModel, load_classifier
from jupyter_imgcls.classifiers.artifact import Artifact
from jupyter_imgcls.data import Label
from jupyter_imgcls.errors import (
    ArtifactError,
    TrainingError,
    UnknownBaseModelError,
    WeightsError,
)
from jupyter_imgcls.scoring import onnx_scorer

from . import changed_file

# -- what it is made of -------------------------------------------------------------------------


def test_classes_are_given_by_name_or_label_and_their_order_is_that_of_the_scores(small_model):
    assert small_model(["plate", Label("cup")]).class_map == {0: "plate", 1: "cup"}


def test_a_class_map_says_which_column_is_which_class(small_model, photos):
    model = small_model(["cup", "plate"], class_map={1: "cup", 0: Label("plate")})
    assert [label.name for label in model.labels] == ["plate", "cup"]
    model.train(photos, 0.02, batch_size=5, num_epochs=4, progress=False)
    scores = model.score(photos)
    cups, plates = scores[:5].mean(axis=0), scores[5:].mean(axis=0)
    assert cups[1] > plates[1]
    assert plates[0] > cups[0]


@pytest.mark.parametrize(
    ("labels", "class_map"),
    [
        ([], None),
        (["cup", "cup"], None),
        ("cup", None),
        (["cup", "plate"], {0: "cup"}),
        (["cup", "plate"], {0: "cup", 1: "cup"}),
        (["cup", "plate"], {1: "cup", 2: "plate"}),
        (["cup", "plate"], {"0": "cup", "1": "plate"}),
        (["cup", "plate"], {0: "cup", 1: "bowl"}),
    ],
)
def test_classes_that_make_no_sense_are_refused(small_model, labels, class_map):
    with pytest.raises(TrainingError, match="labels|class_map"):
        small_model(labels, class_map=class_map)


@pytest.mark.parametrize("dims", [(3, 63, 64), (3, 64, 1025), (1, 64, 64), (64, 64), (3, 64.5, 64)])
def test_image_dims_are_channels_height_and_width_from_64_to_1024(small_model, dims):
    with pytest.raises(TrainingError, match=r"give \(3, height, width\).*from 64 to 1024"):
        small_model(image_dims=dims)


def test_a_base_model_that_there_is_not_is_refused():
    with pytest.raises(UnknownBaseModelError, match="resnet19"):
        TransferLearningModel(["cup"], "resnet19")


def test_a_model_says_what_it_is(small_model):
    assert repr(small_model()) == "<TransferLearningModel squeezenet1.1 (3, 64, 64): cup, plate>"


# -- scoring ------------------------------------------------------------------------------------


def test_scores_are_probabilities_and_the_prediction_is_the_highest(small_model, photos):
    model = small_model()
    scores = model.score(photos)
    assert scores.shape == (10, 2)
    assert scores.dtype == np.float32
    assert np.allclose(scores.sum(axis=1), 1)
    best = [model.class_map[column] for column in scores.argmax(axis=1)]
    assert model.predict(photos) == best


def test_one_photo_can_be_scored_as_file_bytes_or_array(small_model, photos):
    model = small_model()
    path = photos.paths[0]
    with open(path, "rb") as file:
        content = file.read()
    expected = model.score([path])
    assert expected.shape == (1, 2)
    for photo in (path, content, np.asarray(Image.open(path)), photos.images[0]):
        assert np.allclose(model.score(photo), expected, atol=1e-6)


def test_features_are_a_row_a_photo(small_model, photos):
    model = small_model()
    features = model.featurize(photos, batch_size=3)
    assert features.shape == (10, model.base_model.feature_size)
    assert np.array_equal(features, model.featurize(photos, batch_size=32))


def test_a_photo_that_cannot_be_read_has_no_scores_and_no_prediction(small_model, photos):
    model = small_model()
    with open(photos.paths[1], "wb") as file:
        file.write(b"not a photo")
    scores = model.score(photos)
    assert np.isnan(scores[1]).all()
    assert np.isfinite(np.delete(scores, 1, axis=0)).all()
    assert [problem.path for problem in photos.problems] == [photos.paths[1]]
    predictions = model.predict(photos)
    assert predictions[1] is None
    assert None not in predictions[:1] + predictions[2:]


# -- saving -------------------------------------------------------------------------------------


@pytest.fixture
def trained(small_model, photos):
    model = small_model()
    model.train(photos, 0.01, num_epochs=1, eval_dataset=photos, progress=False)
    return model


def test_a_saved_model_scores_the_same_to_the_bit(trained, photos, tmp_path):
    file = trained.serialize(tmp_path / "cups.model")
    for loaded in (TransferLearningModel.deserialize(file), load_classifier(file)):
        assert type(loaded) is TransferLearningModel
        assert loaded.class_map == trained.class_map
        assert loaded.base_model == trained.base_model
        assert loaded.image_dims == (3, 64, 64)
        assert loaded.history == trained.history
        assert loaded.train_eval_accs == trained.train_eval_accs
        assert np.array_equal(loaded.score(photos), trained.score(photos))
        assert np.array_equal(loaded.featurize(photos), trained.featurize(photos))


def test_a_loaded_model_can_be_trained_further_like_the_one_that_was_saved(
    trained, photos, tmp_path
):
    loaded = TransferLearningModel.deserialize(trained.serialize(tmp_path / "cups.model"))
    for model in (trained, loaded):
        model.train(photos, 0.01, num_epochs=1, progress=False)
    assert np.array_equal(loaded.score(photos), trained.score(photos))


def test_a_copy_does_not_change_with_the_original(trained, photos):
    copy = trained.copy()
    before = trained.score(photos)
    trained.train(photos, 0.01, num_epochs=2, progress=False)
    assert np.array_equal(copy.score(photos), before)
    assert len(copy.history) == 1
    copy.train(photos, 0.01, num_epochs=2, progress=False)
    assert np.array_equal(copy.score(photos), trained.score(photos))


@pytest.fixture(scope="module")
def untrained(small_model):
    return small_model().to_artifact()


@pytest.fixture
def saved(untrained, tmp_path):
    return untrained.write(tmp_path / "cups.model")


def rewrite(file, entries=None, **values):
    """Change values of the manifest, or entries; the sums are made to fit."""
    manifest, contents = changed_file.read(file)
    contents |= entries or {}
    changed_file.write(file, manifest | {"sha256": changed_file.sums(contents)} | values, contents)


@pytest.mark.parametrize(
    "values",
    [
        {"class_map": "cup"},
        {"class_map": 5},
        {"class_map": ["cup", 2]},
        {"class_map": ["cup", "cup"]},
        {"class_map": ["cup", "plate", "bowl"]},
        {"class_map": []},
        {"base_model": "resnet19"},
        {"base_model": ["squeezenet1.1"]},
        {"image_dims": [3, 64]},
        {"image_dims": None},
        {"image_dims": [3, 64, 65]},
        {"image_dims": [3, 64, 10**9]},
        {"backend": None},
        {"backend": "caffe"},
        {"preprocessing": None},
        {"preprocessing": {"height": 64}},
        {"history": 3},
        {"history": [{"epoch": 1}]},
    ],
)
def test_a_manifest_of_wrong_values_is_refused(saved, values):
    rewrite(saved, **values)
    with pytest.raises(ArtifactError):
        TransferLearningModel.deserialize(saved)


@pytest.mark.parametrize("key", ["class_map", "base_model", "history", "backend"])
def test_a_manifest_without_a_value_is_refused(saved, key):
    artifact = Artifact.read(saved, TransferLearningModel.kind)
    manifest = {name: value for name, value in artifact.manifest.items() if name != key}
    with pytest.raises(ArtifactError, match=f"manifest is not valid .*{key}"):
        TransferLearningModel.from_artifact(Artifact(artifact.kind, manifest, artifact.entries))


@pytest.mark.parametrize("name", ["model.onnx", "weights.safetensors"])
@pytest.mark.parametrize("content", [b"", b"\xff" * 100])
def test_contents_that_are_not_what_they_are_called_are_refused(saved, name, content):
    rewrite(saved, {name: content})
    with pytest.raises(ArtifactError):
        TransferLearningModel.deserialize(saved)


@pytest.mark.parametrize("absolute", [True, False])
def test_a_network_that_would_read_the_users_files_is_refused(
    saved, tmp_path, monkeypatch, absolute
):
    """ONNX lets weights stand in other files, which end up in the scores."""
    secret = tmp_path / "secret.bin"
    network = onnx.load_from_string(
        Artifact.read(saved, TransferLearningModel.kind).entry("model.onnx")
    )
    weight = next(weight for weight in network.graph.initializer if len(weight.raw_data) > 1000)
    secret.write_bytes(weight.raw_data)
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=str(secret) if absolute else secret.name)
    rewrite(saved, {"model.onnx": network.SerializeToString()})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactError, match="External data path"):
        TransferLearningModel.deserialize(saved)


def changed_network(saved, change):
    """The file with a network that was changed by hand; its sums fit."""
    network = onnx.load_from_string(
        Artifact.read(saved, TransferLearningModel.kind).entry("model.onnx")
    )
    change(network.graph)
    rewrite(saved, {"model.onnx": network.SerializeToString()})


def end_with(*nodes, shape):
    """Compute the logits from the former ones, which are called "before" from now on."""

    def change(graph):
        for node in graph.node:
            node.output[:] = ["before" if name == "logits" else name for name in node.output]
        graph.node.extend(nodes)
        output = next(put for put in graph.output if put.name == "logits")
        output.CopyFrom(onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, shape))

    return change


def test_a_network_that_gives_one_number_for_all_photos_is_refused(saved):
    total = onnx.helper.make_node("ReduceMax", ["before"], ["logits"], keepdims=0)
    changed_network(saved, end_with(total, shape=[]))
    with pytest.raises(ArtifactError, match="does not fit its preprocessing"):
        TransferLearningModel.deserialize(saved)


def test_a_network_whose_scores_are_no_numbers_is_refused(saved):
    root = onnx.helper.make_node("Log", ["negative"], ["logits"])
    square = onnx.helper.make_node("Mul", ["before", "before"], ["square"])
    negative = onnx.helper.make_node("Neg", ["square"], ["negative"])
    changed_network(saved, end_with(square, negative, root, shape=["n", 2]))
    with pytest.raises(ArtifactError, match="logits that are no row of finite numbers"):
        TransferLearningModel.deserialize(saved)


def test_a_network_that_never_ends_is_given_up(saved, monkeypatch):
    monkeypatch.setattr(onnx_scorer, "_PROBE_S", 0.5)
    condition = onnx.helper.make_tensor_value_info("go", onnx.TensorProto.BOOL, [])
    turn = onnx.helper.make_tensor_value_info("turn", onnx.TensorProto.INT64, [])
    went = onnx.helper.make_tensor_value_info("went", onnx.TensorProto.BOOL, [])
    value = onnx.helper.make_tensor_value_info("value", onnx.TensorProto.FLOAT, ["n", 2])
    same = onnx.helper.make_tensor_value_info("same", onnx.TensorProto.FLOAT, ["n", 2])
    body = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Identity", ["go"], ["went"]),
            onnx.helper.make_node("Identity", ["value"], ["same"]),
        ],
        "body",
        [turn, condition, value],
        [went, same],
    )
    forever = onnx.helper.make_node("Loop", ["most", "", "before"], ["logits"], body=body)
    most = onnx.helper.make_tensor("most", onnx.TensorProto.INT64, [], [2**62])

    def change(graph):
        end_with(forever, shape=["n", 2])(graph)
        graph.initializer.append(most)

    changed_network(saved, change)
    with pytest.raises(ArtifactError, match="cannot score a photo"):
        TransferLearningModel.deserialize(saved)


def test_weights_of_another_network_are_refused_when_they_are_needed(saved, photos):
    rewrite(saved, {"weights.safetensors": safetensors.numpy.save({"a": np.zeros(2)})})
    model = TransferLearningModel.deserialize(saved)
    with pytest.raises(WeightsError, match="do not fit squeezenet1.1"):
        model.train(photos, progress=False)
    assert np.isfinite(model.score(photos)).all()
