"""What every backend must do, run over every backend there is and every base model.

A new backend needs a line in `jupyter_imgcls.backends.FRAMEWORKS`, and nothing here.
"""

import dataclasses
import math

import numpy as np
import onnx
import onnxruntime
import pytest

from jupyter_imgcls.backends import FRAMEWORKS, get_backend
from jupyter_imgcls.backends.base_models import BASE_MODELS
from jupyter_imgcls.errors import BackendUnavailableError, WeightsError

CLASSES = 8
# One of each family: those of the ResNets differ in depth only.
FAMILIES = ["efficientnet_lite0", "alexnet", "resnet18", "squeezenet1.1", "mobilenetv2"]
# Their networks take seconds to build.
LARGE = {"alexnet", "resnet34", "resnet50", "resnet101", "resnet152"}
SMALL = "squeezenet1.1"


def each(names):
    """The large ones in 'make test-all' only."""
    return [pytest.param(n, marks=[pytest.mark.long] if n in LARGE else []) for n in names]


def loaded(name):
    try:
        return get_backend(name)
    except BackendUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(params=FRAMEWORKS)
def build(request):
    """Build a network with random weights."""
    backend = loaded(request.param)

    def make(name=SMALL, size=(64, 64), seed=0, classes=CLASSES):
        return backend.build(
            BASE_MODELS[name], classes, (3, *size), weights="random", device="cpu", seed=seed
        )

    return make


def photos(count, size=(64, 64)):
    return np.random.default_rng(0).normal(size=(count, 3, *size)).astype(np.float32)


LABELS = np.arange(8) % 3


def start(network, trainable="all", seed=0, l2=5e-4):
    network.start_training(trainable=trainable, momentum=0.9, l2=l2, precision="fp32", seed=seed)


def train(network, epochs=(0,), rate=0.01):
    """One minibatch of eight photos an epoch; returns the losses."""
    losses = []
    for epoch in epochs:
        network.start_epoch(epoch)
        losses.append(network.train_batch(photos(8), LABELS, rate)[0])
    return losses


def assert_same_weights(left, right):
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert np.array_equal(value, right[name]), name


def assert_onnx_agrees(network, base_model, size):
    """ONNX Runtime within 1e-5 of the backend, relative to the scale of the outputs."""
    images = photos(2, size)
    expected = {"features": network.featurize(images), "logits": network.predict(images)}
    assert expected["features"].shape == (2, base_model.feature_size)
    assert expected["logits"].shape == (2, CLASSES)
    model = network.to_onnx()
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model)
    outputs = session.run(list(expected), {"images": images})
    for (name, values), output in zip(expected.items(), outputs, strict=True):
        assert output.dtype == np.float32
        assert np.abs(output - values).max() <= 1e-5 * np.abs(values).max(), name


@pytest.mark.parametrize("name", each(BASE_MODELS))
def test_onnx_runtime_agrees_with_the_backend_for_every_base_model(build, name):
    assert_onnx_agrees(build(name, (224, 224)), BASE_MODELS[name], (224, 224))


@pytest.mark.parametrize("size", [(320, 192), (65, 127)])
@pytest.mark.parametrize("name", each(FAMILIES))
def test_any_image_size_works(build, name, size):
    assert_onnx_agrees(build(name, size), BASE_MODELS[name], size)


def test_images_of_1024_pixels_work(build):
    assert_onnx_agrees(build(SMALL, (1024, 1024)), BASE_MODELS[SMALL], (1024, 1024))


@pytest.mark.parametrize("name", each(FAMILIES))
def test_onnx_runtime_agrees_after_training(build, name):
    network = build(name)
    start(network)
    train(network, epochs=range(2))
    assert_onnx_agrees(network, BASE_MODELS[name], (64, 64))


@pytest.mark.parametrize("name", each(BASE_MODELS))
def test_the_registry_counts_the_learned_parameters(build, name):
    learned = {
        key: value
        for key, value in build(name, classes=1000).get_weights().items()
        if "running_" not in key
    }
    # MobileNetV2's published classifier has no bias.
    extra = 1000 if name == "mobilenetv2" else 0
    count = sum(math.prod(value.shape) for value in learned.values())
    assert count == BASE_MODELS[name].parameters + extra


@pytest.mark.parametrize("name", each(FAMILIES))
def test_training_lowers_the_loss(build, name):
    network = build(name)
    start(network)
    # AlexNet and SqueezeNet have no batch normalization, so a random start needs small steps.
    rate = 1e-5 if name == "alexnet" else 1e-2
    losses = train(network, epochs=range(6), rate=rate)
    assert min(losses[-2:]) < losses[0]


def test_the_loss_is_the_mean_cross_entropy_before_the_step(build):
    network = build("resnet18")
    start(network, trainable="head")
    expected = network.predict(photos(8))
    loss, logits = network.train_batch(photos(8), LABELS, 0.01)
    np.testing.assert_allclose(logits, expected, atol=1e-4 * np.abs(expected).max())
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert loss == pytest.approx(-np.log(probabilities[np.arange(8), LABELS]).mean(), rel=1e-4)


def test_the_step_is_gradient_descent_with_momentum_and_l2(build):
    network = build("resnet18")
    start(network, trainable="head", l2=0.1)
    rate, momentum = 1e-3, 0.0
    features = network.featurize(photos(8))
    weights = network.get_weights()["head.weight"]
    expected, velocity = weights.copy(), np.zeros_like(weights)
    for _ in range(2):
        _, logits = network.train_batch(photos(8), LABELS, rate)
        probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        probabilities[np.arange(8), LABELS] -= 1
        gradient = probabilities.T @ features / 8 + 0.1 * expected
        velocity = momentum * velocity - rate * gradient
        expected += velocity
        momentum = 0.9
    got = network.get_weights()["head.weight"]
    np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_lite0"])
def test_training_the_head_leaves_the_body_and_its_statistics_alone(build, name):
    network = build(name)
    before = network.get_weights()
    start(network, trainable="head")
    train(network, epochs=range(2))
    changed = {
        key
        for key, value in network.get_weights().items()
        if not np.array_equal(value, before[key])
    }
    assert changed == {"head.weight", "head.bias"}
    start(network, trainable="all")
    train(network)
    after = network.get_weights()
    assert not any(np.array_equal(after[key], before[key]) for key in before)


@pytest.mark.parametrize("name", each(FAMILIES))
def test_the_same_seed_gives_the_same_training(build, name):
    runs = []
    for _ in range(2):
        network = build(name)
        start(network, seed=1)
        runs.append((train(network, epochs=range(2)), network.get_weights()))
    assert runs[0][0] == runs[1][0]
    assert_same_weights(runs[0][1], runs[1][1])


def test_another_seed_gives_another_dropout(build):
    losses = []
    for seed in (1, 2):
        network = build("alexnet")
        start(network, seed=seed)
        losses.append(train(network))
    assert losses[0] != losses[1]


@pytest.mark.parametrize("trainable", ["all", "head"])
def test_a_resumed_training_equals_one_that_was_not_interrupted(build, trainable):
    straight = build()
    start(straight, trainable)
    losses = train(straight, epochs=range(4))

    interrupted = build()
    start(interrupted, trainable)
    train(interrupted, epochs=range(2))
    weights, state = interrupted.get_weights(), interrupted.get_optimizer_state()

    resumed = build(seed=99)
    resumed.set_weights(weights)
    start(resumed, trainable)
    assert resumed.get_optimizer_state() == {}
    resumed.set_optimizer_state(state)
    assert train(resumed, epochs=range(2, 4)) == losses[2:]
    assert_same_weights(resumed.get_weights(), straight.get_weights())


def test_starting_a_training_forgets_the_momentum_of_the_last_one(build):
    network = build()
    start(network)
    train(network)
    assert network.get_optimizer_state()
    start(network)
    assert network.get_optimizer_state() == {}


def test_the_state_of_another_training_is_refused(build):
    network = build()
    start(network, trainable="head")
    train(network)
    state = network.get_optimizer_state()
    start(network, trainable="all")
    with pytest.raises(WeightsError, match="another network or to a training of other layers"):
        network.set_optimizer_state(state)


def test_what_get_weights_gave_is_a_copy(build):
    network = build()
    weights = network.get_weights()
    before = weights["head.weight"].copy()
    start(network)
    train(network)
    assert np.array_equal(weights["head.weight"], before)
    weights["head.weight"][:] = 0
    assert network.get_weights()["head.weight"].any()


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda weights: weights.pop("head.bias"), r"head\.bias is missing"),
        (lambda weights: weights.update(tail=np.zeros(1, np.float32)), "tail is unknown"),
        (
            lambda weights: weights.update({"head.weight": np.zeros((2, 512), np.float32)}),
            r"head\.weight has shape \(2, 512\) instead of \(8, 512\)",
        ),
        (lambda weights: weights.clear(), "and 49 more"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_nothing_is_changed(build, damage, complaint):
    network = build()
    before = network.get_weights()
    weights = {name: value + 1 for name, value in before.items()}
    damage(weights)
    with pytest.raises(WeightsError, match=complaint):
        network.set_weights(weights)
    assert_same_weights(network.get_weights(), before)


def test_a_diverging_training_returns_a_loss_that_is_not_finite(build):
    network = build("resnet18")
    start(network)
    losses = train(network, epochs=range(6), rate=1e20)
    assert not np.isfinite(losses[-1])


def test_a_minibatch_may_have_any_size(build):
    network = build()
    start(network)
    for count in (5, 1, 3):
        loss, logits = network.train_batch(photos(count), LABELS[:count], 0.001)
        assert math.isfinite(loss)
        assert logits.shape == (count, CLASSES)
        assert network.predict(photos(count)).shape == (count, CLASSES)


def test_one_class_is_enough(build):
    network = build(classes=1)
    start(network)
    loss, _ = network.train_batch(photos(2), np.zeros(2, np.int64), 0.01)
    assert loss == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(BackendUnavailableError, match="gpu"):
        loaded(name).build(
            BASE_MODELS[SMALL], 2, (3, 64, 64), weights="random", device="gpu(99)", seed=0
        )


def test_base_models_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        BASE_MODELS[SMALL].feature_size = 3
