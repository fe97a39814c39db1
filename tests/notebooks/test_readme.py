"""What the README tells a newcomer to type works, in the order that it stands there."""

import re
import sys
from pathlib import Path

import pytest

from .snippets import newcomer, snippets

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


# What takes time, made short.
CHANGES = {
    "num_epochs=3": "num_epochs=1",
    "duration=5": "duration=1",
    "--duration 5": "--duration 1",
}


def blocks(language):
    text = README
    for old, new in CHANGES.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return [snippet.code for snippet in snippets(text, language)]


@pytest.fixture
def run(tmp_path):
    """Run a program as a newcomer would: in an empty folder, with their own home."""
    return newcomer(tmp_path)


def test_the_notebook_cells_run_one_after_the_other(run, tmp_path):
    cells = blocks("python")
    assert len(cells) >= 7

    shown = run(sys.executable, "-c", "\n".join(cells))

    assert "Dataset 'tableware': 63 photos, 4 classes" in shown
    assert "class-averaged" in shown
    assert "Finished epoch 1 of 1" in shown
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert (tmp_path / "tableware.model").exists()
    assert "The labels are written to" in shown
    assert (tmp_path / "labels.csv").exists()


def test_the_shell_commands_run_one_after_the_other(run, tmp_path):
    (commands,) = blocks("sh")

    shown = run("bash", "-e", "-c", commands)

    assert "Confusion matrix" in shown
    assert (tmp_path / "report.html").exists()
    assert len(list((tmp_path / "augmented").rglob("*.jpg"))) == 3 * 63


def test_the_make_targets_that_it_names_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    for target in re.findall(r"make (\w+)", "".join(blocks("console"))):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_files_that_it_links_to_exist():
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link
