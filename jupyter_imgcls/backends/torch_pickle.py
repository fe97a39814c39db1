"""Read PyTorch's old weights files (before 1.6: a pickle, not a zip) without PyTorch.

The format is that of ``torch.serialization._legacy_save``: five pickles (magic number, version,
byte order, the object with references to storages, the storages' keys), then for every key the
number of its elements (int64) and the elements.

A pickle is a program. The unpickler here knows only the instructions that a dictionary of tensors
needs, and only names on a list, for which it has functions of its own: nothing that the file names
is looked up or called. Weights files come from anywhere; only the bundled one comes with a wheel.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..errors import WeightsError

__all__ = ["TORCH_PICKLE_START", "read_torch_pickle"]

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
# An empty stack, an unknown memo entry, a value of a wrong type.
_MALFORMED = (ValueError, IndexError, TypeError, AttributeError, pickle.UnpicklingError)

TORCH_PICKLE_START = b"\x80\x02\x8a\x0a" + _MAGIC.to_bytes(10, "little") + b"."


class _DamagedError(Exception):
    """What the file says makes no sense; the message says what."""


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype[Any]
    size: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_torch_pickle(path: Path) -> dict[str, NDArray[Any]]:
    """Read a dictionary of tensors, as ``torch.save(net.state_dict(), path)`` wrote it.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict of str to ndarray
        In the file's order; read-only.

    Raises
    ------
    WeightsError
        If the file is damaged, holds anything but named tensors, or asks for anything but
        `OrderedDict`, tensors and their storages. Nothing in the file is executed.
    """
    data = path.read_bytes()
    stream = io.BytesIO(data)
    try:
        magic, version, system = (_Unpickler(stream).load() for _ in range(3))
        if magic != _MAGIC or version != _VERSION:
            raise _DamagedError("it does not start as such a file does")
        if not isinstance(system, dict) or system.get("little_endian") is not True:
            raise _DamagedError("its numbers are not little-endian")
        tensors = _Unpickler(stream).load()
        if not isinstance(tensors, dict) or not all(
            isinstance(tensor, _Tensor) for tensor in tensors.values()
        ):
            raise _DamagedError("it holds something else than named tensors")
        keys = _Unpickler(stream).load()
        storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
        numbers = _read_storages(data, stream.tell(), keys, storages)
        return {name: _array(name, tensor, numbers) for name, tensor in tensors.items()}
    except _RefusedError as error:
        raise WeightsError(
            f"{path} is refused: it asks for {error}, which no weights file needs. It may be "
            "malicious; use a .safetensors file from a source that you trust."
        ) from None
    except _DamagedError as error:
        reason = str(error)
    except (EOFError, struct.error):
        reason = "it is cut short"
    except _MALFORMED as error:
        reason = f"{type(error).__name__}: {error}"
    raise WeightsError(
        f"{path} cannot be read as a PyTorch weights file: {reason}. Download it again, or use "
        "a .safetensors file."
    )


class _RefusedError(Exception):
    """The file asks for something that no weights file needs; the message names it."""


class _Instructions(dict[int, Callable[[Any], None]]):
    """Implementations of pickle instructions by their code; all others are refused."""

    def __missing__(self, code: int) -> NoReturn:
        names = {opcode.code: opcode.name for opcode in pickletools.opcodes}
        if chr(code) not in names:
            raise _DamagedError("it is not a pickle")
        raise _RefusedError(f"the pickle instruction {names[chr(code)]}")


# The unpickler in Python: the one in C allocates memory up to the number of a memo entry.
_PythonUnpickler: Any = pickle._Unpickler


class _Unpickler(_PythonUnpickler):  # type: ignore[misc]
    """Reads the pickles of a weights file: only what a dictionary of tensors needs."""

    def find_class(self, module: str, name: str) -> Any:
        """Stand-ins for the allowed names; nothing is looked up."""
        if f"{module}.{name}" not in _ALLOWED:
            raise _RefusedError(f"{module}.{name}")
        return _ALLOWED[f"{module}.{name}"]

    def persistent_load(self, reference: Any) -> _Storage:
        """What a reference to a storage says of it."""
        kind, dtype, key, _device, size, view = reference
        if kind != "storage" or not isinstance(key, str) or view is not None:
            raise _DamagedError("it refers to something else than a storage")
        if not isinstance(dtype, np.dtype):
            raise _DamagedError("it has a storage without a type")
        return _Storage(key, dtype, _natural([size])[0])

    def load_global(self) -> None:
        """Push an allowed name; one that is cut short is no name to refuse."""
        module, name = self.readline(), self.readline()
        if not name.endswith(b"\n"):
            raise EOFError
        self.append(self.find_class(module[:-1].decode(), name[:-1].decode()))

    def load_setitem(self) -> None:
        """Add one entry to a dictionary."""
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def load_setitems(self) -> None:
        """Add entries to a dictionary."""
        self._update(self.pop_mark())

    def _update(self, items: list[Any]) -> None:
        # Hashing nested tuples can take forever, or crash Python.
        if not all(isinstance(key, str) for key in items[::2]):
            raise _DamagedError("it has a key that is no string")
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def load_build(self) -> None:
        """Drop the state of an object: here only the `_metadata` of a state dict."""
        self.stack.pop()

    dispatch = _Instructions(
        {
            code[0]: _PythonUnpickler.dispatch[code[0]]
            for code in (
                *(pickle.PROTO, pickle.STOP, pickle.MARK, pickle.BINPERSID, pickle.REDUCE),
                *(pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.BINUNICODE),
                *(pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1),
                *(pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
                *(pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS, pickle.EMPTY_DICT),
                *(pickle.BINPUT, pickle.BINGET, pickle.LONG_BINPUT, pickle.LONG_BINGET),
            )
        }
        | {
            pickle.GLOBAL[0]: load_global,
            pickle.SETITEM[0]: load_setitem,
            pickle.SETITEMS[0]: load_setitems,
            pickle.BUILD[0]: load_build,
        }
    )


def _rebuild_tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, _requires_grad: Any, _hooks: Any
) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise _DamagedError("it has a tensor without a storage")
    return _Tensor(storage, _natural([offset])[0], _natural(shape), _natural(strides))


def _empty_dict() -> dict[str, Any]:
    """Instead of `OrderedDict`, which takes entries with any key."""
    return {}


_ALLOWED: dict[str, Any] = {
    "collections.OrderedDict": _empty_dict,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch.DoubleStorage": np.dtype("<f8"),
    "torch.FloatStorage": np.dtype("<f4"),
    "torch.HalfStorage": np.dtype("<f2"),
    "torch.LongStorage": np.dtype("<i8"),
    "torch.IntStorage": np.dtype("<i4"),
    "torch.ShortStorage": np.dtype("<i2"),
    "torch.CharStorage": np.dtype("i1"),
    "torch.ByteStorage": np.dtype("u1"),
    "torch.BoolStorage": np.dtype("?"),
}


def _natural(numbers: Any) -> tuple[int, ...]:
    if not all(type(number) is int and 0 <= number < 2**48 for number in numbers):
        raise _DamagedError("it has a size that is no natural number")
    return tuple(numbers)


def _read_storages(
    data: bytes, position: int, keys: Any, storages: dict[str, _Storage]
) -> dict[str, NDArray[Any]]:
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise _DamagedError("its list of storages is none")
    if sorted(keys) != sorted(storages):
        raise _DamagedError("its storages are not those of its tensors")
    numbers = {}
    for key in keys:
        storage = storages[key]
        size = int.from_bytes(data[position : position + 8], "little")
        position += 8
        if size != storage.size or position + size * storage.dtype.itemsize > len(data):
            raise _DamagedError("it is cut short, or a storage has the wrong size")
        numbers[key] = np.frombuffer(data, storage.dtype, size, position)
        position += size * storage.dtype.itemsize
    return numbers


def _array(name: str, tensor: _Tensor, storages: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """View of a tensor in its storage; strides of any order, as a transposed tensor has them."""
    numbers = storages[tensor.storage.key]
    if math.prod(tensor.shape) > numbers.size:
        raise _DamagedError(f"the tensor {name!r} is larger than its storage")
    # NumPy checks the bounds.
    return np.ndarray(
        tensor.shape,
        numbers.dtype,
        buffer=numbers,
        offset=tensor.offset * numbers.itemsize,
        strides=[stride * numbers.itemsize for stride in tensor.strides],
    )
