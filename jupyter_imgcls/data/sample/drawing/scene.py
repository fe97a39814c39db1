"""Camera, light, and drawing of curved surfaces with shading and shadows.

Lengths are in units of 10 cm. The table is the plane z = 0, z points up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["CANVAS", "HEIGHT", "WIDTH", "Camera", "Floats", "Light", "Photo", "Surface"]

Floats = NDArray[np.float32]
_Number = TypeVar("_Number", np.float32, np.int32)

WIDTH, HEIGHT = 640, 480
CANVAS = (960, 720)  # (width, height) painted, then shrunk to get smooth edges
_SUBPIXEL_BITS = 4


def unit(vectors: Floats) -> Floats:
    """The vectors along the last axis scaled to length 1."""
    length = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))[..., None]
    return np.asarray(vectors / np.maximum(length, 1e-6), np.float32)


def power(values: Floats, exponent: int) -> Floats:
    """Elementwise power, ten times as fast as NumPy's for integers, and flat."""
    return np.asarray(cv2.pow(values, exponent), np.float32).reshape(-1)


class Camera:
    """A pinhole camera that looks at the point (0, 0, 0.2) above the table.

    Parameters
    ----------
    elevation : float
        Angle above the table in radians, up to pi/2 (from straight above).
    distance : float
        From the camera to the point it looks at.
    roll : float
        Turn of the picture in radians.
    """

    def __init__(self, elevation: float, distance: float, roll: float) -> None:
        backward = np.array([0.0, -np.cos(elevation), np.sin(elevation)])
        up = np.array([0.0, np.sin(elevation), np.cos(elevation)])
        right = np.array([1.0, 0.0, 0.0])
        cos, sin = np.cos(roll), np.sin(roll)
        self._axes = np.stack([cos * right + sin * up, sin * right - cos * up, -backward])
        self.position = np.array([0.0, 0.0, 0.2]) + distance * backward
        self._focal = 1.55 * CANVAS[0]
        self._centre = np.array(CANVAS) / 2

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Pixels (..., 2) of the canvas, and depths (...), of points (..., 3)."""
        seen = (points - self.position) @ self._axes.T
        depth = seen[..., 2]
        pixels = seen[..., :2] / depth[..., None] * self._focal + self._centre
        return pixels.astype(np.float32), depth.astype(np.float32)

    def table_to_pixels(self, corners: Floats) -> Floats:
        """Homography (3, 3) from the unit square to the four table points `corners` (4, 2)."""
        points = np.concatenate([corners, np.zeros((4, 1))], axis=1)
        square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
        matrix = cv2.getPerspectiveTransform(square, self.project(points.astype(np.float32))[0])
        return matrix.astype(np.float32)


@dataclass(frozen=True)
class Light:
    """A lamp or window far away.

    Parameters
    ----------
    direction : ndarray, (3,)
        Unit vector from the table to the light.
    ambient : float
        Share of the light that comes from everywhere, 0 to 1.
    softness : float
        Blur of shadows, in pixels for each unit of height.
    """

    direction: Floats
    ambient: float
    softness: float


@dataclass
class Surface:
    """A curved surface: a grid of points, and textures stretched over it.

    Parameters
    ----------
    points : ndarray, (rows, columns, 3) float32
        Ordered so that (next row) x (next column) points out of the material.
    albedo : ndarray, (height, width, 3) float32
        Colour in linear light, 0 to 1, stretched over the grid.
    openness : ndarray, (rows, columns) float32
        How much of the surrounding light gets there: 1 outside, less deep in a bowl.
    gloss : float
        Strength of highlights: 0 paper, 0.5 china.
    mouth : tuple of float, optional
        Centre x, y, height and radius of a round rim that throws a shadow into the vessel.
    """

    points: Floats
    albedo: Floats
    openness: Floats
    gloss: float
    mouth: tuple[float, float, float, float] | None = None
    normals: Floats = field(init=False)

    def __post_init__(self) -> None:
        # The columns run around a ring: the last is the first again.
        ring = np.concatenate([self.points[:, -2:-1], self.points, self.points[:, 1:2]], axis=1)
        down, along = np.gradient(ring, axis=(0, 1))
        self.normals = unit(np.cross(down, along)[:, 1:-1].astype(np.float32))


class Photo:
    """The picture being painted: linear light, float32, `CANVAS` pixels."""

    def __init__(self, camera: Camera, light: Light, table: Floats) -> None:
        self.camera = camera
        self.light = light
        self.pixels = table

    def shadow(self, surface: Surface, strength: float) -> None:
        """Darken the table where `surface` keeps the light away."""
        scale = 3  # shadows are soft: a small mask is enough
        mask = np.zeros((CANVAS[1] // scale, CANVAS[0] // scale), np.uint8)
        towards = self.light.direction
        fallen = surface.points - surface.points[..., 2:] / towards[2] * towards
        pixels = self.camera.project(fallen)[0] / scale
        fixed = np.round(pixels * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        for quad in _quads(fixed).reshape(-1, 4, 2):
            cv2.fillConvexPoly(mask, quad, (255,), cv2.LINE_8, _SUBPIXEL_BITS)
        height = float(surface.points[..., 2].max())
        blurred = cv2.GaussianBlur(
            mask.astype(np.float32) / 255, (0, 0), 1.0 + self.light.softness * min(height, 1.0)
        )
        full = cv2.resize(blurred, CANVAS)
        self.pixels *= (1 - strength * (1 - self.light.ambient) * full)[..., None]

    def draw(self, surface: Surface) -> None:
        """Paint `surface` over what is there."""
        pixels, depth = self.camera.project(surface.points)
        quads = _quads(pixels).reshape(-1, 4, 2)
        side, other = quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1]
        facing = side[:, 0] * other[:, 1] - side[:, 1] * other[:, 0] > 0
        far = _quads(depth[..., None]).reshape(-1, 4).mean(axis=1)
        order = np.argsort(-far, kind="stable")
        order = order[facing[order]]
        low = np.maximum(np.floor(quads.min(axis=(0, 1))).astype(int) - 1, 0)
        high = np.minimum(np.ceil(quads.max(axis=(0, 1))).astype(int) + 2, CANVAS)
        if (high <= low).any():
            return  # outside the picture
        numbers = np.full((high[1] - low[1], high[0] - low[0]), -1, np.int32)
        fixed = np.round((quads - low) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        for number in order.tolist():
            cv2.fillConvexPoly(numbers, fixed[number], (number,), cv2.LINE_8, _SUBPIXEL_BITS)
        ys, xs = np.nonzero(numbers >= 0)
        if not len(ys):
            return
        rows, columns = _grid_position(quads, numbers[ys, xs], xs + low[0], ys + low[1], surface)
        self.pixels[ys + low[1], xs + low[0]] = self._shade(surface, rows, columns)

    def _shade(self, surface: Surface, rows: Floats, columns: Floats) -> Floats:
        """Colours (n, 3) of the places (rows, columns) of a surface (Blinn-Phong shading)."""
        count, around = surface.points.shape[:2]
        height, width = surface.albedo.shape[:2]
        point = _sample(surface.points, rows, columns)
        normal = unit(_sample(surface.normals, rows, columns))
        open_sky = _sample(surface.openness, rows, columns)
        colour = _sample(
            surface.albedo,
            rows * ((height - 1) / (count - 1)),
            columns * ((width - 1) / (around - 1)),
        )
        towards = self.light.direction
        view = unit((self.camera.position - point).astype(np.float32))
        # Half of the wrapped cosine: light from a window reaches around corners.
        lit = np.clip((normal @ towards + 0.25) / 1.25, 0, 1)
        if surface.mouth is not None:
            x, y, rim, radius = surface.mouth
            rise = np.maximum(rim - point[:, 2], 0) / towards[2]
            over = point[:, :2] + rise[:, None] * towards[:2] - np.array([x, y], np.float32)
            outside = (np.hypot(over[:, 0], over[:, 1]) / radius - 1) * 8
            inside_vessel = open_sky < 0.999
            lit = lit * np.where(inside_vessel, 1 - 0.75 * np.clip(outside + 0.5, 0, 1), 1)
        sky = 0.62 + 0.38 * normal[:, 2]
        light = self.light.ambient * sky * open_sky + (1 - self.light.ambient) * lit * 1.25
        half = unit(view + towards)
        shine = np.clip(np.einsum("ni,ni->n", normal, half), 0, 1)
        facing = np.clip(np.einsum("ni,ni->n", normal, view), 0, 1)
        spark = surface.gloss * (0.9 * power(shine, 70) + 0.16 * power(shine, 12)) * (lit > 0.02)
        mirror = surface.gloss * 0.35 * power(1 - facing, 4) * open_sky
        return np.asarray(colour * light[:, None] + (spark + mirror)[:, None], np.float32)


def _quads(grid: NDArray[_Number]) -> NDArray[_Number]:
    """The four corners (rows-1, columns-1, 4, d) of each cell of a grid (rows, columns, d)."""
    return np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]], axis=2)


def _grid_position(
    quads: Floats,
    number: NDArray[np.int32],
    x: NDArray[np.intp],
    y: NDArray[np.intp],
    surface: Surface,
) -> tuple[Floats, Floats]:
    """Where in the grid, in fractions of cells, the pixels x, y of cells `number` lie."""
    a, b, c, d = (quads[:, corner] for corner in range(4))
    along, down = (b - a + c - d) / 2, (d - a + c - b) / 2
    determinant = along[:, 0] * down[:, 1] - along[:, 1] * down[:, 0]
    determinant = np.where(np.abs(determinant) < 1e-9, 1e-9, determinant)
    centre = quads.mean(axis=1)
    offset = np.stack([x, y], axis=1).astype(np.float32) - centre[number]
    along, down, determinant = along[number], down[number], determinant[number]
    column = (offset[:, 0] * down[:, 1] - offset[:, 1] * down[:, 0]) / determinant
    row = (along[:, 0] * offset[:, 1] - along[:, 1] * offset[:, 0]) / determinant
    cells = surface.points.shape[1] - 1
    rows = number // cells + 0.5 + np.clip(row, -0.5, 0.5)
    columns = number % cells + 0.5 + np.clip(column, -0.5, 0.5)
    return rows.astype(np.float32), columns.astype(np.float32)


def _sample(grid: Floats, rows: Floats, columns: Floats) -> Floats:
    """Bilinear values of `grid` at n fractional places."""
    # remap takes at most 32,767 rows, so the places are laid out as a block.
    side = 1024
    padded = -(-len(rows) // side) * side
    block = np.zeros((2, padded), np.float32)
    block[0, : len(rows)], block[1, : len(rows)] = columns, rows
    column_map, row_map = block.reshape(2, -1, side)
    values = cv2.remap(grid, column_map, row_map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    flat = values.reshape(padded, *grid.shape[2:])[: len(rows)]
    return flat.astype(np.float32, copy=False)
