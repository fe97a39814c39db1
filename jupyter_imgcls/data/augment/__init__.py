"""Augmented copies of photos."""

from .copies import augment_dataset
from .view import show_augmentations

__all__ = ["augment_dataset", "show_augmentations"]
