"""The example notebook in all three hosts, up to its report; its widgets are the README's pictures.

``make pictures`` renews those: the example is then not made shorter.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from playwright.sync_api import expect

from .notebook import HOSTS, RENEW, SHORTEN_PATHS, publish

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "image_classification.ipynb"

# What takes time, made short: fewer and smaller photos, one epoch. For pictures, a longer curve.
CHANGES = (
    {"[0.01] * 3": "[0.01] * 8"}
    if RENEW
    else {
        "n=63": "n=32",
        "(3, 224, 224)": "(3, 64, 64)",
        "[0.01] * 3": "[0.01]",
    }
)
# Not in the article, and so not in the example.
GRID = """
from jupyter_imgcls.widgets.image_grid import ImageGrid

ImageGrid(dataset)
"""
# Cells with a widget, the name of its picture, and what it shows once it is there.
WIDGETS = {
    "train-code": ("training", "epoch 6 of 8" if RENEW else "Finished"),
    "annotate": ("annotation", "bowl_000.jpg"),
    "mistakes-code": ("results", "Previous"),
    "operating-point-code": ("thresholds", "best F1"),
    "grid": ("grid", "bowl_000.jpg"),
}
if RENEW:
    WIDGETS["load-code"] = ("load", "Finished")


def example() -> nbformat.NotebookNode:
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in CHANGES.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    notebook = nbformat.reads(text, as_version=4)
    if not RENEW:  # the rest, on deployment, is run in tests/notebooks
        end = [cell.id for cell in notebook.cells].index("html-code") + 1
        notebook.cells = notebook.cells[:end]
    notebook.cells.append(new_code_cell(GRID, id="grid"))
    return notebook


@pytest.mark.parametrize(
    "host", [HOSTS[0], *(pytest.param(host, marks=pytest.mark.long) for host in HOSTS[1:])]
)
def test_the_example_runs_and_shows_its_widgets(host, open_notebook):
    cells = example()
    numbers = {cell.id: number for number, cell in enumerate(cells.cells)}
    notebook = open_notebook(host, cells)
    if RENEW:
        notebook.page.set_viewport_size({"width": 1300, "height": 1000})
    notebook.run_all(wait=not RENEW, seconds=300)

    for cell, (name, words) in WIDGETS.items():
        outputs = notebook.output(numbers[cell]).locator(".jp-OutputArea-output")
        widget = outputs.filter(has=notebook.page.locator("button")).first
        widget.get_by_text(words).locator("visible=true").first.wait_for(
            timeout=600_000 if RENEW else 30_000
        )
        widget.scroll_into_view_if_needed()
        if cell == "annotate":
            widget.get_by_role("gridcell", name="bowl_001.jpg").click()
            widget.get_by_role("img", name="bowl_001.jpg").last.wait_for()
        if widget.get_by_role("grid", name="Photos").count():
            widget.locator("[data-painted=true]").wait_for()
        widget.evaluate(SHORTEN_PATHS, str(notebook.server.notebooks))
        picture = notebook.keep_picture(widget, f"example-{name}")
        if RENEW and host == "lab":
            publish(picture, name)
    said = notebook.output(numbers["html-code"]).get_by_text("Report: imgcls_output/report.html")
    expect(said).to_be_visible()
