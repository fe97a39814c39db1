"""The service as a process: ``python -m jupyter_imgcls.serving.server --artifact FILE ...``."""

from __future__ import annotations

import argparse
import ctypes
import logging
import platform
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from ..errors import DeploymentError, ImgclsError
from .addresses import is_loopback, listen, root_url
from .limits import Limits
from .service.app import create_app
from .service.connection import PatientConnection
from .service.model import ServedModel

__all__ = ["main", "make_server", "serve"]

_log = logging.getLogger("jupyter_imgcls.serving")

_SECONDS_TO_FINISH = 60
# Clients close idle connections before the service does, and so never send into a closed one.
_SECONDS_IDLE = 75
_MOST_IN_LINE = 2048
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # of glibc's malloc.h


def serve(
    artifact: str | Path,
    name: str,
    host: str,
    port: int,
    key: str | None,
    limits: Limits | None = None,
) -> None:
    """Serve a classifier until SIGTERM or SIGINT, and then finish what was accepted.

    Parameters
    ----------
    artifact : str or Path
        Saved with `serialize`.
    name, key, limits
        See `create_app`.
    host : str
        Address to listen on; one that other machines reach needs a key.
    port : int
        0 takes a free one; the log tells which.

    Raises
    ------
    DeploymentError
        If the address cannot be listened on, or has no key and is not a loopback address.
    ArtifactError
        If the artifact cannot be loaded.
    """
    if key is None and not is_loopback(host):
        raise DeploymentError(
            f"A service on {host} is reached from other machines and needs a key: give one with "
            "--key-file, or listen on 127.0.0.1."
        )
    limits = limits or Limits()
    _give_memory_back()
    # First the port: whoever starts a second service on it is told at once.
    listener = _listen(host, port)
    with listener:
        app = create_app(ServedModel.load(artifact), name, key, limits)
        _allow_connections(limits.connections)
        _log.info("Serving %s at %s/", name, root_url(host, listener.getsockname()[1]))
        # uvicorn raises the signal that ended it again; the service has ended as it should.
        previous = signal.signal(signal.SIGTERM, lambda *_: None)
        try:
            make_server(app, limits).run([listener])
        finally:
            signal.signal(signal.SIGTERM, previous)


def make_server(app: FastAPI, limits: Limits) -> uvicorn.Server:
    """What serves an application of `create_app`, on sockets that its `run` is given."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=_connection(limits),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=_MOST_IN_LINE,
            timeout_keep_alive=_SECONDS_IDLE,
            timeout_graceful_shutdown=_SECONDS_TO_FINISH,
        )
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m jupyter_imgcls.serving.server", description="Serve a saved classifier."
    )
    parser.add_argument("--artifact", type=Path, required=True, help="the saved classifier")
    parser.add_argument("--name", required=True, help="of the service, in its URL")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    key = parser.add_mutually_exclusive_group(required=True)
    key.add_argument("--key-file", type=Path, help="file that holds the service key")
    key.add_argument("--no-key", action="store_true", help="only on a loopback address")
    parser.add_argument(
        "--end-with-stdin", action="store_true", help="end when the standard input is closed"
    )
    given = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    if given.end_with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        secret = None if given.no_key else _read_key(given.key_file)
        serve(given.artifact, given.name, given.host, given.port, secret)
    except (ImgclsError, ValueError) as error:
        _log.error("%s", error)
        return 1
    except KeyboardInterrupt:  # uvicorn raises it again when it has ended
        pass
    return 0


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    signal.raise_signal(signal.SIGTERM)


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise DeploymentError(f"{port} is no port: choose one from 1 to 65535, or 0 for any.")
    try:
        return listen(host, port, _MOST_IN_LINE)
    except OSError as error:
        raise DeploymentError(
            f"The service cannot listen on {host}, port {port}: {error.strerror or error}. "
            "Choose another port or address."
        ) from error


def _connection(limits: Limits) -> type[PatientConnection]:
    class Connection(PatientConnection):
        most = limits.connections
        patience = limits.patience
        bytes_a_second = limits.bytes_a_second

    return Connection


def _allow_connections(count: int) -> None:
    """Each takes a file descriptor, of which many systems grant 1,024 unless asked for more."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = count + 500
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _give_memory_back() -> None:
    """Have glibc return the memory of large bodies and photos, which else grows by fragments."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_ARENA_MAX, 2)
        libc.mallopt(_M_MMAP_THRESHOLD, 2**19)


def _read_key(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DeploymentError(f"The key file {file} cannot be read: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
