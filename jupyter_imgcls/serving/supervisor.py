"""Keeps a local service running: starts it again when it crashes, and keeps its log short.

``python -m jupyter_imgcls.serving.supervisor --log FILE -- COMMAND``. Until it reads a byte or the
end of its standard input, its starter waits for the service and is told by the exit status that it
did not start. From then on a service that ends is started again. It imports only the standard
library, because there is one beside each service.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from logging.handlers import RotatingFileHandler
from types import FrameType
from typing import IO

__all__ = ["main"]

_LOG_BYTES, _LOG_FILES = 5 * 2**20, 2  # files beside the one that is written
_LONGEST_LINE = 2**16
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_WELL_AFTER = 300.0  # seconds that it ran, after which pauses begin anew
_LOOK = 0.1
# The service gives itself a minute to finish requests.
_SECONDS_TO_END = 63.0
REFUSED = 1
"""Exit status of a service that cannot serve what it was told to; starting again does not help."""

_log = logging.getLogger("supervisor")


class _Supervisor:
    """Runs a command until it is told to end.

    Parameters
    ----------
    command : list of str
    """

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._ending = threading.Event()
        self._nobody_waits = threading.Event()

    def end(self, signal_number: int, _: FrameType | None) -> None:
        """Take a signal to end."""
        self._ending.set()

    def wait_for_starter(self) -> None:
        """Wait until its starter has seen the service serve, or has ended itself."""
        os.read(sys.stdin.fileno(), 1)
        self._nobody_waits.set()

    def run(self) -> int:
        """Give the exit status of the service, or 0 when it was told to end."""
        pause = _FIRST_PAUSE
        while True:
            began = time.monotonic()
            code = self._run_once()
            if self._ending.is_set():
                return 0
            # The starter may have seen it serve a moment ago.
            if code == REFUSED or not self._nobody_waits.wait(_LOOK):
                return code if code > 0 else REFUSED
            if time.monotonic() - began > _WELL_AFTER:
                pause = _FIRST_PAUSE
            _log.error("The service ended: %s. It starts again in %g s.", _reason(code), pause)
            if self._ending.wait(pause):
                return 0
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _run_once(self) -> int:
        process = subprocess.Popen(  # noqa: S603 -- no shell; the command of who started this
            self._command,
            stdin=subprocess.PIPE,  # it ends when this process does, and so closes it
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None and process.stdin is not None
        copying = threading.Thread(target=_copy, args=(process.stdout,), daemon=True)
        copying.start()
        told_to_end = None
        while (code := process.poll()) is None:
            if self._ending.is_set() and told_to_end is None:
                told_to_end = time.monotonic()
                process.terminate()
            elif told_to_end is not None and time.monotonic() - told_to_end > _SECONDS_TO_END:
                process.kill()
            time.sleep(_LOOK)
        process.stdin.close()
        copying.join(_LOOK)  # what it started may hold the other end
        return code


def _copy(output: IO[bytes]) -> None:
    while line := output.readline(_LONGEST_LINE):
        _log.info("%s", line.decode("utf-8", "backslashreplace").rstrip("\r\n"))


def _reason(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def main() -> int:
    """Run the command; gives its exit status."""
    parser = argparse.ArgumentParser(description="Run a service and start it again if it crashes.")
    parser.add_argument("--log", required=True, help="file for what the service writes")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="after --")
    given = parser.parse_args()
    handler = RotatingFileHandler(
        given.log, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, encoding="utf-8"
    )
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    supervisor = _Supervisor(given.command[1:])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, supervisor.end)
    threading.Thread(target=supervisor.wait_for_starter, daemon=True).start()
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
