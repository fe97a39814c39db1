"""A sign from a kernel to the server that it works, and is not to be ended with its page."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

__all__ = ["mark_of", "mark_work"]


def mark_of(connection_file: str) -> Path:
    """The file that is there while the kernel with this connection file works."""
    return Path(connection_file).with_suffix(".working")


def mark_work(works: bool) -> None:
    """In the kernel of a page of voila: say whether it works."""
    from ipykernel.kernelapp import IPKernelApp

    if not IPKernelApp.initialized():
        return
    mark = mark_of(IPKernelApp.instance().abs_connection_file)
    with suppress(OSError):  # the folder of a server that has ended
        if works:
            mark.touch()
        else:
            mark.unlink(missing_ok=True)
