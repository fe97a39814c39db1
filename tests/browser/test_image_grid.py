"""ImageGrid in the page: select by mouse and by key."""

from __future__ import annotations

import pytest

from tests.conftest import draw_photos

from .notebook import HOSTS

SHOW = """
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.widgets.image_grid import ImageGrid
dataset = ClassificationDataset.create_from_dir("photos", {root!r})
ui = ImageGrid(dataset)
ui
"""

SAVED = "() => !window.jupyterapp.shell.currentWidget.context.model.dirty"


@pytest.mark.parametrize("host", HOSTS)
def test_photos_are_selected_by_mouse_and_by_key(host, open_notebook, tmp_path):
    draw_photos(tmp_path / "photos")
    notebook = open_notebook(host, [SHOW.format(root=str(tmp_path / "photos"))])
    notebook.run_all()
    grid, kernel = notebook.output().get_by_role("grid"), notebook.kernel

    grid.get_by_role("gridcell").nth(1).click()
    kernel.wait_for("list(ui.selected) == [1]")
    notebook.page.keyboard.press("ArrowRight")
    kernel.wait_for("ui.active == 2")
    notebook.page.keyboard.press("Control+a")
    kernel.wait_for("len(ui.selected) == 10")
    if host != "voila":
        notebook.page.keyboard.press("b")  # else a new cell below
        assert notebook.page.locator(".jp-Notebook .jp-Cell").count() == 1
        notebook.page.keyboard.press("Control+s")
        notebook.page.wait_for_function(SAVED)
    notebook.keep_pictures(notebook.output(), "image-grid")
