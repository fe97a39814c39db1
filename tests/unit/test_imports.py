"""Who imports whom, and what importing the package loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import jupyter_imgcls
import jupyter_imgcls.cvtk.augmentation
import jupyter_imgcls.cvtk.core.classifier
import jupyter_imgcls.cvtk.core.context
import jupyter_imgcls.cvtk.evaluation

PROJECT = Path(__file__).parents[2]
PACKAGE = PROJECT / "jupyter_imgcls"
FRAMEWORKS = {
    "anywidget", "bqplot", "cv2", "gluoncv", "imgaug", "ipywidgets", "matplotlib", "mxnet", "onnx",
    "onnxruntime", "pandas", "scipy", "skimage", "sklearn", "skops",
}  # fmt: skip


def test_imports_keep_the_contracts():
    # In a process of its own: import-linter switches existing loggers off.
    linted = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        check=False,
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert linted.returncode == 0, linted.stdout
    assert "4 kept, 0 broken" in linted.stdout


def test_only_the_gluon_runtime_loads_modules_by_name():
    """So that the contract on MXNet, which sees import statements only, means something."""
    doors = {
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        if "import_module" in file.read_text(encoding="utf-8")
    }
    assert doors == {"__init__.py", "backends/mxnet_runtime.py", "backends/torch_runtime.py"}


@pytest.mark.parametrize("module", ["jupyter_imgcls", "jupyter_imgcls.data"])
def test_importing_the_package_loads_no_framework(module):
    loaded = subprocess.run(
        [sys.executable, "-c", f"import {module}, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert module in loaded
    assert FRAMEWORKS.isdisjoint(loaded)


def test_every_public_name_is_there_and_listed():
    for name in jupyter_imgcls.__all__:
        assert getattr(jupyter_imgcls, name) is not None
    assert set(jupyter_imgcls.__all__) <= set(dir(jupyter_imgcls))
    assert jupyter_imgcls.__version__.count(".") == 2


def test_a_misspelt_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'Clasifier'"):
        _ = jupyter_imgcls.Clasifier


def test_the_names_of_2018_are_the_same_objects():
    old = jupyter_imgcls.cvtk
    assert old.ClassificationDataset is jupyter_imgcls.ClassificationDataset
    assert old.Splitter is jupyter_imgcls.Splitter
    assert old.core.context.StorageContext is jupyter_imgcls.StorageContext
    assert old.core.Context is old.Context is jupyter_imgcls.Context
    assert old.core.classifier.ScikitClassifier is jupyter_imgcls.ScikitClassifier
    assert old.augmentation.augment_dataset is jupyter_imgcls.augment_dataset
    assert issubclass(
        old.evaluation.ClassificationEvaluation, jupyter_imgcls.ClassificationEvaluation
    )
