"""Ray on this machine: one for each user, started when it is needed and ended when it is not.

It listens on loopback addresses only, and whoever joins it must know a token that only this user
can read, for who joins a Ray cluster can run anything there.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import psutil
from filelock import FileLock

from ....errors import DeploymentError
from ....scoring.pipeline import available_cores
from ...addresses import listen
from ...processes import DETACHED
from ..local import wait_gone
from .head import HEAD

__all__ = [
    "PROXY",
    "LocalRay",
    "environment",
    "find",
    "locked",
    "log_file",
    "processes",
    "start",
    "stop",
]

_log = logging.getLogger(__name__)

_MODULE = "jupyter_imgcls.serving.targets.ray.head"
_START_SECONDS = 180.0
_STOP_SECONDS = 60.0
# Ray gives up when a part of it has not answered for 30 seconds, as happens on a busy machine.
_ATTEMPTS = 3
_PORT = "port"

# Those that this kernel started: as its children they stay listed when dead, until it asks.
_started: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class LocalRay:
    """Where Ray runs.

    Parameters
    ----------
    address : str
        To join it.
    port : int
        Of the services, at 127.0.0.1.
    """

    address: str
    port: int


def find() -> LocalRay | None:
    """The Ray of this user on this machine, if it runs."""
    try:
        said = json.loads((_folder() / HEAD).read_bytes())
    except FileNotFoundError:
        return None
    return LocalRay(said["address"], said["port"]) if processes() else None


def start() -> LocalRay:
    """Start Ray, or find the one that runs.

    Raises
    ------
    DeploymentError
        If it does not start; then no process is left.
    """
    if (there := find()) is not None:
        return there
    stop()  # one whose start was cut off
    _make_token()
    for left in reversed(range(_ATTEMPTS)):
        _launch(_port())
        try:
            return _wait()
        except BaseException as error:
            stop()
            if not left or not isinstance(error, DeploymentError):
                raise
            _log.info("%s It is tried again.", error)
    raise AssertionError("unreachable")


def stop() -> None:
    """End Ray and all that runs on it."""
    heads = processes()
    family = heads + [child for head in heads for child in _children(head)]
    for process in heads:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    wait_gone(heads, _STOP_SECONDS)
    # Those of a head that was killed have noticed that by now.
    alive = wait_gone(family, 5)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    wait_gone(alive, 5)
    (_folder() / HEAD).unlink(missing_ok=True)


PROXY = {"RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": f"{__package__}.proxy.middlewares"}
"""Environment of Ray Serve's proxies: see `proxy`."""


def environment() -> dict[str, str]:
    """Environment variables for Ray's processes and for those that join it."""
    return {
        **{name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"},
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(_folder() / "token"),
        # Else Ray listens on all addresses of this machine. The name is of where that is so anyway.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        **PROXY,
    }


def log_file() -> Path:
    """What Ray said when it started."""
    return _folder() / "ray.log"


@contextmanager
def locked() -> Iterator[None]:
    """Only one program at a time starts and stops Ray, deploys and deletes."""
    with FileLock(_folder() / "lock"):
        yield


def _folder() -> Path:
    folder = platformdirs.user_data_path("jupyter_imgcls") / "ray"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _make_token() -> None:
    """Write a new token, which nobody else can read."""
    file = _folder() / "token"
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(secrets.token_urlsafe(32))


def _port() -> int:
    """The one of last time if it is free, so that the URLs of services stay."""
    file = _folder() / _PORT
    for wanted in (int(file.read_text()) if file.is_file() else 0, 0):
        with suppress(OSError), listen("127.0.0.1", wanted) as listener:
            port = int(listener.getsockname()[1])
            file.write_text(str(port))
            return port
    raise DeploymentError("No port of 127.0.0.1 is free.")


def _launch(port: int) -> None:
    command = [sys.executable, "-m", _MODULE, str(_folder())]
    command += ["--port", str(port), "--cores", str(available_cores())]
    with log_file().open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 -- no shell; the program is this Python
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(),
            **DETACHED,
        )
    _started.append(process)


def _wait() -> LocalRay:
    until = time.monotonic() + _START_SECONDS
    while (there := find()) is None:
        if _started[-1].poll() is not None or time.monotonic() > until:
            raise _not_started()
        time.sleep(0.1)
    return there


def _not_started() -> DeploymentError:
    said = log_file().read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
    return DeploymentError("Ray did not start. It said:\n" + "\n".join(said))


def processes() -> list[psutil.Process]:
    """The head process, if Ray runs; it is known by its command line."""
    _started[:] = [child for child in _started if child.poll() is None]
    return [process for process in psutil.process_iter() if _is_head(process)]


def _is_head(process: psutil.Process) -> bool:
    try:
        command = process.cmdline()
    except psutil.Error:  # ended, another user's, or dead and not yet buried
        return False
    return _MODULE in command and str(_folder()) in command


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        children: list[psutil.Process] = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return children
