"""PrecisionRecallUI in the page: choose a point by mouse and by key."""

from __future__ import annotations

import pytest

from tests.conftest import draw_photos

# Recall 0.4, 0.8 and 1 at precision 1, 0.8 and 0.5.
SHOW = """
from jupyter_imgcls.widgets.precision_recall import PrecisionRecallUI
ui = PrecisionRecallUI([1.0, 0.8, 0.5], [0.4, 0.8, 1.0], [0.9, 0.6, 0.2])
ui
"""
WITH_PHOTOS = """
import numpy as np
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.evaluation import ClassificationEvaluation
dataset = ClassificationDataset.create_from_dir("photos", {root!r})
cup = np.array([0.9, 0.8, 0.7, 0.6, 0.3, 0.65, 0.4, 0.2, 0.1, 0.05])
evaluation = ClassificationEvaluation.from_scores(
    np.stack([cup, 1 - cup], axis=1), dataset.label_indices, dataset.labels,
    paths=list(dataset.paths),
)
photos = PrecisionRecallUI(evaluation=evaluation, dataset=dataset)
photos
"""


@pytest.mark.parametrize("host", ["lab", pytest.param("voila", marks=pytest.mark.long)])
def test_a_point_is_chosen_by_mouse_and_by_key(host, open_notebook, tmp_path):
    draw_photos(tmp_path / "photos")
    theme = "dark" if host == "voila" else "light"
    cells = [SHOW, WITH_PHOTOS.format(root=str(tmp_path / "photos"))]
    notebook = open_notebook(host, cells, theme=theme)
    notebook.page.set_viewport_size({"width": 1200, "height": 1600})
    notebook.run_all()
    ui, kernel = notebook.output(0), notebook.kernel
    mouse, keys = notebook.page.mouse, notebook.page.keyboard
    ui.get_by_text("0.600", exact=True).wait_for()
    ui.locator(".dot").wait_for()

    def place(recall: float, precision: float) -> tuple[float, float]:
        """Where a point of the chart is in the page; the axes end at 101 and 103 percent."""
        area = ui.locator(".plotarea_events").bounding_box()
        assert area
        x = area["x"] + area["width"] * recall / 1.01
        return x, area["y"] + area["height"] * (1 - precision / 1.03)

    mouse.click(*place(0.95, 0.45))
    kernel.wait_for("ui.threshold == 0.2")
    ui.get_by_text("0.200", exact=True).wait_for()
    ui.locator(".dot").nth(1).wait_for(state="detached")

    kernel.run("ended = []; ui._dot.on_drag_end(lambda *drag: ended.append(drag))")
    mouse.move(*place(1.0, 0.5))
    mouse.down()
    for step in (0.9, 0.7, 0.5, 0.45):
        mouse.move(*place(step, 1.45 - step))
    mouse.up()
    kernel.wait_for("ended and ui.threshold == 0.9")
    kernel.wait_for("list(ui._dot.x) == [40.0] and list(ui._dot.y) == [100.0]")

    region = notebook.page.get_by_role("region", name="Precision and recall").first
    region.focus()
    for key, threshold in {"ArrowRight": 0.6, "End": 0.2, "ArrowLeft": 0.6, "Home": 0.9}.items():
        keys.press(key)
        ui.get_by_text(f"{threshold:.3f}", exact=True).wait_for()
        kernel.wait_for(f"ui.threshold == {threshold}")
    ui.get_by_role("button", name="Higher recall").click()
    kernel.wait_for("ui.threshold == 0.6")
    kernel.run("ui.threshold = 0.9")
    ui.get_by_text("0.900", exact=True).wait_for()
    ui.get_by_role("button", name="best F1").press("Enter")
    ui.get_by_text("0.600", exact=True).wait_for()
    notebook.keep_pictures(ui, "precision-recall")

    # The class of cups, at a threshold that takes one plate for a cup and misses a cup.
    photos = notebook.output(1)
    photos.locator("select").select_option("cup")
    kernel.wait_for("photos.class_name == 'cup'")
    kernel.run("photos.threshold = 0.6")
    photos.get_by_text("False alarms: 1").wait_for()
    photos.get_by_text("Missed: 1").wait_for()
    assert photos.locator(".imgcls-thumbnail").count() == 2
    notebook.keep_pictures(photos, "wrong-side")
