"""Good files of each kind that is read; what the fuzzer changes."""

from __future__ import annotations

import io
import json
import sqlite3
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import onnx
import safetensors.numpy
from PIL import Image

from jupyter_imgcls.classifiers.artifact import Artifact
from jupyter_imgcls.context import Context
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.data.journal import Journal
from jupyter_imgcls.scoring import Preprocessing
from tests.conftest import encoded

SIDE = 64


@cache
def photos() -> tuple[bytes, ...]:
    """A photo in each format, mode and compression that is read."""
    rows, columns = np.mgrid[0:SIDE, 0:48]
    pixels = np.stack([rows * 4, columns * 5, rows + columns], axis=2).astype(np.uint8)
    rgb = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = pixels.astype(np.uint16) * 16
    made = [
        *(encoded(rgb.convert(mode), "JPEG", exif=exif) for mode in ("RGB", "L", "CMYK")),
        encoded(rgb, "JPEG", progressive=True),
        *(encoded(rgb.convert(mode), "PNG") for mode in ("RGB", "L", "1", "P", "RGBA", "LA")),
        encoded(rgb, "PNG", exif=exif),
        encoded(rgb, "PNG", save_all=True, append_images=[rgb.rotate(90)]),
        cv2.imencode(".png", deep)[1].tobytes(),
        cv2.imencode(".png", deep[..., 0])[1].tobytes(),
        encoded(rgb, "GIF"),
        encoded(rgb, "GIF", save_all=True, append_images=[rgb.rotate(90)]),
        *(encoded(rgb.convert(mode), "BMP") for mode in ("RGB", "P", "1")),
        encoded(rgb, "DIB"),
        *(encoded(rgb.convert(mode), "PPM") for mode in ("RGB", "L", "1")),
        b"P3 2 2 255 " + b"1 2 3 " * 4,
        *(encoded(rgb.convert(mode), "TGA", compression="tga_rle") for mode in ("RGB", "P")),
        encoded(rgb, "TGA"),
        *(
            encoded(rgb, "TIFF", compression=how, exif=exif)
            for how in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd")
        ),
        encoded(rgb.convert("1"), "TIFF", compression="group4"),
        *(encoded(rgb.convert(mode), "TIFF") for mode in ("F", "I", "I;16", "CMYK", "P")),
        cv2.imencode(".tif", deep)[1].tobytes(),
        encoded(rgb, "WEBP"),
        encoded(rgb.convert("RGBA"), "WEBP", lossless=True, exif=exif),
        encoded(rgb, "WEBP", save_all=True, append_images=[rgb.rotate(90)]),
        encoded(rgb, "JPEG2000"),
        encoded(rgb, "JPEG2000", no_jp2=True, tile_size=(32, 32)),
        *_of_newer_readers(rgb),
    ]
    return tuple(made)


def _of_newer_readers(rgb: Image.Image) -> list[bytes]:
    made = []
    Image.init()
    if "AVIF" in Image.SAVE:
        made.append(encoded(rgb, "AVIF"))
    try:
        import pillow_heif
    except ImportError:
        return made
    file = io.BytesIO()
    pillow_heif.from_pillow(rgb).save(file)
    return [*made, file.getvalue()]


@cache
def network() -> bytes:
    """Mean colours as features, and their weighted sums as logits of two classes."""
    image = onnx.helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, ["n", 3, 64, 64])
    features = onnx.helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, ["n", 3])
    logits = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", 2])
    weights = onnx.numpy_helper.from_array(np.eye(3, 2, dtype=np.float32), "weights")
    nodes = [
        onnx.helper.make_node("ReduceMean", ["images"], ["features"], axes=[2, 3], keepdims=0),
        onnx.helper.make_node("MatMul", ["features", "weights"], ["logits"]),
    ]
    graph = onnx.helper.make_graph(nodes, "means", [image], [features, logits], [weights])
    opset = [onnx.helper.make_opsetid("", 13)]
    return onnx.helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


@cache
def artifact() -> bytes:
    """A saved classifier of a few kilobytes."""
    scale = (128.0, 128.0, 128.0)
    manifest = {
        "base_model": "efficientnet_lite0",
        "image_dims": [3, 64, 64],
        "backend": "gluon",
        "class_map": ["cup", "plate"],
        "preprocessing": Preprocessing(64, 64, scale, scale).to_dict(),
        "history": [],
    }
    entries = {
        "model.onnx": network(),
        "weights.safetensors": safetensors.numpy.save({"w": np.zeros(2, np.float32)}),
    }
    with tempfile.TemporaryDirectory() as folder:
        return Artifact("network", manifest, entries).write(Path(folder, "a.model")).read_bytes()


@cache
def archive() -> bytes:
    """A zip of photos."""
    file = io.BytesIO()
    ways = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    with zipfile.ZipFile(file, "w") as made:
        for number, way in enumerate(ways):
            made.writestr(f"cup/{number}.png", photos()[4], way)
        made.writestr("あ/notes.txt", "text")
    return file.getvalue()


def dataset(folder: Path) -> ClassificationDataset:
    """Two photos in class folders below `folder`."""
    for name in ("cup", "plate"):
        photo = folder / "photos" / name / "1.png"
        photo.parent.mkdir(parents=True, exist_ok=True)
        photo.write_bytes(photos()[4])
    return ClassificationDataset.create_from_dir("fuzz", folder / "photos")


def journal_file(folder: Path) -> Path:
    """Where the journal of `dataset` is."""
    with Journal.open(dataset(folder), Context.create(folder, folder, folder)) as journal:
        return journal.file


@cache
def journal() -> bytes:
    """A label journal with a few edits, in one file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos_ = dataset(folder)
        with Journal.open(photos_, Context.create(folder, folder, folder)) as opened:
            opened.edit([photos_.images[0]], "plate")
            opened.add_class("bowl")
            opened.undo()
            file = opened.file
        connection = sqlite3.connect(file)
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.close()
        return file.read_bytes()


def requests() -> tuple[bytes, ...]:
    """Bodies of JSON requests."""
    entry = {"image_in_base64": "aGVsbG8=", "parameters": {"addSoftmax": True, "topK": 2}}
    text = {"image_in_base64": "b'aGVsbG8='"}
    url = {"image_in_base64": "data:image/png;base64,aGVsbG8=", "parameters": None}
    return tuple(json.dumps(body).encode() for body in ([entry], [text, url], [], {}))
