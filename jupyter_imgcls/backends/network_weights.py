"""Arrays of a network by name: drawn for a new head, and checked before they are set."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..errors import WeightsError

__all__ = ["check_optimizer_state", "check_weights", "initial_weights"]

_HEAD_DEVIATION = 0.01


def initial_weights(
    shapes: Mapping[str, tuple[int, ...]],
    seed: int,
    body_weights: Mapping[str, NDArray[np.float32]] | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Weights of a new network: those given for its body, by names without ``body.``, or drawn."""
    given = {f"body.{name}": value for name, value in (body_weights or {}).items()}
    drawn = {
        name: shape
        for name, shape in shapes.items()
        if body_weights is None or name.startswith("head.")
    }
    return given | _drawn(drawn, seed)


def _drawn(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, NDArray[np.float32]]:
    """A small normal head; the body as in He et al., Delving Deep into Rectifiers, ICCV 2015.

    Drawn by NumPy, so that it is the same in every backend, whatever was built before.
    """
    head, body = (np.random.default_rng((seed, stream)) for stream in (0, 1))
    weights = {}
    for name, shape in shapes.items():
        if name == "head.weight":
            values = head.normal(0, _HEAD_DEVIATION, shape)
        elif name.endswith(".weight"):
            values = body.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        elif name.endswith((".gamma", ".running_var")):
            values = np.ones(shape)
        else:
            values = np.zeros(shape)
        weights[name] = values.astype(np.float32)
    return weights


def check_weights(
    weights: Mapping[str, NDArray[np.float32]],
    shapes: Mapping[str, tuple[int, ...]],
    base_model: str,
) -> None:
    """Refuse weights that do not fit a network; see `Network.set_weights`."""
    problems = [f"{name} is missing" for name in shapes.keys() - weights.keys()]
    problems += [f"{name} is unknown" for name in weights.keys() - shapes.keys()]
    problems += [
        f"{name} has shape {np.shape(weights[name])} instead of {shape}"
        for name, shape in shapes.items()
        if name in weights and np.shape(weights[name]) != shape
    ]
    if problems:
        shown = "; ".join(sorted(problems)[:3])
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise WeightsError(
            f"These weights do not fit {base_model} with {shapes['head.bias'][0]} classes: "
            f"{shown}{more}."
        )


def check_optimizer_state(
    state: Mapping[str, NDArray[np.float32]], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Refuse the momentum of other parameters; see `Network.set_optimizer_state`."""
    if state and {name: np.shape(value) for name, value in state.items()} != shapes:
        raise WeightsError(
            "This checkpoint's optimizer state belongs to another network or to a training of "
            "other layers. Resume with the base model and trainable=... of that training."
        )
