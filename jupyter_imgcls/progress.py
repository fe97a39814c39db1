"""How long work tells how far it is: a progress bar, silence, or whoever wants to know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm.auto import tqdm

__all__ = ["Progress", "counting"]

Progress = bool | Callable[[int, int], None]
"""Whether to show a bar; or a function that is called with how much is done, and of how much. What
it raises ends the work."""


@contextmanager
def counting(
    progress: Progress, total: int, unit: str, what: str | None = None
) -> Iterator[Callable[[int], object]]:
    """Give a function to call with how much more is done.

    Parameters
    ----------
    progress : Progress
        As given by the caller of the work.
    total : int
        How much there is to do.
    unit, what : str
        For the bar: what is counted, and what is done with it.
    """
    if not callable(progress):
        with tqdm(total=total, unit=unit, desc=what, disable=not progress) as bar:
            yield bar.update
        return
    tell, done = progress, 0

    def add(more: int) -> None:
        nonlocal done
        done += more
        tell(done, total)

    tell(0, total)
    yield add
