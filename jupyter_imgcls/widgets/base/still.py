"""A still picture beside a widget, for a notebook that is opened without a kernel."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from IPython.display import display, update_display

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["StillPicture", "with_still"]

STILL_MIME = "application/vnd.jupyter-imgcls.still+json"


def with_still(
    bundle: dict[str, Any], picture: bytes, mime: Literal["image/png", "image/jpeg"]
) -> dict[str, Any]:
    """Add a picture to what a widget displays.

    Viewers that run no widgets show it by themselves. JupyterLab does so in a notebook that it does
    not trust; in others our extension (``js/labextension/``) puts it where the widget is missing,
    and knows our outputs by the mark `STILL_MIME`.
    """
    return {**bundle, mime: picture, STILL_MIME: {"picture": mime}}


class StillPicture:
    """A mixin for a widget that can draw its state; put it before the widget's class."""

    _displays: tuple[str, ...] = ()

    def draw_still(self, figure: Figure) -> None:
        """Draw the state on an empty matplotlib figure."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**options)  # type: ignore[misc]
        return with_still(bundle, self._png(), "image/png")

    def _ipython_display_(self, **_options: Any) -> None:
        # A display with a name can be given a newer picture later.
        name = uuid4().hex
        self._displays += (name,)
        display(self._repr_mimebundle_(), raw=True, display_id=name)  # type: ignore[no-untyped-call]

    def _refresh_still(self) -> None:
        """Put a picture of the present state where the widget is displayed."""
        for name in self._displays:
            update_display(self._repr_mimebundle_(), raw=True, display_id=name)  # type: ignore[no-untyped-call]

    def _png(self) -> bytes:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 3.2), dpi=100, layout="constrained", facecolor="white")
        self.draw_still(figure)
        file = BytesIO()
        figure.savefig(file, format="png")
        return file.getvalue()
