"""A notebook that is saved and opened again: with its kernel, without it, and as HTML."""

from __future__ import annotations

import json

import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import expect

from ..conftest import draw_photos
from .all_widgets import WIDGETS, cells

# What the widget manager logs about a widget that the kernel does not know.
NOT_FOUND = "widget model not found"
MOST_BYTES = 300_000
GRID = 1 + list(WIDGETS).index("ImageGrid")


@pytest.mark.parametrize("host", ["lab", pytest.param("notebook", marks=pytest.mark.long)])
def test_widgets_live_on_after_a_reload_and_leave_a_picture_when_the_kernel_is_gone(
    host, open_notebook, tmp_path
):
    draw_photos(tmp_path / "photos")
    notebook = open_notebook(host, cells(tmp_path / "photos"))
    notebook.run_all()
    photos = notebook.output(GRID).get_by_role("gridcell")
    photos.first.wait_for()

    saved = notebook.save()
    for widget, cell in zip(WIDGETS, saved.cells[1:], strict=True):
        assert len(json.dumps(cell.outputs)) <= MOST_BYTES, widget
    # What shows notebooks without widgets, such as nbconvert, takes the pictures.
    html, _ = HTMLExporter().from_filename(str(notebook.file))
    assert html.count("<img") == len(WIDGETS)

    notebook.open()
    photos.nth(2).click()
    notebook.kernel.wait_for("list(grid.selected) == [2]")
    stills = notebook.page.locator(".imgcls-still")
    for number in range(1, len(saved.cells)):
        notebook.output(number).scroll_into_view_if_needed()
        expect(notebook.output(number).locator("[role=grid], .widget-vbox").first).to_be_visible()
    expect(stills).to_have_count(0)

    notebook.end_kernel()
    notebook.open()
    for number in range(1, len(saved.cells)):
        output = notebook.output(number)
        output.scroll_into_view_if_needed()
        expect(output.get_by_role("img", name="Picture of the widget")).to_be_visible()
        expect(output.get_by_text("run the cell to use the widget.")).to_be_visible()
    for theme in ("dark", "light") if host == "lab" else ("light",):
        notebook.change_theme(theme)
        for number, widget in enumerate(WIDGETS, start=1):
            notebook.keep_picture(notebook.output(number), f"still-{widget}")
    assert notebook.page.evaluate(
        "[...document.querySelectorAll('.imgcls-still img')].every(image => image.naturalWidth)"
    )

    notebook.run_all()
    photos.first.wait_for()
    expect(stills).to_have_count(0)
    notebook.problems = [text for text in notebook.problems if NOT_FOUND not in text]
