"""Choose a threshold on the precision-recall curve."""

from .ui import PrecisionRecallUI

__all__ = ["PrecisionRecallUI"]
