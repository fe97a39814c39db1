"""Pretrained weights of a base model, ready for its body in a backend."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import WeightsError
from ..text import a_few
from .base import BaseModel
from .weight_files import read_weights_file
from .weight_sources import find_pretrained

__all__ = ["load_weights"]

logger = logging.getLogger(__name__)

# Names of the published networks' classifiers: in Gluon, in PyTorch, and in MXNet's graphs, which
# older .params files use.
_RESNET_HEAD = ("fc.", "dense0_")
_HEADS = {
    "alexnet": ("output.", "classifier.6.", "dense2_"),
    "squeezenet1.1": ("output.", "conv25_"),
    "mobilenetv2": ("output.", "output_pred_"),
    "efficientnet_lite0": ("_fc.",),
}
# torchvision's AlexNet is gluoncv's with other layer numbers.
_TORCH_ALEXNET = {
    "features.3.": "features.2.",
    "features.6.": "features.4.",
    "features.8.": "features.5.",
    "features.10.": "features.6.",
    "classifier.1.": "features.9.",
    "classifier.4.": "features.11.",
}


def load_weights(
    base_model: BaseModel,
    source: Path | Literal["pretrained"],
    shapes: Mapping[str, tuple[int, ...]],
    graph_names: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, NDArray[np.float32]]:
    """Weights of a base model's body, by names and in shapes that are the same in every backend.

    Parameters
    ----------
    base_model : BaseModel
        Which network.
    source : Path or "pretrained"
        A weights file of this very network (see `weight_files`), with gluoncv's names, or for
        ResNets and AlexNet with torchvision's (timm's ResNets have the same); or the published
        weights (see `weight_sources` for where they are looked for).
    shapes : mapping of str to tuple of int
        Names and shapes of the body's parameters.
    graph_names : mapping of str to str
        The same names by those in MXNet's graphs, which older .params files use.

    Returns
    -------
    dict of str to ndarray of float32
        The body's parameters and running statistics. The published classifier is left out.

    Raises
    ------
    WeightsError
        If there are no weights, or the file is damaged, refused, or of another network.
    """
    path = find_pretrained(base_model) if source == "pretrained" else source
    heads = _HEADS.get(base_model.name, _RESNET_HEAD)
    found = {
        name: array
        for name, array in read_weights_file(path).items()
        if not name.removeprefix("arg:").startswith(heads)
        # Only counts PyTorch's updates of a running statistic.
        and not name.endswith(".num_batches_tracked")
    }
    found = _own_names(base_model, found, graph_names)
    problems = _problems(found, shapes)
    if problems:
        raise WeightsError(
            f"The weights file {path} does not fit {base_model.name}: {'; '.join(problems)}. It is "
            "of another network, or damaged. Give the right file, or delete it to download it "
            "again."
        )
    logger.info("Weights of %s: from %s", base_model.name, path)
    return {name: np.ascontiguousarray(found[name], dtype=np.float32) for name in shapes}


def _own_names(
    base_model: BaseModel, arrays: Mapping[str, NDArray[Any]], graph_names: Mapping[str, str]
) -> dict[str, NDArray[Any]]:
    """Rename PyTorch's names, and those of older .params files, to those of the body."""
    if not any("." in name for name in arrays):
        # conv0_weight is the parameter resnetv1b_conv0_weight, found as conv1.weight.
        names = {graph.partition("_")[2]: name for graph, name in graph_names.items()}
        plain = {name.removeprefix("arg:").removeprefix("aux:"): name for name in arrays}
        return {names.get(short, short): arrays[name] for short, name in plain.items()}
    renamed = {}
    torch_alexnet = base_model.name == "alexnet" and "classifier.1.weight" in arrays
    for name, array in arrays.items():
        layer, _, kind = name.rpartition(".")
        if f"{layer}.running_mean" in arrays:
            kind = {"weight": "gamma", "bias": "beta"}.get(kind, kind)
        layer += "."
        if torch_alexnet:
            layer = _TORCH_ALEXNET.get(layer, layer)
        renamed[layer + kind] = array
    return renamed


def _problems(
    found: Mapping[str, NDArray[Any]], expected: Mapping[str, tuple[int, ...]]
) -> list[str]:
    """A few names that are missing, have another shape, or are unknown."""
    shapes = [
        f"{name} is {found[name].shape} instead of {shape}"
        for name, shape in expected.items()
        if name in found and found[name].shape != shape
    ]
    lists = {
        "it lacks ": [name for name in expected if name not in found],
        "": shapes,
        "the network has no ": [name for name in found if name not in expected],
    }
    return [text + a_few(items) for text, items in lists.items() if items]
