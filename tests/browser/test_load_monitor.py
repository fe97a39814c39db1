"""LoadMonitor in the page: a real service under load, and the button that ends that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from ..unit.scoring_server import real_service

SET_UP = """
import numpy as np
from jupyter_imgcls.serving.load_test import load_test

photo = np.full((60, 80, 3), 90, np.uint8)

def load(**options):
    global result
    result = load_test({url!r}, None, photo, users=4, warm_up=0, **options)
"""


@pytest.fixture(scope="module")
def url(small_model) -> Iterator[str]:
    with real_service(small_model(), None) as url:
        yield url


def test_a_load_test_shows_itself_to_its_end(open_notebook, url):
    notebook = open_notebook("lab", [SET_UP.format(url=url), "load(duration=2)"])
    notebook.run_all()
    monitor = notebook.output(1).locator(".jp-OutputArea-output").first

    expect(monitor.get_by_role("status")).to_have_text("Finished")
    expect(monitor.get_by_text("4 users · 2 of 2 s")).to_be_visible()
    expect(monitor.get_by_role("button", name="Stop")).to_be_disabled()
    expect(monitor.get_by_text("The test has ended.")).to_be_visible()
    throughput = notebook.kernel.value("result.throughput")
    expect(monitor.get_by_text(f"{throughput:.1f}", exact=True)).to_be_visible()
    notebook.keep_pictures(monitor, "load-monitor")


def test_its_button_ends_a_load_test_while_the_cell_waits_for_it(open_notebook, url):
    notebook = open_notebook("lab", [SET_UP.format(url=url), "load(duration=600)"])
    notebook.run_all(wait=False)
    monitor = notebook.output(1)

    monitor.get_by_text("2 of 600 s").wait_for()
    notebook.keep_picture(monitor, "load-monitor-running")
    monitor.get_by_role("button", name="Stop").click()
    monitor.get_by_role("status").filter(has_text="Stopped").wait_for()
    notebook.kernel.wait_for("1 <= result.duration < 600")
