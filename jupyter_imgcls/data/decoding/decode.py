"""Decode image files of any supported format to pixels.

Files are untrusted: the size is checked before pixels are decoded, and any error of a reader
becomes an `UnreadableImageError` with a reason in plain words.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from ...errors import UnreadableImageError
from .formats import RefusedError, open_image

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "check_image",
    "decode_rgb",
    "image_size",
    "open_rgb",
    "set_max_pixels",
]

DEFAULT_MAX_PIXELS = 178_956_970
"""Pillow's own limit for an error: half a gigabyte of RGB."""

_max_pixels = DEFAULT_MAX_PIXELS

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


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
    global _max_pixels  # one limit for all datasets and services of a process
    if n < 1:
        raise ValueError(f"The pixel limit must be at least 1, not {n}.")
    before, _max_pixels = _max_pixels, int(n)
    return before


def decode_rgb(
    source: str | os.PathLike[str] | bytes,
    *,
    max_pixels: int | None = None,
    min_size: tuple[int, int] | None = None,
) -> NDArray[np.uint8]:
    """Decode a photo to upright RGB: EXIF orientation applied, transparency on white.

    Of an animation, the first frame is decoded. 16-bit grey is scaled to 8 bits; other kinds of
    grey (32-bit, floating point) are scaled from the smallest to the largest value.

    Parameters
    ----------
    source : str, Path or bytes
        A file, or its content.
    max_pixels : int, optional
        Limit of width times height; default: the limit of `set_max_pixels`.
    min_size : tuple of int, optional
        Smallest (height, width) that the caller needs: a JPEG at least twice as large is decoded
        at 1/2, 1/4 or 1/8 of its size, which is faster. Default: full size.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    UnreadableImageError
        If the file is missing, empty, damaged, not an image, or larger than the limit.
    """
    return np.array(open_rgb(source, max_pixels=max_pixels, min_size=min_size))


def open_rgb(
    source: str | os.PathLike[str] | bytes,
    *,
    max_pixels: int | None = None,
    min_size: tuple[int, int] | None = None,
) -> Image.Image:
    """Like `decode_rgb`, but return a loaded Pillow image of mode ``"RGB"``."""
    with _opened(source, max_pixels) as image:
        if min_size is not None and isinstance(image, JpegImagePlugin.JpegImageFile):
            height, width = min_size if _orientation(image) < 5 else min_size[::-1]
            image.draft(None, (width, height))
        image.load()
        # Only now: a PNG may have its EXIF data after its pixels, and a TIFF is upright already.
        turn = _UPRIGHT.get(_orientation(image))
        rgb = _to_rgb(image)
        return rgb if turn is None else rgb.transpose(turn)


def image_size(source: str | os.PathLike[str] | bytes) -> tuple[int, int]:
    """(width, height) of the upright photo; reads only the header if possible.

    Raises
    ------
    UnreadableImageError
        If the file is missing, empty, not an image, or larger than the limit.
    """
    with _opened(source, None) as image:
        if image.format == "TIFF":
            image.load()  # turns it
        turned = _orientation(image) >= 5
        return (image.height, image.width) if turned else (image.width, image.height)


def check_image(
    source: str | os.PathLike[str] | bytes, how: Literal["full", "header"]
) -> str | None:
    """Return why a photo cannot be read, or None.

    Parameters
    ----------
    source : str, Path or bytes
        As for `decode_rgb`.
    how : {"full", "header"}
        Decode all pixels, or read only the header, which finds missing and empty files, files that
        are not images, and too many pixels, but not truncated files.

    Returns
    -------
    str or None
        The reason, without the path; None if nothing is wrong.
    """
    try:
        if how == "full":
            open_rgb(source)
        else:
            with _opened(source, None):
                pass
    except UnreadableImageError as error:
        return error.reason
    return None


@contextmanager
def _opened(
    source: str | os.PathLike[str] | bytes, max_pixels: int | None
) -> Iterator[Image.Image]:
    """Open a photo and check its size; any error becomes an `UnreadableImageError`."""
    limit = _max_pixels if max_pixels is None else max_pixels
    try:
        with _open_file(source) as file:
            image = open_image(file)
            if image.width * image.height > limit:
                raise RefusedError(
                    f"{image.width} x {image.height} pixels, more than the limit of {limit:,}: "
                    "raise it with set_max_pixels"
                )
            yield image
    except Exception as error:  # readers raise anything on damaged files
        name = "the image" if isinstance(source, bytes) else os.fspath(source)
        raise UnreadableImageError(name, _reason(error)) from error


def _open_file(source: str | os.PathLike[str] | bytes) -> IO[bytes]:
    if isinstance(source, bytes):
        size, file = len(source), cast("IO[bytes]", io.BytesIO(source))
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
        size, file = status.st_size, open(source, "rb")  # noqa: SIM115, PTH123 -- closed by caller
    if size == 0:
        file.close()
        raise RefusedError("the file is empty")
    return file


def _reason(error: Exception) -> str:
    """What went wrong, in plain words."""
    for kind, reason in (
        (RefusedError, str(error)),
        (FileNotFoundError, "the file does not exist"),
        (PermissionError, "no permission to read the file"),
        (MemoryError, "not enough memory to read it"),
        (Image.DecompressionBombError, "more pixels than PIL.Image.MAX_IMAGE_PIXELS allows"),
        (EOFError, "the file is cut off"),
    ):
        if isinstance(error, kind):
            return reason
    if isinstance(error, OSError) and error.errno is not None:
        return f"the file cannot be read: {error.strerror}"
    if "truncated" in str(error):
        return "the file is cut off"
    return "the file is cut off or damaged"


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 (upright) to 8; 1 if missing or damaged."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 -- a photo with damaged EXIF data is still a photo
        return 1
    return value if isinstance(value, int) else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", rgba.size, "white")
        white.paste(rgba, mask=rgba)
        return white
    return image.convert("RGB")


def _eight_bits(grey: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale greys of more than 8 bits to the range 0 to 255."""
    values = np.nan_to_num(grey.astype(np.float64), posinf=0, neginf=0)
    low, high = float(values.min()), float(values.max())
    if grey.dtype.kind in "iu" and low >= 0 and high <= 65535:
        low, high = 0.0, 65535.0  # Pillow before version 12 opens a 16-bit PNG with 32 bits
    scaled: NDArray[np.float64] = np.rint((values - low) * (255 / max(high - low, 1e-12)))
    return scaled.astype(np.uint8)
