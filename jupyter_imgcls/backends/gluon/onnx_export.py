"""A trained Gluon network as an ONNX model that today's ONNX Runtime accepts."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..base import ImageDims
from ..mxnet_runtime import import_exporter, import_mxnet

__all__ = ["export_onnx"]

# What MXNet's exporter writes; it stamps the newest version that the onnx package knows instead.
_OPSET = 13
_IR_VERSION = 8


def export_onnx(body: Any, head: Any, image_dims: ImageDims) -> bytes:
    """Export a body and a head as one graph with two outputs.

    Parameters
    ----------
    body, head : mxnet.gluon.HybridBlock
        Images to features, and features to logits.
    image_dims : tuple of int
        (3, H, W).

    Returns
    -------
    bytes
        Checked by `onnx.checker`. Input ``images`` (n, 3, H, W), outputs ``features``
        (n, feature_size) and ``logits`` (n, classes), all float32, n free.
    """
    mx = import_mxnet()
    exporter = import_exporter()
    import onnx

    with mx.name.NameManager():
        features = body(mx.sym.var("images"))
        outputs = mx.sym.Group(
            [
                mx.sym.identity(features, name="features"),
                mx.sym.identity(head(features), name="logits"),
            ]
        )
    parameters = {
        parameter.name: parameter.list_data()[0]
        for block in (body, head)
        for parameter in block.collect_params().values()
    }
    with tempfile.TemporaryDirectory(prefix="imgcls-") as folder:
        path = Path(folder) / "network.onnx"
        exporter.export_model(
            outputs,
            parameters,
            in_shapes=[(1, *image_dims)],
            in_types=np.float32,
            onnx_file_path=str(path),
            dynamic=True,
            dynamic_input_shapes=[("n", *image_dims)],
        )
        model = onnx.load(path)
    graph = model.graph
    constants = {constant.name for constant in graph.initializer}
    # As inputs they could be replaced at run time, which keeps ONNX Runtime from folding BatchNorm.
    inputs = [value for value in graph.input if value.name not in constants]
    del graph.input[:]
    graph.input.extend(inputs)
    classes, feature_size = head.weight.shape
    del graph.output[:]
    graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", width])
        for name, width in (("features", feature_size), ("logits", classes))
    )
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("", _OPSET))
    model.ir_version = _IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString()
    return data
