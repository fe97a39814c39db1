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
                f"{base_model.name} needs a training framework: install jupyter_imgcls[gluon], or "
                "use base_model='efficientnet_lite0'."
            )
        if device not in ("auto", "cpu"):
            raise BackendUnavailableError(
                f"The backend 'onnx' runs on the CPU, not on {device!r}: leave out device."
            )
        body = shapes()
        head: dict[str, tuple[int, ...]] = {
            "head.weight": (classes, base_model.feature_size),
            "head.bias": (classes,),
        }
        if weights == "random":
            named = initial_weights({f"body.{name}": body[name] for name in body} | head, seed)
        else:
            loaded = load_weights(base_model, weights, body)
            named = {f"body.{name}": value for name, value in loaded.items()}
            named |= initial_weights(head, seed)
        return OnnxNetwork(base_model, efficientnet_lite0(named, image_dims), named)
