"""AnnotationUI in the page: label by mouse and by key, and find the labels again."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.conftest import save_photo

SHOW = """
from jupyter_imgcls import Context
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.widgets.annotation import AnnotationUI
Context.create(*({folder!r} + name for name in ("/outputs", "/persistent", "/temp")))
dataset = ClassificationDataset.create_from_dir("photos", {root!r})
ui = AnnotationUI(dataset, thumbnail_size=96)
ui
"""
SHOWN = "(list(range(10)) if ui.order is None else ui.order.tolist())"
LABELS = "[','.join(label.name for label in image.labels) for image in dataset.images]"


def photos(folder: Path, **counts: int) -> str:
    """A cell that shows class folders of small photos."""
    for number, (name, count) in enumerate(counts.items()):
        for i in range(count):
            save_photo(folder / "photos" / name / f"{name}{i + 1:03}.png", seed=1000 * number + i)
    return SHOW.format(folder=str(folder), root=str(folder / "photos"))


def in_journal(folder: Path) -> list[list[str]]:
    """The labels that are on disk, one entry an edit."""
    (file,) = (folder / "persistent" / "journals").glob("*.sqlite")
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT after FROM edit WHERE kind = 'labels' ORDER BY id")
        return [json.loads(after) for (after,) in rows]


@pytest.mark.parametrize("host", ["lab", pytest.param("notebook", marks=pytest.mark.long)])
def test_photos_are_labelled_by_key_and_by_mouse(host, open_notebook, tmp_path):
    notebook = open_notebook(host, [photos(tmp_path, bowl=4, cup=4, plate=2)])
    notebook.run_all()
    ui, kernel, keys = notebook.output(), notebook.kernel, notebook.page.keyboard
    cells = ui.get_by_role("gridcell")
    ui.get_by_text("10 of 10 labelled").wait_for()

    # One after the other: the next photo's turn comes by itself.
    cells.nth(0).click()
    keys.press("2")
    keys.press("3")
    ui.get_by_text("bowl002.png: plate").wait_for()
    assert in_journal(tmp_path) == [["cup"], ["plate"]]
    assert kernel.value(LABELS)[:3] == ["cup", "plate", "bowl"]
    keys.press("Control+z")
    kernel.wait_for(f"{LABELS}[:3] == ['cup', 'bowl', 'bowl']")
    keys.press("Control+Shift+Z")
    kernel.wait_for(f"{LABELS}[1] == 'plate'")

    # Several at once: by key, by click and by the list beside the photo.
    cells.nth(2).click()
    cells.nth(3).click(modifiers=["Shift"])
    keys.press("3")
    ui.get_by_text("2 photos: plate").wait_for()
    assert kernel.value(LABELS)[:5] == ["cup", "plate", "plate", "plate", "cup"]
    ui.get_by_role("button", name="1 bowl 0 photos").click()
    kernel.wait_for(f"{LABELS}[:4] == ['cup', 'plate', 'bowl', 'bowl']")
    cells.nth(0).click()
    ui.get_by_label("Label", exact=True).select_option("plate")
    kernel.wait_for(f"{LABELS}[0] == 'plate'")

    # A class more, another name, and one class of two.
    cells.nth(9).click()
    keys.press("+")
    keys.type("dish")
    keys.press("Enter")
    ui.get_by_role("button", name="4 dish 0 photos").wait_for()
    keys.press("4")
    kernel.wait_for(f"{LABELS}[9] == 'dish'")
    ui.get_by_role("button", name="Change class dish").click()
    keys.type("saucer")
    keys.press("Enter")
    kernel.wait_for(f"{LABELS}[9] == 'saucer'")
    ui.get_by_role("button", name="Change class saucer").click()
    keys.type("plate")
    ui.get_by_role("button", name="Merge").first.click()
    kernel.wait_for(f"{LABELS}[9] == 'plate'")
    ui.get_by_role("button", name="saucer").first.wait_for(state="detached")

    # Not part of the dataset; without a label; the next one without a label.
    keys.press("Delete")
    kernel.wait_for("ui.journal.excluded.tolist() == [9]")
    ui.get_by_text("9 of 9 labelled, 1 excluded").wait_for()
    cells.nth(5).click()
    keys.press("0")
    cells.nth(1).click()
    keys.press("0")
    ui.get_by_label("Skip labelled").check()
    cells.nth(0).click()
    keys.press("1")
    kernel.wait_for("ui.active == 1")
    keys.press("1")
    kernel.wait_for("ui.active == 5")
    notebook.keep_pictures(ui, "annotation")

    # Only some are shown.
    ui.get_by_label("Which photos").select_option("Without a label")
    kernel.wait_for(f"{SHOWN} == [5]")
    ui.get_by_label("Which photos").select_option("All photos")
    ui.get_by_label("Name contains").fill("PLATE")
    kernel.wait_for(f"{SHOWN} == [8, 9]")
    ui.get_by_role("button", name="Clear").click()
    kernel.wait_for(f"{SHOWN} == list(range(10))")


def test_two_hundred_labels_typed_outlive_a_kernel_that_is_killed(open_notebook, tmp_path):
    cell = photos(tmp_path, cup=200, plate=1)
    notebook = open_notebook("lab", [cell])
    notebook.run_all()
    notebook.output().get_by_role("gridcell").first.click()
    for _ in range(200):
        notebook.page.keyboard.press("2")
    notebook.output().get_by_text("cup200.png: plate").wait_for()

    notebook.kernel.kill()

    assert in_journal(tmp_path) == [["plate"]] * 200
    again = open_notebook("lab", [cell])
    again.run_all()
    again.output().get_by_text("201 of 201 labelled").wait_for()
    assert set(again.kernel.value(LABELS)) == {"plate"}
    again.output().get_by_role("button", name="Undo").click()
    again.kernel.wait_for(f"{LABELS}[199] == 'cup'")


def test_the_labels_are_written_after_a_look_at_what_will_happen(open_notebook, tmp_path):
    notebook = open_notebook(
        "lab", [photos(tmp_path, bowl=2, cup=2) + "\n", "AnnotationUI(dataset)"]
    )
    notebook.run_all()
    ui, other, keys = notebook.output(0), notebook.output(1), notebook.page.keyboard
    ui.get_by_role("gridcell").first.click()
    keys.press("2")
    # The other widget follows, and so does the open photo.
    other.get_by_role("button", name="2 cup 3 photos").wait_for()
    keys.press("Enter")
    ui.get_by_role("dialog", name="Photo").get_by_text("2 of 4 · bowl002.png · bowl").wait_for()
    keys.press("2")
    ui.get_by_role("dialog", name="Photo").get_by_text("3 of 4 · cup001.png · cup").wait_for()
    keys.press("Escape")
    ui.get_by_role("button", name="Undo").click()
    ui.get_by_text("Undone: 1 photo").wait_for()

    ui.get_by_role("button", name="Write the labels").click()
    dialog = ui.get_by_role("dialog", name="Write the labels")
    keys.press("Enter")
    dialog.get_by_text("1 photo is moved").wait_for()
    assert (tmp_path / "photos/bowl/bowl001.png").exists()
    notebook.keep_pictures(dialog, "annotation-write")
    dialog.get_by_role("button", name="Move 1 photo").click()
    dialog.get_by_text("Done.").wait_for()
    assert (tmp_path / "photos/cup/bowl001.png").exists()
    assert not (tmp_path / "photos/bowl/bowl001.png").exists()

    dialog.get_by_label("Where").fill(str(tmp_path / "labels.csv"))
    assert dialog.get_by_role("button", name="Write", exact=True).is_disabled()
    dialog.get_by_role("button", name="Show what will happen").click()
    dialog.get_by_role("button", name="Write the file").click()
    dialog.get_by_text("Done.").wait_for()
    assert (tmp_path / "labels.csv").read_text().count("cup") >= 3


@pytest.mark.parametrize(
    "widget", ["AnnotationUI(dataset)", "ResultsUI(dataset, pred_scores=scores)"]
)
def test_only_the_widget_of_the_last_run_of_a_cell_follows_edits(widget, open_notebook, tmp_path):
    made = (
        "import numpy as np\nfrom jupyter_imgcls.widgets.results_viewer import ResultsUI\n"
        "scores = np.tile([0.6, 0.4], (len(dataset), 1))\n"
        f"made = [*globals().get('made', []), {widget}]\nmade[-1]"
    )
    notebook = open_notebook("lab", [photos(tmp_path, cup=2, plate=2).replace("\nui\n", ""), made])
    shown = "[getattr(ui, 'grid', ui).shown for ui in made]"
    notebook.run_all()
    notebook.output(1).get_by_role("gridcell").first.wait_for()
    notebook.run_all()
    notebook.output(1).get_by_role("gridcell").first.wait_for()
    notebook.kernel.wait_for(f"{shown} == [False, True]")
    notebook.run_all()
    notebook.kernel.wait_for(f"{shown} == [False, False, True]")


def test_two_people_label_the_photos_that_each_of_them_chose(open_notebook, tmp_path):
    """Two pages on one kernel, as with jupyter-collaboration."""
    first = open_notebook("lab", [photos(tmp_path, bowl=4, cup=4, plate=2)])
    first.run_all()
    first.output().get_by_role("gridcell").first.wait_for()
    first.save()
    page = first.page.context.new_page()
    page.goto(first.page.url.replace("?reset", "/workspaces/second?").split("?")[0])
    second = page.locator(".jp-Notebook .jp-Cell").nth(-1).locator(".jp-Cell-outputArea")
    theirs = second.get_by_role("gridcell")
    theirs.first.wait_for()

    first.output().get_by_role("gridcell").nth(5).click()
    theirs.nth(0).click()
    first.kernel.wait_for("ui.active == 0")
    first.page.keyboard.press("3")
    first.kernel.wait_for(f"{LABELS}[5] == 'plate'")
    page.keyboard.press("2")
    first.kernel.wait_for(f"{LABELS}[0] == 'cup'")

    changed = ["cup", *["bowl"] * 3, "cup", "plate", "cup", "cup", "plate", "plate"]
    assert first.kernel.value(LABELS) == changed
    page.close()
