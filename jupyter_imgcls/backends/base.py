"""The interface to a deep-learning framework, with NumPy arrays in and out.

Nothing of a framework crosses this interface. To add a backend, implement `Backend` and
`Network`, add a line to `jupyter_imgcls.backends.get_backend`, and run the conformance tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Backend",
    "BaseModel",
    "ImageDims",
    "Network",
    "Precision",
    "Trainable",
]

ImageDims = tuple[int, int, int]
Precision = Literal["fp32", "bf16"]
Trainable = Literal["all", "head"]


@dataclass(frozen=True)
class BaseModel:
    """Facts about a pretrained network.

    Parameters
    ----------
    name : str
        For example ``"resnet18"``.
    feature_size : int
        Length of the feature vector under the classification head.
    parameters : int
        Number of learned parameters of the ImageNet network, its 1000-class head included.
    mean, std : tuple of float
        Per-channel (R, G, B) normalization on the 0 to 255 scale: ``(pixel - mean) / std``.
    interpolation : {"bilinear", "bicubic"}
        How the published weights' images were resized.
    weights : str
        Where the weights come from, in words.
    licence : str
        Licence of the weights (SPDX), of each source where they differ.
    reference : str
        The paper.
    input_size : int
        Side in pixels at which the weights were trained.
    crop_fraction : float
        Share of the short side that the centre crop keeps, in (0, 1].
    head_dropout : float
        Dropout in front of the classifier in the paper and its reference code, in [0, 1).
    """

    name: str
    feature_size: int
    parameters: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Literal["bilinear", "bicubic"]
    weights: str
    licence: str
    reference: str
    input_size: int = 224
    crop_fraction: float = 0.875
    head_dropout: float = 0.0


class Network(Protocol):
    """A base model with a head for the user's classes, on one or more devices.

    Images are normalized float32 arrays of shape (n, 3, H, W). A network is used by one thread at
    a time.
    """

    def start_training(
        self,
        *,
        trainable: Trainable,
        momentum: float,
        l2: float,
        precision: Precision,
        seed: int,
    ) -> None:
        """Set up stochastic gradient descent; forgets the momentum of an earlier training."""

    def start_epoch(self, epoch: int) -> None:
        """Seed what is random in this epoch (dropout) from the training's seed and `epoch`.

        So a resumed training equals one that was never interrupted.
        """

    def train_batch(
        self, images: NDArray[np.float32], labels: NDArray[np.int64], learning_rate: float
    ) -> tuple[float, NDArray[np.float32]]:
        """One step of gradient descent on the mean softmax cross-entropy of one minibatch.

        Returns
        -------
        loss : float
            Mean over the minibatch, before the step; may be NaN or infinite when it diverges.
        logits : ndarray of float32, shape (n, classes)
            Before the step.
        """

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits, shape (n, classes), as at test time (no dropout, running statistics)."""

    def featurize(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features under the head, shape (n, feature_size), as at test time."""

    def get_weights(self) -> dict[str, NDArray[np.float32]]:
        """All parameters and running statistics, copied, by names stable across versions."""

    def set_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Restore what `get_weights` returned.

        Raises
        ------
        WeightsError
            If a name is missing or unknown or a shape does not fit; nothing is changed then.
        """

    def get_optimizer_state(self) -> dict[str, NDArray[np.float32]]:
        """Momentum of every trained parameter, copied; empty before the first step."""

    def set_optimizer_state(self, state: Mapping[str, NDArray[np.float32]]) -> None:
        """Restore what `get_optimizer_state` returned, after `start_training`."""

    def to_onnx(self) -> bytes:
        """The network as one ONNX model.

        Input ``images``: float32 (n, 3, H, W), normalized, n dynamic. Outputs ``features``:
        float32 (n, feature_size) and ``logits``: float32 (n, classes).
        """


class Backend(Protocol):
    """A deep-learning framework that can refine base models."""

    name: str

    def build(
        self,
        base_model: BaseModel,
        classes: int,
        image_dims: ImageDims,
        *,
        weights: Path | Literal["pretrained", "random"],
        device: str,
        seed: int,
    ) -> Network:
        """Build a network with a new head of `classes` outputs.

        Parameters
        ----------
        base_model : BaseModel
            From `jupyter_imgcls.backends.base_models`.
        classes : int
            Number of outputs, at least 1.
        image_dims : tuple of int
            (3, H, W), H and W from 64 to 1024.
        weights : Path, "pretrained" or "random"
            A weights file; the published weights (cache, then download); or none at all, for a
            network whose weights are set right after with `Network.set_weights`.
        device : str
            ``"auto"`` (all GPUs that the framework sees, else the CPU), ``"cpu"``, ``"gpu(0)"``,
            or several as ``"gpu(0),gpu(1)"``: the minibatch is split over them.
        seed : int
            For the new head.

        Raises
        ------
        BackendUnavailableError
            If `device` does not exist here.
        WeightsError
            If there are no such weights, or they do not fit.
        """
