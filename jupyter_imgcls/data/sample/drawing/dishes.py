"""Bowls, cups and plates: surfaces of revolution with patterns, drinks and food."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .scene import Floats, Surface

__all__ = ["bowl", "cup", "dome", "plate"]

Rng = np.random.Generator
_AROUND = 72
_TEXTURE = (192, 1024)

# Colours in linear light: what glazes, plastic and paper look like in daylight.
CHINA = [(0.86, 0.85, 0.82), (0.80, 0.76, 0.68), (0.88, 0.88, 0.90)]
GLAZES = [
    (0.05, 0.13, 0.32), (0.10, 0.30, 0.30), (0.35, 0.08, 0.06), (0.55, 0.30, 0.06),
    (0.16, 0.22, 0.10), (0.45, 0.32, 0.22), (0.06, 0.06, 0.07), (0.60, 0.42, 0.40),
    (0.22, 0.38, 0.52), (0.70, 0.55, 0.20), (0.38, 0.22, 0.36),
]  # fmt: skip
DRINKS = [(0.045, 0.02, 0.01), (0.30, 0.16, 0.08), (0.32, 0.11, 0.02), (0.28, 0.30, 0.08)]
SOUPS = [(0.50, 0.14, 0.03), (0.55, 0.34, 0.08), (0.25, 0.30, 0.06), (0.62, 0.52, 0.34)]
FOOD = [(0.12, 0.30, 0.05), (0.60, 0.10, 0.05), (0.65, 0.42, 0.10), (0.35, 0.17, 0.07)]


def pick(rng: Rng, colours: list[tuple[float, float, float]]) -> Floats:
    """One of `colours`, slightly changed."""
    colour = np.array(colours[rng.integers(len(colours))])
    varied = np.clip(colour * rng.uniform(0.85, 1.15, 3), 0.01, 0.92)
    return np.asarray(varied, np.float32)


def smooth(corners: list[tuple[float, float]], count: int = 44) -> NDArray[np.float64]:
    """A profile (count, 2) of radius and height through `corners`, evenly spaced and rounded."""
    points = np.array(corners)
    travelled = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.linspace(0, travelled[-1], count)
    profile = np.stack([np.interp(at, travelled, points[:, axis]) for axis in (0, 1)], axis=1)
    for _ in range(2):
        profile[1:-1] = (profile[:-2] + 2 * profile[1:-1] + profile[2:]) / 4
    return profile


def revolve(
    profile: NDArray[np.float64],
    place: tuple[float, float],
    albedo: Floats,
    gloss: float,
    hollow: float = 0.0,
) -> Surface:
    """Turn a profile, from the middle over the rim down to the foot, around a vertical axis.

    Parameters
    ----------
    hollow : float
        How dark the inside gets, 0 (plate) to 1 (mug).
    """  # fmt: skip
    angle = np.linspace(0, 2 * np.pi, _AROUND + 1) + 0.3
    radius, height = profile[:, :1], profile[:, 1:]
    points = np.stack(
        [place[0] + radius * np.cos(angle), place[1] + radius * np.sin(angle),
         np.broadcast_to(height, (len(profile), len(angle)))], axis=2,
    ).astype(np.float32)  # fmt: skip
    rim = int(profile[:, 1].argmax())
    rim_height, rim_radius = float(profile[rim, 1]), float(profile[rim, 0])
    depth = np.where(np.arange(len(profile)) < rim, (rim_height - profile[:, 1]) / rim_radius, 0)
    openness = 1 / (1 + 1.6 * hollow * depth)
    # The foot stands in its own shade.
    openness *= np.where(np.arange(len(profile)) > rim, np.clip(0.55 + 2 * profile[:, 1], 0, 1), 1)
    return Surface(
        points=points,
        albedo=albedo,
        openness=np.repeat(openness[:, None], len(angle), axis=1).astype(np.float32),
        gloss=gloss,
        mouth=(place[0], place[1], rim_height, rim_radius) if hollow else None,
    )


def glaze(rng: Rng, profile: NDArray[np.float64], plain: float) -> Floats:
    """A texture for a profile: plain, banded, dotted, petalled, dipped or speckled."""
    rows, columns = _TEXTURE
    base = pick(rng, CHINA if rng.random() < 0.6 else GLAZES)
    texture = np.empty((rows, columns, 3), np.float32)
    texture[:] = base
    accent = pick(rng, GLAZES)
    at = np.linspace(0, len(profile) - 1, rows)
    radius = np.interp(at, np.arange(len(profile)), profile[:, 0])[:, None]
    angle = np.linspace(0, 2 * np.pi, columns)[None]
    rim = round(float(profile[:, 1].argmax()) / (len(profile) - 1) * rows)
    row = np.arange(rows)[:, None]
    share = (row / rim) if rim else row / rows  # 0 in the middle, 1 at the rim, above 1 outside
    kind = rng.random()
    if kind < plain:
        amount = np.zeros((rows, columns))
    elif kind < plain + (1 - plain) * 0.25:  # bands along the rim
        edges = np.sort(rng.uniform(0.72, 1.35, 4))
        amount = ((share > edges[0]) & (share < edges[1])) | (
            (share > edges[2]) & (share < edges[3])
        )
        amount = np.repeat(amount.astype(float), columns, axis=1)
    elif kind < plain + (1 - plain) * 0.45:  # petals
        petals = rng.integers(6, 17)
        amount = share > 0.62 + 0.3 * np.abs(np.cos(petals * angle / 2))
    elif kind < plain + (1 - plain) * 0.65:  # dots, round on the surface
        count = int(rng.integers(14, 30))
        pitch = 2 * np.pi * profile[:, 0].max() / count
        arc = np.cumsum(np.hypot(*np.diff(profile, axis=0, prepend=profile[:1]).T))
        line = np.interp(at, np.arange(len(profile)), arc)[:, None]
        across = (angle * count / (2 * np.pi) + 0.5 * (np.floor(line / pitch) % 2)) % 1 - 0.5
        along = (line / pitch) % 1 - 0.5
        across = across * radius / profile[:, 0].max()
        amount = (np.hypot(across, along) < rng.uniform(0.18, 0.3)) & (share > 0.7)
    elif kind < plain + (1 - plain) * 0.85:  # dipped into a second glaze, with a wavy edge
        wave = 0.03 * np.sin(3 * angle + rng.uniform(0, 6)) + 0.02 * np.sin(7 * angle)
        amount = share + wave > rng.uniform(0.75, 1.25)
    else:  # speckled stoneware
        grain = cv2.GaussianBlur(rng.random((rows, columns), np.float32), (0, 0), 1.2)
        # Near the middle the texture is squeezed: fewer specks there.
        crowd = np.clip(radius / profile[:, 0].max(), 0.05, 1)
        amount = 0.8 * (grain > np.quantile(grain, 0.94) + 0.06 * (1 - crowd))
    blend = cv2.GaussianBlur(np.asarray(amount, np.float32), (0, 0), 0.8)[..., None]
    return np.asarray(texture * (1 - blend) + accent * blend, np.float32)


def fill(texture: Floats, profile: NDArray[np.float64], level_row: int, colour: Floats) -> None:
    """Colour the part of a texture inside `level_row` of the profile: a drink or soup."""
    last = round(level_row / (len(profile) - 1) * (len(texture) - 1))
    texture[: last + 1] = colour
    texture[max(last - 3, 0) : last + 1] = colour * 0.75 + 0.12


def plate(rng: Rng, place: tuple[float, float], radius: float) -> list[Surface]:
    """A flat or deep plate, sometimes with food on it."""
    deep = rng.uniform(0.10, 0.26) if rng.random() < 0.3 else rng.uniform(0.05, 0.12)
    well = radius * rng.uniform(0.58, 0.8)
    rise = deep + rng.uniform(0.03, 0.1)
    profile = smooth(
        [(0.002, 0.05), (well * 0.92, 0.05), (well, 0.05 + deep * 0.6), (radius * 0.98, rise),
         (radius, rise + 0.012), (radius * 0.985, rise - 0.02), (well * 0.9, 0.01)], 52,
    )  # fmt: skip
    surfaces = [revolve(profile, place, glaze(rng, profile, 0.3), rng.uniform(0.15, 0.5), 0.15)]
    if rng.random() < 0.3:
        surfaces += meal(rng, place, well * 0.75, 0.05)
    return surfaces


def meal(rng: Rng, place: tuple[float, float], reach: float, height: float) -> list[Surface]:
    """A few round pieces of food, the far ones first."""
    colour = pick(rng, FOOD)
    size = rng.uniform(0.07, 0.24)
    spots: list[tuple[float, float]] = []
    for _ in range(int(rng.integers(3, 30))):
        angle, away = rng.uniform(0, 2 * np.pi), np.sqrt(rng.random()) * (reach - size)
        spot = (place[0] + away * np.cos(angle), place[1] + away * np.sin(angle))
        if all(np.hypot(spot[0] - x, spot[1] - y) > 1.7 * size for x, y in spots):
            spots.append(spot)
    spots.sort(key=lambda spot: -spot[1])
    return [dome(rng, spot, size * rng.uniform(0.85, 1.1), height, colour) for spot in spots]


def dome(
    rng: Rng, place: tuple[float, float], size: float, height: float, colour: Floats
) -> Surface:
    """A round thing such as a tomato, a pea or a biscuit, standing at `height`."""
    tall = size * rng.uniform(0.5, 1.2)
    turn = np.linspace(0.02, np.pi / 2, 10)
    profile = np.stack([size * np.sin(turn), height + tall * np.cos(turn)], axis=1)
    albedo = np.empty((4, 4, 3), np.float32)
    albedo[:] = np.clip(colour * rng.uniform(0.8, 1.25), 0, 0.9)
    return revolve(profile, place, albedo, rng.uniform(0.1, 0.5))


def bowl(rng: Rng, place: tuple[float, float], radius: float) -> list[Surface]:
    """A bowl, deep or nearly as flat as a plate, often with something in it."""
    height = radius * rng.uniform(0.5, 0.95)
    foot, wall = radius * rng.uniform(0.35, 0.55), 0.05
    belly = rng.uniform(0.45, 0.62)  # exponent of the wall: round or straight
    turn = np.linspace(0, 1, 9)
    outer = [(foot + (radius - foot) * t**belly, 0.08 + (height - 0.08) * t**1.35) for t in turn]
    inner = [
        (max(r - wall, 0.01), z + wall * (1 - t)) for (r, z), t in zip(outer, turn, strict=True)
    ]
    full = int(rng.integers(3, 7)) if rng.random() < 0.5 else 0
    middle = [(0.002, inner[full][1])]
    profile = smooth(
        [*middle, *inner[full:], (radius - wall / 2, height + 0.015), *outer[::-1],
         (foot * 0.95, 0.0)], 56,
    )  # fmt: skip
    texture = glaze(rng, profile, 0.35)
    surfaces = [revolve(profile, place, texture, rng.uniform(0.15, 0.5), 0.8)]
    if full:
        level = int(np.argmax(profile[:, 1] > inner[full][1] + 0.02)) - 1
        fill(texture, profile, max(level, 2), pick(rng, SOUPS))
        if full > 4:
            surfaces += meal(rng, place, inner[full][0] * 0.8, inner[full][1])
    return surfaces


def cup(rng: Rng, place: tuple[float, float], radius: float) -> list[Surface]:
    """A mug, a tea cup, perhaps on a saucer, or a paper or plastic cup."""
    kind = rng.choice(["mug", "tea", "paper"], p=[0.45, 0.33, 0.22])
    wall = 0.035 if kind != "paper" else 0.012
    if kind == "tea":
        height, foot = radius * rng.uniform(1.1, 1.5), radius * rng.uniform(0.45, 0.6)
        shape = [(foot + (radius - foot) * t**0.5, t * height) for t in np.linspace(0.03, 1, 8)]
    else:
        height = radius * (rng.uniform(1.8, 2.5) if kind == "mug" else rng.uniform(2.2, 3.0))
        foot = radius * (rng.uniform(0.85, 1.0) if kind == "mug" else rng.uniform(0.62, 0.75))
        shape = [(foot + (radius - foot) * t, t * height) for t in np.linspace(0.02, 1, 8)]
    base = 0.0
    saucer: list[Surface] = []
    if kind == "tea" and rng.random() < 0.6:
        rim = radius * rng.uniform(1.6, 1.9)
        dish = smooth([(0.002, 0.05), (rim * 0.5, 0.05), (rim, 0.2), (rim * 0.98, 0.17),
                       (rim * 0.5, 0.0)], 30)  # fmt: skip
        saucer = [revolve(dish, place, glaze(rng, dish, 0.5), 0.35, 0.1)]
        base = 0.06
    outer = [(r, z + base) for r, z in shape]
    inner = [(r - wall, z + wall * (1 - i / 7)) for i, (r, z) in enumerate(outer)]
    full = int(rng.integers(4, 7)) if rng.random() < 0.6 else 0
    lip = outer[-1][1]
    profile = smooth(
        [(0.002, inner[full][1]), *inner[full:], (radius - wall / 2, lip + 0.01), *outer[::-1],
         (foot * 0.97, base)], 60,
    )  # fmt: skip
    texture = glaze(rng, profile, 0.4)
    if full:
        level = int(np.argmax(profile[:, 1] > inner[full][1] + 0.02)) - 1
        fill(texture, profile, max(level, 2), pick(rng, DRINKS))
    gloss = rng.uniform(0.2, 0.5) if kind != "paper" else rng.uniform(0.02, 0.15)
    body = revolve(profile, place, texture, gloss, 1.0)
    if kind == "paper":
        return [body]
    angle = rng.uniform(0, 2 * np.pi)
    grip = handle(place, foot * 0.5 + radius * 0.5, base, height, angle, texture[-20, 0], gloss)
    behind = np.sin(angle) > 0
    return [*saucer, *([grip, body] if behind else [body, grip])]


def handle(
    place: tuple[float, float],
    radius: float,
    base: float,
    height: float,
    angle: float,
    colour: Floats,
    gloss: float,
) -> Surface:
    """The ear of a cup: a tube bent in a vertical plane at `angle` around the cup."""
    turn = np.linspace(-np.pi / 2 - 0.35, np.pi / 2 + 0.35, 22)
    reach, tall, thick = 0.42 * min(height, 1.0), 0.30 * height, 0.06
    out = radius * 0.97 + reach * np.cos(turn)
    up = base + height * 0.54 + tall * np.sin(turn)
    outwards = np.array([np.cos(angle), np.sin(angle), 0.0])
    upwards = np.array([0.0, 0.0, 1.0])
    sideways = np.cross(outwards, upwards)
    spine = out[:, None] * outwards + up[:, None] * upwards + np.array([*place, 0.0])
    ahead = np.gradient(spine, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    normal = np.cross(ahead, sideways)
    around = np.linspace(0, 2 * np.pi, 13)
    points = (
        spine[:, None]
        + thick * np.cos(around)[None, :, None] * normal[:, None]
        + 1.3 * thick * np.sin(around)[None, :, None] * sideways
    )
    albedo = np.empty((4, 4, 3), np.float32)
    albedo[:] = colour
    grid = points.astype(np.float32)
    return Surface(grid, albedo, np.ones(grid.shape[:2], np.float32), gloss)
