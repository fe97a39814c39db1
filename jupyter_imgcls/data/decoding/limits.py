"""How much decoding a photo may take: settings of the process, and its memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "MEMORY",
    "DecodingLimits",
    "RefusedError",
    "decoding_limits",
    "free_memory",
    "set_decoding_limits",
    "set_max_pixels",
]

DEFAULT_MAX_PIXELS = 178_956_970
"""Pillow's own limit for an error: half a gigabyte of RGB."""


class RefusedError(Exception):
    """Why a file is not read, in plain words."""


def free_memory() -> int:
    """Bytes that this process may still take, in a container within its limit."""
    free = psutil.virtual_memory().available
    with suppress(OSError, ValueError):  # the limit of a container, or no container
        group = Path("/sys/fs/cgroup")
        used = int((group / "memory.current").read_text())
        free = min(free, int((group / "memory.max").read_text()) - used)
    return max(free, 0)


def _half_of_the_free_memory() -> int:
    return max(free_memory() // 2, 512 * 2**20)


@dataclass(frozen=True)
class DecodingLimits:
    """What a photo may take to be decoded; one that takes more is refused with its reason.

    Parameters
    ----------
    pixels : int
        Width times height.
    file_bytes : int
        Size of the file.
    scan_pixels : int
        Width times height times scans of a JPEG. A progressive JPEG has about ten scans, and each
        goes over all pixels again.
    seconds : float
        From the first byte to the last pixel.
    memory : int
        Bytes for all photos that the process decodes at the same time. Others wait, and a photo
        that needs more is refused. By default half of the memory that is free when the first photo
        is decoded, at least 512 MiB.
    """

    pixels: int = DEFAULT_MAX_PIXELS
    file_bytes: int = 2**30
    scan_pixels: int = 2_000_000_000
    seconds: float = 30.0
    memory: int = field(default_factory=_half_of_the_free_memory)

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"The limit {name} must be above 0, not {value}.")

    def too_slow(self) -> str:
        """Why a photo that takes longer than `seconds` is refused."""
        return (
            f"decoding takes longer than the limit of {self.seconds:g} s: raise it with "
            "set_decoding_limits(seconds=...)"
        )


_limits: DecodingLimits | None = None


def decoding_limits() -> DecodingLimits:
    """The limits of this process."""
    global _limits  # noqa: PLW0603 -- made when first needed: the memory free then counts
    if _limits is None:
        _limits = DecodingLimits()
    return _limits


def set_decoding_limits(
    *,
    pixels: int | None = None,
    file_bytes: int | None = None,
    scan_pixels: int | None = None,
    seconds: float | None = None,
    memory: int | None = None,
) -> DecodingLimits:
    """Change what a photo may take to be decoded, for the whole process.

    Parameters
    ----------
    pixels, file_bytes, scan_pixels, seconds, memory
        As in `DecodingLimits`. What is not given stays.

    Returns
    -------
    DecodingLimits
        The limits before: ``set_decoding_limits(**vars(before))`` brings them back.

    Raises
    ------
    ValueError
        If a value is not above 0.

    Examples
    --------
    >>> from jupyter_imgcls.data import decoding_limits, set_decoding_limits
    >>> before = set_decoding_limits(seconds=5)
    >>> decoding_limits().seconds
    5
    >>> _ = set_decoding_limits(**vars(before))
    """
    global _limits  # noqa: PLW0603 -- one for all datasets and services of a process
    before = decoding_limits()
    given = {
        "pixels": pixels,
        "file_bytes": file_bytes,
        "scan_pixels": scan_pixels,
        "seconds": seconds,
        "memory": memory,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    _limits = replace(before, **changes)  # type: ignore[arg-type]  # names and types are those above
    return before


def set_max_pixels(n: int) -> int:
    """Set how many pixels (width times height) a photo may have, for the whole process.

    Parameters
    ----------
    n : int
        At least 1. `DEFAULT_MAX_PIXELS` to begin with.

    Returns
    -------
    int
        The previous limit.

    Raises
    ------
    ValueError
        If `n` is smaller than 1.
    """
    if n < 1:
        raise ValueError(f"The pixel limit must be at least 1, not {n}.")
    return set_decoding_limits(pixels=int(n)).pixels


class _Memory:
    """Bytes that photos being decoded share, first come, first served."""

    def __init__(self) -> None:
        self._reserved = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def reserve(self, n_bytes: int, limit: int) -> Iterator[None]:
        """Wait until `n_bytes` of `limit` are free, and hold them.

        Raises
        ------
        RefusedError
            If they never will be.
        """
        if n_bytes > limit:
            raise RefusedError(
                f"decoding needs {_megabytes(n_bytes)} of memory, more than the limit of "
                f"{_megabytes(limit)}: raise it with set_decoding_limits(memory=...)"
            )
        with self._changed:
            if self._waiting or self._reserved + n_bytes > limit:
                self._wait(n_bytes, limit)
            self._reserved += n_bytes
        try:
            yield
        finally:
            with self._changed:
                self._reserved -= n_bytes
                self._changed.notify_all()

    def _wait(self, n_bytes: int, limit: int) -> None:
        ticket = object()
        self._waiting.append(ticket)
        try:
            self._changed.wait_for(
                lambda: self._waiting[0] is ticket and self._reserved + n_bytes <= limit
            )
        finally:
            self._waiting.remove(ticket)
            self._changed.notify_all()  # the next one may fit, too


MEMORY = _Memory()


def _megabytes(n_bytes: int) -> str:
    return f"{-(-n_bytes // 2**20):,} MB"
