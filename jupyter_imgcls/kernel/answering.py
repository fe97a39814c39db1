"""Answering what a page asks while a cell waits for a training.

A kernel handles what the page sends only after the running cell, so a button that is to stop the
training would be heard when the training is over. While `TrainingRun.wait` waits in the kernel's
main thread, it lets the messages of widgets through, and those that a reloaded page sends; the next
cells wait as ever. Tried with ipykernel 6.31, 7.3 and 7.4, which have no function for this.
"""

from __future__ import annotations

import inspect
import logging
import sys
import threading
from functools import partial
from typing import Any

__all__ = ["PageAnswerer"]

_log = logging.getLogger(__name__)

# None of them waits for anything, so that each is answered in one go.
_ANSWERED = {"comm_open", "comm_msg", "comm_close", "comm_info_request", "kernel_info_request"}


class PageAnswerer:
    """The messages that the page sent to the kernel, while a cell runs."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        thread = getattr(kernel, "shell_channel_thread", None)
        if thread is None:  # ipykernel 6: the main thread reads from the page itself
            incoming = self._outgoing = kernel.shell_stream
        else:  # ipykernel 7: another thread does, and hands on what is for the main thread
            incoming = thread.manager.get_shell_channel_to_subshell_pair(None).to_stream
            self._outgoing = thread.manager.get_subshell_to_shell_channel_socket(None)
        # All that is not public is looked up here, see `find`.
        self._receive = incoming.socket.recv_multipart
        self._handle_later = incoming._recv_callback
        if thread is not None:
            self._handle_later = partial(kernel.io_loop.add_callback, incoming._recv_callback)
        self._identities = kernel._parent_ident
        self._publish_status = kernel._publish_status

    @classmethod
    def find(cls) -> PageAnswerer | None:
        """That of the kernel in whose main thread this is called; None elsewhere."""
        module = sys.modules.get("ipykernel.kernelbase")
        in_main_thread = threading.current_thread() is threading.main_thread()
        if module is None or not in_main_thread or not module.Kernel.initialized():
            return None
        try:
            return cls(module.Kernel.instance())
        except AttributeError:
            _log.debug("This kernel answers the page only between cells", exc_info=True)
            return None

    def answer(self) -> None:
        """Answer what has arrived, and leave the rest for after the cell."""
        import zmq

        while True:
            try:
                frames = self._receive(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            if not self._answer(frames):
                # In the order of arrival: the kernel takes these before what arrives later.
                self._handle_later(frames)

    def _answer(self, frames: list[Any]) -> bool:
        import zmq

        session = self._kernel.session
        try:
            identities, signed = session.feed_identities(frames, copy=False)
            # Without its content a message does not count as seen.
            kind = session.deserialize(signed, content=False, copy=False)["msg_type"]
        except (TypeError, ValueError):  # the kernel says what is wrong with it
            return False
        if kind not in _ANSWERED:
            return False
        message = session.deserialize(signed, content=True, copy=False)
        cell = self._identities["shell"], self._kernel.get_parent("shell")
        self._kernel.set_parent(identities, message, channel="shell")
        try:
            self._publish_status("busy", "shell")
            done = self._kernel.shell_handlers[kind](self._outgoing, identities, message)
            if inspect.iscoroutine(done):
                _run(done)
            if hasattr(self._outgoing, "flush"):  # a stream sends when the event loop runs
                self._outgoing.flush(zmq.POLLOUT)
            self._publish_status("idle", "shell")
        finally:
            # What the cell prints next is again shown below the cell, which is still busy.
            self._kernel.set_parent(*cell, channel="shell")
            self._publish_status("busy", "shell")
        return True


def _run(coroutine: Any) -> None:
    """Run a coroutine that waits for nothing, beside the event loop that runs the cell."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError(f"{coroutine} waits for something")
