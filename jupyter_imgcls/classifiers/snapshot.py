"""A network as it scores and as it is saved, apart from the one that a training changes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import safetensors.numpy
from safetensors import SafetensorError

from ..backends.base import Network
from ..errors import ArtifactError
from ..scoring import OnnxScorer, Preprocessing
from .artifact import Artifact
from .checkpoint import Weights
from .run import EpochRecord, Keep

__all__ = ["Snapshot"]

_ONNX, _WEIGHTS = "model.onnx", "weights.safetensors"


@dataclass(frozen=True)
class Snapshot:
    """One state of a network in all its forms, replaced as a whole and never changed.

    So whoever scores or saves while a training runs beside gets one state, not a mixture of two.

    Parameters
    ----------
    onnx : bytes
        The exported network.
    weights : mapping of str to ndarray
        The backend's, for training further.
    history : list of EpochRecord
        The epochs that led here.
    keep : {"best", "last"}
        Which of them `weights` are of.
    scorer : OnnxScorer
        Runs `onnx`.
    """

    onnx: bytes
    weights: Weights
    history: list[EpochRecord]
    keep: Keep
    scorer: OnnxScorer

    @classmethod
    def of(
        cls,
        network: Network,
        preprocessing: Preprocessing,
        history: list[EpochRecord],
        keep: Keep,
    ) -> Snapshot:
        """The present state of a network, which nobody else may be using."""
        onnx = network.to_onnx()
        scorer = OnnxScorer(onnx, preprocessing)
        return cls(onnx, network.get_weights(), list(history), keep, scorer)

    def with_threads(self, threads: int) -> Snapshot:
        """The same, but that its scorer uses so many threads."""
        return replace(
            self, scorer=OnnxScorer(self.onnx, self.scorer.preprocessing, threads=threads)
        )

    def to_entries(self) -> dict[str, bytes]:
        """The entries of an artifact."""
        return {_ONNX: self.onnx, _WEIGHTS: safetensors.numpy.save(dict(self.weights))}

    @classmethod
    def from_artifact(
        cls,
        artifact: Artifact,
        preprocessing: Preprocessing,
        history: list[EpochRecord],
        keep: Keep,
        classes: int,
    ) -> Snapshot:
        """The state that an artifact holds.

        Raises
        ------
        ArtifactError
            If an entry is missing or damaged, or the network has not `classes` outputs.
        """
        onnx = artifact.entry(_ONNX)
        scorer = OnnxScorer(onnx, preprocessing)
        n_outputs = scorer.probe()
        try:
            weights = safetensors.numpy.load(artifact.entry(_WEIGHTS))
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"The saved classifier is damaged: its weights: {error}") from error
        if n_outputs != classes:
            raise ArtifactError(
                f"The saved classifier is damaged: its network tells {n_outputs} classes apart, "
                f"its list of classes has {classes}."
            )
        return cls(onnx, weights, history, keep, scorer)
