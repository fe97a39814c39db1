"""Run something that may crash or hang in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence

__all__ = ["Probe", "ProbeError", "python"]

_SECONDS = 60


class ProbeError(Exception):
    """The command failed; the message is one line."""


class Probe:
    """A command that runs in the background.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._output: str | None = None
        self._process = subprocess.Popen(  # noqa: S603 -- no shell; programs of this machine
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
        )

    def result(self) -> str:
        """Wait for the command, and return its output; can be called again.

        Raises
        ------
        ProbeError
            If it failed, crashed, or took too long.
        """
        if self._output is not None:
            return self._output
        try:
            output, errors = self._process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise ProbeError(f"took longer than {_SECONDS} s") from None
        code = self._process.returncode
        if code < 0:
            raise ProbeError(f"crashes ({signal.Signals(-code).name})")
        if code:
            said = errors.strip().splitlines() or [f"fails with exit code {code}"]
            raise ProbeError(said[-1])
        self._output = output.strip()
        return self._output


def python(code: str) -> Probe:
    """Run code in a new process of this Python."""
    return Probe([sys.executable, "-c", code])
