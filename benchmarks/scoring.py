"""Photos per second from JPEG files, against the network alone on ready tensors.

    python -m benchmarks.scoring [--model resnet18] [--photos 256] [--folder my/photos]

Measures in one run, in turns, and prints the median of the ratios, so that what else the machine
does touches all sides alike:

* files: JPEG files on disk through `OnnxScorer` (decoding, preprocessing, network);
* onnxruntime: ONNX Runtime with its own settings on tensors that are ready in memory;
* mxnet: the same network in plain MXNet on the same tensors.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image

from jupyter_imgcls.backends import get_backend
from jupyter_imgcls.backends.base_models import get_base_model
from jupyter_imgcls.scoring import OnnxScorer, Preprocessing, decode_ahead

BATCH = 32


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description="Photos per second from JPEG files, against the network alone."
    )
    parser.add_argument("--model", default="resnet18", help="name of a base model")
    parser.add_argument("--photos", type=int, default=256, help="photos scored in one turn")
    parser.add_argument("--repeats", type=int, default=5, help="turns")
    parser.add_argument("--folder", type=Path, help="JPEG files; made 640 x 480 ones by default")
    options = parser.parse_args()

    base_model = get_base_model(options.model)
    dims = (3, base_model.input_size, base_model.input_size)
    network = get_backend("gluon").build(
        base_model, 4, dims, weights="random", device="cpu", seed=0
    )
    onnx = network.to_onnx()
    preprocessing = Preprocessing.for_base_model(base_model, dims)
    scorer = OnnxScorer(onnx, preprocessing)
    alone = ort.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    tensors = np.random.default_rng(0).normal(size=(BATCH, *dims)).astype(np.float32)

    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or make_photos(Path(made))
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg"})
        # Whole batches, so that all sides do the same work.
        photos = -(-options.photos // BATCH) * BATCH
        files = [files[i % len(files)] for i in range(photos)]
        batches = [files[start : start + BATCH] for start in range(0, len(files), BATCH)]
        sides = {
            "files": lambda: scorer.run(files, batch_size=BATCH),
            "decoding": lambda: [None for _ in decode_ahead(batches, preprocessing)],
            "onnxruntime": lambda: [alone.run(["logits"], {"images": tensors}) for _ in batches],
            "mxnet": lambda: [network.predict(tensors) for _ in batches],
        }
        measured = compare(sides, photos, options.repeats)

    print(f"{base_model.name}, {photos} photos, median of {options.repeats} turns")
    for side, speeds in measured.items():
        ratios = [a / b for a, b in zip(speeds, measured["onnxruntime"], strict=True)]
        print(
            f"{side:12} {statistics.median(speeds):7.1f} photos/s   "
            f"{statistics.median(ratios):5.2f} of onnxruntime"
        )


def compare(
    sides: dict[str, Callable[[], object]], photos: int, repeats: int
) -> dict[str, list[float]]:
    """Photos per second of each side in each turn, after one turn to warm up."""
    speeds: dict[str, list[float]] = {side: [] for side in sides}
    for turn in range(repeats + 1):
        for side, work in sides.items():
            start = time.perf_counter()
            work()
            if turn > 0:
                speeds[side].append(photos / (time.perf_counter() - start))
    return speeds


def make_photos(folder: Path, count: int = 64) -> Path:
    """Make JPEGs like photos: coarse and fine structure, and a camera's noise."""
    random = np.random.default_rng(0)
    for number in range(count):
        pixels = np.zeros((480, 640, 3))
        for cell in (128, 64, 32, 16, 8, 4):
            coarse = random.normal(size=(480 // cell + 1, 640 // cell + 1, 3))
            for channel in range(3):
                layer = Image.fromarray(coarse[:, :, channel].astype(np.float32))
                layer = layer.resize((640, 480), Image.Resampling.BICUBIC)
                pixels[:, :, channel] += np.asarray(layer) * cell**0.7
        pixels = 120 + 55 * pixels / pixels.std() + random.normal(0, 2, pixels.shape)
        photo = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        photo.save(folder / f"{number:03}.jpg", quality=90)
    return folder


if __name__ == "__main__":
    main()
