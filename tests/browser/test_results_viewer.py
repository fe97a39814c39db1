"""ResultsUI in the page: filter, look, correct labels by mouse and by key."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.conftest import draw_photos, save_photo

# Ten photos, five of each class, of which the second and the eighth are predicted wrongly.
SHOW = """
import numpy as np
from jupyter_imgcls import Context
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.widgets.results_viewer import ResultsUI
Context.create(*({folder!r} + name for name in ("/outputs", "/persistent", "/temp")))
dataset = ClassificationDataset.create_from_dir("photos", {folder!r} + "/photos")
predicted = dataset.label_indices.copy()
predicted[{wrong}] = 1 - predicted[{wrong}]
scores = np.where(predicted[:, None] == np.arange(2), 0.8, 0.2)
ui = ResultsUI(dataset, pred_scores=scores)
ui
"""
CURVE = """
from jupyter_imgcls.evaluation import ClassificationEvaluation
from jupyter_imgcls.widgets.precision_recall import PrecisionRecallUI
evaluation = ClassificationEvaluation.from_scores(
    scores, dataset.label_indices, dataset.labels, paths=list(dataset.paths)
)
curve = PrecisionRecallUI(evaluation=evaluation, dataset=dataset)
curve.class_name = dataset.labels[0].name
curve.threshold = 0.8
curve
"""


def saved(folder: Path) -> list[tuple[str, list[str]]]:
    """What the journal's file says: the photo and the new labels of each edit."""
    (file,) = (folder / "persistent" / "journals").glob("*.sqlite")
    with closing(sqlite3.connect(file)) as connection:
        edits = connection.execute(
            "SELECT path, after FROM edit JOIN photo ON photo.id = photo ORDER BY edit.id"
        ).fetchall()
    return [(Path(path.decode()).name, json.loads(after)) for path, after in edits]


@pytest.mark.parametrize("host", ["lab", "voila"])
def test_wrong_photos_are_found_and_their_labels_corrected(host, open_notebook, tmp_path):
    draw_photos(tmp_path / "photos")
    theme = "dark" if host == "voila" else "light"
    show = SHOW.format(folder=str(tmp_path), wrong=[1, 7])
    notebook = open_notebook(host, [show], theme=theme)
    notebook.page.set_viewport_size({"width": 1200, "height": 1200})
    notebook.run_all()
    ui, kernel, keys = notebook.output(), notebook.kernel, notebook.page.keyboard
    ui.get_by_text("8 of 10 correct").wait_for()
    region = notebook.page.get_by_role("region", name="Results")

    ui.get_by_role("button", name="Wrong", exact=True).click()
    ui.get_by_text("Photo 1 of 2").wait_for()
    assert kernel.value("ui.rows") == [1, 7]
    region.focus()
    keys.press("ArrowRight")
    ui.get_by_text("Photo 2 of 2").wait_for()
    keys.press("ArrowLeft")
    ui.get_by_text("Photo 1 of 2").wait_for()
    ui.get_by_role("button", name="Next", exact=True).click()
    ui.get_by_text("Photo 2 of 2").wait_for()
    ui.get_by_text("2 of 10 photos").wait_for()
    ui.get_by_role("gridcell").first.click()
    ui.get_by_text("cup2.png").last.wait_for()
    kernel.wait_for("ui.row == 1")
    ui.locator("[data-painted=true]").wait_for()
    notebook.keep_pictures(ui, "results")

    # By key; undone by key and made again by a click, each on disk.
    keys.press("2")
    ui.get_by_text("9 of 10 correct").wait_for()
    assert saved(tmp_path) == [("cup2.png", ["plate"])]
    keys.press("Control+z")
    ui.get_by_text("8 of 10 correct").wait_for()
    ui.get_by_role("button", name="Redo").click()
    ui.get_by_text("9 of 10 correct").wait_for()
    assert saved(tmp_path) == [("cup2.png", [name]) for name in ("plate", "cup", "plate")]
    label = ui.locator(".widget-dropdown", has_text="Label").locator("select")
    # The page shows the count first; a choice made before it has the label would be overwritten.
    expect(label.locator("option:checked")).to_contain_text("plate")
    label.select_option(index=0)
    kernel.wait_for("dataset.images[1].labels[0].name == 'cup'")

    # The whole row of true cups, all of which are then selected in the grid and labelled.
    cups = ui.locator(".imgcls-ticks .axis").first.locator(".tick", has_text="cup")
    cups.locator("text").click()
    kernel.wait_for("ui.rows == (0, 1, 2, 3, 4)")
    ui.get_by_text("5 of 10 photos").wait_for()
    ui.get_by_role("gridcell").first.click()
    keys.press("Control+a")
    kernel.wait_for("len(ui.grid.selected) == 5")
    keys.press("2")
    kernel.wait_for("dataset.count_labels() == {'cup': 0, 'plate': 10}")
    cups.locator("text").click()
    kernel.wait_for("ui.truth == -1 and len(ui.rows) == 10")

    # The cell of true plates that are taken for cups.
    ui.locator(".heatmapcell").nth(2).click()
    kernel.wait_for("ui.rows == (0, 2, 3, 4, 7)")
    ui.get_by_role("button", name="Clear the filters").click()
    kernel.wait_for("len(ui.rows) == 10")

    # Keys of the notebook are not the widget's: no cell came or went.
    region.focus()
    for key in "abdx":
        keys.press(key)
    assert notebook.page.locator(".jp-Notebook .jp-Cell").count() in (0, 1)


def test_the_keys_are_listed_and_a_dragged_height_is_remembered(open_notebook, tmp_path):
    draw_photos(tmp_path / "photos")
    notebook = open_notebook("lab", [SHOW.format(folder=str(tmp_path), wrong=[1, 7])])
    notebook.page.set_viewport_size({"width": 1200, "height": 1400})
    notebook.run_all()
    ui, mouse, keys = notebook.output(), notebook.page.mouse, notebook.page.keyboard
    photo = ui.locator(".imgcls-main")
    photo.wait_for()
    region = notebook.page.get_by_role("region", name="Results")

    region.focus()
    keys.press("?")
    shortcuts = ui.get_by_role("dialog", name="Keyboard shortcuts")
    shortcuts.get_by_text("previous / next photo").wait_for()
    notebook.keep_picture(ui, "results-keys")
    keys.press("Escape")
    assert region.evaluate("element => element === document.activeElement")

    box = photo.bounding_box()
    assert box
    corner = (box["x"] + box["width"] - 4, box["y"] + box["height"] - 4)
    mouse.move(*corner)
    mouse.down()
    mouse.move(corner[0], corner[1] + 100, steps=5)
    mouse.up()
    notebook.kernel.wait_for(f"abs(ui.height - {box['height'] + 100}) < 4")
    notebook.save()
    notebook.open()
    notebook.page.wait_for_function(
        "height => document.querySelector('.imgcls-main')?.offsetHeight === height",
        arg=notebook.kernel.value("ui.height"),
    )
    notebook.kernel.run("ui.height = 200")
    notebook.page.wait_for_function("document.querySelector('.imgcls-main').offsetHeight === 200")


def test_names_of_classes_and_photos_are_shown_as_text(open_notebook, tmp_path):
    hostile = "<img src=x onerror=window.harmed=1>"
    for name in (hostile, "cup"):
        save_photo(tmp_path / "photos" / name / f"{hostile}.png")
    show = SHOW.format(folder=str(tmp_path), wrong=[1])
    notebook = open_notebook("lab", [show, CURVE])
    notebook.page.set_viewport_size({"width": 1200, "height": 1800})
    notebook.run_all()
    results, curve = notebook.output(0), notebook.output(1)

    results.get_by_text(f"{hostile}.png", exact=True).last.wait_for()
    results.locator("[data-painted=true]").wait_for()
    curve.get_by_text("Missed: 0").wait_for()
    notebook.kernel.run("ui.row = 1")
    notebook.page.get_by_role("region", name="Results").focus()
    notebook.page.keyboard.press("1")
    notebook.kernel.wait_for("dataset.images[1].labels[0].name == dataset.labels[0].name")
    notebook.kernel.run("dataset.journal.rename_class('cup', '<b onclick=1>$x$')")
    results.get_by_role("option", name="2 <b onclick=1>$x$").wait_for(state="attached")
    results.get_by_text("cup: renamed or merged").wait_for()
    notebook.keep_picture(results, "results-hostile")
    notebook.keep_picture(curve, "precision-recall-hostile")
    assert notebook.page.evaluate("window.harmed === undefined")
    assert notebook.page.locator("img[src='x'], b[onclick]").count() == 0
