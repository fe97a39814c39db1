"""What all tests share: a storage context of their own, and photos made for the purpose."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from jupyter_imgcls.context import Context
from jupyter_imgcls.data import ClassificationDataset

if TYPE_CHECKING:
    from jupyter_client.blocking.client import BlockingKernelClient

    from jupyter_imgcls.classifiers import TransferLearningModel

# What the article calls imgs_recycling; measured on where it is at hand, never needed.
REAL_PHOTOS = Path(__file__).parents[2] / "shared" / "data" / "imgs_recycling"


@pytest.fixture(autouse=True)
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """A global context in a temporary folder, so that no test writes into the user's folders."""
    folder = tmp_path_factory.mktemp("context")
    yield Context.create(folder / "outputs", folder / "persistent", folder / "temp")
    Context._global = None
    logging.getLogger("jupyter_imgcls").setLevel(logging.NOTSET)


@pytest.fixture
def real_photos() -> Path:
    """The 63 photos of the article; skips where they are not at hand."""
    if not REAL_PHOTOS.is_dir():
        pytest.skip("the article's 63 photos are not beside the project")
    return REAL_PHOTOS


def save_photo(file: Path, seed: int = 0, size: tuple[int, int] = (32, 24)) -> Path:
    """Save a small picture of one colour with noise; its format is that of the suffix."""
    generator = np.random.default_rng(seed)
    colour = generator.integers(40, 215, 3)
    noise = generator.integers(-30, 30, (size[1], size[0], 3))
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((colour + noise).astype(np.uint8)).save(file)
    return file


def encoded(picture: Image.Image, format: str, **options: object) -> bytes:
    """A picture as the content of a file."""
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


@pytest.fixture
def class_folders(tmp_path: Path) -> Callable[..., Path]:
    """Make class folders of small photos: ``class_folders(cup=3, plate=2)`` gives their root."""

    def make(root: Path = tmp_path / "photos", **counts: int) -> Path:
        for number, (name, count) in enumerate(counts.items()):
            (root / name).mkdir(parents=True, exist_ok=True)
            for i in range(count):
                save_photo(root / name / f"{name}{i + 1}.png", seed=1000 * number + i)
        return root

    return make


@pytest.fixture(scope="session")
def untrained_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file for SqueezeNet 1.1, random: the smallest network, which trains in moments."""
    import safetensors.numpy

    from jupyter_imgcls.backends import get_backend
    from jupyter_imgcls.backends.base_models import BASE_MODELS

    network = get_backend("gluon").build(
        BASE_MODELS["squeezenet1.1"], 2, (3, 64, 64), weights="random", device="cpu", seed=0
    )
    weights = {
        name.removeprefix("body."): value
        for name, value in network.get_weights().items()
        if name.startswith("body.")
    }
    file = tmp_path_factory.mktemp("weights") / "squeezenet.safetensors"
    safetensors.numpy.save_file(weights, file)
    return file


@pytest.fixture(scope="session")
def small_model(untrained_weights: Path) -> Callable[..., TransferLearningModel]:
    """Make a small model: ``small_model(["cup", "plate"])``."""
    from jupyter_imgcls.classifiers import TransferLearningModel

    def make(labels: Sequence[str] = ("cup", "plate"), **options: Any) -> TransferLearningModel:
        options = {"base_model": "squeezenet1.1", "image_dims": (3, 64, 64)} | options
        return TransferLearningModel(labels, weights=untrained_weights, **options)

    return make


@pytest.fixture
def photos(tmp_path: Path) -> ClassificationDataset:
    """Five dark photos of cups and five light ones of plates."""
    return draw_photos(tmp_path / "cups_and_plates")


def draw_photos(root: Path) -> ClassificationDataset:
    """What `photos` gives, in a folder of one's own."""
    generator = np.random.default_rng(0)
    for name, brightness in {"cup": 70, "plate": 180}.items():
        folder = root / name
        folder.mkdir(parents=True)
        for i in range(5):
            pixels = brightness + generator.integers(-60, 60, (24, 32, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{name}{i + 1}.png")
    return ClassificationDataset.create_from_dir("photos", root)


@pytest.fixture
def kernel_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BlockingKernelClient]:
    """A kernel of this Python, as the page of a notebook has it."""
    from ipykernel.kernelspec import write_kernel_spec
    from jupyter_client.manager import KernelManager

    write_kernel_spec(tmp_path / "jupyter" / "kernels" / "this-python")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    manager = KernelManager(kernel_name="this-python")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()
