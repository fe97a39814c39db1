"""A base model with a head on PyTorch: training steps, prediction, weights in and out."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import BaseModel, ImageDims, Precision, Trainable
from ..network_weights import check_optimizer_state, check_weights, initial_weights
from ..onnx.graph import OPSET, append_head, efficientnet_lite0
from ..torch_runtime import import_torch, torch_memory_errors
from .zoo import build_body, named_arrays

__all__ = ["TorchNetwork"]

torch: Any = import_torch()


class TorchNetwork:
    """A base model with a head for the user's classes; see `Network`.

    Parameters
    ----------
    base_model : BaseModel
        The network under the head.
    classes : int
        Number of outputs.
    image_dims : tuple of int
        (3, H, W), H and W from 64 to 1024.
    device : torch.device
    seed : int
        For the head, and for the body where no weights are given.
    body_weights : mapping of str to ndarray, optional
        By the names of `zoo.named_arrays`.

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
        device: Any,
        seed: int,
        body_weights: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> None:
        self._base_model, self._image_dims, self._device = base_model, image_dims, device
        with torch_memory_errors():
            with torch.device("meta"):
                body = build_body(base_model, *image_dims[1:])
                head = torch.nn.Linear(base_model.feature_size, classes)
            # Channels last: the layout in which convolutions are fastest.
            self._body = body.to_empty(device=device).to(memory_format=torch.channels_last)
            self._head = head.to_empty(device=device)
            for name, buffer in self._body.named_buffers():
                if name.endswith("num_batches_tracked"):
                    buffer.zero_()
        self._arrays: dict[str, Any] = {
            f"{part}.{name}": array
            for part, module in (("body", self._body), ("head", self._head))
            for name, array in _named(module).items()
        }
        self.set_weights(initial_weights(self._shapes(), seed, body_weights))

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tuple(array.shape) for name, array in self._arrays.items()}

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

        ``precision="bf16"`` computes the body in bfloat16 where PyTorch's autocast does; the
        weights stay in float32.
        """
        self._trainable, self._seed, self._precision = trainable, seed, precision
        for parameter in self._body.parameters():
            parameter.requires_grad_(trainable == "all")
        self._trained = {name: array for name, array in self._arrays.items() if array.requires_grad}
        self._sgd = torch.optim.SGD(
            self._trained.values(), lr=0.0, momentum=momentum, weight_decay=l2
        )

    def start_epoch(self, epoch: int) -> None:
        """Seed dropout from the training's seed and `epoch`."""
        torch.manual_seed(int(np.random.default_rng((self._seed, epoch)).integers(2**31)))

    def train_batch(
        self, images: NDArray[np.float32], labels: NDArray[np.int64], learning_rate: float
    ) -> tuple[float, NDArray[np.float32]]:
        """One step of gradient descent; see `Network.train_batch`.

        Raises
        ------
        TrainingError
            If the device's memory does not hold the minibatch.
        """
        with torch_memory_errors():
            classes = torch.tensor(labels, dtype=torch.int64, device=self._device)
            whole = self._trainable == "all"
            self._body.train(whole)
            with torch.set_grad_enabled(whole), self._autocast():
                features = self._body(self._tensor(images))
            with torch.enable_grad():
                features = torch.nn.functional.dropout(
                    features.float(), self._base_model.head_dropout
                )
                logits = self._head(features)
                loss = torch.nn.functional.cross_entropy(logits, classes)
                self._sgd.zero_grad()
                loss.backward()
            for group in self._sgd.param_groups:
                group["lr"] = learning_rate
            self._sgd.step()
            return float(loss.item()), logits.detach().cpu().numpy()

    def _autocast(self) -> Any:
        if self._precision == "bf16":
            return torch.autocast(self._device.type, torch.bfloat16)
        return nullcontext()

    def _tensor(self, images: NDArray[np.float32]) -> Any:
        tensor = torch.tensor(np.asarray(images, np.float32))  # copied: arrays may be read-only
        return tensor.to(self._device, memory_format=torch.channels_last)

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits, shape (n, classes), as at test time."""
        return self._forward(images, self._head)

    def featurize(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features under the head, shape (n, feature_size), as at test time."""
        return self._forward(images, lambda features: features)

    def _forward(self, images: NDArray[np.float32], top: Any) -> NDArray[np.float32]:
        self._body.eval()
        with torch_memory_errors(), torch.inference_mode():
            values: NDArray[np.float32] = top(self._body(self._tensor(images))).cpu().numpy()
        return values

    def get_weights(self) -> dict[str, NDArray[np.float32]]:
        """All parameters and running statistics, copied; ``body.…`` and ``head.…``."""
        return {name: _copied(array) for name, array in self._arrays.items()}

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Put back what `get_weights` gave; see `Network.set_weights`."""
        check_weights(weights, self._shapes(), self._base_model.name)
        with torch.no_grad(), torch_memory_errors():
            for name, array in self._arrays.items():
                array.copy_(torch.from_numpy(np.array(weights[name], np.float32)))

    def get_optimizer_state(self) -> dict[str, NDArray[np.float32]]:
        """Momentum of every trained parameter, copied; empty before the first step."""
        return {
            name: _copied(self._sgd.state[array]["momentum_buffer"])
            for name, array in self._trained.items()
            if self._sgd.state[array].get("momentum_buffer") is not None
        }

    def set_optimizer_state(self, state: Mapping[str, NDArray[np.float32]]) -> None:
        """Put back what `get_optimizer_state` gave, after `start_training`.

        Raises
        ------
        WeightsError
            If it belongs to another network or to a training of other layers.
        """
        shapes = {name: tuple(array.shape) for name, array in self._trained.items()}
        check_optimizer_state(state, shapes)
        for name, value in state.items():
            array = self._trained[name]
            momentum = torch.empty_like(array)
            momentum.copy_(torch.from_numpy(np.array(value, np.float32)))
            self._sgd.state[array]["momentum_buffer"] = momentum

    def to_onnx(self) -> bytes:
        """The network as one ONNX model; see `Network.to_onnx`."""
        if self._base_model.name == "efficientnet_lite0":
            return efficientnet_lite0(self.get_weights(), self._image_dims)
        # On the CPU, and not the one that is trained.
        body = build_body(self._base_model, *self._image_dims[1:]).eval()
        weights = self.get_weights()
        with torch.no_grad():
            for name, array in named_arrays(body).items():
                array.copy_(torch.from_numpy(weights[f"body.{name}"]))
        written = io.BytesIO()
        with warnings.catch_warnings():
            # The exporter is deprecated; the new one takes 3 to 15 times as long for these.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                body,
                (torch.zeros(1, *self._image_dims),),
                written,
                input_names=["images"],
                output_names=["features"],
                dynamic_axes={"images": {0: "n"}, "features": {0: "n"}},
                opset_version=OPSET,
                dynamo=False,
            )
        return append_head(written.getvalue(), weights["head.weight"], weights["head.bias"])


def _named(module: Any) -> dict[str, Any]:
    if isinstance(module, torch.nn.Linear):
        return {"weight": module.weight, "bias": module.bias}
    return named_arrays(module)


def _copied(array: Any) -> NDArray[np.float32]:
    return np.array(array.detach().cpu().contiguous().numpy(), np.float32)
