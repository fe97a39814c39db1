"""Lists in the documentation that are written by hand have all that there is."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import jupyter_imgcls.cvtk
import jupyter_imgcls.ui_utils

DOCS = Path(__file__).parents[2] / "docs"


def old_names() -> Iterator[str]:
    """The names of 2018, as the article would import them."""
    for package in (jupyter_imgcls.cvtk, jupyter_imgcls.ui_utils):
        modules = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
        for module in (package.__name__, *(module.name for module in modules)):
            for name in getattr(importlib.import_module(module), "__all__", ()):
                yield f"{module.removeprefix('jupyter_imgcls.')}.{name}"


def test_each_name_of_2018_has_a_new_one_that_exists() -> None:
    table = (DOCS / "cvtk.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `((?:cvtk|ui_utils)\.[\w.]+)` \| .*?`([^`]+)` \|$", table, re.M))
    assert set(rows) == set(old_names())
    for new in rows.values():
        if "." in new:
            module, _, name = new.rpartition(".")
            assert hasattr(importlib.import_module(module), name), new
