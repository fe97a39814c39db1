"""The colours of classes and of curves, the same in widgets, plots and reports.

The first six class colours are those of M. Okabe and K. Ito (Color Universal Design, 2008). The
others extend them so that neighbours stay apart in normal and colour-blind vision, on light and on
dark ground. Colour never carries a meaning alone: names, counts or dashes stand beside it.
"""

from __future__ import annotations

__all__ = ["ACCENT", "ALERT", "NO_CLASS", "PALETTE", "QUIET"]

ACCENT = "#0072b2"
ALERT = "#d55e00"
QUIET = "#8c959f"
"""What stands back behind a class or a curve."""
NO_CLASS = "#767676"
"""Photos that are excluded or have no label."""
PALETTE = (
    *(ACCENT, ALERT, "#009e73", "#cc79a7", "#e69f00", "#56b4e9"),
    *("#785ef0", "#a6761d", "#dc267f", "#44aa99", "#8a8a8a", "#999933"),
)
