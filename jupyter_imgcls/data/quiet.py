"""Silence the warnings of a block of code in its own thread only.

`warnings.catch_warnings` swaps the filters of the whole process, so photos decoded in several
threads would lose each other's filters, and the user's.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

__all__ = ["no_warnings"]


class _WhileQuiet(threading.local):
    """Stands in a filter where a pattern for module names would be; its answer is per thread."""

    quiet = False
    pattern = "(?!)"  # matches nothing; scikit-learn reads it to take filters along to its workers

    def __reduce__(self) -> tuple[Callable[[str], re.Pattern[str]], tuple[str]]:
        return re.compile, (self.pattern,)

    def match(self, module: str) -> bool:
        return self.quiet


_while_quiet = _WhileQuiet()
_FILTER = ("ignore", None, Warning, _while_quiet, 0)
_lock = threading.Lock()


def _put_filter_first() -> None:
    filters = cast("list[Any]", warnings.filters)
    if filters and filters[0] is _FILTER:
        return
    # Filters added since, or put back by `catch_warnings`, would win over ours.
    with _lock:
        filters.insert(0, _FILTER)
        while _FILTER in filters[1:]:
            del filters[filters.index(_FILTER, 1)]


@contextmanager
def no_warnings() -> Iterator[None]:
    """Ignore all warnings raised inside the ``with`` block by the thread that entered it.

    Examples
    --------
    >>> import warnings
    >>> from jupyter_imgcls.data.quiet import no_warnings
    >>> with no_warnings():
    ...     warnings.warn("never seen", stacklevel=2)
    """
    outer = _while_quiet.quiet
    _while_quiet.quiet = True
    _put_filter_first()
    try:
        yield
    finally:
        _while_quiet.quiet = outer
