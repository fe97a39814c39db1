"""The sample dataset: drawn tableware, made without a download."""

from .tableware import tableware

__all__ = ["tableware"]
