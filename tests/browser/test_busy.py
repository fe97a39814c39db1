"""Widgets beside a busy cell: the photos come while it runs."""

from __future__ import annotations

from playwright.sync_api import expect

from ..conftest import save_photo
from .all_widgets import cells

BUSY = """
from pathlib import Path
while not Path({file!r}).exists():
    sum(range(1000))
"""


def test_the_grid_scrolls_to_photos_that_were_never_shown(open_notebook, tmp_path):
    for number in range(400):
        save_photo(tmp_path / "photos" / "cup" / f"{number}.png", seed=number)
    save_photo(tmp_path / "photos" / "plate" / "last.png")
    ended = tmp_path / "ended"
    set_up = cells(tmp_path / "photos")[0]
    show = "grid = ImageGrid(dataset)\ngrid"
    notebook = open_notebook("lab", [set_up, show, BUSY.format(file=str(ended))])
    notebook.run_all(wait=False)
    grid = notebook.output(1).locator(".imgcls-grid")
    photos = grid.get_by_role("gridcell")
    photos.first.wait_for()

    photos.first.click()
    notebook.page.keyboard.press("End")

    expect(photos.last).to_contain_text("last.png")
    expect(grid).to_have_attribute("data-painted", "true")
    expect(notebook.page.locator(".jp-InputPrompt").last).to_have_text("[*]:")
    ended.touch()
    notebook.kernel.wait_for("list(grid.selected) == [400]")
