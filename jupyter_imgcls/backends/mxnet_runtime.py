"""Import MXNet, gluoncv and MXNet's ONNX exporter, patched for current versions of Python.

MXNet 1.9.1 and gluoncv 0.10 were last released before NumPy 1.24, torch 2 and onnx 1.15. Everything
they need is patched here; no other module imports them directly.
"""

from __future__ import annotations

import importlib
import logging
import re
import sys
import threading
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from PIL import ImageFile

from ..errors import BackendUnavailableError, TrainingError

__all__ = ["import_exporter", "import_gluoncv", "import_mxnet", "memory_errors", "parse_device"]

_LOCK = threading.RLock()


def _import(name: str) -> types.ModuleType:
    """Import an old module without its deprecation warnings, which users cannot fix."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


@cache
def import_mxnet() -> Any:
    """Import MXNet.

    Raises
    ------
    BackendUnavailableError
        If it is not installed or cannot be loaded; the message says what to do.
    """
    try:
        mxnet: Any = _import("mxnet")
        _import("mxnet.contrib.amp")
        # mx.nd.array would look every array up in a SciPy namespace that is deprecated; without
        # SciPy, MXNet takes dense arrays only, which is all we have.
        mxnet.ndarray.utils.spsp = None
        return mxnet
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] == "distutils":
            advice = "Python 3.12 and later need: pip install 'setuptools<81'"
        elif error.name == "mxnet":
            advice = (
                "It has wheels for Linux (x86-64, aarch64) and macOS (x86-64) only. There: "
                "pip install 'jupyter_imgcls[gluon]'. Elsewhere use PyTorch"
            )
        else:
            advice = f"Install the missing module: pip install '{error.name}'"
        reason = str(error)
    except (ImportError, AttributeError, OSError, RuntimeError) as error:
        # A missing system library raises OSError.
        reason = str(error)
        advice = "Reinstall it: pip install 'mxnet==1.9.1'"
    raise BackendUnavailableError(
        f"The Gluon backend needs MXNet, which does not load: {reason}. {advice}."
    )


@cache
def import_gluoncv() -> Any:
    """Import `gluoncv.model_zoo`.

    Raises
    ------
    BackendUnavailableError
        If MXNet or gluoncv does not load.
    """
    import_mxnet()
    with _LOCK:
        # gluoncv refuses to be imported beside torch >= 2, which it does not need.
        torch = sys.modules.get("torch")
        sys.modules["torch"] = None  # type: ignore[assignment]
        accepts_truncated = ImageFile.LOAD_TRUNCATED_IMAGES
        try:
            return _import("gluoncv.model_zoo")
        except (ImportError, RuntimeError) as error:
            raise BackendUnavailableError(
                f"The Gluon backend needs gluoncv, which does not load: {error}. "
                "Install it: pip install 'gluoncv==0.10.5.post0' 'numpy<2'."
            ) from error
        finally:
            # gluoncv has Pillow read photos that are cut off, in the whole process.
            ImageFile.LOAD_TRUNCATED_IMAGES = accepts_truncated
            if torch is None:
                del sys.modules["torch"]
            else:
                sys.modules["torch"] = torch


@cache
def import_exporter() -> Any:
    """Import `mxnet.onnx`, patched for current versions of `onnx`.

    Raises
    ------
    BackendUnavailableError
        If MXNet or onnx does not load.
    """
    import_mxnet()
    try:
        onnx: Any = _import("onnx")
    except ImportError as error:
        raise BackendUnavailableError(
            f"Exporting the network needs onnx, which does not load: {error}. pip install onnx."
        ) from error
    with _LOCK:
        # Removed in onnx 1.20; deprecated, with a warning at every look, before.
        onnx.mapping = sys.modules["onnx.mapping"] = _onnx_mapping(onnx)
        exporter = _import("mxnet.onnx")
        converters = _import("mxnet.onnx.mx2onnx._export_onnx").MXNetGraph
        original = converters.registry_[12]["null"]
        if original.__module__ != __name__:
            converters.register("null")(_weight_converter(onnx, original))
        # It logs each step to the root logger, which also gives that logger a handler.
        logger = logging.getLogger("mxnet.onnx")
        logger.setLevel(logging.WARNING)
        for module in ("helper", "model", "onnx"):
            vars(_import(f"mxnet.onnx.mx2onnx._export_{module}"))["logging"] = logger
    return exporter


def _onnx_mapping(onnx: Any) -> types.ModuleType:
    """The part of `onnx.mapping`, which onnx removed, that the exporter uses."""
    mapping: Any = types.ModuleType("onnx.mapping")
    names = ("FLOAT", "FLOAT16", "DOUBLE", "INT8", "UINT8", "INT32", "INT64", "BOOL")
    kinds = [getattr(onnx.TensorProto, name) for name in names]
    dtypes = [onnx.helper.tensor_dtype_to_np_dtype(kind) for kind in kinds]
    mapping.TENSOR_TYPE_TO_NP_TYPE = dict(zip(kinds, dtypes, strict=True))
    mapping.NP_TYPE_TO_TENSOR_TYPE = dict(zip(dtypes, kinds, strict=True))
    return mapping  # type: ignore[no-any-return]


def _weight_converter(onnx: Any, original: Any) -> Any:
    """Store a weight as bytes; the exporter turns each value into a Python number.

    For AlexNet that took 24 s and gigabytes.
    """

    def convert(node: dict[str, Any], **state: Any) -> Any:
        if state["is_input"]:
            return original(node, **state)
        weight = state["weights"][node["name"]]
        tensor = onnx.numpy_helper.from_array(weight, node["name"])
        state["initializer"].append(tensor)
        value = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        return [value], (weight.dtype,)

    return convert


def parse_device(device: str) -> list[Any]:
    """MXNet contexts of a device string.

    Parameters
    ----------
    device : str
        ``"auto"`` (all GPUs that MXNet sees, else the CPU), ``"cpu"``, ``"gpu(0)"``, or several as
        ``"gpu(0),gpu(1)"``.

    Raises
    ------
    BackendUnavailableError
        If the string is not of that form, or names a GPU that MXNet does not see.
    """
    mx = import_mxnet()
    gpus: int = mx.util.get_gpu_count()
    if device == "auto":
        return [mx.gpu(number) for number in range(gpus)] or [mx.cpu()]
    if device == "cpu":
        return [mx.cpu()]
    parts = [re.fullmatch(r"\s*gpu\((\d+)\)\s*", part) for part in device.split(",")]
    numbers = [int(part[1]) for part in parts if part]
    if len(numbers) < len(parts) or len(set(numbers)) < len(numbers):
        raise BackendUnavailableError(
            f"Unknown device {device!r}. Use 'auto', 'cpu', 'gpu(0)', or several "
            "GPUs as 'gpu(0),gpu(1)'."
        )
    for number in numbers:
        if number >= gpus:
            raise BackendUnavailableError(
                f"There is no gpu({number}): MXNet sees {gpus} GPUs. "
                "Use device 'auto' or 'cpu', or install MXNet's CUDA wheel for your driver "
                "(for example: pip install mxnet-cu112)."
            )
    return [mx.gpu(number) for number in numbers]


@contextmanager
def memory_errors() -> Iterator[None]:
    """Turn MXNet's out-of-memory error into a `TrainingError` that says what to do."""
    try:
        yield
    except Exception as error:
        # MXNet says the last of these, that an array is too large to count, in a bare Exception.
        signs = r"out of memory|failed to allocate|cudaMalloc|larger than 2\^31 elements"
        if re.search(signs, str(error), re.IGNORECASE):
            raise TrainingError(
                "The device has too little memory for one minibatch. Use a smaller batch_size, "
                "a smaller image_dims or a smaller base model."
            ) from error
        raise
