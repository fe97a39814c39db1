"""Features and a trained head without a training framework: ONNX Runtime and NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ...errors import BackendUnavailableError
from ..base import BaseModel, ImageDims, Network
from ..network_weights import initial_weights

__all__ = ["OnnxBackend"]


class OnnxBackend:
    """EfficientNet-Lite0 in ONNX Runtime, of which the head can be trained; see `Backend`."""

    name = "onnx"

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
        """Build a network with a new head; see `Backend.build`."""
        from ..efficientnet_lite0 import shapes
        from ..weights import load_weights
        from .graph import efficientnet_lite0
        from .network import OnnxNetwork

        if base_model.name != "efficientnet_lite0":
            raise BackendUnavailableError(
                f"{base_model.name} needs a training framework: install jupyter_imgcls[gluon] "
                "or jupyter_imgcls[torch], or "
                "use base_model='efficientnet_lite0'."
            )
        if device not in ("auto", "cpu"):
            raise BackendUnavailableError(
                f"The backend 'onnx' runs on the CPU, not on {device!r}: leave out device."
            )
        body = shapes()
        every: dict[str, tuple[int, ...]] = {f"body.{name}": shape for name, shape in body.items()}
        every |= {"head.weight": (classes, base_model.feature_size), "head.bias": (classes,)}
        loaded = None if weights == "random" else load_weights(base_model, weights, body)
        named = initial_weights(every, seed, loaded)
        return OnnxNetwork(base_model, efficientnet_lite0(named, image_dims), named)
