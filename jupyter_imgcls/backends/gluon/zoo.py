"""Base models as Gluon blocks, cut below their ImageNet classifier.

`build_body` gives images (n, 3, H, W) → features (n, feature_size). The structural parameter names
of a body (``body._collect_params_with_prefix()``) are exactly those of the whole network where it
comes from, without its classifier, so that published files fit by name:

==================  ==========================  =================================================
base model          names as in                 left out (the classifier)
==================  ==========================  =================================================
efficientnet_lite0  the PyTorch port; see       ``_fc.weight``, ``_fc.bias``
                    `efficientnet_lite0`
alexnet             gluoncv ``alexnet``         ``output.weight``, ``output.bias``
resnet18 … 152      gluoncv ``resnet*_v1b``     ``fc.weight``, ``fc.bias``
squeezenet1.1       gluoncv ``squeezenet1.1``   ``output.0.weight``, ``output.0.bias``
mobilenetv2         gluoncv ``mobilenetv2_1.0`` ``output.0.weight``
==================  ==========================  =================================================

For example ``conv1.weight``, ``bn1.gamma``, ``bn1.beta``, ``bn1.running_mean``,
``bn1.running_var``, ``layer1.0.conv1.weight``, ``layer2.0.downsample.0.weight``,
``layer2.0.downsample.1.gamma`` (ResNets), ``features.0.weight``, ``features.9.bias`` (AlexNet),
``features.3.1.0.0.weight`` (SqueezeNet), ``features.3.out.0.weight`` (MobileNetV2).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import weights
from ..base import BaseModel
from ..mxnet_runtime import import_gluoncv, import_mxnet
from .efficientnet_lite0 import efficientnet_lite0

__all__ = ["build_body", "load_weights"]

mx = import_mxnet()
HybridBlock: Any = mx.gluon.HybridBlock

_RESNET_LAYERS = (
    *("conv1", "bn1", "relu", "maxpool"),
    *("layer1", "layer2", "layer3", "layer4"),
    *("avgpool", "flat"),
)


class _AdaptiveAveragePool(HybridBlock):  # type: ignore[misc]
    """Average pooling of any size to rows x columns, in operators that export to ONNX exactly.

    Cell i of n covers floor(i·size/n) to ceil((i+1)·size/n), as PyTorch's AdaptiveAvgPool2d does;
    a side smaller than n is repeated.
    """

    def __init__(self, input_size: tuple[int, int], output_size: int) -> None:
        super().__init__()
        self._windows = [
            [
                (cell * side // output_size, -(-(cell + 1) * side // output_size))
                for cell in range(output_size)
            ]
            for side in input_size
        ]

    def hybrid_forward(self, ops: Any, x: Any) -> Any:
        for axis, windows in zip((2, 3), self._windows, strict=True):
            cells = []
            for begin, end in windows:
                kernel = (end - begin, 1) if axis == 2 else (1, end - begin)
                cell = ops.slice_axis(x, axis=axis, begin=begin, end=end)
                cells.append(ops.Pooling(cell, kernel=kernel, pool_type="avg"))
            x = ops.concat(*cells, dim=axis)
        return x


def _alexnet(height: int, width: int) -> dict[str, Any]:
    layers = _features(import_gluoncv().alexnet().features)
    names = list(layers)
    # The dense layers were made for 6 x 6 cells, which is what 224 x 224 images give.
    cells = [_alexnet_cells(side) for side in (height, width)]
    if cells != [6, 6]:
        pool = _AdaptiveAveragePool((cells[0], cells[1]), 6)
        names.insert(names.index("features.8"), "pool")
        layers["pool"] = pool
    # The last one belongs to the head, where training the head alone uses it too.
    return {name: layers[name] for name in names if name != "features.12"}


def _alexnet_cells(side: int) -> int:
    """Side of AlexNet's last feature map for an image side in pixels."""
    cells = (side + 2 * 2 - 11) // 4 + 1
    for _ in range(3):
        cells = (cells - 3) // 2 + 1
    return cells


def _features(features: Any) -> dict[str, Any]:
    return {f"features.{name}": layer for name, layer in features._children.items()}


def _resnet(depth: int) -> dict[str, Any]:
    net = getattr(import_gluoncv(), f"resnet{depth}_v1b")()
    return {name: getattr(net, name) for name in _RESNET_LAYERS}


def _squeezenet() -> dict[str, Any]:
    layers = _features(import_gluoncv().squeezenet1_1().features)
    layers.popitem()  # Its dropout is the head's.
    # Global average pooling of the last map is a common description of an image; the original
    # pools after the classifier instead.
    return {**layers, "pool": mx.gluon.nn.GlobalAvgPool2D(), "flat": mx.gluon.nn.Flatten()}


def _mobilenetv2() -> dict[str, Any]:
    layers = _features(import_gluoncv().mobilenet_v2_1_0().features)
    return {**layers, "flat": mx.gluon.nn.Flatten()}


def build_body(base_model: BaseModel, height: int, width: int) -> Any:
    """Build the network under the head.

    Parameters
    ----------
    base_model : BaseModel
        Which network.
    height, width : int
        Size of the images in pixels, at least 63.

    Returns
    -------
    mxnet.gluon.nn.HybridSequential
        Its parameters are not initialized, but their shapes are known. The same call gives the
        same parameter names, also inside MXNet's graphs.
    """
    name = base_model.name
    # A name manager of its own, so that MXNet's counters do not depend on what was built before.
    with mx.name.NameManager():
        if name == "efficientnet_lite0":
            body = efficientnet_lite0(height, width)
        else:
            if name.startswith("resnet"):
                layers = _resnet(int(name.removeprefix("resnet")))
            elif name == "alexnet":
                layers = _alexnet(height, width)
            else:
                layers = {"squeezenet1.1": _squeezenet, "mobilenetv2": _mobilenetv2}[name]()
            body = mx.gluon.nn.HybridSequential()
            for layer_name, layer in layers.items():
                body.register_child(layer, layer_name)
        body.infer_shape(mx.nd.zeros((1, 3, height, width)))
    return body


def load_weights(
    base_model: BaseModel, source: Path | Literal["pretrained"]
) -> dict[str, NDArray[np.float32]]:
    """Weights for `build_body`; see `jupyter_imgcls.backends.weights.load_weights`."""
    body = build_body(base_model, base_model.input_size, base_model.input_size)
    parameters = body._collect_params_with_prefix()
    return weights.load_weights(
        base_model,
        source,
        {name: tuple(parameter.shape) for name, parameter in parameters.items()},
        {parameter.name: name for name, parameter in parameters.items()},
    )
