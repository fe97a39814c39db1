"""The process that makes the load, seen from here."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from ...errors import ServiceError
from ..processes import DETACHED

__all__ = ["Plan", "generate_load"]

_MODULE = "jupyter_imgcls.serving.load_test.locustfile"
_SECONDS_TO_END = 5.0
_MOST_USERS = 1000
_HIGHEST_RATE = 10_000
_LONGEST = 86_400


@dataclass(frozen=True)
class Plan:
    """What load to make.

    Parameters
    ----------
    url : str
        Of the service: ``http://…/api/v1/service/<name>/score``.
    key : str or None
        Its key.
    users : int
        That wait for their answer and ask again at once.
    rate : float or None
        Requests a second, in place of the users: they come whether others were answered or not.
    duration, warm_up : float
        Seconds that count, and seconds before them.
    timeout : float
        Seconds after which no answer is awaited any more.

    Raises
    ------
    ServiceError
        If a value is out of range.
    """

    url: str
    key: str | None
    users: int
    rate: float | None
    duration: float
    warm_up: float
    timeout: float

    def __post_init__(self) -> None:
        limits = {
            "users": (1, _MOST_USERS),
            "rate": (0.01, _HIGHEST_RATE),
            "duration": (1, _LONGEST),
            "warm_up": (0, _LONGEST),
            "timeout": (0.01, _LONGEST),
        }
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ServiceError(f"{name} must be from {least} to {most}, not {value!r}.")


def generate_load(
    plan: Plan, bodies: Sequence[bytes], stop: threading.Event
) -> Iterator[dict[str, Any]]:
    """Send requests with these bodies in turn, and give what the generator reports.

    Parameters
    ----------
    plan : Plan
    bodies : sequence of bytes
    stop : threading.Event
        When it is set, nothing more is sent, and what was sent is waited for.

    Yields
    ------
    dict
        Several times a second: ``time`` in seconds from the end of the warm-up, and ``answered``,
        a list of [time when it was due, seconds to the answer, body's number, error or ""]. The
        last one has ``ended``, and ``cores`` that the generator kept busy on average.

    Raises
    ------
    ServiceError
        If the generator fails.
    """
    with tempfile.TemporaryFile() as log:
        # Ctrl-C in the terminal is for this process to handle.
        process = subprocess.Popen(  # noqa: S603 -- no shell; the program is this Python
            [sys.executable, "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            **DETACHED,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            # If it has exited, the last report is missing. Windows has another error for that.
            with suppress(OSError):
                # The key goes this way, too, where no other user of the machine sees it.
                lengths = [len(body) for body in bodies]
                process.stdin.write(json.dumps({**asdict(plan), "bodies": lengths}).encode())
                process.stdin.write(b"\n" + b"".join(bodies))
                process.stdin.flush()
            ended = False
            for line in process.stdout:
                report = json.loads(line)
                ended = "ended" in report
                yield report
                if stop.is_set():
                    process.stdin.close()
            if not ended:
                log.seek(0)
                said = log.read()[-2000:].decode(errors="replace").strip()
                raise ServiceError(f"The load generator failed. The end of its log:\n{said}")
        finally:
            with suppress(OSError):
                process.stdin.close()
            try:
                process.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
