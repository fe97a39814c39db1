"""Split a dataset so that a photo and its copies are all on one side."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import DatasetError
from .types import Label, Part, Parts, given_sides

__all__ = ["Splitter"]

Stratify = Literal["label"] | None
DEFAULT_TRAIN_SIZE = 0.66


class Splittable(Protocol):
    """What a `Splitter` uses of a `ClassificationDataset`."""

    name: str

    @property
    def labels(self) -> list[Label]:
        """The classes."""

    @property
    def label_indices(self) -> NDArray[np.int32]:
        """First label of each photo as an index into `labels`, -1 for none."""

    @property
    def origin_ids(self) -> NDArray[np.int64]:
        """A number that a photo shares with its augmented copies."""

    @property
    def parts(self) -> Parts:
        """Side of a given split of each photo."""

    def part(self: Dataset, part: Part) -> Dataset:
        """The photos on one side of a given split."""

    def take(self: Dataset, rows: NDArray[np.integer[Any]], name: str) -> Dataset:
        """A dataset of some of the photos."""


Dataset = TypeVar("Dataset", bound=Splittable)


class Splitter(Generic[Dataset]):
    """Splits a dataset into training and test photos.

    It splits the original photos; augmented copies stay with their original.

    Parameters
    ----------
    dataset : ClassificationDataset
        It is not changed.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        # Row of the first photo of each family (an original and its copies), and the family of
        # each row.
        _, self._first_rows, self._family = np.unique(
            dataset.origin_ids, return_index=True, return_inverse=True
        )

    def split(
        self,
        train_size: float | int | None = None,
        stratify: Stratify = "label",
        random_state: int | None = 0,
    ) -> tuple[Dataset, Dataset]:
        """Split into a training and a test set, both in the dataset's order.

        Parameters
        ----------
        train_size : float or int, optional
            Share of the photos to train on, in (0, 1), rounded down, or their number. Default: the
            given split by ``train`` and ``test`` folders (or a ``split`` column) if the dataset
            has one, else 0.66.
        stratify : "label" or None
            ``"label"`` splits each class in the same proportion, with at least one photo on either
            side if a class has two; for that the total may deviate from `train_size`. A class
            with one photo goes to the training set, with a warning that names it.
        random_state : int or None
            Seed; None for a different split each time.

        Returns
        -------
        train_set, test_set : ClassificationDataset

        Raises
        ------
        DatasetError
            If a side would be empty, or `train_size` or `stratify` is invalid.
        """
        given = given_sides(set(self._dataset.parts)) if train_size is None else None
        if given is not None:
            return self._dataset.part(given[0]), self._dataset.part(given[1])
        total = len(self._first_rows)
        train_count = _train_count(DEFAULT_TRAIN_SIZE if train_size is None else train_size, total)
        generator = np.random.default_rng(random_state)
        strata = [generator.permutation(stratum) for stratum in self._strata(stratify)]
        counts = _divide([len(stratum) for stratum in strata], train_count)
        train = np.concatenate(
            [stratum[:count] for stratum, count in zip(strata, counts, strict=True)]
        )
        return self._sides(np.isin(np.arange(total), train))

    def k_fold(
        self, k: int = 5, stratify: Stratify = "label", random_state: int | None = 0
    ) -> Iterator[tuple[Dataset, Dataset]]:
        """Yield `k` splits in which each photo is in the test set once.

        Parameters
        ----------
        k : int
            Number of folds, from 2 to the number of photos.
        stratify, random_state
            As in `split`; each class is spread evenly over the folds.

        Yields
        ------
        train_set, test_set : ClassificationDataset

        Raises
        ------
        DatasetError
            If `k` is out of range.
        """
        total = len(self._first_rows)
        if not 2 <= k <= total:
            raise DatasetError(f"k is {k}: choose from 2 to the number of photos, {total}.")
        generator = np.random.default_rng(random_state)
        dealt = np.concatenate(
            [generator.permutation(stratum) for stratum in self._strata(stratify)]
        )
        fold = np.empty(total, dtype=np.intp)
        fold[dealt] = np.arange(total) % k
        for number in range(k):
            yield self._sides(fold != number)

    def _strata(self, stratify: Stratify) -> list[NDArray[np.intp]]:
        """Families of each class, by the first label of their first photo."""
        if stratify is None:
            return [np.arange(len(self._first_rows))]
        if stratify != "label":
            raise DatasetError(f"stratify is {stratify!r}: choose 'label' or None.")
        labels = self._dataset.label_indices[self._first_rows]
        strata = [np.flatnonzero(labels == number) for number in np.unique(labels)]
        single = [
            self._dataset.labels[labels[stratum[0]]].name
            for stratum in strata
            if len(stratum) == 1 and labels[stratum[0]] >= 0
        ]
        if single:
            warnings.warn(
                f"Only one photo in class {', '.join(single)}: it cannot be in both the training "
                "and the test set. Add photos, or remove the class.",
                UserWarning,
                stacklevel=4,
            )
        return strata

    def _sides(self, family_in_train: NDArray[np.bool_]) -> tuple[Dataset, Dataset]:
        in_train = family_in_train[self._family]
        name = self._dataset.name
        return (
            self._dataset.take(np.flatnonzero(in_train), f"{name}-train"),
            self._dataset.take(np.flatnonzero(~in_train), f"{name}-test"),
        )


def _train_count(train_size: float | int, total: int) -> int:
    is_share = isinstance(train_size, float)
    if is_share and not 0 < train_size < 1:
        raise DatasetError(
            f"train_size is {train_size}: choose a share between 0 and 1, or a number of photos."
        )
    count = math.floor(train_size * total) if is_share else int(train_size)
    if not 0 < count < total:
        raise DatasetError(
            f"train_size={train_size} gives {count} of {total} photos to train on and "
            f"{total - count} to test: both sides need at least one."
        )
    return count


def _divide(sizes: list[int], train_count: int) -> NDArray[np.intp]:
    """How many of each stratum to train on: proportional, by largest remainder.

    Each stratum of two or more keeps at least one on either side, even if the total changes.
    """
    size = np.array(sizes)
    quota = size * train_count / size.sum()
    # A single photo is trained on, unless there is nothing else to split.
    lowest = np.ones_like(size) if len(size) > 1 else np.minimum(size, train_count)
    highest = np.maximum(size - 1, 1)
    count: NDArray[np.intp] = np.clip(np.floor(quota).astype(np.intp), lowest, highest)
    while (missing := train_count - count.sum()) != 0:
        step = 1 if missing > 0 else -1
        movable = np.flatnonzero(count < highest if step > 0 else count > lowest)
        if len(movable) == 0:
            break
        neediest = movable[np.argmax(step * (quota - count)[movable])]
        count[neediest] += step
    return count
