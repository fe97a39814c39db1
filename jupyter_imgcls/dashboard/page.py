"""`Dashboard`: the steps from photos to a classifier, one below the other."""

from __future__ import annotations

from pathlib import Path

import ipywidgets

__all__ = ["Dashboard"]


class Dashboard(ipywidgets.VBox):
    """The whole workflow as one page, for a JupyterLab cell and for voila alike.

    Parameters
    ----------
    folder : str or Path, optional
        The photos, or a folder that holds folders of photos. It is only read.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        super().__init__([ipywidgets.Label(f"Photos of {folder or Path.cwd()}")])
