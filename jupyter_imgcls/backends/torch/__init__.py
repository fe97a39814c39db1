"""Training with PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ..base import BaseModel, ImageDims, Network
from ..torch_runtime import import_torch, parse_device

__all__ = ["TorchBackend"]


class TorchBackend:
    """The base models on PyTorch; see `Backend`.

    Raises
    ------
    BackendUnavailableError
        If PyTorch does not load here; the message says what to do.
    """

    name = "torch"

    def __init__(self) -> None:
        import_torch()

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
        from ..weights import load_weights
        from .network import TorchNetwork
        from .zoo import body_shapes

        where = parse_device(device)
        body = None
        if weights != "random":
            body = load_weights(base_model, weights, body_shapes(base_model))
        return TorchNetwork(base_model, classes, image_dims, where, seed, body)
