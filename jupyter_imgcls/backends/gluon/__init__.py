"""Training and exporting with MXNet Gluon and gluoncv."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ..base import BaseModel, ImageDims, Network
from ..mxnet_runtime import import_mxnet, parse_device

__all__ = ["GluonBackend"]


class GluonBackend:
    """Base models of gluoncv, and EfficientNet-Lite0, on MXNet; see `Backend`.

    Raises
    ------
    BackendUnavailableError
        If MXNet does not load here; the message says what to do.
    """

    name = "gluon"

    def __init__(self) -> None:
        import_mxnet()

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
        from .network import GluonNetwork
        from .zoo import load_weights

        contexts = parse_device(device)
        body = None
        if weights != "random":
            body = load_weights(base_model, weights)
        return GluonNetwork(base_model, classes, image_dims, contexts, seed, body)
