"""The article's place of `AnnotationUI`."""

from ..widgets.annotation import AnnotationUI

__all__ = ["AnnotationUI"]
