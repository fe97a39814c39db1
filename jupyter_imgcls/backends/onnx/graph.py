"""EfficientNet-Lite0 as an ONNX model, made of its weights by no training framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from ..base import ImageDims
from ..efficientnet_lite0 import BATCH_NORM_EPSILON, HEAD, blocks, same_padding

__all__ = ["OPSET", "append_head", "efficientnet_lite0", "with_head"]

OPSET, _IR_VERSION = 13, 8
_HEAD_WEIGHT, _HEAD_BIAS = "head_weight", "head_bias"


class _Graph:
    """Nodes one after the other, and the arrays that they use."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self._weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.arrays: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, values: NDArray[Any]) -> str:
        self.arrays[name] = onnx.numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def add(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(onnx.helper.make_node(kind, inputs, [output], output, **attributes))
        return output

    def convolution(
        self,
        x: str,
        name: str,
        norm: str,
        *,
        stride: int = 1,
        size: tuple[int, int] = (1, 1),
        depthwise: bool = False,
        relu6: bool = True,
    ) -> str:
        """A convolution without bias, padded as TensorFlow's 'SAME', normalized and clipped."""
        weight = self._weights[f"body.{name}.weight"]
        kernel = weight.shape[2]
        (top, bottom), (left, right) = (same_padding(side, kernel, stride) for side in size)
        x = self.add(
            "Conv",
            [x, self.constant(f"{name}.weight", weight)],
            name,
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[top, left, bottom, right],
            group=weight.shape[0] if depthwise else 1,
        )
        kinds = ("gamma", "beta", "running_mean", "running_var")
        statistics = [
            self.constant(f"{norm}.{kind}", self._weights[f"body.{norm}.{kind}"]) for kind in kinds
        ]
        x = self.add("BatchNormalization", [x, *statistics], norm, epsilon=BATCH_NORM_EPSILON)
        return self.add("Clip", [x, "zero", "six"], f"{norm}.relu6") if relu6 else x


def efficientnet_lite0(weights: Mapping[str, NDArray[np.float32]], image_dims: ImageDims) -> bytes:
    """The network with its head; see `Network.to_onnx`.

    Parameters
    ----------
    weights : mapping of str to ndarray
        By the names of `efficientnet_lite0.shapes` with ``body.`` before them, and ``head.weight``
        and ``head.bias``.
    image_dims : tuple of int
        (3, H, W).
    """
    graph = _Graph(weights)
    graph.constant("zero", np.array(0, np.float32))
    graph.constant("six", np.array(6, np.float32))
    _, height, width = image_dims
    x = graph.convolution("images", "_conv_stem", "_bn0", stride=2, size=(height, width))
    for number, block in enumerate(blocks(height, width)):
        at, before = f"_blocks.{number}.", x
        if block.expansion != 1:
            x = graph.convolution(x, f"{at}_expand_conv", f"{at}_bn0")
        x = graph.convolution(
            x,
            f"{at}_depthwise_conv",
            f"{at}_bn1",
            stride=block.stride,
            size=block.size,
            depthwise=True,
        )
        x = graph.convolution(x, f"{at}_project_conv", f"{at}_bn2", relu6=False)
        if block.has_shortcut:
            x = graph.add("Add", [before, x], f"{at}shortcut")
    x = graph.convolution(x, "_conv_head", "_bn1")
    x = graph.add("GlobalAveragePool", [x], "pool")
    graph.add("Flatten", [x], "features")
    graph.constant(_HEAD_WEIGHT, weights["head.weight"])
    graph.constant(_HEAD_BIAS, weights["head.bias"])
    graph.add("Gemm", ["features", _HEAD_WEIGHT, _HEAD_BIAS], "logits", transB=1)
    value = onnx.helper.make_tensor_value_info
    classes = len(weights["head.bias"])
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "efficientnet_lite0",
            [value("images", onnx.TensorProto.FLOAT, ["n", *image_dims])],
            [
                value("features", onnx.TensorProto.FLOAT, ["n", HEAD]),
                value("logits", onnx.TensorProto.FLOAT, ["n", classes]),
            ],
            list(graph.arrays.values()),
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def with_head(model: bytes, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> bytes:
    """A network with another head of the same size; every backend names it alike."""
    changed = onnx.load_model_from_string(model)
    arrays = {array.name: array for array in changed.graph.initializer}
    for name, values in ((_HEAD_WEIGHT, weight), (_HEAD_BIAS, bias)):
        arrays[name].CopyFrom(onnx.numpy_helper.from_array(values, name))
    return bytes(changed.SerializeToString())


def append_head(body: bytes, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> bytes:
    """A model from images to features, with a head behind them; see `Network.to_onnx`."""
    value = onnx.helper.make_tensor_value_info
    classes, feature_size = weight.shape
    model = onnx.load_model_from_string(body)
    graph = model.graph
    graph.initializer.append(onnx.numpy_helper.from_array(weight, _HEAD_WEIGHT))
    graph.initializer.append(onnx.numpy_helper.from_array(bias, _HEAD_BIAS))
    inputs = ["features", _HEAD_WEIGHT, _HEAD_BIAS]
    graph.node.append(onnx.helper.make_node("Gemm", inputs, ["logits"], transB=1))
    del graph.output[:]
    graph.output.append(value("features", onnx.TensorProto.FLOAT, ["n", feature_size]))
    graph.output.append(value("logits", onnx.TensorProto.FLOAT, ["n", classes]))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
