"""What is particular to the PyTorch backend: the same networks as in Gluon, its devices, bfloat16.

What every backend must do is in tests/backends/test_conformance.py.
"""

import numpy as np
import pytest

from jupyter_imgcls.backends import get_backend
from jupyter_imgcls.backends.base_models import BASE_MODELS
from jupyter_imgcls.backends.torch_runtime import import_torch, parse_device
from jupyter_imgcls.classifiers import TransferLearningModel, load_classifier
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.errors import BackendUnavailableError
from tests.conftest import save_photo

FAMILIES = ["efficientnet_lite0", "resnet18", "squeezenet1.1", "mobilenetv2"]
LARGE = ["alexnet", "resnet34", "resnet50", "resnet101", "resnet152"]
CLASSES = 3

try:
    torch = import_torch()
except BackendUnavailableError as error:
    pytest.skip(str(error), allow_module_level=True)


def gluon():
    try:
        return get_backend("gluon")
    except BackendUnavailableError as error:
        pytest.skip(str(error))


def build(backend, name, size=(64, 64)):
    return backend.build(
        BASE_MODELS[name], CLASSES, (3, *size), weights="random", device="cpu", seed=0
    )


def photos(count=4, size=(64, 64)):
    return np.random.default_rng(0).normal(size=(count, 3, *size)).astype(np.float32)


@pytest.mark.parametrize("size", [(64, 64), (97, 130)])
@pytest.mark.parametrize(
    "name", [*FAMILIES, *(pytest.param(name, marks=pytest.mark.long) for name in LARGE)]
)
def test_it_is_the_same_network_as_in_gluon(name, size):
    ours, theirs = build(get_backend("torch"), name, size), build(gluon(), name, size)
    mine, other = ours.get_weights(), theirs.get_weights()
    assert mine.keys() == other.keys()
    assert all(np.array_equal(mine[key], other[key]) for key in other)
    for compute in ("featurize", "predict"):
        expected = getattr(theirs, compute)(photos(size=size))
        got = getattr(ours, compute)(photos(size=size))
        np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())


def test_the_whole_network_is_trained_as_gluon_trains_it():
    networks = [build(backend, "resnet18") for backend in (get_backend("torch"), gluon())]
    labels, losses = np.arange(4) % CLASSES, []
    for network in networks:
        network.start_training(trainable="all", momentum=0.9, l2=5e-4, precision="fp32", seed=0)
        network.start_epoch(0)
        losses.append([network.train_batch(photos(), labels, 1e-3)[0] for _ in range(3)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-2)
    ours, theirs = (network.get_weights() for network in networks)
    change = np.abs(ours["body.conv1.weight"] - theirs["body.conv1.weight"]).max()
    assert change < 1e-3


def test_bfloat16_trains_weights_of_float32():
    network = build(get_backend("torch"), "squeezenet1.1")
    network.start_training(trainable="all", momentum=0.9, l2=0.0, precision="bf16", seed=0)
    network.start_epoch(0)
    labels = np.arange(4) % CLASSES
    losses = [network.train_batch(photos(), labels, 0.01)[0] for _ in range(6)]
    assert min(losses[-2:]) < losses[0]
    assert {value.dtype for value in network.get_weights().values()} == {np.dtype(np.float32)}


def test_devices():
    assert parse_device("cpu").type == "cpu"
    assert parse_device("auto").type in ("cpu", "cuda", "mps")
    with pytest.raises(BackendUnavailableError, match=r"no gpu\(99\): PyTorch sees"):
        parse_device("gpu(99)")
    for unknown in ("tpu", "gpu", "gpu(0),gpu(1)"):
        with pytest.raises(BackendUnavailableError, match=r"Unknown device .*'gpu\(0\)' or 'mps'"):
            parse_device(unknown)


def test_a_model_is_refined_here_saved_and_refined_further_in_gluon(tmp_path):
    for number in range(8):
        save_photo(tmp_path / "photos" / "ab"[number % 2] / f"{number}.jpg", number)
    dataset = ClassificationDataset.create_from_dir("ab", tmp_path / "photos")
    model = TransferLearningModel(dataset.labels, image_dims=(3, 64, 64), backend="torch")
    before = model.score(dataset)
    model.train(dataset, [0.01] * 2, 4, progress=False)
    scores = model.score(dataset)
    assert not np.allclose(scores, before)
    assert model.to_artifact().manifest["backend"] == "torch"

    again = load_classifier(model.serialize(tmp_path / "ab.model"))
    assert np.array_equal(again.score(dataset), scores)
    gluon()
    again.train(dataset, 0.01, 4, trainable="all", progress=False)
    assert again.to_artifact().manifest["backend"] == "gluon"
    assert not np.allclose(again.score(dataset), scores)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_trains_what_the_cpu_scores():
    network = get_backend("torch").build(
        BASE_MODELS["resnet18"], CLASSES, (3, 64, 64), weights="random", device="gpu(0)", seed=0
    )
    network.start_training(trainable="all", momentum=0.9, l2=5e-4, precision="bf16", seed=0)
    network.start_epoch(0)
    labels = np.arange(4) % CLASSES
    losses = [network.train_batch(photos(), labels, 1e-3)[0] for _ in range(6)]
    assert losses[-1] < losses[0]
    on_cpu = build(get_backend("torch"), "resnet18")
    on_cpu.set_weights(network.get_weights())
    expected = on_cpu.predict(photos())
    np.testing.assert_allclose(
        network.predict(photos()), expected, atol=1e-2 * np.abs(expected).max()
    )


@pytest.mark.filterwarnings("error")
def test_arrays_may_be_read_only():
    network = build(get_backend("torch"), "squeezenet1.1")
    images, labels = photos(), np.arange(4) % CLASSES
    images.flags.writeable = labels.flags.writeable = False
    network.start_training(trainable="head", momentum=0.9, l2=0.0, precision="fp32", seed=0)
    network.start_epoch(0)
    loss, _ = network.train_batch(images, labels, 0.01)
    assert np.isfinite(loss)
