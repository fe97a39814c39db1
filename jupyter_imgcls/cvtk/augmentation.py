"""The name of 2018 for augmentation."""

from ..data.augment import augment_dataset

__all__ = ["augment_dataset"]
