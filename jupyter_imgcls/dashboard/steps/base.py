"""What all steps of the dashboard have in common."""

from __future__ import annotations

from abc import abstractmethod

import ipywidgets

from ...widgets.base.theme import ErrorMessage
from ..parts.step_list import Status
from ..work import Work

__all__ = ["Step"]


class Step(ipywidgets.VBox):
    """One step: what is seen of it, and where it stands.

    Parameters
    ----------
    work : Work
        What the steps share.

    Attributes
    ----------
    name : str
        In the list of steps.
    problem : ErrorMessage
        Where its trouble is shown.
    """

    name = ""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.problem = ErrorMessage()
        super().__init__(layout=ipywidgets.Layout(grid_gap="16px", width="auto"))
        self.add_class("ds-panel")

    @abstractmethod
    def status(self) -> Status:
        """Where it stands."""

    @abstractmethod
    def show(self) -> None:
        """Bring it up to date: it is seen now, or what it shows has changed."""
