"""A service as a process of its own on this machine, which outlives the kernel that started it."""

from __future__ import annotations

import dataclasses
import errno
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from ...errors import DeploymentError
from ..addresses import is_loopback, listen, root_url
from ..client import http_client
from ..processes import DETACHED
from ..records import Record, read_key, write_record

__all__ = [
    "check",
    "crash_log",
    "is_ready",
    "log",
    "log_file",
    "processes",
    "replace",
    "start",
    "status",
    "stop",
    "supervisors",
    "wait_gone",
]

_LOG = "service.log"
_MODULE = "jupyter_imgcls.serving.server"
_SUPERVISOR = "jupyter_imgcls.serving.supervisor"
_START_SECONDS = 120.0
# A little longer than the service gives itself to finish.
_STOP_SECONDS = 65.0

# The processes that this kernel started.
_started: list[subprocess.Popen[bytes]] = []


def check(record: Record) -> None:
    """Refuse the options of a cluster."""
    if record.replicas != 1 or record.autoscaling or record.address:
        raise DeploymentError(
            "A local service is one process that uses all cores: replicas, autoscaling and address "
            "need target='cluster'."
        )


def start(folder: Path, record: Record) -> None:
    """Start the service of a deployment's folder, and wait until it serves.

    The record is written to the folder with the port and the URL.

    Parameters
    ----------
    folder : Path
        Holds the classifier, and the key if there is to be one.
    record : Record
        With ``port=0`` the service listens on a free port.

    Raises
    ------
    DeploymentError
        If the port is in use, or the service does not start; then no process is left.
    """
    wanted = record.port
    if wanted and _in_use(record.host, wanted):
        raise DeploymentError(
            f"Port {wanted} is in use by another program. Stop that, choose another port, or leave "
            "the choice to this package by giving none."
        )
    while True:
        port = wanted or _free_port(record.host)
        record = dataclasses.replace(record, port=port, url=_url(record.host, port, record.name))
        # Before there is a process, so that one whose start is cut off can be found.
        write_record(folder, record)
        process = _launch(folder, record)
        assert process.stdin is not None
        with process.stdin:
            try:
                code = _wait(process, record)
            except BaseException:
                stop(folder)
                raise
        if code is None:
            return
        # Another program may have taken the port after it was found free.
        if wanted or not _in_use(record.host, port):
            raise DeploymentError(
                f"The service '{record.name}' did not start (exit code {code}). The end of its "
                f"log:\n{log(folder)}"
            )


def stop(folder: Path, record: Record | None = None) -> None:
    """Stop the service of a deployment's folder; it finishes the requests that it has accepted.

    This includes a process whose start was interrupted. The record is not needed: the process is
    found by the folder. A process that has not ended after a minute is killed.

    Raises
    ------
    DeploymentError
        If it does not end even so.
    """
    serving = [process for process, _ in _running(folder)]
    for end in (psutil.Process.terminate, psutil.Process.kill):
        for process in serving:
            with suppress(psutil.NoSuchProcess):
                end(process)
        serving = wait_gone(serving, _STOP_SECONDS)
    _forget_exited()
    if serving:
        raise DeploymentError(
            f"Process {serving[0].pid} does not end, not even killed: see what it waits for."
        )


def replace(folder: Path, old: Record, new: Record) -> None:
    """Stop the service and start it with another classifier; clients retry in the meantime."""
    try:
        stop(folder)
        start(folder, new)
    except BaseException:
        start(folder, old)
        raise


def status(folder: Path, record: Record) -> str:
    """``"running"``, ``"not answering"``, ``"restarting"`` or ``"crashed"``."""
    running = _running(folder)
    if not running:
        return "crashed"
    if all(supervises for _, supervises in running):
        return "restarting"
    return "running" if is_ready(record) else "not answering"


def log(folder: Path, record: Record | None = None, lines: int = 15) -> str:
    """The last lines of the service's log."""
    try:
        text = log_file(folder).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def log_file(folder: Path) -> Path:
    """The service's log."""
    return folder / _LOG


def crash_log(folder: Path) -> str | None:
    """The end of the log of a service that has crashed."""
    return None if _running(folder) else log(folder)


def processes(folder: Path) -> list[psutil.Process]:
    """The processes that serve a deployment's folder.

    They are recognized by their command line, which names the classifier's file. A process number
    (pid) could belong to another program after a crash of the service or a restart of the machine.
    """
    return [process for process, supervises in _running(folder) if not supervises]


def supervisors(folder: Path) -> list[psutil.Process]:
    """The processes that start the service of a deployment's folder again if it crashes."""
    return [process for process, supervises in _running(folder) if supervises]


def wait_gone(waited_for: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until processes have exited; returns those that have not.

    Unlike `psutil.wait_procs` it does not wait for zombies, which belong to another kernel.
    """
    until = time.monotonic() + seconds
    while alive := [process for process in waited_for if _is_alive(process)]:
        if time.monotonic() > until:
            break
        time.sleep(0.02)
    return alive


def is_ready(record: Record, timeout: float = 2.0) -> bool:
    """Whether the service answers that it serves."""
    url = _ready_url(record)
    try:
        client = http_client(is_loopback(httpx.URL(url).host), os.getpid())
        return client.get(url, timeout=timeout).status_code == 200
    except httpx.HTTPError:
        return False


def _running(folder: Path) -> list[tuple[psutil.Process, bool]]:
    """The processes of a deployment, and whether they supervise the others; these come first."""
    _forget_exited()
    files = {file.name for file in folder.glob("*.model")}
    found = ((process, _command_line(process)) for process in psutil.process_iter())
    running = [
        (process, _SUPERVISOR in command)
        for process, command in found
        if _MODULE in command and any(Path(argument).name in files for argument in command)
    ]
    return sorted(running, key=lambda pair: not pair[1])


def _launch(folder: Path, record: Record) -> subprocess.Popen[bytes]:
    key = read_key(folder)
    command = [sys.executable, "-m", _SUPERVISOR, "--log", str(log_file(folder))]
    command += ["--", sys.executable, "-m", _MODULE]
    command += ["--artifact", str(record.artifact(folder)), "--name", record.name]
    command += ["--host", record.host, "--port", str(record.port)]
    command += ["--no-key"] if key is None else ["--key-file", str(key[0])]
    process = subprocess.Popen(  # noqa: S603 -- no shell; the program is this Python
        [*command, "--end-with-stdin"],
        stdin=subprocess.PIPE,  # see the supervisor
        bufsize=0,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # The log is UTF-8, also where Windows would write another encoding.
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        **DETACHED,
    )
    _started.append(process)
    return process


def _wait(process: subprocess.Popen[bytes], record: Record) -> int | None:
    """Wait until the service serves (None), or has ended (its exit code).

    Its supervisor is told that it serves.
    """
    assert process.stdin is not None
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        code = process.poll()
        if code is not None:
            return code
        # Another program may answer there, so first see that it is this one that listens.
        if _listens(process.pid, record.port) and is_ready(record):
            with suppress(OSError):  # if it has ended, the deployment says so when it is used
                process.stdin.write(b"\n")
            return None
        time.sleep(0.05)
    raise DeploymentError(
        f"The service '{record.name}' did not start within {_START_SECONDS:g} seconds."
    )


def _listens(pid: int, port: int) -> bool:
    try:
        process = psutil.Process(pid)
        # On Windows a virtual environment's Python starts the real one.
        family = [process, *process.children(recursive=True)]
        connections = [c for member in family for c in member.net_connections("tcp")]
    except psutil.Error:
        return False
    return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in connections)


def _forget_exited() -> None:
    """Collect the exit codes of child processes, which stay listed as zombies until then."""
    for child in list(_started):
        if child.poll() is not None:
            _started.remove(child)


def _is_alive(process: psutil.Process) -> bool:
    """Whether the process runs; a zombie does not."""
    _forget_exited()
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # exited, a zombie, or another user's
        return []


def _ready_url(record: Record) -> str:
    return record.url.partition("/api/")[0] + "/readyz"


def _url(host: str, port: int, name: str) -> str:
    # A service that listens on all addresses of this machine is reached here by its own.
    reached = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104
    return f"{root_url(reached, port)}/api/v1/service/{name}/score"


def _in_use(host: str, port: int) -> bool:
    try:
        with listen(host, port):
            return False
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return True
        raise DeploymentError(f"Cannot listen on {host}, port {port}: {error.strerror}.") from error


def _free_port(host: str) -> int:
    try:
        with listen(host, 0) as listener:
            return int(listener.getsockname()[1])
    except OSError as error:
        raise DeploymentError(
            f"Cannot listen on {host}: {error.strerror}. Give an address of this machine."
        ) from error
