"""The other side of the page: the same kernel, asked from the test."""

from __future__ import annotations

import ast
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from jupyter_client.session import Session
from zmq import DEALER, LINGER, POLLIN, Context


class Kernel:
    """Runs code in the kernel of an open notebook, and reads values from it."""

    def __init__(self, connection_file: Path) -> None:
        connection = json.loads(connection_file.read_text())
        # Plain sockets: the ready-made client wants an event loop, and the browser has it.
        self._session = Session(
            key=connection["key"].encode(), signature_scheme=connection["signature_scheme"]
        )
        self._zmq = Context()
        self._shell = self._zmq.socket(DEALER)
        self._shell.setsockopt(LINGER, 0)
        self._shell.connect(f"tcp://{connection['ip']}:{connection['shell_port']}")
        self.killed = False
        self.pid: int = self.value("__import__('os').getpid()")

    def run(self, code: str) -> None:
        """Run statements; an error in them fails the test."""
        self._execute(code, {})

    def value(self, expression: str, seconds: float = 30) -> Any:
        """The value of an expression, which must be one that JSON can hold."""
        asked = {"value": f"__import__('json').dumps({expression})"}
        reply = self._execute("", asked, seconds)["user_expressions"]["value"]
        assert reply["status"] == "ok", f"{expression}: {reply}"
        return json.loads(ast.literal_eval(reply["data"]["text/plain"]))

    def wait_for(self, expression: str, seconds: float = 15) -> None:
        """Wait until an expression is true: what the page sent may still be under way."""
        deadline = time.monotonic() + seconds
        while not self.value(f"bool({expression})"):
            assert time.monotonic() < deadline, f"After {seconds} s still not: {expression}"
            time.sleep(0.05)

    def kill(self) -> None:
        """End the kernel's process at once, as a crash or lack of memory does."""
        self.killed = True
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let go of the connection; the kernel lives on."""
        self._zmq.destroy(linger=0)

    def _execute(
        self, code: str, user_expressions: dict[str, str], seconds: float = 30
    ) -> dict[str, Any]:
        content = {
            "code": code,
            "silent": True,
            "store_history": False,
            "user_expressions": user_expressions,
            "allow_stdin": False,
            "stop_on_error": False,
        }
        sent = self._session.send(self._shell, "execute_request", content)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not self._shell.poll(left * 1000, POLLIN):
                continue
            _, reply = self._session.recv(self._shell)
            if reply and reply["parent_header"].get("msg_id") == sent["header"]["msg_id"]:
                result: dict[str, Any] = reply["content"]
                assert result["status"] == "ok", "\n".join(result.get("traceback", ()))
                return result
        raise AssertionError(f"The kernel did not answer within {seconds} s")
