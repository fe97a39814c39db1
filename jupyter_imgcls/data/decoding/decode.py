"""Decode image files of any supported format to pixels.

Files are untrusted: the size is checked before pixels are decoded, and any error of a reader
becomes an `UnreadableImageError` with a reason in plain words.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, TiffImagePlugin

from ...errors import UnreadableImageError
from . import isolated
from .formats import Reader, reader_for
from .greys import ValueRange, checked_range, eight_bits, low_bytes_mode, row_blocks, whole_range
from .limits import MEMORY, DecodingLimits, RefusedError, decoding_limits
from .photo_file import PhotoFile, open_photo

__all__ = [
    "check_image",
    "decode_rgb",
    "get_value_range",
    "image_size",
    "open_rgb",
    "set_value_range",
]

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

_TIFF_TILE_SIZE = TiffImagePlugin.TILEWIDTH, TiffImagePlugin.TILELENGTH

# High bytes below it: 14 bits or fewer are used.
_DARK = 64

_value_range: ValueRange | None = None


def set_value_range(value_range: ValueRange | None) -> ValueRange | None:
    """Set which values become black and white in photos of more than 8 bits a value.

    One range for all photos makes them comparable; by default each is scaled by its own values.

    Parameters
    ----------
    value_range : tuple of float or None
        (black, white), such as ``(0, 4095)`` for a 12-bit camera. None is the default.

    Returns
    -------
    tuple of float or None
        The range before.

    Raises
    ------
    ValueError
        If the range is not two finite numbers, the smaller one first.
    """
    global _value_range  # one for all datasets of a process, as their widgets and copies must agree
    new = None if value_range is None else checked_range(value_range)
    before, _value_range = _value_range, new
    return before


def get_value_range() -> ValueRange | None:
    """The range that `set_value_range` set."""
    return _value_range


def decode_rgb(
    source: str | os.PathLike[str] | bytes,
    *,
    max_pixels: int | None = None,
    min_size: tuple[int, int] | None = None,
    value_range: ValueRange | None = None,
) -> NDArray[np.uint8]:
    """Decode a photo to upright RGB: EXIF orientation applied, transparency on white.

    Of an animation, the first frame is decoded. Values of more than 8 bits are scaled to 8 bits:
    whole numbers up to 16 bits by the bits in use (8, 10, 12, 14 or 16), others from the 0.1st to
    the 99.9th percentile of the photo.

    Parameters
    ----------
    source : str, Path or bytes
        A file, or its content.
    max_pixels : int, optional
        Limit of width times height; default: the limit of `set_decoding_limits`.
    min_size : tuple of int, optional
        Smallest (height, width) that the caller needs: a JPEG at least twice as large is decoded
        at 1/2, 1/4 or 1/8 of its size, which is faster. Default: full size.
    value_range : tuple of float, optional
        The values of more than 8 bits that become black and white. Default: `set_value_range`.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    UnreadableImageError
        If the file is missing, empty, damaged, not an image, or beyond `decoding_limits`.
    ValueError
        If `value_range` is not two numbers, the smaller one first.
    """
    if value_range is not None:
        value_range = checked_range(value_range)
    with open_rgb(
        source, max_pixels=max_pixels, min_size=min_size, value_range=value_range
    ) as photo:
        return np.array(photo)


@contextmanager
def open_rgb(
    source: str | os.PathLike[str] | bytes,
    *,
    max_pixels: int | None = None,
    min_size: tuple[int, int] | None = None,
    value_range: ValueRange | None = None,
) -> Iterator[Image.Image]:
    """Like `decode_rgb`, but give a Pillow image of mode ``"RGB"`` for the time of a block.

    The memory of decoding is reserved until the block ends; so make the photo small within it, and
    open no other one.
    """
    with ExitStack() as reserved:
        with _plain_reasons(source):
            photo = _decode(source, reserved, max_pixels, min_size, value_range or _value_range)
        yield photo


def image_size(source: str | os.PathLike[str] | bytes) -> tuple[int, int]:
    """(width, height) of the upright photo; reads only the header if possible.

    Raises
    ------
    UnreadableImageError
        If the file is missing, empty, not an image, or larger than the limit.
    """
    with _plain_reasons(source), _header(source) as image:
        width, height = _stored_size(image)
        return (height, width) if _orientation(image) >= 5 else (width, height)


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
            with open_rgb(source):
                pass
        else:
            with _plain_reasons(source), _header(source):
                pass
    except UnreadableImageError as error:
        return error.reason
    return None


def _decode(
    source: str | os.PathLike[str] | bytes,
    reserved: ExitStack,
    max_pixels: int | None,
    min_size: tuple[int, int] | None,
    value_range: ValueRange | None,
) -> Image.Image:
    """The upright RGB photo; `reserved` then holds its memory."""
    limits = decoding_limits()
    if max_pixels is not None:
        limits = replace(limits, pixels=max_pixels)
    with open_photo(source, limits) as file:
        reader, image = _read_header(file, limits)
        n_pixels = _n_pixels(image)
        if min_size is not None and isinstance(image, JpegImagePlugin.JpegImageFile):
            height, width = min_size if _orientation(image) < 5 else min_size[::-1]
            image.draft(None, (width, height))
        needed = file.size + image.width * image.height * reader.bytes_a_pixel
        if "progressive" in image.info or image.format == "TIFF":
            needed += n_pixels * 8  # the coefficients of all scans; a strip or tile
        scans = limits.scan_pixels // n_pixels if _has_scans(image, file) else None
        slow = _is_slow(image, file, reader, n_pixels, limits)
        if reader.reads_all:
            del image  # so that what waits has no content in memory
        reserved.enter_context(MEMORY.reserve(needed, limits.memory))
        if slow:
            return isolated.decode(source, needed, limits, value_range)
        file.start(limits, header=False, scans=scans)
        if reader.reads_all:
            file.seek(0)
            image = reader.open(file)
        try:
            return _upright_rgb(image, file, reader, value_range)
        except Exception as error:  # readers raise anything on damaged files
            raise (RefusedError(file.refusal) if file.refusal else error) from error


@contextmanager
def _header(source: str | os.PathLike[str] | bytes) -> Iterator[Image.Image]:
    """A photo whose pixels are not decoded."""
    limits = decoding_limits()
    with open_photo(source, limits) as file:
        yield _read_header(file, limits)[1]


def _read_header(file: PhotoFile, limits: DecodingLimits) -> tuple[Reader, Image.Image]:
    reader = reader_for(file)
    if reader.reads_all:
        file.start(limits, header=False)
    with MEMORY.reserve(file.size if reader.reads_all else 0, limits.memory):
        image = reader.open(file)
    if image.width * image.height > limits.pixels:
        raise RefusedError(
            f"{image.width} x {image.height} pixels, more than the limit of {limits.pixels:,}: "
            "raise it with set_max_pixels"
        )
    return reader, image


def _n_pixels(image: Image.Image) -> int:
    """Pixels that are decoded: of a TIFF's tiles, which may be larger than the photo."""
    width, height = _stored_size(image)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        across, down = (image.tag_v2.get(tag) for tag in _TIFF_TILE_SIZE)
        if across and down:
            width, height = math.ceil(width / across) * across, math.ceil(height / down) * down
    return width * height


def _stored_size(image: Image.Image) -> tuple[int, int]:
    """(width, height) before the photo is turned upright; Pillow gives that of a TIFF after."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return image.tag_v2[TiffImagePlugin.IMAGEWIDTH], image.tag_v2[TiffImagePlugin.IMAGELENGTH]
    return image.size


def _has_scans(image: Image.Image, file: PhotoFile) -> bool:
    """Whether the pixels of a JPEG may come in several scans; its header was just read."""
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return False
    n_colours = len(image.layer)
    length = 6 + 2 * n_colours
    place = file.tell()
    file.seek(place - length - 2)
    first = b"\xff\xda" + bytes([0, length, n_colours])  # all colours in the first scan
    in_one = file.read(len(first)) == first and "progressive" not in image.info
    file.seek(place)
    return not in_one


def _is_slow(
    image: Image.Image, file: PhotoFile, reader: Reader, n_pixels: int, limits: DecodingLimits
) -> bool:
    """Whether a single call of C code may take longer than the limit."""
    if reader.pixels_a_second is None:
        return False
    work: float = n_pixels
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        if not image.use_load_libtiff:
            return False
        if "jpeg" in image.info["compression"]:
            strips = image.tag_v2.get(TiffImagePlugin.STRIPOFFSETS)
            parts = strips or image.tag_v2.get(TiffImagePlugin.TILEOFFSETS) or (0,)
            work *= max(1.0, file.count_scans() / len(parts))
    return work > reader.pixels_a_second * limits.seconds


def _upright_rgb(
    image: Image.Image, file: PhotoFile, reader: Reader, value_range: ValueRange | None
) -> Image.Image:
    raw_mode = _raw_mode(image)
    image.load()
    # Only now: a PNG may have its EXIF data after its pixels, and a TIFF is upright already.
    turn = _UPRIGHT.get(_orientation(image))
    low_bytes = low_bytes_mode(raw_mode)
    if low_bytes is not None and (value_range or _most(image) < _DARK):
        file.seek(0)
        image = _with_low_bytes(image, reader.open(file), low_bytes, value_range)
    rgb = _to_rgb(image, value_range)
    return rgb if turn is None else rgb.transpose(turn)


def _raw_mode(image: Image.Image) -> str:
    """How Pillow unpacks the pixels of a file, such as ``"RGB;16B"``."""
    tiles = getattr(image, "tile", None)
    args = tiles[0].args if tiles else None
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _most(image: Image.Image) -> int:
    """The largest value of a colour, without alpha."""
    extrema: Any = image.getextrema()  # a pair for each band
    return max(int(most) for _, most in extrema[:3])


def _with_low_bytes(
    high: Image.Image, low: Any, raw_mode: str, value_range: ValueRange | None
) -> Image.Image:
    """Colours of 16 bits scaled to 8, from an image of the high bytes and a file.

    Pillow reads only the high bytes, which are nearly black where 12 bits are used.
    """
    low.tile = [
        tile._replace(args=(raw_mode, *tile.args[1:]) if isinstance(tile.args, tuple) else raw_mode)
        for tile in low.tile
    ]
    low.load()
    scaled = np.empty((high.height, high.width, 3), np.uint8)
    value_range = value_range or whole_range(_most(high) << 8 | 255)
    for rows in row_blocks(high.height, high.width):
        box = (0, rows.start, high.width, rows.stop)
        bytes_ = [np.asarray(part.crop(box))[..., :3].astype(np.uint16) for part in (high, low)]
        scaled[rows] = eight_bits(bytes_[0] << 8 | bytes_[1], value_range)
    rgb = Image.fromarray(scaled)
    if "A" in high.getbands():
        rgb.putalpha(high.getchannel("A"))
    return rgb


@contextmanager
def _plain_reasons(source: str | os.PathLike[str] | bytes) -> Iterator[None]:
    """Make an `UnreadableImageError` of any error."""
    try:
        yield
    except Exception as error:  # readers raise anything on damaged files
        name = "the image" if isinstance(source, bytes) else os.fspath(source)
        raise UnreadableImageError(name, _reason(error)) from error


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


def _to_rgb(image: Image.Image, value_range: ValueRange | None) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image)
        if image.mode.startswith("I;16"):
            values = values.astype(np.uint16, copy=False)  # of the machine's byte order
        return Image.fromarray(eight_bits(values, value_range)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", rgba.size, "white")
        white.paste(rgba, mask=rgba)
        return white
    return image.convert("RGB")
