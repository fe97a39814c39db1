"""A trait that holds row numbers of a dataset in an array."""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

__all__ = ["RowNumbers"]

Rows = NDArray[np.int64]


class RowNumbers(traitlets.TraitType[Any, Any]):
    """Row numbers of ``obj.dataset``, each once, as a read-only int64 array of shape (n,).

    Anything that NumPy makes such an array of can be assigned. Observers are called when the
    numbers differ, which the comparison of traitlets cannot tell of arrays.
    """

    info_text = "row numbers of the dataset, each at most once"

    def validate(self, obj: Any, value: Any) -> Rows | None:
        """Check and convert an assigned value.

        Raises
        ------
        traitlets.TraitError
            If a value is no row number of the dataset, or there twice.
        """
        if value is None and self.allow_none:
            return None
        rows = np.asarray(value)
        if rows.size == 0:
            rows = rows.astype(np.int64)
        if rows.ndim != 1 or rows.dtype.kind not in "iu":
            raise traitlets.TraitError(
                f"'{self.name}' takes a list of row numbers of the dataset, not {value!r:.80}."
            )
        total = len(obj.dataset)
        if rows.size and (rows.min() < 0 or rows.max() >= total):
            wrong = rows[(rows < 0) | (rows >= total)][0]
            raise traitlets.TraitError(
                f"'{self.name}' has row {wrong}; the dataset has {total} photos, "
                f"numbered from 0 to {total - 1}."
            )
        seen = np.zeros(total, dtype=bool)
        seen[rows] = True
        if int(seen.sum()) != rows.size:
            raise traitlets.TraitError(f"'{self.name}' names a photo more than once.")
        rows = rows.astype(np.int64)
        rows.setflags(write=False)
        return rows

    def set(self, obj: Any, value: Any) -> None:
        """Assign, and notify observers if the numbers differ."""
        new = self._validate(obj, value)
        old = obj._trait_values.get(self.name)
        obj._trait_values[self.name] = new
        same = old is new if old is None or new is None else np.array_equal(old, new)
        if not same:
            obj._notify_trait(self.name, old, new)
