"""Seed the random numbers of an imgaug pipeline."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["is_imgaug", "seeded"]


def is_imgaug(pipeline: object) -> bool:
    """Whether it is an imgaug `Augmenter`, without importing imgaug."""
    # If there is an augmenter, imgaug has been imported.
    meta = sys.modules.get("imgaug.augmenters.meta")
    return meta is not None and isinstance(pipeline, meta.Augmenter)


def seeded(pipeline: Any, seed: int) -> Any:
    """Copy an augmenter; the copy's random numbers depend only on `seed`.

    `Augmenter.seed_` misses the containers inside `Sometimes` and the blending augmenters, whose
    order of steps would come from imgaug's global state.
    """
    from imgaug.random import RNG

    copied = copy.deepcopy(pipeline)
    found = list(_augmenters(copied, set()))
    for augmenter, own in zip(found, np.random.SeedSequence(seed).spawn(len(found)), strict=True):
        augmenter.random_state = RNG(int(own.generate_state(1)[0] >> 1))
    return copied


def _augmenters(value: object, seen: set[int]) -> Iterator[Any]:
    """All augmenters at or inside `value`, in a fixed order."""
    if id(value) in seen:
        return
    seen.add(id(value))
    inside: list[object] = []
    if isinstance(value, list | tuple):
        inside += value
    elif isinstance(value, dict):
        inside += value.values()
    if type(value).__module__.startswith("imgaug.") or is_imgaug(value):
        inside += vars(value).values() if hasattr(value, "__dict__") else ()
    if is_imgaug(value):
        yield value
    for item in inside:
        yield from _augmenters(item, seen)
