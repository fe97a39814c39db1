"""What is needed to go on with a training after a crash, in one file."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..errors import StorageError, TrainingError
from ..files import replacing
from .run import EpochRecord

__all__ = ["Checkpoint", "Weights", "fingerprint"]

Weights = Mapping[str, NDArray[np.float32]]

_log = logging.getLogger(__name__)
_GROUPS = ("weights", "momentum", "kept")


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after an epoch.

    Parameters
    ----------
    history : list of EpochRecord
        The epochs done.
    weights, momentum : mapping of str to ndarray
        Of the network and of its optimizer.
    kept_weights : mapping of str to ndarray
        Of the network after the epoch that the training keeps.
    """

    history: list[EpochRecord]
    weights: Weights
    momentum: Weights
    kept_weights: Weights

    def save(self, file: Path) -> None:
        """Write the file, in place of an earlier one only when it is whole.

        Raises
        ------
        StorageError
            If that fails, for instance because the disk is full.
        """
        # Where the last epoch is the kept one, its weights are written once.
        kept = {} if self.kept_weights is self.weights else self.kept_weights
        tensors = {
            f"{group}/{name}": np.ascontiguousarray(value)
            for group, values in zip(_GROUPS, (self.weights, self.momentum, kept), strict=True)
            for name, value in values.items()
        }
        history = json.dumps([record.to_dict() for record in self.history])
        metadata = {"history": history, "sha256": _checksum(history, tensors)}
        try:
            with replacing(file) as beside:
                save_file(tensors, beside, metadata=metadata)
        except (OSError, SafetensorError) as error:
            raise StorageError(f"The checkpoint {file} cannot be written: {error}") from error

    @classmethod
    def find(cls, file: Path) -> Checkpoint | None:
        """What `load` gives, or None if there is no file; either is logged."""
        if not file.exists():
            _log.info("No training with these data and settings was cut off: starting anew")
            return None
        saved = cls.load(file)
        _log.info("Going on after epoch %d", len(saved.history))
        return saved

    @classmethod
    def load(cls, file: Path) -> Checkpoint:
        """Read a file that `save` wrote.

        Raises
        ------
        TrainingError
            If it is damaged.
        """
        groups: dict[str, dict[str, NDArray[np.float32]]] = {group: {} for group in _GROUPS}
        try:
            with safe_open(file, framework="numpy") as stored:
                metadata = stored.metadata()
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
            history = [EpochRecord.from_dict(record) for record in json.loads(metadata["history"])]
            if metadata["sha256"] != _checksum(metadata["history"], tensors):
                raise ValueError("its contents are not what was written")
            for name, tensor in tensors.items():
                group, _, parameter = name.partition("/")
                groups[group][parameter] = tensor
        except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
            raise TrainingError(
                f"The checkpoint {file} is damaged ({error}): delete it, or train with "
                "resume=False."
            ) from error
        kept = groups["kept"] or groups["weights"]
        return cls(history, groups["weights"], groups["momentum"], kept)


def fingerprint(arrays: Weights) -> str:
    """SHA-256 of named arrays, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}\n".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def _checksum(history: str, tensors: Weights) -> str:
    return hashlib.sha256(f"{history}{fingerprint(tensors)}".encode()).hexdigest()
