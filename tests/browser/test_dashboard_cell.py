"""The dashboard in a cell of a notebook."""

from __future__ import annotations

from jupyter_imgcls.data.sample import tableware


def test_it_is_the_same_as_on_its_own_page(open_notebook, tmp_path):
    photos = tmp_path / "dishes"
    tableware(24, root=photos, progress=False)
    cell = f"from jupyter_imgcls.dashboard import Dashboard\nDashboard({str(photos)!r})"
    notebook = open_notebook("lab", [cell])
    notebook.run_all()
    output = notebook.output()
    output.get_by_text("dishes: 24 photos, 4 classes").wait_for(timeout=60_000)
    output.locator(".ds-step[data-step='1']").click()
    output.get_by_role("gridcell").first.wait_for()
    notebook.keep_pictures(output, "dashboard")
