"""From a photo to a network's input: the one preprocessing of training, scoring and serving."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any, Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ..data.decoding.decode import get_value_range, open_rgb
from ..data.decoding.greys import ValueRange, checked_range
from ..errors import ArtifactError, DatasetError

__all__ = ["PhotoSource", "Preprocessing"]

PhotoSource = str | os.PathLike[str] | bytes | NDArray[np.uint8]
"""A file, a file's contents, or pixels: uint8 (H, W, 3), (H, W, 4), (H, W) or (3, H, W)."""

# Smaller ones make numbers that no network computes with.
_LEAST_STD = 1e-6
_INTERPOLATIONS = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}


class _Normalized(Protocol):
    """What a base model says of its input (`jupyter_imgcls.backends.base.BaseModel`)."""

    @property
    def mean(self) -> tuple[float, float, float]: ...
    @property
    def std(self) -> tuple[float, float, float]: ...
    @property
    def interpolation(self) -> Literal["bilinear", "bicubic"]: ...
    @property
    def crop_fraction(self) -> float: ...


@dataclass(frozen=True)
class Preprocessing:
    """Cut out a photo's centre, scale it, normalize it.

    The centre is the largest box of the network's aspect ratio, times `crop_fraction`; so the
    photo is never distorted. It is scaled without aliasing: first, by `interpolation`, to the
    smallest whole multiple of the target that is not smaller than the box, then by averaging
    blocks of that many pixels. On photos this is as near to an antialiased bicubic filter as
    OpenCV's area filter is, in less than half of its time.

    Parameters
    ----------
    height, width : int
        Of the network's input, in pixels.
    mean, std : tuple of float
        Per channel (R, G, B) on the 0 to 255 scale: ``(pixel - mean) / std``.
    interpolation : {"bilinear", "bicubic"}
    crop_fraction : float
        In (0, 1].
    value_range : tuple of float, optional
        The values of photos of more than 8 bits that become black and white; see `decode_rgb`.

    Raises
    ------
    ValueError
        If a value is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from jupyter_imgcls.scoring import Preprocessing
    >>> prepare = Preprocessing(height=2, width=2, mean=(0, 0, 0), std=(255, 255, 255))
    >>> prepare(np.full((8, 8, 3), 51, np.uint8))[0]
    array([[0.2, 0.2],
           [0.2, 0.2]], dtype=float32)
    """

    height: int
    width: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    crop_fraction: float = 0.875
    value_range: ValueRange | None = None

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            size = getattr(self, name)
            if not isinstance(size, int) or not 1 <= size <= 4096:
                raise ValueError(f"{name} must be a whole number from 1 to 4096, not {size!r}.")
        for name in ("mean", "std"):
            values = tuple(getattr(self, name))
            if len(values) != 3 or not all(map(_is_moderate, values)):
                raise ValueError(f"{name} must be three finite numbers, each below a million.")
            object.__setattr__(self, name, values)
        if min(self.std) < _LEAST_STD:
            raise ValueError(f"std must be three numbers of at least {_LEAST_STD}.")
        if self.interpolation not in _INTERPOLATIONS:
            names = " or ".join(map(repr, _INTERPOLATIONS))
            raise ValueError(f"interpolation must be {names}, not {self.interpolation!r}.")
        if not _is_moderate(self.crop_fraction) or not 0 < self.crop_fraction <= 1:
            raise ValueError(
                f"crop_fraction must be above 0 and at most 1, not {self.crop_fraction!r}."
            )
        if self.value_range is not None:
            object.__setattr__(self, "value_range", checked_range(self.value_range))

    @classmethod
    def for_base_model(
        cls, base_model: _Normalized, image_dims: tuple[int, int, int]
    ) -> Preprocessing:
        """The preprocessing that a base model's weights were trained for.

        The range of `set_value_range` is part of it, and so saved with the classifier.

        Parameters
        ----------
        base_model : BaseModel
        image_dims : tuple of int
            (3, height, width) of the network's input.
        """
        _, height, width = image_dims
        return cls(
            height=height,
            width=width,
            mean=base_model.mean,
            std=base_model.std,
            interpolation=base_model.interpolation,
            crop_fraction=base_model.crop_fraction,
            value_range=get_value_range(),
        )

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values for JSON."""
        values = asdict(self)
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Preprocessing:
        """What `to_dict` gave.

        Raises
        ------
        ArtifactError
            If a setting is missing, unknown or out of range.
        """
        names = {field.name for field in fields(cls)}
        given = set(settings) if isinstance(settings, Mapping) else set()
        if given != names:
            raise ArtifactError(
                f"The preprocessing settings must be {', '.join(sorted(names))}; the model file "
                f"has {', '.join(sorted(map(str, given))) or 'none'}. Save the model again."
            )
        try:
            return cls(**settings)
        except (TypeError, ValueError) as error:
            raise ArtifactError(f"The preprocessing settings are damaged: {error}") from error

    def __call__(self, source: PhotoSource) -> NDArray[np.float32]:
        """Prepare one photo.

        Parameters
        ----------
        source : str, Path, bytes or ndarray
            A file, a file's contents, or pixels: uint8 (H, W, 3) RGB, (H, W, 4) with alpha,
            (H, W) grey, or (3, H, W).

        Returns
        -------
        ndarray of float32, shape (3, height, width), C-contiguous

        Raises
        ------
        UnreadableImageError
            If a file cannot be read as an image.
        DatasetError
            If an array is no photo.
        """
        prepared = np.empty((3, self.height, self.width), np.float32)
        self.into(source, prepared)
        return prepared

    def into(self, source: PhotoSource, out: NDArray[np.float32]) -> None:
        """Same as calling it, into a C-contiguous row of a batch."""
        if isinstance(source, np.ndarray):
            small = self._scale(self._centre(as_rgb(source)))
        else:
            with open_rgb(source, min_size=self._enough, value_range=self.value_range) as photo:
                small = self._scale(self._centre(np.asarray(photo)))
        for channel, table, row in zip(cv2.split(small), self._tables, out, strict=True):
            cv2.LUT(channel, table, dst=row)

    @property
    def _enough(self) -> tuple[int, int]:
        """(height, width) from which a photo is only made smaller, never larger."""
        return (
            math.ceil(self.height / self.crop_fraction),
            math.ceil(self.width / self.crop_fraction),
        )

    @cached_property
    def _tables(self) -> NDArray[np.float32]:
        """Normalized value of each of the 256 pixel values, per channel."""
        values = (np.arange(256) - np.array([self.mean]).T) / np.array([self.std]).T
        tables: NDArray[np.float32] = values.astype(np.float32)
        return tables

    def _centre(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = pixels.shape[:2]
        scale = min(height / self.height, width / self.width) * self.crop_fraction
        box_height = max(1, round(self.height * scale))
        box_width = max(1, round(self.width * scale))
        top, left = (height - box_height) // 2, (width - box_width) // 2
        return pixels[top : top + box_height, left : left + box_width]

    def _scale(self, box: NDArray[np.uint8]) -> NDArray[np.uint8]:
        times = math.ceil(max(box.shape[0] / self.height, box.shape[1] / self.width))
        size = (self.width * times, self.height * times)
        scaled = cv2.resize(box, size, interpolation=_INTERPOLATIONS[self.interpolation])
        if times > 1:
            scaled = cv2.resize(scaled, (self.width, self.height), interpolation=cv2.INTER_AREA)
        pixels: NDArray[np.uint8] = np.asarray(scaled, np.uint8)
        return pixels


def as_rgb(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Bring a photo's array to (H, W, 3).

    Raises
    ------
    DatasetError
        If its dtype or shape is no photo's.
    """
    if pixels.dtype != np.uint8 or pixels.size == 0:
        raise DatasetError(
            "A photo given as an array must hold pixels of dtype uint8 (0 to 255), not "
            f"{pixels.dtype} of shape {pixels.shape}."
        )
    if pixels.ndim == 2:
        return np.repeat(pixels[:, :, None], 3, axis=2)
    if pixels.ndim == 3 and pixels.shape[2] == 3:
        return pixels
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        # On white, like transparent files.
        alpha = pixels[:, :, 3:].astype(np.float32) / 255
        on_white: NDArray[np.float32] = pixels[:, :, :3] * alpha + 255 * (1 - alpha)
        return np.rint(on_white).astype(np.uint8)
    if pixels.ndim == 3 and pixels.shape[0] == 3:
        return pixels.transpose(1, 2, 0)
    raise DatasetError(
        "A photo given as an array must have the shape (height, width, 3), (height, width, 4), "
        f"(height, width) or (3, height, width), not {pixels.shape}."
    )


def _is_moderate(value: object) -> bool:
    return isinstance(value, int | float) and -1e6 < value < 1e6
