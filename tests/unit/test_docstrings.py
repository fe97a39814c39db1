"""Every example in a docstring runs as it stands, in a session where nothing else is imported."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import jupyter_imgcls

PACKAGE = Path(jupyter_imgcls.__file__).parent
MODULES = [
    ".".join(("jupyter_imgcls", *file.relative_to(PACKAGE).with_suffix("").parts))
    for file in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in file.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_run_and_print_what_they_say(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    # No names but those that the example imports: what a reader can paste.
    failed, attempted = doctest.testmod(
        import_module(module.removesuffix(".__init__")), globs={}, optionflags=options
    )
    assert attempted > 0
    assert not failed, "see the output above"
