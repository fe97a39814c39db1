"""What a model is made of, checked: classes, their columns, the size of photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..backends.base import ImageDims
from ..data import Label
from ..errors import TrainingError

__all__ = ["checked_class_map", "checked_dims"]

_MIN_SIDE, _MAX_SIDE = 64, 1024


def checked_class_map(
    labels: Sequence[Label | str], class_map: Mapping[int, Label | str] | None = None
) -> dict[int, str]:
    """Names of the classes by their columns.

    Parameters
    ----------
    labels : sequence of Label or str
    class_map : mapping of int to Label or str, optional
        The same classes in another order; default: that of `labels`.

    Raises
    ------
    TrainingError
        If there is no class, one is there twice, or `class_map` is no permutation of them.
    """
    names = [Label(str(label)).name for label in labels]
    if isinstance(labels, str) or not names or len(set(names)) != len(names):
        raise TrainingError(f"The labels {labels!r} are not one or more different classes.")
    if class_map is None:
        return dict(enumerate(names))
    by_column = {column: Label(str(label)).name for column, label in class_map.items()}
    if by_column.keys() != set(range(len(names))) or set(by_column.values()) != set(names):
        raise TrainingError(
            f"class_map is {class_map}: give each of {', '.join(names)} one number from 0 to "
            f"{len(names) - 1}."
        )
    return {column: by_column[column] for column in range(len(names))}


def checked_dims(image_dims: Sequence[int]) -> ImageDims:
    """`image_dims` as (3, height, width).

    Raises
    ------
    TrainingError
        If it is not that, or height or width is not from 64 to 1024.
    """
    sides = list(image_dims)
    if (
        len(sides) != 3
        or sides[0] != 3
        or not all(isinstance(s, int) and _MIN_SIDE <= s <= _MAX_SIDE for s in sides[1:])
    ):
        raise TrainingError(
            f"image_dims is {image_dims}: give (3, height, width), height and width from "
            f"{_MIN_SIDE} to {_MAX_SIDE}."
        )
    return 3, sides[1], sides[2]
