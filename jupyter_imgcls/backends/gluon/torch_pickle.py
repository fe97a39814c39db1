"""Read PyTorch's old weights files (before 1.6: a pickle, not a zip) without PyTorch.

The format is that of ``torch.serialization._legacy_save``: five pickles (magic number, version,
byte order, the object with references to storages, the storages' keys), then for every key the
number of its elements (int64) and the elements.

A pickle is a program. `pickle.Unpickler` with an allow list would keep it from calling anything
else, but not from exhausting memory or time. So the few instructions that a dictionary of tensors
needs are interpreted here, and nothing that the file names is ever looked up or called.
"""

from __future__ import annotations

import io
import math
import pickletools
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ...errors import WeightsError

__all__ = ["TORCH_PICKLE_START", "read_torch_pickle"]

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
# An ImageNet network takes some ten thousand.
_MAX_INSTRUCTIONS = 1_000_000
_ORDERED_DICT = "collections OrderedDict"
_REBUILD_TENSOR = "torch._utils _rebuild_tensor_v2"
_STORAGES = {
    "torch DoubleStorage": "<f8",
    "torch FloatStorage": "<f4",
    "torch HalfStorage": "<f2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "i1",
    "torch ByteStorage": "u1",
    "torch BoolStorage": "?",
}
_ALLOWED_GLOBALS = {_ORDERED_DICT, _REBUILD_TENSOR, *_STORAGES}

TORCH_PICKLE_START = b"\x80\x02\x8a\x0a" + _MAGIC.to_bytes(10, "little") + b"."


class _DamagedError(Exception):
    """What the file says makes no sense; the message says what."""


@dataclass(frozen=True)
class _Global:
    name: str


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
        If the file is damaged, holds something else than named tensors, or asks for anything but
        `OrderedDict`, tensors and their storages. Nothing of it has been executed then.
    """
    data = path.read_bytes()
    stream = io.BytesIO(data)
    try:
        magic, version, system = (_Interpreter(path).load(stream) for _ in range(3))
        if magic != _MAGIC or version != _VERSION:
            raise _DamagedError("it does not start as such a file does")
        if not isinstance(system, dict) or system.get("little_endian") is not True:
            raise _DamagedError("its numbers are not little-endian")
        tensors = _Interpreter(path).load(stream)
        if not isinstance(tensors, dict) or not all(
            isinstance(tensor, _Tensor) for tensor in tensors.values()
        ):
            raise _DamagedError("it holds something else than named tensors")
        keys = _Interpreter(path).load(stream)
        storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
        numbers = _read_storages(data, stream.tell(), keys, storages)
        return {name: _array(name, tensor, numbers) for name, tensor in tensors.items()}
    except _DamagedError as error:
        reason = str(error)
    except (ValueError, IndexError, KeyError, TypeError) as error:
        # What is left of malformed pickles: cut ones, an empty stack, an unknown memo entry.
        reason = f"{type(error).__name__}: {error}"
    raise WeightsError(
        f"{path} cannot be read as a PyTorch weights file: {reason}. Get it again, or use a "
        ".safetensors file."
    )


class _Interpreter:
    """Runs the pickle instructions that a dictionary of tensors needs, on a stack."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def load(self, stream: io.BytesIO) -> Any:
        """Interpret one pickle, and leave the stream behind it."""
        for opcode, argument, _ in islice(pickletools.genops(stream), _MAX_INSTRUCTIONS):
            if opcode.name == "STOP":
                return self._stack.pop()
            instruction = getattr(self, f"_do_{opcode.name.lower()}", None)
            if instruction is None:
                self._refuse(f"the pickle instruction {opcode.name}")
            instruction(argument)
        raise _DamagedError("it is too long for a dictionary of tensors")

    def _refuse(self, what: str) -> NoReturn:
        raise WeightsError(
            f"{self._path} is refused: it asks for {what}, which no weights file needs. It may be "
            "malicious; use a .safetensors file from a source that you trust."
        )

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _items(self) -> list[Any]:
        """Pop what was pushed since the last mark."""
        start = self._marks.pop()
        items = self._stack[start:]
        del self._stack[start:]
        return items

    def _pop_tuple(self, length: int) -> None:
        self._push(tuple([self._stack.pop() for _ in range(length)][::-1]))

    def _extend(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise _DamagedError("it appends to something else than a list")
        target.extend(values)

    def _update(self, items: list[Any]) -> None:
        target = self._stack[-1]
        # Hashing nested tuples can take forever, or crash Python.
        if not isinstance(target, dict) or not all(isinstance(key, str) for key in items[::2]):
            raise _DamagedError("it has a key that is no string")
        target.update(zip(items[::2], items[1::2], strict=True))

    _do_binunicode = _do_binint = _do_binint1 = _do_binint2 = _do_long1 = _push

    def _do_proto(self, version: int) -> None:
        pass

    def _do_none(self, _: None) -> None:
        self._push(None)

    def _do_newtrue(self, _: None) -> None:
        self._push(True)

    def _do_newfalse(self, _: None) -> None:
        self._push(False)

    def _do_empty_tuple(self, _: None) -> None:
        self._push(())

    def _do_empty_list(self, _: None) -> None:
        self._push([])

    def _do_empty_dict(self, _: None) -> None:
        self._push({})

    def _do_mark(self, _: None) -> None:
        self._marks.append(len(self._stack))

    def _do_tuple(self, _: None) -> None:
        self._push(tuple(self._items()))

    def _do_tuple1(self, _: None) -> None:
        self._pop_tuple(1)

    def _do_tuple2(self, _: None) -> None:
        self._pop_tuple(2)

    def _do_tuple3(self, _: None) -> None:
        self._pop_tuple(3)

    def _do_append(self, _: None) -> None:
        self._extend([self._stack.pop()])

    def _do_appends(self, _: None) -> None:
        self._extend(self._items())

    def _do_setitem(self, _: None) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._update([key, value])

    def _do_setitems(self, _: None) -> None:
        self._update(self._items())

    def _do_binput(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    def _do_binget(self, index: int) -> None:
        self._push(self._memo[index])

    _do_long_binput = _do_binput
    _do_long_binget = _do_binget

    def _do_build(self, _: None) -> None:
        # State of an object: here only the `_metadata` of a state dict, which is not needed.
        self._stack.pop()

    def _do_global(self, name: str) -> None:
        if name not in _ALLOWED_GLOBALS:
            self._refuse(name.replace(" ", "."))
        self._push(_Global(name))

    def _do_reduce(self, _: None) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if function == _Global(_ORDERED_DICT) and arguments == ():
            self._push({})
        elif function == _Global(_REBUILD_TENSOR):
            storage, offset, shape, strides, _requires_grad, _hooks = arguments
            if not isinstance(storage, _Storage):
                raise _DamagedError("it has a tensor without a storage")
            self._push(_Tensor(storage, _natural([offset])[0], _natural(shape), _natural(strides)))
        else:
            raise _DamagedError("it calls something that is no function")

    def _do_binpersid(self, _: None) -> None:
        kind, storage_type, key, _device, size, view = self._stack.pop()
        if kind != "storage" or not isinstance(key, str) or view is not None:
            raise _DamagedError("it refers to something else than a storage")
        dtype = np.dtype(_STORAGES[storage_type.name]) if type(storage_type) is _Global else None
        if dtype is None:
            raise _DamagedError("it has a storage without a type")
        self._push(_Storage(key, dtype, _natural([size])[0]))


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
