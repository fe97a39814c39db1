"""Lists in the documentation that are written by hand have all that there is."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import jupyter_imgcls.cvtk
import jupyter_imgcls.ui_utils
from jupyter_imgcls.cvtk.other_tasks import OtherTask

DOCS = Path(__file__).parents[2] / "docs"


def old_names() -> Iterator[str]:
    """The names of 2018 that have a new one."""
    for package in (jupyter_imgcls.cvtk, jupyter_imgcls.ui_utils):
        modules = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
        for name in (package.__name__, *(found.name for found in modules)):
            module = importlib.import_module(name)
            for old in getattr(module, "__all__", ()):
                if old != "OtherTask" and not isinstance(getattr(module, old), OtherTask):
                    yield old


def test_each_name_of_2018_has_a_new_one_that_exists() -> None:
    table = (DOCS / "cvtk.md").read_text("utf-8").partition("## Keywords")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| .*?`([^`]+)` \|$", table, re.M))
    assert set(rows) == set(old_names())
    for new in rows.values():
        if "." in new:
            module, _, name = new.rpartition(".")
            assert hasattr(importlib.import_module(module), name), new
