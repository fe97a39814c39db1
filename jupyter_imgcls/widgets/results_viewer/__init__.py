"""See where a classifier is right and where it is wrong."""

from .ui import ResultsUI

__all__ = ["ResultsUI"]
