"""Choose the reader for an image file, and tell what it takes to decode one.

Files are untrusted, so only these formats are read, each by the reader that matches its first
bytes. Pillow's own `open` would try dozens, some of which start other programs.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import PIL
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TgaImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL.Image import Image

from .limits import RefusedError

__all__ = ["Reader", "open_image", "reader_for"]


@dataclass(frozen=True)
class Reader:
    """How files of a format are read.

    Parameters
    ----------
    open : callable
        Reads the header of a file; the pixels are decoded later.
    bytes_a_pixel : int
        What decoding takes at most, from the first pixel to upright RGB, in all modes of the
        format. A test measures it.
    pixels_a_second : float, optional
        Decoded at least, however the file was made, in a single call of C code that nothing can
        stop. None where the pixels are decoded as the file is read.
    reads_all : bool
        Whether the header takes the whole file into memory.
    """

    open: Callable[[Any], Image]
    bytes_a_pixel: int = 18
    pixels_a_second: float | None = None
    reads_all: bool = False


def _open_avif(file: IO[bytes]) -> Image:
    try:
        from PIL import AvifImagePlugin
    except ImportError:
        raise RefusedError("AVIF photos need Pillow 11.3: pip install -U pillow") from None
    return AvifImagePlugin.AvifImageFile(file)


def _open_heif(file: IO[bytes]) -> Image:
    try:
        import pillow_heif
    except ImportError:
        raise RefusedError(
            "HEIC photos need pillow-heif: pip install 'jupyter_imgcls[heic]', or save as JPEG"
        ) from None
    opener: Any = pillow_heif.HeifImageFile
    return cast("Image", opener(file))


# The plain JPEG reader: Pillow's other one also parses the second picture of 3-D photos.
_JPEG = Reader(JpegImagePlugin.JpegImageFile, 14)
_TIFF = Reader(TiffImagePlugin.TiffImageFile, pixels_a_second=1.5e6)
# Files made for it take 100 times as long as others, and six times the memory.
_JPEG_2000 = Reader(Jpeg2KImagePlugin.Jpeg2KImageFile, 64, pixels_a_second=1e4)
_PPM = Reader(PpmImagePlugin.PpmImageFile)
_DIB = Reader(BmpImagePlugin.DibImageFile)
_TGA = Reader(TgaImagePlugin.TgaImageFile)
_WEBP = Reader(WebPImagePlugin.WebPImageFile, 24, pixels_a_second=5e6, reads_all=True)
_AVIF = Reader(_open_avif, 24, pixels_a_second=1e6, reads_all=True)
_HEIF = Reader(_open_heif, 24, pixels_a_second=1e6, reads_all=True)

_SIGNATURES: tuple[tuple[bytes, Reader], ...] = (
    (b"\xff\xd8\xff", _JPEG),
    (b"\x89PNG\r\n\x1a\n", Reader(PngImagePlugin.PngImageFile)),
    (b"GIF8", Reader(GifImagePlugin.GifImageFile)),
    (b"BM", Reader(BmpImagePlugin.BmpImageFile)),
    (b"II*\0", _TIFF),
    (b"MM\0*", _TIFF),
    (b"II+\0", _TIFF),
    (b"MM\0+", _TIFF),
    (b"\0\0\0\x0cjP  \r\n\x87\n", _JPEG_2000),
    (b"\xff\x4f\xff\x51", _JPEG_2000),
    *((b"P" + kind, _PPM) for kind in (b"1", b"2", b"3", b"4", b"5", b"6")),
    *((size.to_bytes(4, "little"), _DIB) for size in (12, 40, 52, 56, 64, 108, 124)),
)
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def reader_for(file: IO[bytes] | io.BufferedIOBase) -> Reader:
    """The reader for a file, by its first bytes.

    Parameters
    ----------
    file : binary file
        Positioned at its start, and left there.

    Raises
    ------
    RefusedError
        If the format is unknown.
    """
    start = file.read(18)
    file.seek(0)
    for signature, reader in _SIGNATURES:
        if start.startswith(signature):
            return reader
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return _WEBP
    if start[4:8] == b"ftyp" and start[8:12] in (b"avif", b"avis"):
        return _AVIF
    if start[4:8] == b"ftyp" and start[8:12] in _HEIF_BRANDS:
        return _HEIF
    if _is_tga(start):
        return _TGA
    raise RefusedError("not an image that can be read")


def open_image(file: IO[bytes]) -> Image:
    """Read an image file's header with the reader for its first bytes.

    Parameters
    ----------
    file : binary file
        Positioned at its start; must stay open until the pixels are loaded.

    Returns
    -------
    PIL.Image.Image
        Its pixels are not decoded yet.

    Raises
    ------
    RefusedError
        If the format is unknown or not supported. A reader may raise any exception.
    """
    return reader_for(file).open(file)


def _is_tga(start: bytes) -> bool:
    """Whether the fields of a header fit one another: a TGA has no signature."""
    if len(start) < 18:
        return False
    has_palette, kind, palette_depth, depth = start[1], start[2], start[7], start[16]
    size = int.from_bytes(start[12:14], "little"), int.from_bytes(start[14:16], "little")
    depths = {1: (8,), 2: (16, 24, 32), 3: (8, 16)}.get(kind & ~8, ())
    return (
        has_palette in (0, 1)
        and has_palette == (kind & ~8 == 1)
        and palette_depth in ((15, 16, 24, 32) if has_palette else (0,))
        and depth in depths
        and min(size) > 0
        and start[17] & 0xC0 == 0
    )


def _silence_libtiff() -> None:
    """Keep libtiff from writing about damaged files to stderr: an error says what is wrong."""
    package = Path(PIL.__file__).parent
    bundled = [*package.glob("../pillow.libs/libtiff*"), *package.glob(".dylibs/libtiff*")]
    for library in map(str, bundled or ("libtiff.so.6", "libtiff.so.5")):
        # Where the library is linked into Pillow, as on Windows, it keeps its voice.
        with contextlib.suppress(OSError, AttributeError):
            tiff = ctypes.CDLL(library)
            for set_handler in (tiff.TIFFSetErrorHandler, tiff.TIFFSetWarningHandler):
                set_handler.restype = ctypes.c_void_p
                set_handler(None)


_silence_libtiff()
