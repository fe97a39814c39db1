"""Names of folders, classes and files are shown as text in every widget, never as HTML."""

from __future__ import annotations

from playwright.sync_api import expect

from ..conftest import save_photo
from .all_widgets import WIDGETS, cells

HOSTILE = "<img src=x onerror=window.harmed=1>"
FAILED = """
from jupyter_imgcls.errors import TrainingError

def fail(run):
    raise TrainingError(f"no photos in {dataset.name}")

failed = TrainingRun(fail, 1)
failed.start()
while failed.state != "failed":
    pass
TrainingMonitor(failed)
"""
# The monitor knows no names but in what went wrong.
SHOWING = [*(name for name in WIDGETS if name != "TrainingMonitor"), "failed TrainingMonitor"]


def test_a_name_that_is_html_does_nothing_in_any_widget(open_notebook, tmp_path):
    root = tmp_path / HOSTILE
    for name in (HOSTILE, "cup"):
        for number in range(2):
            save_photo(root / name / f"{number}{HOSTILE}.png")
    notebook = open_notebook("lab", [*cells(root, HOSTILE), FAILED])
    notebook.run_all()
    numbers = {name: number for number, name in enumerate(WIDGETS, start=1)}
    numbers["failed TrainingMonitor"] = len(numbers) + 1

    for name in SHOWING:
        output = notebook.output(numbers[name])
        output.scroll_into_view_if_needed()
        expect(output, name).to_contain_text(HOSTILE)
        notebook.keep_picture(output, f"names-{name}")

    assert notebook.page.locator("img[src='x']").count() == 0
    assert notebook.page.evaluate("window.harmed === undefined")
