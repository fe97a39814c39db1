"""Base models as PyTorch modules, cut below their ImageNet classifier.

`build_body` gives images (n, 3, H, W) → features (n, feature_size), and `named_arrays` its
parameters by the names and in the shapes that they have in every backend; see
`jupyter_imgcls.backends.gluon.zoo` for those.
"""

from __future__ import annotations

from typing import Any

from ..base import BaseModel
from ..efficientnet_lite0 import BATCH_NORM_EPSILON, HEAD, STEM, Block, blocks, same_padding
from ..torch_runtime import import_torch

__all__ = ["body_shapes", "build_body", "named_arrays"]

torch: Any = import_torch()
nn = torch.nn
ops = nn.functional
Module: Any = nn.Module
Conv2d: Any = nn.Conv2d
Linear: Any = nn.Linear
ModuleList: Any = nn.ModuleList
Sequential: Any = nn.Sequential

_RESNETS = {
    18: (False, (2, 2, 2, 2)),
    34: (False, (3, 4, 6, 3)),
    50: (True, (3, 4, 6, 3)),
    101: (True, (3, 4, 23, 3)),
    152: (True, (3, 8, 36, 3)),
}


class _SameConv(Conv2d):  # type: ignore[misc]
    """A convolution with TensorFlow's 'SAME' padding for a known input size."""

    def __init__(
        self,
        inputs: int,
        channels: int,
        kernel: int,
        stride: int,
        size: tuple[int, int],
        **options: Any,
    ) -> None:
        super().__init__(inputs, channels, kernel, stride, bias=False, **options)
        (top, bottom), (left, right) = (same_padding(side, kernel, stride) for side in size)
        self._zeros = (left, right, top, bottom)

    def forward(self, x: Any) -> Any:
        return super().forward(ops.pad(x, self._zeros))


class _InvertedResidual(Module):  # type: ignore[misc]
    """See `Block`."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self._expands, self._shortcut = block.expansion != 1, block.has_shortcut
        width = block.width
        if self._expands:
            self._expand_conv = Conv2d(block.inputs, width, 1, bias=False)
            self._bn0 = _lite_norm(width)
        self._depthwise_conv = _SameConv(
            width, width, block.kernel, block.stride, block.size, groups=width
        )
        self._bn1 = _lite_norm(width)
        self._project_conv = Conv2d(width, block.channels, 1, bias=False)
        self._bn2 = _lite_norm(block.channels)

    def forward(self, x: Any) -> Any:
        y = ops.relu6(self._bn0(self._expand_conv(x))) if self._expands else x
        y = ops.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self._shortcut else y


class _EfficientNetLite0(Module):  # type: ignore[misc]
    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self._conv_stem = _SameConv(3, STEM, 3, 2, (height, width))
        self._bn0 = _lite_norm(STEM)
        described = list(blocks(height, width))
        self._blocks = Sequential(*map(_InvertedResidual, described))
        self._conv_head = Conv2d(described[-1].channels, HEAD, 1, bias=False)
        self._bn1 = _lite_norm(HEAD)

    def forward(self, x: Any) -> Any:
        x = ops.relu6(self._bn0(self._conv_stem(x)))
        x = ops.relu6(self._bn1(self._conv_head(self._blocks(x))))
        return x.mean((2, 3))


def _lite_norm(channels: int) -> Any:
    return nn.BatchNorm2d(channels, eps=BATCH_NORM_EPSILON)


class _Residual(Module):  # type: ignore[misc]
    """A block of a ResNet, with its stride in the 3 x 3 convolution."""

    def __init__(self, inputs: int, width: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        outputs = 4 * width if bottleneck else width
        kernels = (1, 3, 1) if bottleneck else (3, 3)
        strides = (1, stride, 1) if bottleneck else (stride, 1)
        channels = (inputs, *[width] * (len(kernels) - 1), outputs)
        self._layers = []
        for i, (kernel, step) in enumerate(zip(kernels, strides, strict=True), start=1):
            conv = Conv2d(
                channels[i - 1], channels[i], kernel, step, padding=kernel // 2, bias=False
            )
            norm = nn.BatchNorm2d(channels[i])
            self.add_module(f"conv{i}", conv)
            self.add_module(f"bn{i}", norm)
            self._layers.append((conv, norm))
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = Sequential(
                Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Any) -> Any:
        y = x
        for i, (conv, norm) in enumerate(self._layers):
            y = norm(conv(ops.relu(y) if i else y))
        return ops.relu(y + (x if self.downsample is None else self.downsample(x)))


class _ResNet(Module):  # type: ignore[misc]
    def __init__(self, depth: int) -> None:
        super().__init__()
        bottleneck, repeats = _RESNETS[depth]
        self.conv1 = Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for i, count in enumerate(repeats):
            width = 64 * 2**i
            layer = []
            for repeat in range(count):
                stride = 2 if i and not repeat else 1
                layer.append(_Residual(inputs, width, stride, bottleneck))
                inputs = 4 * width if bottleneck else width
            self.add_module(f"layer{i + 1}", Sequential(*layer))

    def forward(self, x: Any) -> Any:
        x = ops.max_pool2d(ops.relu(self.bn1(self.conv1(x))), 3, 2, padding=1)
        for i in range(1, 5):
            x = getattr(self, f"layer{i}")(x)
        return x.mean((2, 3))


class _ConvRelu(Conv2d):  # type: ignore[misc]
    def forward(self, x: Any) -> Any:
        return ops.relu(super().forward(x))


class _LinearRelu(Linear):  # type: ignore[misc]
    def forward(self, x: Any) -> Any:
        return ops.relu(super().forward(x))


class _SixBySix(Module):  # type: ignore[misc]
    """Averages any map to 6 x 6 cells, as `AdaptiveAvgPool2d`, in operators that ONNX has."""

    def forward(self, x: Any) -> Any:
        for axis in (2, 3):
            side = int(x.shape[axis])
            cells = [
                x.narrow(axis, begin, end - begin).mean(axis, keepdim=True)
                for begin, end in (
                    (cell * side // 6, -(-(cell + 1) * side // 6)) for cell in range(6)
                )
            ]
            x = torch.cat(cells, axis) if side != 6 else x
        return x.flatten(1)


class _Concurrent(ModuleList):  # type: ignore[misc]
    def forward(self, x: Any) -> Any:
        return torch.cat([part(x) for part in self], 1)


class _Features(Module):  # type: ignore[misc]
    """Layers by numbers; what is left of a map is averaged."""

    def __init__(self, *layers: Any) -> None:
        super().__init__()
        self.features = Sequential(*layers)

    def forward(self, x: Any) -> Any:
        x = self.features(x)
        return x.mean((2, 3)) if x.ndim == 4 else x


def _alexnet() -> Any:
    pool = nn.MaxPool2d(3, 2)
    return _Features(
        *(_ConvRelu(3, 64, 11, 4, padding=2), pool),
        *(_ConvRelu(64, 192, 5, padding=2), pool),
        _ConvRelu(192, 384, 3, padding=1),
        _ConvRelu(384, 256, 3, padding=1),
        *(_ConvRelu(256, 256, 3, padding=1), pool),
        _SixBySix(),
        *(_LinearRelu(9216, 4096), nn.Dropout(0.5), _LinearRelu(4096, 4096)),
    )


def _squeezenet() -> Any:
    def conv(inputs: int, channels: int, kernel: int) -> Any:
        return Sequential(_ConvRelu(inputs, channels, kernel, padding=kernel // 2))

    def fire(inputs: int, squeezed: int, expanded: int) -> Any:
        both = _Concurrent([conv(squeezed, expanded, 1), conv(squeezed, expanded, 3)])
        return Sequential(conv(inputs, squeezed, 1), both)

    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    return _Features(
        *(Conv2d(3, 64, 3, 2), nn.ReLU(), pool),
        *(fire(64, 16, 64), fire(128, 16, 64), pool),
        *(fire(128, 32, 128), fire(256, 32, 128), pool),
        *(fire(256, 48, 192), fire(384, 48, 192), fire(384, 64, 256), fire(512, 64, 256)),
    )


class _Bottleneck(Module):  # type: ignore[misc]
    """An inverted residual of MobileNetV2."""

    def __init__(self, inputs: int, channels: int, expansion: int, stride: int) -> None:
        super().__init__()
        width = inputs * expansion
        self._shortcut = stride == 1 and inputs == channels
        expand = Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU6()
        self.out = Sequential(
            *(expand if expansion != 1 else ()),
            Conv2d(width, width, 3, stride, padding=1, groups=width, bias=False),
            *(nn.BatchNorm2d(width), nn.ReLU6()),
            *(Conv2d(width, channels, 1, bias=False), nn.BatchNorm2d(channels)),
        )

    def forward(self, x: Any) -> Any:
        y = self.out(x)
        return x + y if self._shortcut else y


def _mobilenetv2() -> Any:
    # expansion, channels, repeats, first stride
    stages = (
        *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
        *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
    )
    layers = [Conv2d(3, 32, 3, 2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()]
    inputs = 32
    for expansion, channels, repeats, stride in stages:
        for repeat in range(repeats):
            layers.append(_Bottleneck(inputs, channels, expansion, 1 if repeat else stride))
            inputs = channels
    layers += [Conv2d(320, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6()]
    return _Features(*layers)


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
    torch.nn.Module
    """
    name = base_model.name
    if name == "efficientnet_lite0":
        return _EfficientNetLite0(height, width)
    if name.startswith("resnet"):
        return _ResNet(int(name.removeprefix("resnet")))
    return {"alexnet": _alexnet, "squeezenet1.1": _squeezenet, "mobilenetv2": _mobilenetv2}[name]()


def named_arrays(body: Any) -> dict[str, Any]:
    """Parameters and running statistics of a body by their names in every backend."""
    found = {}
    for layer, module in body.named_modules():
        is_norm = isinstance(module, nn.BatchNorm2d)
        names = {"weight": "gamma", "bias": "beta"} if is_norm else {}
        kinds = ("weight", "bias", "running_mean", "running_var")
        for kind in kinds if is_norm else kinds[:2]:
            array = getattr(module, kind, None)
            if array is not None:
                found[f"{layer}.{names.get(kind, kind)}"] = array
    return found


def body_shapes(base_model: BaseModel) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the parameters of a body, of which no memory is taken."""
    with torch.device("meta"):
        body = build_body(base_model, base_model.input_size, base_model.input_size)
    return {name: tuple(array.shape) for name, array in named_arrays(body).items()}
