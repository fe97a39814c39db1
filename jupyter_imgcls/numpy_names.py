"""Names that NumPy removed, for libraries that were last released before."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from typing import Any

__all__ = ["restore_numpy_names"]

_OLD_LIBRARIES = ("mxnet", "gluoncv", "imgaug")
_KINDS = {
    "int": "int8 int16 int32 int64",
    "uint": "uint8 uint16 uint32 uint64",
    "float": "float16 float32 float64",
    "complex": "complex64 complex128",
    "others": "bool object S U V",
}


class _BeforeImport(MetaPathFinder):
    """Finds nothing, but sees what is looked for."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Restore the names when one of the libraries is imported."""
        if name in _OLD_LIBRARIES:
            _restore()


def restore_numpy_names() -> None:
    """Have NumPy get the names again that MXNet, gluoncv and imgaug use, when one is imported.

    NumPy 1.24 removed the names of Python's types, and NumPy 2 many more. Each has the meaning that
    it had, but for ``np.bool``, which has that of NumPy 2. Those of financial functions, which left
    in NumPy 1.20 and are only looked up, are None.
    """
    sys.meta_path.insert(0, _BeforeImport())


def _restore() -> None:
    import numpy as np

    meanings: dict[str, Any] = {
        "bool": np.bool_,
        "object": object,
        "int": int,
        "float": float,
        **dict.fromkeys(("Inf", "Infinity", "infty", "PINF"), np.inf),
        "NINF": -np.inf,
        **dict.fromkeys(("NaN", "NAN"), np.nan),
        "PZERO": 0.0,
        "NZERO": -0.0,
        "alltrue": np.all,
        "sometrue": np.any,
        "product": np.prod,
        "cumproduct": np.cumprod,
        "in1d": np.isin,
        "row_stack": np.vstack,
        "round_": np.round,
        "float_": np.float64,
        "complex_": np.complex128,
        "unicode_": np.str_,
        "string_": np.bytes_,
        "msort": lambda values: np.sort(values, axis=0),
        "sctypes": {
            kind: [np.dtype(name).type for name in names.split()] for kind, names in _KINDS.items()
        },
        **dict.fromkeys(("mirr", "npv", "pmt", "ppmt", "pv", "rate")),
    }
    names = vars(np)  # hasattr() on a removed name emits a warning
    if "trapezoid" in names:
        meanings["trapz"] = names["trapezoid"]
    for name, meaning in meanings.items():
        if name not in names:
            setattr(np, name, meaning)
