"""What all matplotlib plots share: fonts, dashes, and the frame around a plot.

Text and frames follow the user's matplotlib style.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "DASHES",
    "axes",
    "contrast",
    "dress",
    "fonts",
]

# Tell a second round of the class colours apart from the first.
DASHES = ("-", (0, (5, 2)))
# Letters that matplotlib's own font lacks are taken from the first of these that is installed.
_MORE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "WenQuanYi Micro Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans",
    "Arial Unicode MS",
)


def axes(ax: Axes | None) -> Axes:
    """The given axes, else pyplot's current ones."""
    if ax is not None:
        return ax
    from matplotlib import pyplot as plt

    return plt.gca()


def dress(ax: Axes, title: str, xlabel: str, ylabel: str, *, unit: bool = False) -> None:
    """Write title and axis labels; with `unit`, both axes show the range from 0 to 1."""
    ax.set_title(title)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.spines[["top", "right"]].set_visible(False)
    if unit:
        ax.set_xlim(-0.01, 1.01)
        ax.set_ylim(-0.01, 1.03)
        ax.set_axisbelow(True)
        ax.grid(alpha=0.25, linewidth=0.6)


def contrast(one: ArrayLike, other: ArrayLike) -> float:
    """Contrast ratio of two colours, 1 to 21, as the W3C's WCAG 2 defines it."""
    channels = np.array([one, other])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    darker, lighter = np.sort(linear @ [0.2126, 0.7152, 0.0722])
    return float((lighter + 0.05) / (darker + 0.05))


def fonts() -> list[str]:
    """The user's font families, then installed ones with more letters."""
    from matplotlib import font_manager, rcParams

    installed = set(font_manager.get_font_names())
    return [*rcParams["font.family"], *(font for font in _MORE_FONTS if font in installed)]
