"""What the service answers for a photo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from ...classifiers.base import softmax
from .requests import Parameters

__all__ = ["answer_text", "error_text", "readable_answer"]


def answer_text(
    raw_scores: NDArray[np.float32], parameters: Parameters, labels: Sequence[str]
) -> str:
    """The answer for a photo of a JSON request, as JSON text.

    Parameters
    ----------
    raw_scores : ndarray of float32, shape (classes,)
    parameters : Parameters
    labels : sequence of str
        The classes.

    Returns
    -------
    str
        A list of scores, one for each class in their order. With ``topK`` or ``threshold``, a list
        of pairs of a class and its score, the best first; the threshold is for probabilities also
        where raw scores are shown.
    """
    if not parameters.add_softmax and parameters.top_k is None and parameters.threshold is None:
        return _json(raw_scores)
    probabilities = _probabilities(raw_scores)
    shown = probabilities if parameters.add_softmax else raw_scores
    if parameters.top_k is None and parameters.threshold is None:
        return _json(shown)
    best = raw_scores.argsort(kind="stable")[::-1][: parameters.top_k]
    if parameters.threshold is not None:
        best = best[probabilities[best] >= parameters.threshold]
    return _json([[labels[column], shown[column]] for column in best])


def error_text(reason: str) -> str:
    """The answer for a photo that cannot be scored: ``{"error": reason}``."""
    return _json({"error": reason})


def readable_answer(raw_scores: NDArray[np.float32], labels: Sequence[str]) -> dict[str, Any]:
    """The answer for an uploaded photo: its class, how probable, and all classes, best first."""
    probabilities = _probabilities(raw_scores)
    best = raw_scores.argsort(kind="stable")[::-1]
    return {
        "label": labels[best[0]],
        "probability": probabilities[best[0]],
        "classes": {labels[column]: probabilities[column] for column in best},
    }


def _probabilities(raw_scores: NDArray[np.float32]) -> NDArray[np.float32]:
    row: NDArray[np.float32] = softmax(raw_scores[None])[0]
    return row


def _json(value: object) -> str:
    # Each float32 in the fewest digits that give it back.
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()
