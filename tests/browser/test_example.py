"""The example notebook in the page, in all three hosts."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from .notebook import HOSTS

EXAMPLE = Path(__file__).parents[2] / "examples" / "image_classification.ipynb"
# What takes time, made short: fewer and smaller photos, one epoch.
SHORTER = {"n=63": "n=32", "(3, 224, 224)": "(3, 64, 64)", "[0.01] * 3": "[0.01]"}


def example() -> nbformat.NotebookNode:
    text = EXAMPLE.read_text(encoding="utf-8")
    for long, short in SHORTER.items():
        assert text.count(long) == 1, long
        text = text.replace(long, short)
    return nbformat.reads(text, as_version=4)


@pytest.mark.parametrize("host", HOSTS)
def test_the_example_runs_and_shows_its_widgets(host, open_notebook):
    cells = example()
    numbers = {cell.id: number for number, cell in enumerate(cells.cells)}
    notebook = open_notebook(host, cells)
    notebook.run_all(seconds=120)

    def shown(cell: str, words: str) -> None:
        output = notebook.output(numbers[cell])
        output.scroll_into_view_if_needed()
        expect(output.get_by_text(words).first).to_be_visible(timeout=20_000)

    shown("train-code", "epoch 1 of 1")
    shown("mistakes-code", "of 11 test photos are wrong")
    shown("operating-point-code", "best F1")
    shown("html-code", "Report: imgcls_output/report.html")
