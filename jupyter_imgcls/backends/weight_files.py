"""Read weights files of all known kinds into NumPy arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ..errors import WeightsError
from .mxnet_runtime import import_mxnet
from .torch_pickle import TORCH_PICKLE_START, read_torch_pickle

__all__ = ["read_weights_file"]

# How MXNet's NDArray files start (kMXAPINDArrayListMagic, uint64).
_MXNET_START = (0x112).to_bytes(8, "little")


def read_weights_file(path: Path) -> dict[str, NDArray[Any]]:
    """Read named arrays; the first bytes tell the kind of file.

    Parameters
    ----------
    path : Path
        A Gluon ``.params`` file, a ``.safetensors`` file, or a PyTorch file of the old kind that
        is not a zip.

    Returns
    -------
    dict of str to ndarray
        Names, shapes and types as in the file.

    Raises
    ------
    WeightsError
        If there is no such file, or it is of another kind, damaged or refused for safety.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(TORCH_PICKLE_START))
    except OSError as error:
        raise WeightsError(f"Cannot open the weights file {path}: {error.strerror}.") from error
    if start.startswith(_MXNET_START):
        return _read_mxnet(path)
    if start.startswith(TORCH_PICKLE_START):
        return read_torch_pickle(path)
    # A safetensors file starts with its header's length and the header, which is JSON.
    if start[8:9] == b"{":
        return _read_safetensors(path)
    advice = ""
    if start.startswith(b"PK"):
        advice = (
            " This is a zip file: unpack it, if it is from gluoncv's store; if PyTorch wrote it, "
            "save the weights with safetensors.torch.save_file(net.state_dict(), …) instead."
        )
    raise WeightsError(
        f"{path} is not a weights file of a known kind (Gluon .params, .safetensors, old PyTorch "
        f".pth).{advice}"
    )


def _read_mxnet(path: Path) -> dict[str, NDArray[Any]]:
    mx = import_mxnet()
    try:
        arrays = mx.nd.load(str(path))
    except mx.MXNetError as error:
        raise WeightsError(
            f"{path} is damaged: MXNet cannot read it. Download it again."
        ) from error
    if not isinstance(arrays, dict):
        raise WeightsError(f"{path} holds arrays without names, so it is not a weights file.")
    return {name: array.asnumpy() for name, array in arrays.items()}


def _read_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise WeightsError(f"{path} is damaged: {error}. Download it again.") from error
    except (KeyError, TypeError, AttributeError) as error:
        # Raised for a type that NumPy lacks (bfloat16, 8-bit floats).
        raise WeightsError(
            f"{path} holds numbers of a type that NumPy does not support ({error}). Save them as "
            "float32."
        ) from error
