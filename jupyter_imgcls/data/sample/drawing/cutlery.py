"""Forks, knives and spoons: outlines with a height, shaded as metal, wood or plastic."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .scene import CANVAS, Floats, Photo, unit

__all__ = ["lay_cutlery"]

Rng = np.random.Generator
Mask = NDArray[np.uint8]
_LONG, _WIDE = 720, 128  # pixels of one piece; it lies along x, its handle on the left
_UNITS = 1.9 / _LONG
_METALS = [(0.72, 0.72, 0.74), (0.72, 0.72, 0.74), (0.75, 0.55, 0.25), (0.66, 0.42, 0.32)]
_PLASTICS = [(0.85, 0.85, 0.83), (0.05, 0.05, 0.06), (0.70, 0.12, 0.08), (0.10, 0.35, 0.55),
             (0.80, 0.60, 0.10), (0.15, 0.45, 0.20)]  # fmt: skip
_WOODS = [(0.55, 0.36, 0.18), (0.30, 0.15, 0.07)]


def outline(widths: list[tuple[float, float]]) -> Mask:
    """A shape symmetric about its long axis, from (place along, half width) in pixels."""
    at, half = np.array(widths).T
    place = np.arange(at[0], at[-1] + 1)
    edge = np.interp(place, at, half)
    edge = np.convolve(np.pad(edge, 8, mode="edge"), np.full(17, 1 / 17), mode="valid")
    top = np.stack([place, _WIDE / 2 - edge], axis=1)
    bottom = np.stack([place, _WIDE / 2 + edge], axis=1)[::-1]
    mask = np.zeros((_WIDE, _LONG), np.uint8)
    shape = np.round(np.concatenate([top, bottom]) * 16).astype(np.int32)
    cv2.fillPoly(mask, [shape], (255,), cv2.LINE_AA, 4)
    return mask


def fork(rng: Rng) -> tuple[Mask, Floats]:
    """Outline and extra height of a fork with three or four tines."""
    wide = rng.uniform(34, 44)
    mask = outline([(18, 9), (40, 22), (120, 20), (330, 8), (440, 9), (500, wide * 0.75),
                    (540, wide), (640, wide), (705, wide * 0.94)])  # fmt: skip
    tines = int(rng.integers(3, 5))
    for gap in range(1, tines):
        y = round(_WIDE / 2 - wide + 2 * wide * gap / tines)
        start = (int(rng.integers(548, 566)), y)
        cv2.line(mask, start, (_LONG, y), (0,), round(wide / tines * 0.62), cv2.LINE_AA)
    return mask, np.zeros(mask.shape, np.float32)


def spoon(rng: Rng) -> tuple[Mask, Floats]:
    """Outline and extra height of a spoon: an egg-shaped hollow."""
    wide, start = rng.uniform(42, 56), rng.uniform(500, 540)
    mask = outline([(18, 9), (40, 22), (120, 19), (330, 8), (start - 20, 9), (start, 12)])
    centre = ((start + 706) / 2, _WIDE / 2)
    half = ((706 - start) / 2 + 8, wide)
    y, x = np.mgrid[:_WIDE, :_LONG]
    away = np.hypot((x - centre[0]) / half[0], (y - centre[1]) / half[1])
    middle = (round(centre[0] * 16), round(centre[1] * 16))
    axes = (round(half[0] * 16), round(half[1] * 16))
    cv2.ellipse(mask, middle, axes, 0, 0, 360, (255,), -1, cv2.LINE_AA, 4)
    hollow = np.where(away < 0.92, -34 * np.clip(1 - (away / 0.92) ** 2, 0, 1), 0)
    return mask, hollow.astype(np.float32)


def knife(rng: Rng) -> tuple[Mask, Floats]:
    """Outline and extra height of a table knife: a handle, a blade, an edge on one side."""
    wide = rng.uniform(20, 27)
    mask = outline([(18, 12), (40, 21), (250, 18), (350, 13), (372, 13), (400, wide),
                    (640, wide), (680, wide * 0.8), (706, wide * 0.25)])  # fmt: skip
    ground = np.zeros(mask.shape, np.float32)
    ground[round(_WIDE / 2 + wide * 0.25) :, 395:] = -5
    ground[: round(_WIDE / 2 - wide * 0.8), 372:] = -3
    return mask, np.asarray(cv2.GaussianBlur(ground, (0, 0), 1.5), np.float32)


_PIECES = [fork, knife, spoon]


def shade(rng: Rng, mask: Mask, extra: Floats, material: str, towards: Floats) -> Floats:
    """Colours (height, width, 3) of a piece lying under light from `towards`."""
    inside = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 5)
    height = 9 * (1 - np.exp(-inside / 7)) + extra
    height = cv2.GaussianBlur(height.astype(np.float32), (0, 0), 2.2)
    slope_y, slope_x = np.gradient(height)
    normal = unit(np.stack([-slope_x, -slope_y, np.ones_like(height)], axis=2).astype(np.float32))
    lit = np.clip(normal @ towards, 0, 1)
    half = unit(towards + np.array([0, 0, 1], np.float32))
    shine = np.clip(normal @ half, 0, 1)
    if material == "metal":
        colour = np.array(_METALS[rng.integers(len(_METALS))])
        # A mirror sees the room: bright ceiling, dark walls, a window.
        reflected = 2 * normal[..., 2] ** 2 - 1
        along = np.linspace(0, 1, _LONG)[None]
        streak = 0.12 * np.sin(along * rng.uniform(4, 9) + rng.uniform(0, 6))
        room = np.clip(0.30 + streak + 0.55 * reflected + 0.35 * normal[..., 1], 0.04, 1)
        return np.asarray(colour * room[..., None] + 0.9 * (shine**40)[..., None] * 0.6, np.float32)
    palette = _PLASTICS if material == "plastic" else _WOODS
    colour = np.array(palette[rng.integers(len(palette))])
    body = (0.35 + 0.75 * lit)[..., None] * colour
    if material == "wood":
        fibres = cv2.resize(rng.random((_WIDE, 12), np.float32), (_LONG, _WIDE))
        return np.asarray(body * (0.8 + 0.4 * fibres)[..., None], np.float32)
    return np.asarray(body + 0.4 * (shine**30)[..., None], np.float32)


def lay_cutlery(
    rng: Rng, photo: Photo, places: list[tuple[float, float, float]], size: float = 1.0
) -> None:
    """Paint one piece at each place (x, y, angle) of its middle, all of one material."""
    material = str(rng.choice(["metal", "plastic", "wood"], p=[0.7, 0.2, 0.1]))
    style = int(rng.integers(2**32))
    kinds = rng.permutation(len(_PIECES))
    for index, (x, y, angle) in enumerate(places):
        mask, extra = _PIECES[kinds[index % len(kinds)]](rng)
        cos, sin = np.cos(angle), np.sin(angle)
        light = photo.light.direction
        # The light as the piece sees it, in its own (image: y downwards) axes.
        towards = np.array(
            [cos * light[0] + sin * light[1], sin * light[0] - cos * light[1], light[2]],
            np.float32,
        )
        colour = shade(np.random.default_rng(style), mask, extra, material, unit(towards))
        half = np.array([_LONG, _WIDE]) * _UNITS * size / 2
        ends = np.array([[-1, 1], [1, 1], [1, -1], [-1, -1]]) * half
        corners = ends @ np.array([[cos, sin], [-sin, cos]]) + [x, y]
        _paste(photo, corners, colour, mask)


def _paste(photo: Photo, corners: NDArray[np.float64], colour: Floats, mask: Mask) -> None:
    to_square = np.diag([1 / _LONG, 1 / _WIDE, 1.0])
    fall = photo.light.direction[:2] / photo.light.direction[2] * 0.05
    shadow_matrix = photo.camera.table_to_pixels((corners - fall).astype(np.float32)) @ to_square
    shadow = cv2.warpPerspective(mask, shadow_matrix, CANVAS, flags=cv2.INTER_AREA)
    shadow = cv2.GaussianBlur(shadow, (0, 0), 4).astype(np.float32) / 255
    photo.pixels *= (1 - 0.7 * (1 - photo.light.ambient) * shadow)[..., None]
    matrix = photo.camera.table_to_pixels(corners.astype(np.float32)) @ to_square
    cover = cv2.warpPerspective(mask, matrix, CANVAS, flags=cv2.INTER_LINEAR)
    x, y, width, height = cv2.boundingRect(cover)
    if not width:
        return
    move = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1.0]])
    painted = cv2.warpPerspective(
        colour, move @ matrix, (width, height), borderMode=cv2.BORDER_REPLICATE
    )
    alpha = cover[y : y + height, x : x + width, None].astype(np.float32) / 255
    target = photo.pixels[y : y + height, x : x + width]
    target += (painted - target) * alpha
