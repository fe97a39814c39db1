"""Look at photos and correct labels."""

from .ui import AnnotationUI

__all__ = ["AnnotationUI"]
