"""What is particular to the Gluon backend: layers of its own, several devices, bfloat16, export.

What every backend must do is in tests/backends/test_conformance.py.
"""

import os
import platform
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from jupyter_imgcls.backends.base_models import BASE_MODELS
from jupyter_imgcls.backends.gluon import network as gluon_network
from jupyter_imgcls.backends.gluon.bf16 import bf16_copy
from jupyter_imgcls.backends.gluon.network import GluonNetwork
from jupyter_imgcls.backends.gluon.zoo import _AdaptiveAveragePool, build_body
from jupyter_imgcls.backends.mxnet_runtime import import_mxnet
from jupyter_imgcls.errors import TrainingError

mx = import_mxnet()

REPOSITORY = Path(__file__).parents[2]
CLASSES = 3


def network(base_model="squeezenet1.1", devices=1, seed=0, side=64):
    contexts = [mx.cpu(number) for number in range(devices)]
    return GluonNetwork(BASE_MODELS[base_model], CLASSES, (3, side, side), contexts, seed)


def photos(count=6, side=64):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(count, 3, side, side)).astype(np.float32)
    return images, rng.integers(CLASSES, size=count)


def train(net, steps=2, images_and_labels=None, rate=0.01, **options):
    images, labels = images_and_labels or photos()
    options = {"trainable": "all", "precision": "fp32", "seed": 0} | options
    net.start_training(momentum=0.9, l2=5e-4, **options)
    net.start_epoch(0)
    return [net.train_batch(images, labels, rate)[0] for _ in range(steps)]


def same(left, right):
    return left.keys() == right.keys() and all(np.array_equal(left[k], right[k]) for k in left)


@pytest.mark.parametrize("size", [(1, 1), (5, 6), (7, 13), (12, 4)])
def test_adaptive_pooling_averages_pytorch_s_windows(size):
    image = np.random.default_rng(0).normal(size=(2, 3, *size)).astype(np.float32)
    expected = np.empty((2, 3, 6, 6))
    for row in range(6):
        for column in range(6):
            top, left = row * size[0] // 6, column * size[1] // 6
            bottom, right = -(-(row + 1) * size[0] // 6), -(-(column + 1) * size[1] // 6)
            expected[..., row, column] = image[..., top:bottom, left:right].mean(axis=(2, 3))
    pooled = _AdaptiveAveragePool(size, 6)(mx.nd.array(image)).asnumpy()
    np.testing.assert_allclose(pooled, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("base_model", "names"),
    [
        ("efficientnet_lite0", ["_conv_stem.weight", "_blocks.3._bn0.beta", "_bn1.running_var"]),
        ("alexnet", ["features.0.weight", "features.11.bias"]),
        ("resnet50", ["bn1.gamma", "layer1.0.downsample.1.gamma", "layer4.2.conv3.weight"]),
        ("squeezenet1.1", ["features.0.bias", "features.3.1.0.0.weight"]),
        ("mobilenetv2", ["features.0.weight", "features.3.out.0.weight"]),
    ],
)
def test_parameters_have_the_names_of_the_published_networks(base_model, names):
    body = build_body(BASE_MODELS[base_model], 64, 64)
    assert set(names) <= set(body._collect_params_with_prefix())


def test_what_was_built_before_changes_neither_the_head_nor_the_exported_file():
    first = network()
    mx.random.seed(7)
    network("mobilenetv2")
    second = network()
    assert same(first.get_weights(), second.get_weights())
    assert first.to_onnx() == second.to_onnx()


def test_the_head_depends_on_its_seed_and_not_on_the_weights_of_the_body():
    random = network(seed=5).get_weights()
    body = {name[5:]: value * 2 for name, value in random.items() if name.startswith("body.")}
    given = GluonNetwork(BASE_MODELS["squeezenet1.1"], CLASSES, (3, 64, 64), [mx.cpu()], 5, body)
    assert np.array_equal(given.get_weights()["head.weight"], random["head.weight"])
    assert not np.array_equal(network(seed=6).get_weights()["head.weight"], random["head.weight"])
    assert np.array_equal(given.get_weights()["body.features.0.weight"], body["features.0.weight"])


def test_two_devices_train_the_same_head_as_one():
    one, two = network("resnet18", devices=1), network("resnet18", devices=2)
    losses = [train(net, trainable="head", rate=1e-4) for net in (one, two)]
    np.testing.assert_allclose(*losses, rtol=1e-4)
    weights = two.get_weights()
    for name, weight in one.get_weights().items():
        np.testing.assert_allclose(weights[name], weight, rtol=1e-3, atol=1e-5)


def test_devices_keep_equal_weights_and_average_their_running_statistics():
    net = network("resnet18", devices=2)
    train(net)
    weights = net.get_weights()
    statistics = net._parameters["body.bn1.running_mean"].list_data()
    assert np.array_equal(statistics[0].asnumpy(), statistics[1].asnumpy())
    for name, parameter in net._parameters.items():
        for value in parameter.list_data():
            assert np.array_equal(value.asnumpy(), weights[name]), name


def test_a_last_minibatch_smaller_than_the_number_of_devices_counts_each_photo_once():
    images, labels = photos(1)
    one, three = network("resnet18", devices=1), network("resnet18", devices=3)
    losses = []
    for net in (one, three):
        net.start_training(trainable="head", momentum=0.9, l2=0, precision="fp32", seed=0)
        loss, logits = net.train_batch(images, labels, 1e-4)
        assert logits.shape == (1, CLASSES)
        losses.append(loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    np.testing.assert_allclose(
        one.get_weights()["head.weight"], three.get_weights()["head.weight"], atol=1e-6
    )


def bf16_or_skip():
    try:
        bf16_copy(network()._body, [mx.cpu()])
    except TrainingError as error:
        pytest.skip(str(error))


def test_bf16_training_is_close_to_fp32_and_leaves_fp32_as_it_was():
    bf16_or_skip()
    before = network("resnet18")
    fp32 = train(before)
    half = network("resnet18")
    bf16 = train(half, precision="bf16")
    assert bf16 != fp32
    np.testing.assert_allclose(bf16, fp32, rtol=0.05)
    assert half.get_weights()["body.conv1.weight"].dtype == np.float32
    after = network("resnet18")
    assert train(after) == fp32
    assert same(after.get_weights(), before.get_weights())
    assert np.array_equal(after.predict(photos()[0]), before.predict(photos()[0]))


def test_a_network_trained_in_bf16_goes_on_in_fp32():
    bf16_or_skip()
    net = network()
    train(net, precision="bf16")
    weights = net.get_weights()
    losses = train(net)
    other = network()
    other.set_weights(weights)
    assert train(other) == losses


def test_bf16_is_refused_on_a_gpu():
    with pytest.raises(TrainingError, match="fp32"):
        bf16_copy(network()._body, [mx.gpu(0)])


@pytest.mark.skipif(platform.machine() != "x86_64", reason="limits the instructions of x86 CPUs")
def test_bf16_is_refused_on_a_cpu_that_cannot_compute_in_it():
    code = (
        "from jupyter_imgcls.backends import get_backend\n"
        "from jupyter_imgcls.backends.base_models import get_base_model\n"
        "net = get_backend('gluon').build(get_base_model('squeezenet1.1'), 2, (3, 64, 64),\n"
        "    weights='random', device='cpu', seed=0)\n"
        "try:\n"
        "    net.start_training(trainable='all', momentum=0.9, l2=0, precision='bf16', seed=0)\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env=os.environ | {"DNNL_MAX_CPU_ISA": "AVX2"},
        check=True,
    ).stdout
    assert out.startswith("TrainingError This CPU cannot compute in bfloat16")


def test_a_network_trains_and_exports_in_any_thread():
    net, here = network(), network()
    result = {}

    def work():
        result["losses"] = train(net)
        result["onnx"] = net.to_onnx()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert result["losses"] == train(here)
    assert result["onnx"] == net.to_onnx() == here.to_onnx()


def test_the_exported_model_folds_batchnorm_and_takes_any_number_of_photos():
    net = network("resnet18")
    exported = onnx.load_from_string(net.to_onnx())
    assert [value.name for value in exported.graph.input] == ["images"]
    assert [value.name for value in exported.graph.output] == ["features", "logits"]
    assert [item.version for item in exported.opset_import] == [13]
    assert exported.ir_version == 8
    session = onnxruntime.InferenceSession(exported.SerializeToString())
    for count in (1, 4):
        features, logits = session.run(None, {"images": photos(count)[0]})
        assert features.shape == (count, 512)
        assert logits.shape == (count, CLASSES)


def test_the_exporter_leaves_no_temporary_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    network().to_onnx()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not mx.util.get_gpu_count(), reason="MXNet sees no GPU here")
def test_a_gpu_computes_what_the_cpu_computes():
    images, _ = photos()
    cpu = network("resnet18")
    gpu = gluon_network.GluonNetwork(BASE_MODELS["resnet18"], CLASSES, (3, 64, 64), [mx.gpu(0)], 0)
    expected = cpu.featurize(images)
    np.testing.assert_allclose(gpu.featurize(images), expected, atol=1e-3 * expected.max())
    np.testing.assert_allclose(train(gpu), train(cpu), rtol=0.02)


@pytest.mark.skipif(not mx.util.get_gpu_count(), reason="MXNet sees no GPU here")
def test_a_minibatch_too_large_for_the_gpu_says_so():
    net = GluonNetwork(BASE_MODELS["resnet152"], CLASSES, (3, 1024, 1024), [mx.gpu(0)], 0)
    images = np.zeros((512, 3, 1024, 1024), np.float32)
    with pytest.raises(TrainingError, match="batch_size"):
        train(net, images_and_labels=(images, np.zeros(512, np.int64)))
