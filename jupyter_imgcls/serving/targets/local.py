"""A service as a process of its own on this machine, which outlives the kernel that started it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import psutil

from ...errors import DeploymentError
from ..addresses import is_loopback, listen, root_url
from ..client import http_client
from ..records import Record, read_key, write_record

__all__ = ["LocalTarget", "end_of_log", "is_ready", "processes", "start", "stop", "wait_gone"]

_LOG = "service.log"
_MODULE = "jupyter_imgcls.serving.server"
_START_SECONDS = 120.0
# A little longer than the service gives itself to finish.
_STOP_SECONDS = 65.0

# Those that this kernel started: as its children they stay listed when dead, until it asks.
_started: list[subprocess.Popen[bytes]] = []


class LocalTarget:
    """On this machine: each service is a process of its own."""

    fast_status = True

    def check(self, record: Record) -> None:  # noqa: D102
        if record.replicas > 1 or record.autoscaling or record.address:
            raise DeploymentError(
                "A local service is one process, which uses all cores: replicas, autoscaling and "
                "address are for target='cluster'."
            )

    def start(self, folder: Path, record: Record) -> None:  # noqa: D102
        start(folder, record)

    def update(self, folder: Path, old: Record, new: Record) -> None:  # noqa: D102
        stop(folder)
        try:
            start(folder, new)
        except BaseException:
            start(folder, old)
            raise

    def stop(self, folder: Path, record: Record | None) -> None:  # noqa: D102
        stop(folder)

    def status(self, folder: Path, record: Record) -> str:  # noqa: D102
        if not processes(folder):
            return "crashed"
        return "running" if is_ready(record) else "not answering"

    def log(self, folder: Path, record: Record, lines: int) -> str:  # noqa: D102
        return end_of_log(folder, lines)

    def log_file(self, folder: Path) -> Path:  # noqa: D102
        return folder / _LOG


def start(folder: Path, record: Record) -> Record:
    """Start the service of a deployment's folder, and wait until it serves.

    Parameters
    ----------
    folder : Path
        Holds the classifier, and the key if there is to be one.
    record : Record
        With ``port=0`` a free port is taken.

    Returns
    -------
    Record
        With the port and the URL; it is written to the folder.

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
        record = replace(record, port=port, url=_url(record.host, port, record.name))
        # Before there is a process, so that one whose start is cut off can be found.
        write_record(folder, record)
        process = _launch(folder, record)
        try:
            code = _wait(process, record)
        except BaseException:
            process.kill()
            process.wait()
            raise
        if code is None:
            return record
        # Another program may have taken the port after it was found free.
        if wanted or not _in_use(record.host, port):
            raise DeploymentError(
                f"The service '{record.name}' did not start (exit code {code}). The end of its "
                f"log:\n{end_of_log(folder)}"
            )


def stop(folder: Path) -> None:
    """Stop the service of a deployment's folder; it finishes the requests that it has accepted.

    Also finds a process whose start was cut off. One that has not ended after a minute is killed.

    Raises
    ------
    DeploymentError
        If it does not end even so.
    """
    serving = processes(folder)
    for end in (psutil.Process.terminate, psutil.Process.kill):
        for process in serving:
            with suppress(psutil.NoSuchProcess):
                end(process)
        serving = wait_gone(serving, _STOP_SECONDS)
    _forget_ended()
    if serving:
        raise DeploymentError(
            f"Process {serving[0].pid} does not end, not even killed: see what it waits for."
        )


def processes(folder: Path) -> list[psutil.Process]:
    """The processes that serve a deployment's folder.

    They are known by their command line, which names the classifier's file: a number of a process
    (pid) may belong to another program when the service has crashed or the machine was restarted.
    """
    _forget_ended()
    files = {file.name for file in folder.glob("*.model")}
    return [process for process in psutil.process_iter() if _serves(process, files)]


def wait_gone(waited_for: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until processes have ended; gives those that have not.

    `psutil.wait_procs` would wait on for one that has ended, until the kernel that started it asks.
    """
    until = time.monotonic() + seconds
    while alive := [process for process in waited_for if _is_alive(process)]:
        if time.monotonic() > until:
            break
        time.sleep(0.02)
    return alive


def is_ready(record: Record, timeout: float = 2.0) -> bool:
    """Whether the service answers that it serves."""
    url = record.url.partition("/api/")[0] + "/readyz"
    try:
        client = http_client(is_loopback(httpx.URL(url).host), os.getpid())
        return client.get(url, timeout=timeout).status_code == 200
    except httpx.HTTPError:
        return False


def end_of_log(folder: Path, lines: int = 15) -> str:
    """The last lines of what the service wrote."""
    try:
        text = (folder / _LOG).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _launch(folder: Path, record: Record) -> subprocess.Popen[bytes]:
    key = read_key(folder)
    command = [sys.executable, "-m", _MODULE]
    command += ["--artifact", str(record.artifact(folder)), "--name", record.name]
    command += ["--host", record.host, "--port", str(record.port)]
    command += ["--no-key"] if key is None else ["--key-file", str(key[0])]
    with (folder / _LOG).open("ab") as log:
        # In a session of its own it gets neither the interrupts of this terminal or notebook nor
        # the end of this kernel.
        process = subprocess.Popen(  # noqa: S603 -- no shell; the program is this Python
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    _started.append(process)
    return process


def _wait(process: subprocess.Popen[bytes], record: Record) -> int | None:
    """Wait until the service serves (None), or has ended (its exit code)."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        code = process.poll()
        if code is not None:
            return code
        # Another program may answer there, so first see that it is this one that listens.
        if _listens(process.pid, record.port) and is_ready(record):
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


def _forget_ended() -> None:
    for child in list(_started):
        if child.poll() is not None:
            _started.remove(child)


def _is_alive(process: psutil.Process) -> bool:
    """Whether it runs; dead ones are listed until the kernel that started them asks for them."""
    _forget_ended()
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _serves(process: psutil.Process, files: Collection[str]) -> bool:
    try:
        command = process.cmdline()
    except psutil.Error:  # ended, another user's, or or ended and still listed
        return False
    return _MODULE in command and any(Path(argument).name in files for argument in command)


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
