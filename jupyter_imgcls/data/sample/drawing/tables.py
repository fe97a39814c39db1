"""Table tops, as textures that are laid on the table plane: wood, cloth, tiles, stone, paint."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from .scene import CANVAS, HEIGHT, WIDTH, Camera, Floats

__all__ = ["table_top"]

Rng = np.random.Generator
_SIDE = 720  # pixels of a texture
_SPAN = 5.0  # what they cover of the table


def noise(rng: Rng, across: float, along: float) -> Floats:
    """Smooth noise, 0 to 1, with `across` x `along` bumps and three finer octaves."""
    total = np.zeros((_SIDE, _SIDE), np.float32)
    for octave in range(4):
        shape = (max(int(across * 2**octave), 2), max(int(along * 2**octave), 2))
        coarse = rng.random((min(shape[0], _SIDE), min(shape[1], _SIDE)), np.float32)
        total += cv2.resize(coarse, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC) / 2**octave
    return np.clip(total / 1.875, 0, 1)


def mix(first: Floats, second: Floats, share: Floats) -> Floats:
    """Blend two colours by a map (height, width) of shares."""
    low, span = np.asarray(first, np.float32), np.asarray(second - first, np.float32)
    return low + span * share.astype(np.float32, copy=False)[..., None]


def wood(rng: Rng) -> Floats:
    """Planks with grain along their length and dark joints."""
    tone = np.array([[0.42, 0.24, 0.11], [0.20, 0.09, 0.04], [0.55, 0.40, 0.24],
                     [0.30, 0.24, 0.19], [0.62, 0.52, 0.40]][rng.integers(5)])  # fmt: skip
    planks = int(rng.integers(3, 9))
    row = np.arange(_SIDE) * planks / _SIDE
    bend = noise(rng, 3, 2)
    rings = 0.5 + 0.5 * np.sin(40 * bend + row[:, None] * 25)
    grain = 0.55 * noise(rng, 90, 4) + 0.25 * rings * noise(rng, 8, 3)
    shade = rng.uniform(0.8, 1.2, planks)[row.astype(int)][:, None]
    joint = np.clip(np.minimum(row % 1, 1 - row % 1) * 60, 0.25, 1)[:, None]
    return np.asarray(mix(tone * 1.25, tone * 0.45, grain) * (shade * joint)[..., None], np.float32)


def linen(rng: Rng) -> Floats:
    """Woven cloth with soft folds, plain or chequered."""
    colours = [(0.75, 0.72, 0.66), (0.30, 0.38, 0.50), (0.62, 0.20, 0.16), (0.45, 0.50, 0.38),
               (0.70, 0.58, 0.36)]  # fmt: skip
    base = np.array(colours[rng.integers(len(colours))])
    place = np.arange(_SIDE)
    weave = 0.5 + 0.25 * (np.sin(place * 2.1)[:, None] + np.sin(place * 2.1)[None])
    cloth = mix(base * 0.82, base, weave.astype(np.float32))
    if rng.random() < 0.5:
        checks = int(rng.integers(8, 20))
        band = ((place * checks // _SIDE) % 2).astype(np.float32)
        cover = (band[:, None] + band[None]) / 2
        cloth = 0.8 + (cloth - 0.8) * cover[..., None]
    return np.asarray(cloth * (0.72 + 0.4 * noise(rng, 3, 3))[..., None], np.float32)


def tiles(rng: Rng) -> Floats:
    """Square tiles, each a little different, with grout between."""
    colours = [(0.70, 0.70, 0.68), (0.16, 0.34, 0.38), (0.50, 0.25, 0.16), (0.25, 0.28, 0.34)]
    base = np.array(colours[rng.integers(len(colours))])
    count = int(rng.integers(4, 11))
    place = np.arange(_SIDE) * count / _SIDE
    each = rng.uniform(0.85, 1.1, (count, count))
    shade = each[place.astype(int)][:, place.astype(int)]
    edge = np.clip(np.minimum(place % 1, 1 - place % 1) * 18 - 0.3, 0, 1)
    inside = np.minimum(edge[:, None], edge[None]).astype(np.float32)
    glazed = base * (shade * (0.88 + 0.2 * noise(rng, 12, 12)))[..., None]
    return np.asarray(glazed * inside[..., None] + 0.42 * (1 - inside[..., None]), np.float32)


def stone(rng: Rng) -> Floats:
    """Marble or slate with veins."""
    light = rng.random() < 0.6
    base, vein = ((0.78, 0.77, 0.75), (0.38, 0.38, 0.40)) if light else (
        (0.10, 0.11, 0.12), (0.30, 0.31, 0.33))  # fmt: skip
    cloud = noise(rng, 3, 3)
    along = np.linspace(0, rng.uniform(3, 6), _SIDE, dtype=np.float32)
    crack = np.abs(np.sin(along[:, None] + 0.6 * along[None] + 9 * cloud))
    strength = np.clip(2.4 * noise(rng, 4, 4) - 0.8, 0, 1)
    share = np.clip(np.exp(-7 * crack) * strength + 0.5 * cloud * noise(rng, 20, 20), 0, 1)
    return mix(np.array(base), np.array(vein), share)


def paint(rng: Rng) -> Floats:
    """A painted or laminated board, almost even."""
    base = rng.uniform(0.08, 0.75) * np.array([1.0, 1.0, 1.0]) + rng.uniform(-0.07, 0.07, 3)
    return mix(base * 0.9, base * 1.08, noise(rng, 5, 5))


_KINDS: list[Callable[[Rng], Floats]] = [wood, wood, linen, tiles, stone, paint]


def table_top(rng: Rng, camera: Camera) -> Floats:
    """The empty table in linear light, as the camera sees it, float32 (height, width, 3)."""
    texture = np.clip(_KINDS[rng.integers(len(_KINDS))](rng), 0.01, 0.95)
    turn = rng.uniform(0, 2 * np.pi)
    half = _SPAN / 2 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    cos, sin = np.cos(turn), np.sin(turn)
    corners = half @ np.array([[cos, sin], [-sin, cos]]) + rng.uniform(-0.5, 0.5, 2)
    to_square = np.diag([1 / _SIDE, 1 / _SIDE, 1.0])
    # The texture is soft: the resolution of the file is enough.
    shrink = np.diag([WIDTH / CANVAS[0], HEIGHT / CANVAS[1], 1.0])
    matrix = shrink @ camera.table_to_pixels(corners) @ to_square
    seen = cv2.warpPerspective(
        texture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return cv2.resize(seen, CANVAS, interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)
