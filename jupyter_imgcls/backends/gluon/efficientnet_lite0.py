"""EfficientNet-Lite0 as a Gluon block, which gluoncv does not have."""

from __future__ import annotations

from typing import Any

from ..efficientnet_lite0 import BATCH_NORM_EPSILON, HEAD, STEM, Block, blocks, same_padding
from ..mxnet_runtime import import_mxnet

__all__ = ["efficientnet_lite0"]

mx = import_mxnet()
nn = mx.gluon.nn
HybridBlock: Any = mx.gluon.HybridBlock
Conv2D: Any = nn.Conv2D


def _batch_norm(channels: int) -> Any:
    return nn.BatchNorm(in_channels=channels, epsilon=BATCH_NORM_EPSILON)


class _SameConv(Conv2D):  # type: ignore[misc]
    """A strided convolution with TensorFlow's 'SAME' padding for a known input size."""

    def __init__(
        self, channels: int, kernel: int, stride: int, size: tuple[int, int], **options: Any
    ) -> None:
        before, after = zip(*(same_padding(side, kernel, stride) for side in size), strict=True)
        symmetric = before == after
        super().__init__(
            channels,
            kernel,
            strides=stride,
            padding=before if symmetric else 0,
            use_bias=False,
            **options,
        )
        (top, left), (bottom, right) = before, after
        self._pad = None if symmetric else (0, 0, 0, 0, top, bottom, left, right)

    def hybrid_forward(self, ops: Any, x: Any, *args: Any, **parameters: Any) -> Any:
        if self._pad:
            x = ops.pad(x, mode="constant", pad_width=self._pad, constant_value=0)
        return super().hybrid_forward(ops, x, *args, **parameters)


class _InvertedResidual(HybridBlock):  # type: ignore[misc]
    """See `Block`."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self._expands = block.expansion != 1
        self._shortcut = block.has_shortcut
        width = block.width
        with self.name_scope():
            if self._expands:
                self._expand_conv = Conv2D(width, 1, in_channels=block.inputs, use_bias=False)
                self._bn0 = _batch_norm(width)
            self._depthwise_conv = _SameConv(
                width, block.kernel, block.stride, block.size, in_channels=width, groups=width
            )
            self._bn1 = _batch_norm(width)
            self._project_conv = Conv2D(block.channels, 1, in_channels=width, use_bias=False)
            self._bn2 = _batch_norm(block.channels)

    def hybrid_forward(self, ops: Any, x: Any) -> Any:
        y = ops.clip(self._bn0(self._expand_conv(x)), 0, 6) if self._expands else x
        y = ops.clip(self._bn1(self._depthwise_conv(y)), 0, 6)
        y = self._bn2(self._project_conv(y))
        return x + y if self._shortcut else y


def _relu6() -> Any:
    return nn.HybridLambda(lambda ops, x: ops.clip(x, 0, 6))


def efficientnet_lite0(height: int, width: int) -> Any:
    """The network without its classifier: images to 1280 features.

    Parameters
    ----------
    height, width : int
        Size of the images in pixels; the 'SAME' padding of the strided convolutions depends on it.

    Returns
    -------
    mxnet.gluon.nn.HybridSequential
        Not initialized. Its structural parameter names are those of
        `jupyter_imgcls.backends.efficientnet_lite0.shapes`.
    """
    body = nn.HybridSequential()
    residuals = nn.HybridSequential()
    with body.name_scope():
        stem = _SameConv(STEM, 3, 2, (height, width), in_channels=3)
        for block in blocks(height, width):
            residuals.add(_InvertedResidual(block))
        layers = {
            "_conv_stem": stem,
            "_bn0": _batch_norm(STEM),
            "relu0": _relu6(),
            "_blocks": residuals,
            "_conv_head": Conv2D(HEAD, 1, in_channels=block.channels, use_bias=False),
            "_bn1": _batch_norm(HEAD),
            "relu1": _relu6(),
            "pool": nn.GlobalAvgPool2D(),
            "flat": nn.Flatten(),
        }
    for name, layer in layers.items():
        body.register_child(layer, name)
    return body
