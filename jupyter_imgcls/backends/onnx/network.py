"""A network in ONNX Runtime whose head is trained by NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from ...errors import BackendUnavailableError, TrainingError, WeightsError
from ..base import BaseModel, Precision, Trainable
from ..network_weights import check_optimizer_state, check_weights

__all__ = ["OnnxNetwork"]

_HEAD = ("head.weight", "head.bias")


class OnnxNetwork:
    """A network of any backend, of which the head can be trained; see `Network`.

    The body is never changed, so its weights need not fit a framework.

    Parameters
    ----------
    base_model : BaseModel
        Which network it is.
    onnx : bytes
        See `Network.to_onnx`.
    weights : mapping of str to ndarray
        See `Network.get_weights`; those of the body are only handed on.
    """

    def __init__(
        self, base_model: BaseModel, onnx: bytes, weights: Mapping[str, NDArray[np.float32]]
    ) -> None:
        self._base_model = base_model
        self._onnx = onnx
        self._body = {name: value for name, value in weights.items() if name not in _HEAD}
        self._head = {name: np.array(weights[name], np.float32) for name in _HEAD}

    def start_training(
        self,
        *,
        trainable: Trainable,
        momentum: float,
        l2: float,
        precision: Precision,
        seed: int,
    ) -> None:
        """Set up gradient descent of the head; see `Network.start_training`.

        Raises
        ------
        BackendUnavailableError
            If more than the head is to be trained.
        TrainingError
            If ``precision`` is not ``"fp32"``.
        """
        if trainable != "head":
            raise BackendUnavailableError(
                "Without a training framework only the head can be trained: "
                'train(trainable="head").'
            )
        if precision != "fp32":
            raise TrainingError("The head alone is trained in fp32: leave out precision.")
        self._momentum, self._l2, self._seed = momentum, l2, seed
        self._momenta: dict[str, NDArray[np.float32]] = {}

    def start_epoch(self, epoch: int) -> None:
        """Seed dropout from the training's seed and `epoch`."""
        self._random = np.random.default_rng((self._seed, epoch))

    def train_batch(
        self, images: NDArray[np.float32], labels: NDArray[np.int64], learning_rate: float
    ) -> tuple[float, NDArray[np.float32]]:
        """One step of gradient descent; see `Network.train_batch`."""
        features = self.featurize(images)
        dropped = self._base_model.head_dropout
        if dropped:
            kept = self._random.random(features.shape, np.float32) >= dropped
            features = features * kept / np.float32(1 - dropped)
        logits = self._logits(features)
        logarithms = log_softmax(logits.astype(np.float64), axis=1)
        rows = np.arange(len(labels))
        loss = -float(logarithms[rows, labels].mean())
        slope = np.exp(logarithms)
        slope[rows, labels] -= 1
        slope = (slope / len(labels)).astype(np.float32)
        for name, gradient in zip(_HEAD, (slope.T @ features, slope.sum(0)), strict=True):
            # As MXNet's sgd_mom_update, with weight decay inside the momentum.
            step = learning_rate * (gradient + self._l2 * self._head[name])
            momentum = self._momenta.get(name, np.zeros_like(step))
            self._momenta[name] = (self._momentum * momentum - step).astype(np.float32)
            self._head[name] = self._head[name] + self._momenta[name]
        return loss, logits

    def _logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        weight, bias = (self._head[name] for name in _HEAD)
        return np.asarray(features @ weight.T + bias, np.float32)

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits, shape (n, classes), as at test time."""
        return self._logits(self.featurize(images))

    def featurize(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features under the head, shape (n, feature_size), as at test time."""
        values = self._session.run(["features"], {"images": images})[0]
        return np.asarray(values, np.float32)

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(self._onnx, options, providers=["CPUExecutionProvider"])

    def get_weights(self) -> dict[str, NDArray[np.float32]]:
        """All parameters and running statistics; those of the body are not copied."""
        return self._body | {name: value.copy() for name, value in self._head.items()}

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Put back what `get_weights` gave; see `Network.set_weights`.

        Raises
        ------
        WeightsError
            If they do not fit, or are not of this body.
        """
        shapes = {name: np.shape(value) for name, value in (self._body | self._head).items()}
        check_weights(weights, shapes, self._base_model.name)
        for name, value in self._body.items():
            if not np.array_equal(weights[name], value):
                raise WeightsError(
                    f"These weights are of another {self._base_model.name}: {name} differs, and "
                    "without a training framework only the head can be changed."
                )
        self._head = {name: np.array(weights[name], np.float32) for name in _HEAD}

    def get_optimizer_state(self) -> dict[str, NDArray[np.float32]]:
        """Momentum of the head, copied; empty before the first step."""
        return {name: value.copy() for name, value in self._momenta.items()}

    def set_optimizer_state(self, state: Mapping[str, NDArray[np.float32]]) -> None:
        """Put back what `get_optimizer_state` gave, after `start_training`.

        Raises
        ------
        WeightsError
            If it belongs to another network or to a training of other layers.
        """
        check_optimizer_state(state, {name: self._head[name].shape for name in _HEAD})
        self._momenta = {name: np.array(value, np.float32) for name, value in state.items()}

    def to_onnx(self) -> bytes:
        """The network as one ONNX model; see `Network.to_onnx`."""
        from .graph import with_head

        return with_head(self._onnx, *(self._head[name] for name in _HEAD))
