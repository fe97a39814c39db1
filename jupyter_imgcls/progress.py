"""Progress of long work: a bar, a callback, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm.auto import tqdm

__all__ = ["Progress", "counting"]

Progress = bool | Callable[[int, int], None]
"""Whether to show a bar; or a callback ``(done, total)``. An exception that
it raises stops the work."""


@contextmanager
def counting(
    progress: Progress, total: int, unit: str, what: str | None = None
) -> Iterator[Callable[[int], object]]:
    """Yield a function to call with the number of newly finished items.

    Parameters
    ----------
    progress : Progress
        See `Progress`.
    total : int
        Number of items.
    unit, what : str
        Labels of the bar: what is counted, and what is done.
    """
    if not callable(progress):
        with tqdm(total=total, unit=unit, desc=what, disable=not progress) as bar:
            yield bar.update
        return
    notify, done = progress, 0

    def add(more: int) -> None:
        nonlocal done
        done += more
        notify(done, total)

    notify(0, total)
    yield add
