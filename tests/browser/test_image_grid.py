"""ImageGrid with a million photos in the page, by mouse and by key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import save_photo

SHOW = """
import os
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.widgets.image_grid import ImageGrid
dataset = ClassificationDataset("photos")
names = sorted(os.listdir(os.path.join({root!r}, "0")))
for number in range(1000):
    label = ["cup", "plate"][number % 2]
    dataset.add_folder(os.path.join({root!r}, str(number)), names, label)
ui = ImageGrid(dataset)
ui
"""

SAVED = "() => !window.jupyterapp.shell.currentWidget.context.model.dirty"
LOADED = "image => image.complete && image.naturalWidth === 640"


@pytest.fixture
def million(tmp_path: Path) -> str:
    """A cell that shows a million photos: links to the few that there are."""
    files = [save_photo(tmp_path / f"{n}.png", seed=n, size=(640, 480)) for n in range(10)]
    files[2].write_bytes(b"no photo")
    first = tmp_path / "photos" / "0"
    first.mkdir(parents=True)
    for n in range(1000):
        os.link(files[n % 10], first / f"{n:03}.png")
    for n in range(1, 1000):
        (first.parent / str(n)).symlink_to(first)
    return SHOW.format(root=str(first.parent))


@pytest.mark.parametrize("host", ["lab", pytest.param("notebook", marks=pytest.mark.long)])
def test_a_million_photos_by_mouse_and_by_key(host, open_notebook, million):
    notebook = open_notebook(host, [million])
    notebook.run_all()
    page, kernel, output = notebook.page, notebook.kernel, notebook.output()
    grid, press = output.get_by_role("grid"), page.keyboard.press
    cell = grid.get_by_role("gridcell")
    output.locator("[data-painted=true]").wait_for()
    assert output.get_by_text("1,000,000 photos").is_visible()
    columns = int(grid.get_attribute("aria-colcount"))

    # by mouse
    cell.nth(1).click()
    kernel.wait_for("list(ui.selected) == [1]")
    cell.nth(3).click(modifiers=["Control"])
    kernel.wait_for("list(ui.selected) == [1, 3]")
    cell.nth(5).click(modifiers=["Shift"])
    kernel.wait_for("list(ui.selected) == [3, 4, 5] and ui.active == 5")
    box, end = cell.first.bounding_box(), cell.nth(columns + 1).bounding_box()
    page.mouse.move(box["x"] + 4, box["y"] + 4)
    page.mouse.down()
    page.mouse.move(end["x"] + 20, end["y"] + 20, steps=4)
    page.mouse.up()
    kernel.wait_for(f"list(ui.selected) == [0, 1, {columns}, {columns + 1}]")
    assert cell.nth(2).get_attribute("title") == "002.png: not an image that can be read"
    notebook.keep_pictures(output, "image-grid")

    # by key
    grid.focus()
    for key, active in {
        "End": 999_999,
        "Home": 0,
        "PageDown": 2 * columns,
        "PageUp": 0,
        "ArrowDown": columns,
        "ArrowRight": columns + 1,
    }.items():
        press(key)
        kernel.wait_for(f"ui.active == {active} and list(ui.selected) == [{active}]")
    press("#")
    page.keyboard.type("500001")
    press("Enter")
    kernel.wait_for("ui.active == 500_000")
    grid.get_by_role("gridcell", name="000.png cup").wait_for()
    press("Control+a")
    kernel.wait_for("len(ui.selected) == 1_000_000")
    press("Escape")
    kernel.wait_for("len(ui.selected) == 0")
    press("b")  # else a new cell below
    assert page.locator(".jp-Notebook .jp-Cell").count() == 1
    press("Control+s")
    page.wait_for_function(SAVED)

    # large, and back
    press("Enter")
    viewer = output.get_by_role("dialog", name="Photo")
    page.wait_for_function(LOADED, arg=viewer.locator("img").element_handle())
    notebook.keep_picture(viewer, "image-grid-large")
    press("ArrowRight")
    viewer.get_by_text("500,002 of 1,000,000 · 001.png · cup").wait_for()
    press("ArrowRight")
    viewer.get_by_text("This photo cannot be shown: ").wait_for()
    press("Escape")
    kernel.wait_for("ui.active == 500_002")
    press("ArrowLeft")
    kernel.wait_for("ui.active == 500_001")

    # the photos that are at the top stay there when they grow
    output.get_by_label("Thumbnail size").press("ArrowRight")
    kernel.wait_for("ui.thumbnail_size == 144")
    grid.get_by_role("gridcell", name="001.png cup").wait_for()
    cell.first.hover()
    row = grid.get_by_role("row").first.get_attribute("aria-rowindex")
    page.mouse.wheel(0, 600)
    page.wait_for_function(
        "([grid, row]) => grid.querySelector('[role=row]').ariaRowIndex > row",
        arg=[grid.element_handle(), int(row)],
    )
