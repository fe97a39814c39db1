"""The kernels of the pages: one for each, no more than the memory allows, ended with their page."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime
from typing import Any

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.ioloop import IOLoop
from traitlets import Int

from .working import mark_of

__all__ = ["FullError", "Kernels"]

# All that the widgets of a page send: none of it runs what a visitor writes.
_ALLOWED = [
    *("comm_open", "comm_msg", "comm_close", "comm_info_request"),
    "kernel_info_request",
]
# A page that loads, or a network that fails for a moment.
_SECONDS_ALONE = 90
# A page that says that it is left, until its connection is closed.
_SECONDS_LEFT = 1
# A page that is open and that nobody touches makes room for another one.
_SECONDS_UNTOUCHED = 30 * 60


class FullError(Exception):
    """As many pages are in use as there is room for."""


class Kernels(AsyncMappingKernelManager):
    """Starts a kernel for a page, and ends it when no page is connected to it any more.

    One that works, on a training for instance, goes on until it is done.
    """

    most = Int(8, min=1, config=True, help="Kernels at the same time.")

    def __init__(self, **kwargs: Any) -> None:
        allowed = {**kwargs, "allowed_message_types": list(_ALLOWED)}
        super().__init__(**allowed)  # type: ignore[no-untyped-call]
        self._starting = 0
        self._left: set[str] = set()
        self._alone_since: dict[str, float] = {}

    async def start_kernel(self, **kwargs: Any) -> str:  # type: ignore[override]
        """Start one.

        Raises
        ------
        FullError
            If there are as many as may be, and none can be ended.
        """
        if self._is_full():
            await self._make_room()
        if self._is_full():
            raise FullError
        self._starting += 1
        try:
            return str(await super().start_kernel(**kwargs))
        finally:
            self._starting -= 1

    def leave(self, kernel_id: str) -> None:
        """Its page says that it is left; what ends it is that nothing is connected any more."""
        if kernel_id in self:
            self._left.add(kernel_id)
            IOLoop.current().call_later(_SECONDS_LEFT, self.cull_kernel_if_idle, kernel_id)

    def notify_connect(self, kernel_id: str) -> None:
        """A page is connected."""
        super().notify_connect(kernel_id)  # type: ignore[no-untyped-call]
        self._left.discard(kernel_id)
        self._alone_since.pop(kernel_id, None)

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """End one that no page has been connected to for a while, unless it works."""
        if kernel_id not in self:
            return
        if self._kernel_connections.get(kernel_id, 0) or self._works(kernel_id):
            self._alone_since.pop(kernel_id, None)
            return
        since = self._alone_since.setdefault(kernel_id, time.monotonic())
        if kernel_id in self._left or time.monotonic() - since > _SECONDS_ALONE:
            await self._end(kernel_id)

    def _is_full(self) -> bool:
        return len(self) + self._starting >= self.most

    async def _make_room(self) -> None:
        """End one that nobody uses: whose page is left, or else the one untouched for longest."""
        ids = [kernel_id for kernel_id in self.list_kernel_ids() if not self._works(kernel_id)]
        left = [i for i in ids if i in self._left]
        untouched = [i for i in ids if self._seconds_idle(i) > _SECONDS_UNTOUCHED]
        for kernel_id in [*left, *sorted(untouched, key=self._seconds_idle, reverse=True)][:1]:
            await self._end(kernel_id)

    def _seconds_idle(self, kernel_id: str) -> float:
        last: datetime = self.get_kernel(kernel_id).last_activity  # type: ignore[attr-defined]
        return time.time() - last.timestamp()

    async def _end(self, kernel_id: str) -> None:
        self._left.discard(kernel_id)
        self._alone_since.pop(kernel_id, None)
        with suppress(KeyError):  # another request ends it already
            await self.shutdown_kernel(kernel_id)  # type: ignore[no-untyped-call]

    def _works(self, kernel_id: str) -> bool:
        return mark_of(self.get_kernel(kernel_id).connection_file).exists()
