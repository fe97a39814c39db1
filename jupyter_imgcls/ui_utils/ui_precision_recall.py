"""The article's name for the widget of the precision-recall curve."""

from ..widgets.precision_recall import PrecisionRecallUI

__all__ = ["PrecisionRecallUI"]
