"""One sample photo: what lies where, under which light, taken with which camera."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from .cutlery import lay_cutlery
from .dishes import FOOD, bowl, cup, dome, pick, plate
from .scene import HEIGHT, WIDTH, Camera, Floats, Light, Photo, Surface, unit
from .tables import table_top

__all__ = ["draw_photo"]

Rng = np.random.Generator
_DISHES: dict[str, tuple[Callable[[Rng, tuple[float, float], float], list[Surface]], float, float]]
_DISHES = {"bowl": (bowl, 0.65, 0.9), "cup": (cup, 0.38, 0.5), "plate": (plate, 0.95, 1.35)}

_BRIGHTEST = 2.0


def _tone_curve(steps: int) -> Floats:
    """From linear light, 0 to `_BRIGHTEST`, to the values of a file, 0 to 255."""
    linear = np.linspace(0, _BRIGHTEST, steps)
    # A gentle shoulder keeps highlights from burning out, then the sRGB curve (approximately).
    shoulder = 1.12 * linear / (0.12 + linear) * (1 - np.exp(-linear * 6)) ** 0.25
    curve = np.clip(np.minimum(shoulder, linear), 0, 1) ** (1 / 2.2) * 255
    return np.asarray(curve, np.float32)


_TONES = _tone_curve(1 << 15)


def draw_photo(kind: str, seed: tuple[int, ...]) -> NDArray[np.uint8]:
    """A photo of tableware, uint8 RGB of shape (480, 640, 3); the same for the same seed.

    Parameters
    ----------
    kind : str
        ``"bowl"``, ``"cup"``, ``"cutlery"`` or ``"plate"``.
    seed : tuple of int
        Everything that varies is drawn from it.
    """
    rng = np.random.default_rng(seed)
    camera = Camera(
        elevation=np.radians(rng.uniform(26, 68)),
        distance=rng.uniform(4.6, 6.4) if kind == "plate" else rng.uniform(3.4, 5.4),
        roll=rng.normal(0, 0.06),
    )
    azimuth = rng.uniform(0, 2 * np.pi)
    low = rng.uniform(0.5, 1.3)
    direction = np.array([np.cos(azimuth) * low, np.sin(azimuth) * low, 1.0], np.float32)
    light = Light(unit(direction), rng.uniform(0.35, 0.65), rng.uniform(2, 14))
    photo = Photo(camera, light, table_top(rng, camera))
    place = (rng.uniform(-0.3, 0.3), rng.uniform(-0.25, 0.25))
    if rng.random() < 0.3:
        _napkin(rng, photo, place)
    if rng.random() < 0.35:
        _crumbs(rng, photo, place)
    if kind == "cutlery":
        _place_setting(rng, photo, place)
    else:
        make, least, most = _DISHES[kind]
        radius = rng.uniform(least, most)
        if rng.random() < 0.22:
            side = rng.choice([-1.0, 1.0])
            lay_cutlery(
                rng, photo, [(place[0] + side * (radius + rng.uniform(0.2, 0.35)), place[1],
                              np.pi / 2 + rng.normal(0, 0.08))],
            )  # fmt: skip
        _stand(photo, make(rng, place, radius))
    return _develop(rng, photo.pixels)


def _stand(photo: Photo, surfaces: list[Surface]) -> None:
    for surface in surfaces[:3]:
        photo.shadow(surface, 0.8)
    for surface in surfaces:
        photo.draw(surface)


def _place_setting(rng: Rng, photo: Photo, place: tuple[float, float]) -> None:
    """One to three pieces, side by side or thrown down."""
    count = int(rng.integers(1, 4))
    angle = rng.uniform(0, 2 * np.pi)
    places = []
    for index in range(count):
        away = (index - (count - 1) / 2) * rng.uniform(0.36, 0.5)
        turn = rng.normal(0, 0.06 if rng.random() < 0.6 else 0.5)
        places.append(
            (place[0] - np.sin(angle) * away, place[1] + np.cos(angle) * away, angle + turn)
        )
    lay_cutlery(rng, photo, places, rng.uniform(0.8, 1.05))


def _napkin(rng: Rng, photo: Photo, place: tuple[float, float]) -> None:
    """A folded napkin, flat on the table."""
    turn, size = rng.uniform(0, np.pi), rng.uniform(0.7, 1.1, 2)
    cos, sin = np.cos(turn), np.sin(turn)
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size
    corners = square @ np.array([[cos, sin], [-sin, cos]]) + place + rng.normal(0, 0.5, 2)
    quad = photo.camera.project(np.c_[corners, np.zeros(4)].astype(np.float32))[0]
    mask = np.zeros(photo.pixels.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, np.round(quad * 16).astype(np.int32), (255,), cv2.LINE_AA, 4)
    shade = cv2.GaussianBlur(mask, (0, 0), 6).astype(np.float32) / 255
    photo.pixels *= (1 - 0.35 * shade)[..., None]
    colour = rng.uniform(0.2, 0.8) * rng.uniform(0.75, 1.2, 3)
    weave = cv2.resize(rng.normal(1, 0.03, (HEIGHT, WIDTH)).astype(np.float32), mask.shape[::-1])
    cover = mask[..., None].astype(np.float32) / 255
    photo.pixels += (weave[..., None] * colour.astype(np.float32) - photo.pixels) * cover


def _crumbs(rng: Rng, photo: Photo, place: tuple[float, float]) -> None:
    """Crumbs, berries or nuts around the place."""
    colour = pick(rng, FOOD)
    size = rng.uniform(0.02, 0.09)
    for _ in range(int(rng.integers(2, 9))):
        angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.6)
        spot = (place[0] + away * np.cos(angle), place[1] + away * np.sin(angle))
        _stand(photo, [dome(rng, spot, size * rng.uniform(0.7, 1.3), 0.0, colour)])


def _develop(rng: Rng, linear: Floats) -> NDArray[np.uint8]:
    """From linear light to the pixels of a file: lens, exposure, white balance, noise."""
    pixels = cv2.resize(linear, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.3:
        pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.5, 1.6))
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j].astype(np.float32)
    tilt = rng.normal(0, 0.12, 2).astype(np.float32)
    falloff = 1 - rng.uniform(0.05, 0.3) * (x**2 + y**2) / 2 + tilt[0] * x + tilt[1] * y
    warmth = rng.normal(0, 0.07)
    balance = np.array([1 + warmth, 1.0, 1 - warmth]) * rng.uniform(0.65, 1.1)
    pixels = np.clip(pixels * falloff[..., None] * balance.astype(np.float32), 0, None)
    steps = np.minimum(pixels * (len(_TONES) / _BRIGHTEST), len(_TONES) - 1).astype(np.int32)
    encoded = _TONES[steps]
    grain = rng.standard_normal((HEIGHT, WIDTH, 1), np.float32)
    colour_grain = rng.standard_normal((HEIGHT, WIDTH, 3), np.float32)
    strength = rng.uniform(1, 5)
    encoded += np.float32(strength) * (np.float32(0.8) * grain + np.float32(0.4) * colour_grain)
    return np.asarray(np.clip(np.round(encoded), 0, 255), np.uint8)
