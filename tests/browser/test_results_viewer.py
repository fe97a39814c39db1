"""ResultsUI in the page: filter, look, correct a label."""

from __future__ import annotations

import pytest

from tests.conftest import draw_photos, save_photo

from .notebook import HOSTS

# Ten photos, five of each class, of which the second and the eighth are predicted wrongly.
SHOW = """
import numpy as np
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.widgets.results_viewer import ResultsUI
dataset = ClassificationDataset.create_from_dir("photos", {root!r})
predicted = dataset.label_indices.copy()
predicted[[1, 7]] = 1 - predicted[[1, 7]]
ui = ResultsUI(dataset, pred_scores=np.where(predicted[:, None] == np.arange(2), 0.8, 0.2))
ui
"""


@pytest.mark.parametrize("host", HOSTS)
def test_wrong_photos_are_found_and_their_labels_corrected(host, open_notebook, tmp_path):
    draw_photos(tmp_path / "photos")
    notebook = open_notebook(host, [SHOW.format(root=str(tmp_path / "photos"))])
    notebook.run_all()
    ui, kernel = notebook.output(), notebook.kernel
    ui.get_by_text("8 of 10 correct").wait_for()

    ui.get_by_role("button", name="Wrong", exact=True).click()
    ui.get_by_text("Photo 1 of 2").wait_for()
    assert kernel.value("ui.rows") == [1, 7]
    ui.get_by_role("button", name="Image +1").click()
    ui.get_by_text("Photo 2 of 2").wait_for()
    ui.get_by_role("button", name="Image").first.press("Enter")
    ui.get_by_text("Photo 1 of 2").wait_for()
    kernel.wait_for("ui.row == 1")
    ui.get_by_text("cup2.png", exact=True).wait_for()
    notebook.keep_pictures(ui, "results")

    ui.locator(".widget-dropdown", has_text="Label").locator("select").select_option("plate")
    ui.get_by_text("9 of 10 correct").wait_for()
    assert kernel.value("dataset.images[1].labels[0].name") == "plate"

    # The cell of true plates that are taken for cups.
    ui.locator(".heatmapcell").nth(2).click()
    kernel.wait_for("ui.rows == (7,)")
    ui.get_by_role("button", name="Clear the filters").click()
    kernel.wait_for("len(ui.rows) == 10")


def test_names_of_classes_and_photos_are_shown_as_text(open_notebook, tmp_path):
    hostile = "<img src=x onerror=window.harmed=1>"
    for name in (hostile, "cup"):
        save_photo(tmp_path / "photos" / name / f"{hostile}.png")
    root = str(tmp_path / "photos")
    notebook = open_notebook("lab", [SHOW.format(root=root).replace("[1, 7]", "[1]")])
    notebook.run_all()

    notebook.output().get_by_text(f"{hostile}.png", exact=True).wait_for()
    assert notebook.page.evaluate("window.harmed === undefined")
