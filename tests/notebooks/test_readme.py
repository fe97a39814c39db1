"""What the README tells a newcomer to type works, in the order that it stands there.

Its shell commands are run with the wheel, in ``tests/packaging``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from .snippets import newcomer, snippets

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_notebook_cells_run_one_after_the_other(tmp_path):
    cells = snippets(README, "python")
    assert len(cells) == 2

    code = "\n".join(cell.code for cell in cells)
    shown = newcomer(tmp_path)(sys.executable, "-c", code)

    assert re.search(r"^\d+\.\d% right, averaged over the classes$", shown, re.MULTILINE)
    assert (tmp_path / "tableware.model").exists()


def test_the_make_targets_that_it_names_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"`make (\w+)", README)
    assert targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_benchmarks_that_it_names_exist():
    names = re.findall(r"`(?:python -m )?benchmarks\.(\w+)`", README)
    assert {f"{name}.py" for name in names} | {"__init__.py"} == {
        file.name for file in (ROOT / "benchmarks").glob("*.py")
    }


def test_the_files_that_it_links_to_exist():
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link
