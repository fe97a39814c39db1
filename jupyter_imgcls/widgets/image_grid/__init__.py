"""A virtual grid of photos."""

from .grid import Badge, ImageGrid

__all__ = ["Badge", "ImageGrid"]
