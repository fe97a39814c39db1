"""Greys and colours of more than 8 bits as 8 bits, so that one sees something.

Cameras of microscopes, thermal cameras and X-ray devices give 10, 12 or 14 bits in files of 16, and
measurements come as floating-point numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ValueRange",
    "checked_range",
    "eight_bits",
    "low_bytes_mode",
    "row_blocks",
    "whole_range",
]

ValueRange = tuple[float, float]
"""The values that become black and white."""

_DEPTHS = (8, 10, 12, 14, 16)
_DARKEST_SHARE, _BRIGHTEST_SHARE = 0.1, 99.9
_MOST_SAMPLES = 1_000_000
_BLOCK = 1_000_000

# Readers keep the first byte of each value, or the second: so these give the other one.
_OTHER_BYTE = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


def checked_range(value_range: object) -> ValueRange:
    """Two finite numbers, the smaller one first.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    if isinstance(value_range, Sequence) and len(value_range) == 2:
        low, high = value_range
        numbers = all(type(value) in (int, float) and -1e30 < value < 1e30 for value in (low, high))
        if numbers and low < high:
            return low, high
    raise ValueError(
        "value_range must be two numbers, black before white, such as (0, 4095), not "
        f"{value_range!r}."
    )


def low_bytes_mode(raw_mode: str) -> str | None:
    """The raw mode of Pillow that reads the low bytes, where `raw_mode` reads the high bytes.

    Parameters
    ----------
    raw_mode : str
        Such as ``"RGB;16B"``.

    Returns
    -------
    str or None
        Such as ``"RGB;16L"``. None where the mode is not one of 16-bit colours.
    """
    colours, _, order = raw_mode.partition(";16")
    known = colours in ("RGB", "RGBX", "RGBA") and order in _OTHER_BYTE
    return f"{colours};16{_OTHER_BYTE[order]}" if known else None


def eight_bits(
    values: NDArray[np.generic], value_range: ValueRange | None = None
) -> NDArray[np.uint8]:
    """Scale values of more than 8 bits to the range 0 to 255.

    Parameters
    ----------
    values : ndarray of shape (H, W) or (H, W, C), integers or floating-point numbers
    value_range : tuple of float, optional
        The values that become 0 and 255; what lies outside is clipped. By default, whole numbers
        from 0 to 65,535 are scaled by the bits in use: from 0 to the largest number of 8, 10, 12,
        14 or 16 bits that the brightest pixel needs. Others are scaled from the 0.1st to the 99.9th
        percentile, so that a few outliers do not hide the rest.

    Returns
    -------
    ndarray of uint8
        Of the same shape. Values that are no number or infinite are 0.
    """
    low, high = value_range or _range_in_use(values)
    scale = 255 / max(high - low, 1e-12)
    if values.dtype == np.uint16:
        every = (np.arange(65536) - low) * scale
        table = np.rint(every.clip(0, 255)).astype(np.uint8)
        looked_up: NDArray[np.uint8] = table[values]
        return looked_up
    scaled = np.empty(values.shape, np.uint8)
    for rows in row_blocks(*values.shape[:2]):
        block = (values[rows].astype(np.float64) - low) * scale
        block[~np.isfinite(block)] = 0
        scaled[rows] = np.rint(block.clip(0, 255))
    return scaled


def whole_range(most: int) -> ValueRange:
    """The range of the 8, 10, 12, 14 or 16 bits that the largest value needs."""
    return 0, 2 ** next(bits for bits in _DEPTHS if most < 2**bits) - 1


def _range_in_use(values: NDArray[np.generic]) -> ValueRange:
    if values.dtype.kind in "iu":
        least, most = int(values.min()), int(values.max())
        if least >= 0 and most < 2**16:
            return whole_range(most)
    step = -(-values.size // _MOST_SAMPLES)
    samples = values.reshape(-1)[::step].astype(np.float64)
    samples = samples[np.isfinite(samples)]
    if samples.size == 0:
        return 0, 0
    low, high = np.percentile(samples, (_DARKEST_SHARE, _BRIGHTEST_SHARE), method="inverted_cdf")
    return float(low), float(high)


def row_blocks(height: int, width: int) -> Iterator[slice]:
    """A few rows at a time: copies with wider numbers then take little memory."""
    rows = max(1, _BLOCK // width)
    for start in range(0, height, rows):
        yield slice(start, min(height, start + rows))
