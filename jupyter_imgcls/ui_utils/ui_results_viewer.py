"""The article's place of `ResultsUI`."""

from ..widgets.results_viewer import ResultsUI

__all__ = ["ResultsUI"]
