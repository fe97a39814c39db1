"""What a screen reader and a keyboard find; axe-core looks at each picture of a widget, too."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.unit.scoring_server import bare_service

from ..conftest import draw_photos
from .accessibility import assert_accessible
from .all_widgets import WIDGETS, cells

LOAD_TEST = """
import numpy as np
from jupyter_imgcls.serving.load_test import start_load_test
from jupyter_imgcls.widgets.load_monitor import LoadMonitor
photo = np.full((30, 40, 3), 90, np.uint8)
run = start_load_test({url!r}, None, photo, users=2, duration=1, warm_up=0)
LoadMonitor(run)
"""
PALE = "<p style='color: #aaa; background: #fff'>pale</p>"
FOCUS = """element => {
    const focus = document.activeElement;
    const style = getComputedStyle(focus);
    return {
        inside: element.contains(focus),
        name: [focus.getAttribute('aria-label'), focus.labels?.[0]?.innerText, focus.innerText]
            .find(Boolean),
        ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1,
    };
}"""


@pytest.mark.parametrize(
    ("html", "rule"),
    [
        ("<button></button>", "button-name"),
        ("<img src='data:,'>", "image-alt"),
        (PALE, "color-contrast"),
    ],
)
def test_what_hinders_people_is_found_in_the_element_and_not_beside_it(
    browser: Browser, html: str, rule: str
) -> None:
    page = browser.new_page()
    page.set_content(f"<main>{html}</main><aside>well</aside>")
    assert_accessible(page.locator("aside"))
    with pytest.raises(AssertionError, match=rule):
        assert_accessible(page.locator("main"))
    page.close()


def stops(widget: Locator) -> list[str]:
    """What the keyboard comes to with Tab, from the first part of a widget on, by name."""
    names = []
    for _ in range(60):
        widget.page.keyboard.press("Tab")
        at = widget.evaluate(FOCUS)
        if not at["inside"]:
            break
        assert at["ring"], f"nobody sees that {at['name']!r} has the keyboard"
        names.append(at["name"])
    return names


def test_all_parts_are_reached_by_keyboard_and_are_told_to_a_screen_reader(open_notebook, tmp_path):
    draw_photos(tmp_path / "photos")
    with bare_service() as service:
        notebook = open_notebook(
            "lab", [*cells(tmp_path / "photos"), LOAD_TEST.format(url=service.url)]
        )
        notebook.page.set_viewport_size({"width": 1200, "height": 1200})
        notebook.run_all()
        shown = {
            name: notebook.output(number)
            for number, name in enumerate([*WIDGETS, "LoadMonitor"], start=1)
        }
        load = shown["LoadMonitor"]
        expect(load.get_by_role("status")).to_have_text("Finished")
    expect(load.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100")
    expect(
        load.get_by_role("img", name=re.compile("^Requests by second; [0-9]+ in"))
    ).to_be_visible()
    notebook.keep_pictures(load, "load-monitor")

    training = shown["TrainingMonitor"]
    expect(training.get_by_role("status")).to_have_text("Finished, epoch 3 of 3 is kept")
    epochs = training.get_by_role("progressbar", name="Epochs")
    expect(epochs).to_have_attribute("aria-valuenow", "100")
    words = "Accuracy by epoch; at epoch 3: training 86.7 %, evaluation 86.7 %"
    expect(training.get_by_role("img", name=words)).to_be_visible()

    results = shown["ResultsUI"]
    matrix = results.get_by_role("img", name="Confusion matrix; cup taken for plate: 1")
    expect(matrix).to_be_visible()
    wrong = results.get_by_role("button", name="Wrong", exact=True)
    expect(wrong).to_have_attribute("aria-pressed", "false")
    wrong.press("Enter")
    expect(wrong).to_have_attribute("aria-pressed", "true")
    expect(results.get_by_role("img", name="cup2.png", exact=True).first).to_be_visible()
    expect(results.get_by_role("slider", name="Photo", exact=True)).to_be_visible()

    curve = shown["PrecisionRecallUI"]
    curve.get_by_role("slider", name="Operating point").press("Home")
    expect(curve.get_by_role("status")).to_contain_text("Threshold 0.800")
    curve.get_by_label("Class").select_option("cup")

    annotation = shown["AnnotationUI"]
    annotation.get_by_label("Which photos").focus()
    names = stops(annotation)
    for name in (
        "Of which class",
        "Skip labelled",
        "cup",
        "Photos",
        "Go to photo",
    ):
        assert any(name in stop for stop in names), f"{name} is not among {names}"
    for widget in shown.values():
        widget.locator("button:enabled").first.focus()
        stops(widget)
