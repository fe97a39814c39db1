"""What is needed to go on with a training after a crash, in one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..errors import TrainingError
from ..files import replacing
from .run import EpochRecord

__all__ = ["Checkpoint"]

Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after an epoch.

    Parameters
    ----------
    history : list of EpochRecord
        The epochs done.
    weights, momentum : mapping of str to ndarray
        Of the network and of its optimizer.
    best_weights : mapping of str to ndarray
        Of the network after the best epoch.
    """

    history: list[EpochRecord]
    weights: Weights
    momentum: Weights
    best_weights: Weights

    def save(self, file: Path) -> None:
        """Write the file, in place of an earlier one only when it is whole."""
        groups = {"weights": self.weights, "momentum": self.momentum}
        if self.best_weights is not self.weights:
            groups["best"] = self.best_weights
        tensors = {
            f"{group}/{name}": np.ascontiguousarray(value)
            for group, values in groups.items()
            for name, value in values.items()
        }
        history = json.dumps([record.to_dict() for record in self.history])
        with replacing(file) as beside:
            save_file(tensors, beside, metadata={"history": history})

    @classmethod
    def load(cls, file: Path) -> Checkpoint:
        """Read a file that `save` wrote.

        Raises
        ------
        TrainingError
            If it is damaged.
        """
        groups: dict[str, dict[str, NDArray[np.float32]]] = {
            "weights": {},
            "momentum": {},
            "best": {},
        }
        try:
            with safe_open(file, framework="numpy") as tensors:
                history = [
                    EpochRecord(**record) for record in json.loads(tensors.metadata()["history"])
                ]
                for key in tensors.keys():  # noqa: SIM118 - not a mapping
                    group, _, name = key.partition("/")
                    groups[group][name] = tensors.get_tensor(key)
        except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
            raise TrainingError(
                f"The checkpoint {file} is damaged ({error}): delete it, or train with "
                "resume=False."
            ) from error
        best = groups["best"] or groups["weights"]
        return cls(history, groups["weights"], groups["momentum"], best)
