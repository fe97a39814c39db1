"""Import PyTorch, choose a device, and say what to do when it lacks memory."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from ..errors import BackendUnavailableError, TrainingError

__all__ = ["import_torch", "parse_device", "torch_memory_errors"]


@cache
def import_torch() -> Any:
    """Import PyTorch.

    Raises
    ------
    BackendUnavailableError
        If it is not installed or cannot be loaded; the message says what to do.
    """
    try:
        return importlib.import_module("torch")
    except (ImportError, OSError, AttributeError) as error:
        raise BackendUnavailableError(
            f"The PyTorch backend does not load: {error}. pip install 'jupyter_imgcls[torch]'."
        ) from error


def parse_device(device: str) -> Any:
    """The PyTorch device of a device string.

    Parameters
    ----------
    device : str
        ``"auto"`` (a GPU that PyTorch sees, or Apple's, else the CPU), ``"cpu"``, ``"gpu(0)"`` (the
        first NVIDIA or AMD GPU), or ``"mps"`` (Apple's).

    Raises
    ------
    BackendUnavailableError
        If the string is not of that form, or names what is not there.
    """
    torch = import_torch()
    gpus: int = torch.cuda.device_count()
    has_mps: bool = torch.backends.mps.is_available()
    if device == "auto":
        return torch.device("cuda:0" if gpus else "mps" if has_mps else "cpu")
    if device == "cpu" or (device == "mps" and has_mps):
        return torch.device(device)
    number = re.fullmatch(r"\s*gpu\((\d+)\)\s*", device)
    if number and int(number[1]) < gpus:
        return torch.device(f"cuda:{number[1]}")
    if number or device == "mps":
        raise BackendUnavailableError(
            f"There is no {device}: PyTorch sees {gpus} GPUs. Use device 'auto' or 'cpu', or "
            "install the build of PyTorch for your GPU: https://pytorch.org/get-started/locally"
        )
    raise BackendUnavailableError(
        f"Unknown device {device!r} of the PyTorch backend. Use 'auto', 'cpu', 'gpu(0)' or 'mps'."
    )


@contextmanager
def torch_memory_errors() -> Iterator[None]:
    """Turn PyTorch's out-of-memory error into a `TrainingError` that says what to do."""
    try:
        yield
    except RuntimeError as error:
        if re.search("out of memory|can't allocate memory", str(error)):
            raise TrainingError(
                "The device has too little memory for one minibatch. Use a smaller batch_size, "
                "a smaller image_dims or a smaller base model."
            ) from error
        raise
