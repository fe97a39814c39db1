"""Describe the installation and saved classifiers, for ``imgcls info``."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..backends import FRAMEWORKS, get_backend
from ..backends.base_models import BASE_MODELS, DEFAULT_BASE_MODEL
from ..context import Context
from ..errors import BackendUnavailableError

__all__ = ["describe_classifier", "describe_installation"]

_PACKAGES = (
    "jupyter_imgcls",
    "mxnet",
    "gluoncv",
    "onnxruntime",
    "scikit-learn",
    "numpy",
    "jupyterlab",
)


def describe_installation() -> tuple[str, dict[str, Any]]:
    """Versions, backends, folders and base models, as text and for JSON."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    backends = {}
    for name in FRAMEWORKS:
        try:
            get_backend(name)
            backends[name] = "available"
        except BackendUnavailableError as error:
            backends[name] = str(error)
    storage = Context.get_global_context().storage.as_dict()
    base_models = {
        model.name: {
            "feature_size": model.feature_size,
            "parameters": model.parameters,
            "input_size": model.input_size,
            "licence": model.licence,
            "weights": model.weights,
        }
        for model in BASE_MODELS.values()
    }
    lines = [
        *(f"{package:<16} {number}" for package, number in versions.items()),
        "",
        *(f"backend {name:<8} {state}" for name, state in backends.items()),
        *(f"{name:<16} {path}" for name, path in storage.items()),
        "",
        f"{'base model':<20}{'features':>9}{'parameters':>12}  weights",
        *(
            f"{model.name:<20}{model.feature_size:>9}{model.parameters / 1e6:>10.1f} M  "
            f"{model.weights}{' (default)' if model.name == DEFAULT_BASE_MODEL else ''}"
            for model in BASE_MODELS.values()
        ),
    ]
    return "\n".join(lines), {
        "versions": versions,
        "backends": backends,
        "storage": storage,
        "base_models": base_models,
    }


def describe_classifier(path: Path) -> tuple[str, dict[str, Any]]:
    """Describe a saved classifier, as text and for JSON.

    Raises
    ------
    ArtifactError
        If the file is not a saved classifier, or damaged.
    """
    from ..classifiers import ScikitClassifier, load_classifier

    classifier = load_classifier(path)
    if isinstance(classifier, ScikitClassifier):
        network, learner = classifier.model, repr(classifier.learner)
    else:
        network, learner = classifier, None
    labels = [label.name for label in classifier.labels]
    height, width = network.image_dims[1:]
    lines = [
        f"Classes      {', '.join(labels)}",
        f"Base model   {network.base_model.name}, {height} x {width} pixels",
        f"Classifier   {learner or 'the network itself'}",
        f"Trained for  {len(network.history)} epochs",
        *(f"  {record}" for record in network.history),
    ]
    return "\n".join(lines), {
        "kind": classifier.kind,
        "labels": labels,
        "base_model": network.base_model.name,
        "image_dims": list(network.image_dims),
        "learner": learner,
        "history": [record.to_dict() for record in network.history],
    }
