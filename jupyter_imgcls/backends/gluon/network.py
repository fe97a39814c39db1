"""A base model with a head on MXNet: training steps, prediction, weights in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import BaseModel, ImageDims, Precision, Trainable
from ..mxnet_runtime import import_mxnet, memory_errors
from ..network_weights import check_weights, initial_weights
from .bf16 import bf16_copy
from .onnx_export import export_onnx
from .sgd import MomentumSgd
from .zoo import build_body

__all__ = ["GluonNetwork"]

mx = import_mxnet()


class GluonNetwork:
    """A base model with a head for the user's classes; see `Network`.

    With several devices the minibatch is split over them, gradients are summed, and running
    statistics are averaged before they are used.

    Parameters
    ----------
    base_model : BaseModel
        The network under the head.
    classes : int
        Number of outputs.
    image_dims : tuple of int
        (3, H, W), H and W from 64 to 1024.
    contexts : sequence of mxnet.Context
        The devices.
    seed : int
        For the head, and for the body where no weights are given.
    body_weights : mapping of str to ndarray, optional
        By the names of `zoo.build_body`.

    Raises
    ------
    WeightsError
        If `body_weights` do not fit the body.
    """

    def __init__(
        self,
        base_model: BaseModel,
        classes: int,
        image_dims: ImageDims,
        contexts: Sequence[Any],
        seed: int,
        body_weights: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> None:
        self._contexts = list(contexts)
        self._image_dims = image_dims
        self._name = base_model.name
        self._body = build_body(base_model, *image_dims[1:])
        with mx.name.NameManager():
            self._head = mx.gluon.nn.Dense(
                classes, in_units=base_model.feature_size, prefix="head_"
            )
        self._dropout = base_model.head_dropout
        self._parameters: dict[str, Any] = {
            f"{part}.{name}": parameter
            for part, block in (("body", self._body), ("head", self._head))
            for name, parameter in block._collect_params_with_prefix().items()
        }
        with memory_errors():
            for parameter in self._parameters.values():
                parameter.initialize(mx.init.Zero(), ctx=self._contexts)
            self.set_weights(initial_weights(self._shapes(), seed, body_weights))
        self._body.hybridize(static_alloc=True)
        self._statistics_differ = False

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tuple(parameter.shape) for name, parameter in self._parameters.items()}

    def start_training(
        self,
        *,
        trainable: Trainable,
        momentum: float,
        l2: float,
        precision: Precision,
        seed: int,
    ) -> None:
        """Set up stochastic gradient descent; see `Network.start_training`.

        ``precision="bf16"`` computes the body's convolutions and dense layers in bfloat16, in a
        copy of its graph that shares the float32 weights; `predict` and other networks stay in
        float32. It pays on CPUs that have AVX512_BF16 or AMX; with AVX-512 alone it works, slower
        than fp32.

        Raises
        ------
        TrainingError
            If ``precision="bf16"`` is asked for on a GPU, or on a CPU without AVX-512.
        """
        self._train_body = self._body
        if precision == "bf16":
            self._train_body = bf16_copy(self._body, self._contexts)
            self._train_body.hybridize(static_alloc=True)
        self._trainable = trainable
        self._seed = seed
        # Parameters without a gradient, like running statistics, stay without one.
        gradients = "write" if trainable == "all" else "null"
        self._body.collect_params().setattr("grad_req", gradients)
        trained = {
            name: parameter
            for name, parameter in self._parameters.items()
            if parameter.grad_req != "null"
        }
        self._sgd = MomentumSgd(trained, self._contexts, momentum, l2)

    def start_epoch(self, epoch: int) -> None:
        """Seed dropout from the training's seed and `epoch`."""
        for context in self._contexts:
            stream = (self._seed, epoch, context.device_id)
            mx.random.seed(int(np.random.default_rng(stream).integers(2**31)), ctx=context)

    def train_batch(
        self, images: NDArray[np.float32], labels: NDArray[np.int64], learning_rate: float
    ) -> tuple[float, NDArray[np.float32]]:
        """One step of gradient descent; see `Network.train_batch`.

        Raises
        ------
        TrainingError
            If the device's memory does not hold the minibatch.
        """
        with memory_errors():
            parts = self._split(images, labels)
            logits, losses = [], []
            with mx.autograd.record():
                for part_images, part_labels, part_weights in parts:
                    scores = self._head(self._training_features(part_images))
                    logits.append(scores)
                    losses.append(self._loss(scores, part_labels, part_weights))
            mx.autograd.backward(losses)
            self._statistics_differ = self._trainable == "all" and len(self._contexts) > 1
            loss = sum(float(part.asscalar()) for part in losses)
            self._sgd.step(learning_rate)
        return loss, np.concatenate([part.asnumpy() for part in logits])[: len(images)]

    def _split(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> list[list[Any]]:
        """Images, labels and weights in the mean, a part on each device."""
        devices = len(self._contexts)
        columns: list[NDArray[Any]] = [images, labels, np.full(len(images), 1 / len(images))]
        if len(images) < devices:
            # Every device needs an image; those that fill up weigh nothing.
            columns = [np.resize(column, (devices, *column.shape[1:])) for column in columns]
            columns[2][len(images) :] = 0
        return [
            [mx.nd.array(part, ctx=context, dtype="float32") for part in parts]
            for context, *parts in zip(
                self._contexts,
                *(np.array_split(column, devices) for column in columns),
                strict=True,
            )
        ]

    @staticmethod
    def _loss(logits: Any, labels: Any, weights: Any) -> Any:
        logarithms = mx.nd.log_softmax(logits, axis=-1)
        return -(mx.nd.pick(logarithms, labels, axis=-1) * weights).sum()

    def _training_features(self, images: Any) -> Any:
        if self._trainable == "all":
            features = self._train_body(images)
        else:
            with mx.autograd.pause(train_mode=False):
                features = self._train_body(images)
        return mx.nd.Dropout(features, p=self._dropout) if self._dropout else features

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits, shape (n, classes), as at test time."""
        return self._forward(images, self._head)

    def featurize(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features under the head, shape (n, feature_size), as at test time."""
        return self._forward(images, lambda features: features)

    def _forward(self, images: NDArray[np.float32], top: Any) -> NDArray[np.float32]:
        self._average_statistics()
        with memory_errors():
            batch = mx.nd.array(images, ctx=self._contexts[0], dtype="float32")
            values: NDArray[np.float32] = top(self._body(batch)).asnumpy()
        return values

    def _average_statistics(self) -> None:
        """Give all devices the mean of the running statistics that each has kept for itself."""
        if not self._statistics_differ:
            return
        for name, parameter in self._parameters.items():
            if "running_" in name:
                mean = np.mean([value.asnumpy() for value in parameter.list_data()], axis=0)
                parameter.set_data(mx.nd.array(mean))
        self._statistics_differ = False

    def get_weights(self) -> dict[str, NDArray[np.float32]]:
        """All parameters and running statistics, copied; ``body.…`` and ``head.…``."""
        self._average_statistics()
        return {
            name: parameter.list_data()[0].asnumpy() for name, parameter in self._parameters.items()
        }

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Put back what `get_weights` gave; see `Network.set_weights`."""
        check_weights(weights, self._shapes(), self._name)
        for name, parameter in self._parameters.items():
            parameter.set_data(mx.nd.array(weights[name], dtype="float32"))

    def get_optimizer_state(self) -> dict[str, NDArray[np.float32]]:
        """Momentum of every trained parameter, copied; empty before the first step."""
        return self._sgd.get_state()

    def set_optimizer_state(self, state: Mapping[str, NDArray[np.float32]]) -> None:
        """Put back what `get_optimizer_state` gave, after `start_training`.

        Raises
        ------
        WeightsError
            If it belongs to another network or to a training of other layers.
        """
        self._sgd.set_state(state)

    def to_onnx(self) -> bytes:
        """The network as one ONNX model; see `Network.to_onnx`."""
        self._average_statistics()
        return export_onnx(self._body, self._head, self._image_dims)
