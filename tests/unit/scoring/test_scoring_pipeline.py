"""Photos are decoded a little ahead of whoever uses them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from jupyter_imgcls.scoring import Preprocessing, decode_ahead
from jupyter_imgcls.scoring.pipeline import available_cores

PLAIN = Preprocessing(height=4, width=4, mean=(0, 0, 0), std=(1, 1, 1))


def grey(value: int) -> np.ndarray:
    return np.full((8, 8, 3), value, np.uint8)


def decode_threads() -> int:
    return sum(thread.name.startswith("decode") for thread in threading.enumerate())


def test_photos_come_in_order_whatever_the_threads() -> None:
    batches = [[grey(10 * batch + place) for place in range(5)] for batch in range(20)]
    for number, batch in enumerate(decode_ahead(batches, PLAIN, threads=4)):
        assert batch.images.shape == (5, 3, 4, 4)
        assert batch.images[:, 0, 0, 0].tolist() == [10 * number + place for place in range(5)]
        assert batch.problems == {}


def test_batches_of_different_sizes() -> None:
    sizes = [2, 5, 0, 1, 4]
    batches = [[grey(size)] * size for size in sizes]
    decoded = decode_ahead(batches, PLAIN)
    for size, batch in zip(sizes, decoded, strict=True):
        assert batch.images.shape == (size, 3, 4, 4)
        assert (batch.images == size).all()


def test_an_unreadable_photo_is_zeros_and_says_why() -> None:
    (batch,) = decode_ahead([[grey(9), b"no photo", grey(9), b""]], PLAIN)
    assert batch.problems == {1: "not an image that can be read", 3: "the file is empty"}
    assert (batch.images[[1, 3]] == 0).all()
    assert (batch.images[[0, 2]] == 9).all()


def test_only_a_few_batches_ahead_in_memory_that_is_used_again() -> None:
    begun = []

    def batches() -> Iterator[list[np.ndarray]]:
        for number in range(50):
            begun.append(number)
            yield [grey(1)]

    memory = set()
    for done, batch in enumerate(decode_ahead(batches(), PLAIN, ahead=2), start=1):
        memory.add(batch.images.__array_interface__["data"])
        assert len(begun) <= done + 2
    assert len(memory) == 3


def test_closing_drops_what_is_not_begun_and_ends_the_threads() -> None:
    with closing(decode_ahead([[grey(1)]] * 100, PLAIN, threads=3)) as decoded:
        next(decoded)
        assert decode_threads() > 0
    assert decode_threads() == 0


def test_an_error_of_the_program_is_raised_not_hidden() -> None:
    with pytest.raises(TypeError):
        list(decode_ahead([[3.5]], PLAIN))  # type: ignore[list-item]
    assert decode_threads() == 0


def test_no_batches() -> None:
    assert list(decode_ahead([], PLAIN)) == []


def test_cores_where_the_system_does_not_tell_which_are_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 7)
    assert available_cores() == 7
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert available_cores() == 1
