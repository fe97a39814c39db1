"""The example notebook, run from top to bottom as a reader would, without a network."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from jupyter_imgcls.serving.targets import local
from jupyter_imgcls.widgets.base.still import STILL_MIME

from .conftest import printed, results

pytestmark = pytest.mark.long

EXAMPLE = Path(__file__).parents[2] / "examples" / "image_classification.ipynb"


def test_the_example_runs_from_top_to_bottom(run_notebook, no_network, tmp_path):
    notebook = run_notebook(nbformat.read(EXAMPLE, as_version=4))

    text = printed(notebook)
    assert "Dataset consists of 63 images with 4 labels." in text
    assert "Training images: 41, test images: 22." in text
    assert "bowl_000.jpg is again a bowl" in text
    assert "Finished epoch 3 of 3" in text
    accuracy = re.search(r"^Accuracy = (\d+\.\d)%", text, re.M)
    assert accuracy
    assert float(accuracy[1]) > 60  # guessing gives 25
    baseline = re.search(r"vector machine on features: (\d+\.\d)%", text)
    assert baseline
    assert float(baseline[1]) > 60
    scores = re.findall(r"^(?:bowl|cup|cutlery|plate) +(\d+\.\d)%$", text, re.M)
    assert len(scores) == 4
    assert sum(map(float, scores)) == pytest.approx(100, abs=0.3)

    assert re.search(r"^The service says: \w+ \(\d+\.\d%\)$", text, re.M)
    assert len(re.findall(r"\.jpg: \d\.\d{3} seconds$", text, re.M)) == 10
    assert any(
        "Deployment 'tableware', local, running" in v for v in results(notebook, "text/plain")
    )
    assert any("requests/s" in table for table in results(notebook, "text/html"))
    # It is left running: the last cells say how to end it.
    (service,) = (tmp_path / "imgcls_output" / "deployments").glob("*")
    assert local.processes(service)
    assert len(results(notebook, STILL_MIME)) == len(
        ["photos", "training", "mistakes", "threshold", "load"]
    )
    pictures = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", ()) and STILL_MIME not in output.data
    ]
    assert len(pictures) == len(["augmentation", "training", "evaluation"])
    assert any("efficientnet_lite0" in table for table in results(notebook, "text/html"))
    report = (tmp_path / "imgcls_output" / "report.html").read_text(encoding="utf-8")
    assert "tableware" in report
    assert "<svg" in report  # its pictures are in it
    assert "Warning" not in printed(notebook, "stderr")
