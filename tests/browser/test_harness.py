"""The tools of these tests, tried with widgets of others in all three hosts."""

from __future__ import annotations

import pytest

from .notebook import HOSTS

BUTTON = """
import ipywidgets, bqplot
presses = []
button = ipywidgets.Button(description="Press me")
button.on_click(lambda _: presses.append(len(presses)))
bars = bqplot.Bars(
    x=[1, 2, 3], y=[3, 1, 2], scales={"x": bqplot.LinearScale(), "y": bqplot.LinearScale()}
)
clicked = []
bars.on_element_click(lambda _, event: clicked.append(event["data"]["index"]))
ipywidgets.VBox([button, bqplot.Figure(marks=[bars], title="Three bars")])
"""
LONG_WORK = """
from jupyter_imgcls.data.sample import tableware
dataset = tableware(8, root={root!r})
"""


@pytest.mark.parametrize("host", HOSTS)
def test_clicks_reach_python_and_what_python_does_reaches_the_page(host, open_notebook, tmp_path):
    notebook = open_notebook(host, [BUTTON, LONG_WORK.format(root=str(tmp_path / "sample"))])
    notebook.run_all()
    shown, bar = notebook.output(0), notebook.output(1)
    button = shown.get_by_role("button", name="Press me")
    button.click()
    button.press("Enter")
    notebook.kernel.wait_for("presses == [0, 1]")

    shown.locator(".bqplot .bar").nth(2).click()
    notebook.kernel.wait_for("clicked == [2]")

    notebook.kernel.run("button.description = 'Pressed'")
    shown.get_by_role("button", name="Pressed").wait_for()

    bar.locator(".widget-hprogress").wait_for()
    bar.get_by_text("8/8").wait_for()
    assert notebook.kernel.value("len(dataset)") == 8


def test_a_page_that_asks_for_something_elsewhere_or_has_an_error_is_found(open_notebook):
    # The name exists nowhere (RFC 2606), so that nothing leaves the machine.
    script = "<img src='http://nowhere.invalid/x.png' onerror='throw Error(1234)'>"
    notebook = open_notebook("lab", [f'import ipywidgets; ipywidgets.HTML("{script}")'])
    with notebook.page.expect_event("pageerror"):
        notebook.run_all()

    found, notebook.problems = "\n".join(notebook.problems), []

    assert "asked outside: http://nowhere.invalid/x.png" in found
    assert "1234" in found


def test_a_killed_kernel_is_gone_and_the_page_stays(open_notebook):
    notebook = open_notebook("lab", ["kept = 1", "kept"])
    notebook.run_all()
    dead = notebook.kernel

    dead.kill()

    with pytest.raises(AssertionError, match="did not answer"):
        dead.value("kept", seconds=1)
    notebook.output(1).get_by_text("1").wait_for()
