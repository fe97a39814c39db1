"""The 2018 article's code, which the notebook has cell by cell, with values of its reader's."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pytest
import safetensors.numpy
from PIL import Image

from jupyter_imgcls import TransferLearningModel
from jupyter_imgcls.backends.base_models import get_base_model
from jupyter_imgcls.backends.gluon import GluonBackend
from jupyter_imgcls.widgets.base.still import STILL_MIME

from .conftest import printed, results

ARTICLE = Path(__file__).parents[2] / "examples" / "02_the_article.ipynb"
COUNTS = {"bowl": 5, "cup": 19, "cutlery": 7, "plate": 32}  # as many as the article has


def put_photos(root: Path) -> None:
    """As many photos as the article has, each class of a colour of its own."""
    generator = np.random.default_rng(0)
    for name, count in COUNTS.items():
        (root / name).mkdir(parents=True)
        colour = generator.integers(30, 225, 3)
        for number in range(1, count + 1):
            pixels = colour + generator.integers(-30, 30, (60, 80, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{name}{number}.png")


def put_weights(file: Path) -> None:
    """Put ResNet-18's weights where the article would have them downloaded to; random ones here."""
    network = GluonBackend().build(
        get_base_model("resnet18"), 4, (3, 64, 64), weights="random", device="cpu", seed=0
    )
    file.parent.mkdir(parents=True)
    body = {
        name.removeprefix("body."): values
        for name, values in network.get_weights().items()
        if name.startswith("body.")
    }
    safetensors.numpy.save_file(body, file)


def laptop(notebook, sample, folder):
    """As it stands, but on smaller photos."""
    shutil.copytree(sample, folder / "imgcls_output" / "tableware")
    replace(notebook, "parameters", "input_resoluton = 224\n", "input_resoluton = 64\n")
    replace(notebook, "laptop-values", "[0.01] * 3", "[0.01] * 2")


def cluster(notebook, _sample, folder):
    """With the article's network and cluster, a support vector machine, and the reader's photos."""
    put_weights(folder / "imgcls_output" / "base_models" / "resnet18.safetensors")
    put_photos(folder / "imgs_recycling")
    cell(notebook, "draw").source = 'import os\nphotos = "imgs_recycling"'
    replace(notebook, "parameters", "input_resoluton = 224\n", "input_resoluton = 64\n")
    notebook.cells.remove(cell(notebook, "laptop-values"))
    replace(notebook, "augment-code", "augment_train_set = False", "augment_train_set = True")
    replace(notebook, "train-code", 'classifier_name = "dnn"', 'classifier_name = "svm"')
    replace(notebook, "deploy-code", 'aml_env="local"', 'aml_env="cluster"')


def cell(notebook, name):
    (found,) = (cell for cell in notebook.cells if cell.id == name)
    return found


def replace(notebook, name, old, new):
    assert cell(notebook, name).source.count(old) == 1
    cell(notebook, name).source = cell(notebook, name).source.replace(old, new)


@pytest.mark.parametrize(
    "values",
    # The second starts a Ray of its own, which takes what two cores have.
    [laptop, pytest.param(cluster, marks=pytest.mark.xdist_group("ray"))],
)
@pytest.mark.long
def test_the_articles_code_runs_with_only_its_imports_and_values_changed(
    values, tmp_path, run_notebook, sample, request
):
    if values is laptop:
        request.getfixturevalue("no_network")
    notebook = nbformat.read(ARTICLE, as_version=4)
    values(notebook, sample, tmp_path)
    notebook = run_notebook(notebook)

    text = printed(notebook)
    on_laptop = values is laptop
    assert any('"outputs_path": "imgcls_output"' in v for v in results(notebook, "text/plain"))
    assert "Dataset consists of 63 images with 4 labels.\n" in text
    name = "bowl_002.jpg" if on_laptop else "bowl3.png"
    assert f"image 2: name={name}, label=bowl, unique id=3.\n" in text
    assert "Number of training images = 41, test images = 22.\n" in text
    augmented = "original training images = 41, with augmented images included = 82.\n"
    assert (augmented in text) is not on_laptop
    accuracy = re.search(r"Accuracy = (\d+\.\d\d)%", text)
    assert accuracy
    if not on_laptop:
        # Even random features tell the colours of the classes apart.
        assert float(accuracy[1]) == 100
    (matrix,) = re.findall(r"Confusion matrix = \n(.*?\]\])", text, re.S)
    assert sum(map(int, re.findall(r"\d+", matrix))) == 22
    assert len(results(notebook, STILL_MIME)) == len(["annotate", "results", "precision-recall"])
    pictures = len(results(notebook, "image/png")) - len(["results", "precision-recall"])
    assert pictures == 1 + on_laptop  # of the evaluation, and of the refining
    output = tmp_path / "imgcls_output"
    assert len(list(output.glob("model_trained/*.model"))) == on_laptop
    assert (output / "saved_classifier.model").exists()

    assert "Deployment DONE\n" in text
    assert len(re.findall(r"Time for API call: \d+\.\d\d seconds\n", text)) == 10
    answers = re.findall(r"serialized_result_in_json: (.*)", text)
    assert len(answers) == len(["file", "URL", "softmax", "file", "URL", "file"])
    rows = [TransferLearningModel.parse_serialized_result(answer) for answer in answers]
    assert np.array(rows).shape == (6, 1, 4)
    assert np.array(rows[2]).sum() == pytest.approx(1, abs=1e-4)
    (by_http,) = (shown for shown in results(notebook, "text/plain") if shown.startswith("['["))
    assert by_http.count("[") == 3
    label = re.search(r"Class label: (\w+)", text)
    assert label
    assert label[1] in COUNTS
    env = "local" if on_laptop else "cluster"
    assert f"<Deployment 'wsdeployment', {env}, running, http://" in text
    assert not list((output / "deployments").glob("*"))
    assert "Warning" not in printed(notebook, "stderr")
