"""PrecisionRecallUI in the page: step along the curve."""

from __future__ import annotations

import pytest

from .notebook import HOSTS

SHOW = """
from jupyter_imgcls.widgets.precision_recall import PrecisionRecallUI
ui = PrecisionRecallUI([1.0, 0.8, 0.5], [0.4, 0.8, 1.0], [0.9, 0.6, 0.2])
ui
"""


@pytest.mark.parametrize("host", HOSTS)
def test_the_buttons_step_along_the_measured_points(host, open_notebook):
    notebook = open_notebook(host, [SHOW])
    notebook.run_all()
    ui, kernel = notebook.output(), notebook.kernel
    ui.get_by_text("0.600", exact=True).wait_for()

    ui.get_by_role("button", name="more found").click()
    ui.get_by_text("0.200", exact=True).wait_for()
    kernel.wait_for("ui.threshold == 0.2")
    ui.get_by_role("button", name="best F1").press("Enter")
    kernel.wait_for("ui.threshold == 0.6")

    kernel.run("ui.threshold = 0.9")
    ui.get_by_text("0.900", exact=True).wait_for()
    notebook.keep_pictures(ui, "precision-recall")
