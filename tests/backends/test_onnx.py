"""What needs no training framework: EfficientNet-Lite0 in ONNX Runtime, and training its head."""

import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from jupyter_imgcls.backends import get_backend
from jupyter_imgcls.backends.base_models import get_base_model
from jupyter_imgcls.backends.efficientnet_lite0 import same_padding, shapes
from jupyter_imgcls.backends.onnx.network import OnnxNetwork
from jupyter_imgcls.errors import BackendUnavailableError, TrainingError, WeightsError
from jupyter_imgcls.scoring import OnnxScorer, Preprocessing
from tests.conftest import save_photo

LITE0 = get_base_model("efficientnet_lite0")
CLASSES = 3
NO_FRAMEWORK = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in ("mxnet", "gluoncv", "torch"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
"""


def gluon():
    try:
        return get_backend("gluon")
    except BackendUnavailableError as error:
        pytest.skip(str(error))


def build(backend, weights="pretrained", dims=(3, 64, 64), model=LITE0, seed=0):
    return backend.build(model, CLASSES, dims, weights=weights, device="cpu", seed=seed)


def batch(dims=(3, 64, 64), count=6):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(count, *dims)).astype(np.float32)
    return images, rng.integers(CLASSES, size=count)


def start(network, **options):
    options = {"trainable": "head", "momentum": 0.9, "l2": 5e-4, "precision": "fp32"} | options
    network.start_training(seed=0, **options)
    network.start_epoch(0)


def scores(network, images, output="logits"):
    preprocessing = Preprocessing.for_base_model(LITE0, images.shape[1:])
    return OnnxScorer(network.to_onnx(), preprocessing).run_arrays(images, output)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [(224, 3, 2, (0, 1)), (225, 3, 2, (1, 1)), (112, 5, 2, (1, 2)), (7, 5, 1, (2, 2))],
)
def test_same_padding_puts_the_odd_zero_after_as_tensorflow_does(size, kernel, stride, padding):
    assert same_padding(size, kernel, stride) == padding


@pytest.mark.parametrize("dims", [(3, 224, 224), (3, 225, 97), (3, 64, 320)])
def test_it_is_the_network_that_gluon_exports(dims):
    ours, theirs = build(get_backend("onnx"), dims=dims), build(gluon(), dims=dims)
    images, _ = batch(dims)
    for output in ("features", "logits"):
        expected = scores(theirs, images, output)
        np.testing.assert_allclose(scores(ours, images, output), expected, atol=1e-4)
    mine, other = ours.get_weights(), theirs.get_weights()
    assert mine.keys() == other.keys()
    assert all(np.array_equal(mine[name], other[name]) for name in other), "also the new head"


def test_its_parameters_are_those_of_the_published_network():
    named = shapes()
    assert named["_blocks.3._depthwise_conv.weight"] == (144, 1, 5, 5)
    parameters = sum(int(np.prod(shape)) for name, shape in named.items() if "running" not in name)
    assert parameters + 1000 * (LITE0.feature_size + 1) == LITE0.parameters


def test_a_head_is_trained_as_gluon_trains_it():
    resnet = get_base_model("resnet18")  # its head has no dropout
    theirs = build(gluon(), "random", model=resnet)
    ours = OnnxNetwork(resnet, theirs.to_onnx(), theirs.get_weights())
    images, labels = batch()
    losses = []
    for network in (ours, theirs):
        start(network)
        losses.append([network.train_batch(images, labels, 1e-4)[0] for _ in range(4)])
    np.testing.assert_allclose(*losses, rtol=1e-4)
    mine, other = ours.get_weights(), theirs.get_weights()
    np.testing.assert_allclose(mine["head.weight"], other["head.weight"], atol=1e-4)
    np.testing.assert_allclose(ours.predict(images), theirs.predict(images), rtol=1e-3, atol=1e-3)
    onnx = ours.to_onnx()
    np.testing.assert_allclose(
        OnnxNetwork(resnet, onnx, mine).predict(images), ours.predict(images), atol=1e-4
    )


def test_it_learns_and_its_model_has_the_new_head():
    network = build(get_backend("onnx"))
    images, labels = batch()
    before = scores(network, images)
    start(network)
    losses = [network.train_batch(images, labels, 0.01)[0] for _ in range(30)]
    assert losses[-1] < losses[0] / 4
    assert (network.predict(images).argmax(1) == labels).all()
    after = scores(network, images)
    np.testing.assert_allclose(after, network.predict(images), atol=1e-4)
    assert not np.allclose(before, after)


def test_a_training_that_goes_on_equals_one_that_was_not_interrupted():
    images, labels = batch()
    whole = build(get_backend("onnx"))
    start(whole)
    for epoch in range(2):
        whole.start_epoch(epoch)
        whole.train_batch(images, labels, 0.01)

    first, second = build(get_backend("onnx")), build(get_backend("onnx"), seed=1)
    start(first)
    first.train_batch(images, labels, 0.01)
    second.set_weights(first.get_weights())
    start(second)
    second.set_optimizer_state(first.get_optimizer_state())
    second.start_epoch(1)
    second.train_batch(images, labels, 0.01)
    for name, value in whole.get_weights().items():
        assert np.array_equal(second.get_weights()[name], value), name


def test_what_it_cannot_do_is_said():
    network = build(get_backend("onnx"))
    with pytest.raises(BackendUnavailableError, match=r'train\(trainable="head"\)'):
        start(network, trainable="all")
    with pytest.raises(TrainingError, match="fp32"):
        start(network, precision="bf16")
    start(network)
    weights = network.get_weights()
    with pytest.raises(WeightsError, match=r"another efficientnet_lite0: body\._bn0\.beta differs"):
        network.set_weights(weights | {"body._bn0.beta": weights["body._bn0.beta"] + 1})
    with pytest.raises(WeightsError, match=r"head\.bias has shape \(5,\) instead of \(3,\)"):
        network.set_weights(weights | {"head.bias": np.zeros(5, np.float32)})
    with pytest.raises(WeightsError, match="optimizer state belongs to another"):
        network.set_optimizer_state({"head.bias": np.zeros(3, np.float32)})
    with pytest.raises(BackendUnavailableError, match=r"resnet18 needs .*jupyter_imgcls\[gluon\]"):
        build(get_backend("onnx"), model=get_base_model("resnet18"))
    with pytest.raises(BackendUnavailableError, match="on the CPU"):
        get_backend("onnx").build(LITE0, 2, (3, 64, 64), weights="random", device="gpu(0)", seed=0)


def test_weights_of_ones_own_are_taken(tmp_path):
    random = build(get_backend("onnx"), "random").get_weights()
    body = {name[5:]: value for name, value in random.items() if name.startswith("body.")}
    save_file(body, tmp_path / "mine.safetensors")
    network = build(get_backend("onnx"), tmp_path / "mine.safetensors")
    assert np.array_equal(
        network.get_weights()["body._conv_head.weight"], body["_conv_head.weight"]
    )
    save_file({"_conv_stem.weight": body["_conv_stem.weight"]}, tmp_path / "part.safetensors")
    with pytest.raises(WeightsError, match="does not fit efficientnet_lite0: it lacks"):
        build(get_backend("onnx"), tmp_path / "part.safetensors")


def test_the_way_from_a_folder_to_a_saved_model_without_a_framework(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(8):
        save_photo(tmp_path / "photos" / "ab"[number % 2] / f"{number}.jpg", int(rng.integers(99)))
    program = NO_FRAMEWORK + (
        "from pathlib import Path\n"
        "from jupyter_imgcls import *\n"
        f"root = Path({str(tmp_path)!r})\n"
        "Context.create(root, root, root)\n"
        "data = ClassificationDataset.create_from_dir('ab', root / 'photos')\n"
        "model = TransferLearningModel(data.labels, image_dims=(3, 64, 64))\n"
        "assert model.featurize(data).shape == (8, 1280)\n"
        "svm = ScikitClassifier(model)\n"
        "svm.train(data)\n"
        "assert ClassificationEvaluation(svm, data).compute_accuracy() > 0.9\n"
        "model.train(data, [0.05] * 5, 4, trainable='head', progress=False)\n"
        "again = load_classifier(model.serialize(root / 'ab.model'))\n"
        "assert (again.score(data) == model.score(data)).all()\n"
        "again.train(data, 0.01, 4, progress=False)\n"
        "try:\n"
        "    again.train(data, 0.01, 4, trainable='all', progress=False)\n"
        "except ImgclsError as error:\n"
        "    print(error)\n"
        "assert not (again.score(data) == model.score(data)).all()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "needs a training framework, and none loads here" in done.stdout
    assert "jupyter_imgcls[gluon]" in done.stdout
    assert "Only the head of the network is trained" in done.stderr


def test_no_framework_is_imported_before_it_is_needed(tmp_path):
    save_photo(tmp_path / "photos" / "a" / "0.jpg")
    program = (
        "import sys\nfrom jupyter_imgcls import *\n"
        f"data = ClassificationDataset.create_from_dir('a', {str(tmp_path / 'photos')!r})\n"
        "TransferLearningModel(['a', 'b'], image_dims=(3, 64, 64)).featurize(data)\n"
        "print({'mxnet', 'gluoncv', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "set()", done.stderr
