"""The tools of these tests, tried with widgets of others in all three hosts."""

from __future__ import annotations

import pytest

from .notebook import HOSTS

BUTTON = """
import ipywidgets, bqplot
presses = []
button = ipywidgets.Button(description="Press me")
button.on_click(lambda _: presses.append(len(presses)))
scale_x, scale_y = bqplot.LinearScale(), bqplot.LinearScale()
bars = bqplot.Bars(x=[1, 2, 3], y=[3, 1, 2], scales={"x": scale_x, "y": scale_y})
clicked = []
bars.on_element_click(lambda _, event: clicked.append(event["data"]["index"]))
figure = bqplot.Figure(marks=[bars], title="Three bars")
ipywidgets.VBox([button, figure])
"""


@pytest.mark.parametrize("host", HOSTS)
def test_clicks_reach_python_and_changes_in_python_reach_the_page(host, open_notebook):
    notebook = open_notebook(host, [BUTTON])
    notebook.run_all()
    button = notebook.output().get_by_role("button", name="Press me")
    button.click()
    button.press("Enter")
    notebook.kernel.wait_for("presses == [0, 1]")

    notebook.output().locator(".bqplot .bar").nth(2).click()
    notebook.kernel.wait_for("clicked == [2]")

    notebook.kernel.run("button.description = 'Pressed'")
    notebook.output().get_by_role("button", name="Pressed").wait_for()
    notebook.keep_pictures(notebook.output(), "harness")
