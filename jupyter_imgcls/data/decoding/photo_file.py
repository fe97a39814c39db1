"""Open a photo's file so that reading it ends: in time, and after so many bytes and scans."""

from __future__ import annotations

import io
import os
import stat
from time import monotonic

from .limits import DecodingLimits, RefusedError

__all__ = ["PhotoFile", "open_photo"]

# Of the largest photos, with their previews, colour profiles and notes.
_HEADER_READS = 100_000
_HEADER_BYTES = 32 * 2**20

_SCAN = b"\xff\xda"
_BLOCK = 2**20


class PhotoFile(io.BufferedIOBase):
    """A file whose `read` raises `RefusedError` where a reader takes too long.

    Readers look for the next marker byte by byte, through gigabytes of zeros if a file has them,
    and a JPEG of a few kilobytes may have thousands of scans.
    """

    size: int
    refusal: str | None = None
    """Why `read` raised an error: C code that calls it reports another one."""

    def start(self, limits: DecodingLimits, *, header: bool, scans: int | None = None) -> None:
        """Begin with the header or with the pixels.

        Parameters
        ----------
        limits : DecodingLimits
        header : bool
            Whether the header is read, which is short.
        scans : int, optional
            How many scans a JPEG may have; None for any number.
        """
        self._limits = limits
        self._end = monotonic() + limits.seconds
        self._header = header
        self._reads = self._bytes = 0
        self._most_scans = scans
        self._scans, self._last = 0, b""

    def read(self, size: int | None = -1, /) -> bytes:
        """As of any file."""
        if monotonic() > self._end:
            self._refuse(self._limits.too_slow())
        data = super().read(size)
        if self._header:
            self._reads += 1
            self._bytes += len(data)
            if self._reads > _HEADER_READS:
                self._refuse("the file is damaged: its header does not end")
            if self._bytes > _HEADER_BYTES:
                self._refuse(f"its header has more than {_HEADER_BYTES // 2**20} MB")
        elif self._most_scans is not None:
            self._scans += data.count(_SCAN) + (self._last + data[:1] == _SCAN)
            self._last = data[-1:]
            if self._scans > self._most_scans:
                most = self._most_scans
                self._refuse(f"more than {most} scans, the limit for a JPEG of its size")
        return data

    def count_scans(self) -> int:
        """How often the file, whatever it is, has the marker of a JPEG's scan."""
        place = self.tell()
        self.seek(0)
        blocks = iter(lambda: super(PhotoFile, self).read(_BLOCK), b"")
        n_scans = sum(block.count(_SCAN) for block in blocks)
        self.seek(place)
        return n_scans

    def _refuse(self, reason: str) -> None:
        self.refusal = reason
        raise RefusedError(reason)


# Readers in C take the descriptor of the one, and the content of the other.
class _OnDisk(PhotoFile, io.BufferedReader):
    pass


class _InMemory(PhotoFile, io.BytesIO):
    pass


def open_photo(source: str | os.PathLike[str] | bytes, limits: DecodingLimits) -> PhotoFile:
    """Open a file, or its content, to read its header.

    Raises
    ------
    RefusedError
        If it is empty, too large, or no regular file.
    OSError
    """
    if isinstance(source, bytes):
        size = len(source)
    else:
        # Opening a pipe would wait forever for a writer.
        try:
            status = os.stat(source)  # noqa: PTH116 -- no Path object for each of a million files
        except ValueError as error:
            raise RefusedError(f"not a valid path: {error}") from None
        if stat.S_ISDIR(status.st_mode):
            raise RefusedError("it is a folder, not a photo")
        if not stat.S_ISREG(status.st_mode):
            raise RefusedError("not a regular file")
        size = status.st_size
    if size == 0:
        raise RefusedError("the file is empty")
    if size > limits.file_bytes:
        raise RefusedError(
            f"{size:,} bytes, more than the limit of {limits.file_bytes:,}: raise it with "
            "set_decoding_limits(file_bytes=...)"
        )
    file: PhotoFile
    file = _InMemory(source) if isinstance(source, bytes) else _OnDisk(io.FileIO(source))
    file.size = size
    file.start(limits, header=True)
    return file
