"""The numbered example notebooks: as they are committed, and run from top to bottom."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from jupyter_imgcls.widgets.base.still import STILL_MIME

from .conftest import printed, results

pytestmark = pytest.mark.long

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(file.name for file in EXAMPLES.glob("*.ipynb"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_is_committed_without_outputs_and_with_lasting_cell_ids(name):
    notebook = nbformat.read(EXAMPLES / name, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    # Words, not the random numbers that editors give to new cells.
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", cell.id) for cell in notebook.cells)


def test_the_files_that_the_notebooks_and_their_list_link_to_exist():
    for file in [*EXAMPLES.glob("*.ipynb"), EXAMPLES / "README.md"]:
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", file.read_text("utf-8")):
            assert (EXAMPLES / link).exists(), f"{link} in {file.name}"


def test_the_list_has_all_notebooks():
    listed = re.findall(r"^\| \[.*?\]\((.*?)\)", (EXAMPLES / "README.md").read_text("utf-8"), re.M)
    assert sorted(listed) == NOTEBOOKS


def tables(notebook: NotebookNode) -> list[list[list[str]]]:
    """The texts of the rows of each table."""
    return [
        [
            [cell.get_text() for cell in row("td")]
            for row in BeautifulSoup(html, "html.parser")("tr")
        ]
        for html in results(notebook, "text/html")
    ]


# -- what each of them claims ---------------------------------------------------------------------


def labels(notebook: NotebookNode, folder: Path) -> None:
    text = printed(notebook)
    assert "13 photos without a label\n  1 file left out" in text
    assert "13 photos had no label, now these have none:\n['IMG_0024.jpg']\n" in text
    assert "is a plate\nundone, its labels are:\nmade again: plate\n" in text
    assert "25 photos, of which 24 belong to the dataset" in text
    history, _ = tables(notebook)
    assert [action for _, _, action, _, _ in history[1:]] == ["edit", "undo", "redo"]
    # Labels and exclusion are there again, though a photo got another name.
    assert text.count("bowl     4\n  cup      7\n  cutlery  5\n  plate    8\n  food     1\n") == 2
    written = pd.read_csv(folder / "labels" / "labels.csv")
    assert len(written) == 24 + len(["the photo of two classes"])
    assert "13 photos are moved" in text
    photos = folder / "labels" / "photos"
    assert (photos / "plate" / "best plate.jpg").exists()
    assert [file.name for file in photos.iterdir() if file.is_file()] == ["IMG_0025.jpg"]
    assert (folder / "labels" / "photos-excluded" / "IMG_0024.jpg").exists()
    assert len(results(notebook, STILL_MIME)) == 2


def accuracy(notebook: NotebookNode, folder: Path) -> None:
    text = printed(notebook)
    assert "Left out: Cannot find pretrained weights of resnet18." in text
    assert "Left out: Cannot find pretrained weights of resnet50." in text
    assert "checked: 4 and 4 lines" in text
    assert (
        len(re.findall(r"^(?:featurized|refined), (?:better|worse|within the noise): ", text, re.M))
        == 6
    )
    assert len(results(notebook, "image/png")) == 1


# Of what `table` says, against the scores themselves.
CHECK_OF_ACCURACY = """\
for group in "featurized", "refined":
    frame = table(group)
    right = {
        change: int((scores.argmax(axis=1) == dataset.label_indices).sum())
        for (of, change), (scores, _) in trials.items() if of == group
    }
    baseline = next(iter(right.values()))
    for change, row in frame.iterrows():
        assert row["gained"] - row["lost"] == right[change] - baseline
        assert row["low"] <= row["accuracy"] <= row["high"]
    assert all((frame["verdict"] == "within the noise")[1:] == (frame["luck"] > 0.05)[1:])
print("checked:", len(table("featurized")), "and", len(table("refined")), "lines")
"""


def mistakes(notebook: NotebookNode, folder: Path) -> None:
    text = printed(notebook)
    assert "63 photos, 12 of them with a wrong label\n" in text
    (looked_at,) = map(int, re.findall(r"Looked at (\d+) of 63 photos", text))
    ((corrected, right),) = re.findall(r"Corrected: (\d+), right all the same: (\d+)", text)
    (left,) = map(int, re.findall(r"Wrong labels that are left: (\d+)", text))
    assert int(corrected) + int(right) == looked_at
    assert int(corrected) + left == 12
    # It takes far fewer looks to find most of them than there are photos.
    assert left <= 4
    assert looked_at <= 32
    ((gained, lost),) = re.findall(r"Gained (\d+) of 40 test photos, lost (\d+)", text)
    assert int(gained) > int(lost)
    ((_, before, after),) = tables(notebook)
    assert float(before[0].rstrip("%")) < float(after[0].rstrip("%"))
    assert len(results(notebook, STILL_MIME)) == 1


def service(notebook: NotebookNode, folder: Path) -> None:
    text = printed(notebook)
    assert re.search(r'^\{"label":"\w+","probability":0\.\d+,', text, re.M)  # by curl
    assert re.search(r"\{'label': '\w+', 'probability': 0\.\d+,", text, re.M)  # by HTTP
    assert "422 {'detail': 'The photo could not be scored" in text
    asked, points, sweep = tables(notebook)
    for row in asked[1:]:
        assert sum(float(share.rstrip("%")) for share in row) == pytest.approx(100, abs=0.3)
    answered = [int(row[0].rstrip("%")) for row in points[2:]]
    assert answered == sorted(answered, reverse=True)
    assert re.search(r"Threshold [\d.]+: \d+ of 22 photos get an answer", text)
    assert re.search(r"^Throughput +\d+\.\d requests/s$", text, re.M)
    assert len(sweep) == len(["names", "users", "1", "4"])
    assert all(float(row[0]) > 0 for row in sweep[2:])
    assert 'alt="Throughput and latency"' in results(notebook, "text/html")[-1]
    assert re.search(r"The most that this machine does: \d+ photos/s", text)
    packed = {file.name for file in (folder / "docker" / "cups").iterdir()}
    assert {"Dockerfile", "requirements.txt", "classifier.model"} <= packed
    assert "Deployments that are left: []" in text
    assert not list((folder / "deployments").glob("*"))
    assert len(results(notebook, STILL_MIME)) == 1


# -- running them -------------------------------------------------------------------------------

# What takes time is made short.
SHORT: dict[str, tuple[Callable[[NotebookNode, Path], None], dict[str, str]]] = {
    "01_label_your_photos": (labels, {}),
    "03_improve_accuracy": (
        accuracy,
        {
            "tableware()": "tableware(n=24)",
            "image_size=224": "image_size=96",
            "96, 128, 160, 320": "64, 80",
            "image_size=128": "image_size=64",
            "in changes.items()": "in list(changes.items())[:3]",
            '"num_epochs": 4': '"num_epochs": 1',
        },
    ),
    "04_from_mistakes_to_better_labels": (mistakes, {"n=120": "n=40"}),
    "05_deploy_and_load_test": (
        service,
        {
            "users=8, duration=5": "users=4, duration=1",
            "(1, 2, 4, 8, 16), duration=2": "(1, 4), duration=1",
        },
    ),
}


@pytest.mark.parametrize("name", SHORT)
def test_it_runs_from_top_to_bottom_and_shows_what_it_says(
    name, run_notebook, no_network, sample, tmp_path
):
    claims, changes = SHORT[name]
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    for old, new in changes.items():
        changed = [cell for cell in notebook.cells if old in cell.source]
        assert len(changed) == 1, old
        changed[0].source = changed[0].source.replace(old, new)
    if claims is accuracy:
        notebook.cells.append(new_code_cell(CHECK_OF_ACCURACY))
    folder = tmp_path / "imgcls_output"
    shutil.copytree(sample, folder / "samples" / "tableware-63-0")

    notebook = run_notebook(notebook)

    claims(notebook, folder)
    assert "Warning" not in printed(notebook, "stderr")
