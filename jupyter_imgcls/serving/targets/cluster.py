"""A service on a Ray cluster: deploying, asking, deleting.

Without an address the cluster is this machine: see `local_ray`. With one it is joined; its machines
must have the same versions of Python, Ray and this package.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ...errors import DeploymentError, require_extra
from ..records import Record, read_key, write_record
from .ray import local as local_ray

__all__ = [
    "check",
    "crash_log",
    "delete",
    "deploy",
    "describe",
    "log",
    "log_file",
    "replace",
    "start",
    "status",
    "stop",
]

_logger = logging.getLogger(__name__)

_DRIVER = "jupyter_imgcls.serving.targets.ray.driver"
_PORT = 8000  # Ray Serve's own, on a cluster where it does not run yet
_SECONDS = 600
_SECONDS_TO_LISTEN = 10
_WORDS = {
    "RUNNING": "running",
    "DEPLOYING": "starting",
    "NOT_STARTED": "starting",
    "DELETING": "stopping",
    "UNHEALTHY": "not answering",
    "DEPLOY_FAILED": "crashed",
    "NOT_THERE": "crashed",
}
# Replicas on this machine share its cores; how many there are is for the user to choose.
_CORES_HERE = 0.01


def check(record: Record) -> None:
    """Refuse impossible numbers of replicas."""
    if record.replicas < 1:
        raise DeploymentError(f"A service has at least 1 replica, not {record.replicas}.")
    if record.autoscaling is not None and not 1 <= record.autoscaling[0] <= record.autoscaling[1]:
        raise DeploymentError(
            "autoscaling is (fewest, most) replicas, at least 1 each, not "
            f"{tuple(record.autoscaling)!r}."
        )


def start(folder: Path, record: Record) -> None:
    """Start the service of a deployment's folder, and wait until it serves."""
    # First without the URL, so that a service whose start is interrupted can be found.
    write_record(folder, record)
    _deploy(folder, record, update=False)


def stop(folder: Path, record: Record | None) -> None:
    """Stop the service."""
    if record is not None:
        delete(record.name, record.address)


def replace(folder: Path, old: Record, new: Record) -> None:
    """Replace one replica after the other, while the service goes on to answer."""
    try:
        _deploy(folder, new, update=True)
    except BaseException as error:
        # The cluster tries the new classifier before it replaces a replica. So after an error of
        # ours the old one still serves; after an interruption this is not known.
        tried = isinstance(error, DeploymentError)
        if not (tried and status(folder, old) == "running"):
            _deploy(folder, old, update=True)
        raise


def status(folder: Path, record: Record) -> str:
    """What the cluster says, ``"crashed"`` for an unknown service, or ``"unreachable"``."""
    try:
        return str(describe(record.name, record.address)["status"])
    except DeploymentError as error:
        _logger.warning("%s", error)
        return "unreachable"


def log(folder: Path, record: Record, lines: int) -> str:
    """Ray's message about the service."""
    return str(describe(record.name, record.address)["message"])


def log_file(folder: Path) -> None:
    """None: the logs are on the machines of the cluster."""


def crash_log(folder: Path) -> None:
    """None: Ray restarts a replica that has crashed."""


def _deploy(folder: Path, record: Record, *, update: bool) -> None:
    key = read_key(folder)
    url = deploy(
        record.name,
        record.artifact(folder),
        None if key is None else key[1],
        record.replicas,
        record.autoscaling,
        record.address,
        update=update,
    )
    write_record(folder, dataclasses.replace(record, url=url))


def deploy(
    name: str,
    artifact_path: str | os.PathLike[str],
    key: str | None,
    replicas: int = 1,
    autoscaling: tuple[int, int] | None = None,
    address: str | None = None,
    *,
    update: bool = False,
) -> str:
    """Start a service, and wait until it serves.

    Parameters
    ----------
    name : str
        Of the service.
    artifact_path : path
        The saved classifier. Without an address it must stay where it is as long as it serves.
    key : str or None
        The service key.
    replicas : int
        Copies of the classifier.
    autoscaling : tuple of int, optional
        Fewest and most replicas, instead of `replicas`: Ray Serve starts and stops them by load.
    address : str, optional
        Of a cluster to join: ``"ray://host:10001"``, or from one of its machines ``"host:6379"`` or
        ``"auto"``.
    update : bool
        Whether a service of this name is replaced, one replica after the other, while it goes on to
        answer. Without it a name in use is an error.

    Returns
    -------
    str
        The URL at which it scores.

    Raises
    ------
    MissingExtraError
        If Ray Serve is not installed.
    DeploymentError
        If the cluster cannot be joined, the name is in use, or the replicas do not start; then
        nothing of the service is left.
    """
    require_extra("cluster", "ray", "A cluster needs Ray Serve, which is not installed")
    if address is not None and key is None:
        raise DeploymentError("A service on a cluster of other machines needs a key.")
    settings = {
        "name": name,
        "artifact": str(Path(artifact_path).absolute()),
        "key": key,
        "replicas": replicas,
        "autoscaling": autoscaling,
        "cores": _CORES_HERE if address is None else 1,
    }
    with local_ray.locked() if address is None else nullcontext():
        started_here = address is None and local_ray.find() is None
        port = _PORT if address is not None else local_ray.start().port
        try:
            answer = _ask(
                address,
                do="deploy",
                name=name,
                settings=settings,
                send=address is not None,
                port=port,
                update=update,
            )
        except BaseException as error:
            if started_here:
                local_ray.stop()
            elif not isinstance(error, DeploymentError) and not update:
                _ask(address, do="delete", name=name)  # interrupted: Ray would go on with it
            raise
    return str(answer["url"])


def delete(name: str, address: str | None = None) -> None:
    """Stop a service; it finishes what it has accepted. One that is not there is no error.

    With its last service Ray on this machine ends, too.

    Raises
    ------
    DeploymentError
        If the cluster cannot be joined.
    """
    if address is not None:
        _ask(address, do="delete", name=name)
        return
    if local_ray.find() is None:
        return
    with local_ray.locked():
        if local_ray.find() is not None and not _ask(None, do="delete", name=name)["left"]:
            local_ray.stop()


def describe(name: str, address: str | None = None) -> dict[str, Any]:
    """State of a service: its ``status``, Ray's ``message`` and ``replicas`` by their state.

    Raises
    ------
    DeploymentError
        If the cluster cannot be joined.
    """
    if address is None and local_ray.find() is None:
        return {"status": "crashed", "message": "Ray does not run.", "replicas": {}}
    answer = _ask(address, do="status", name=name)
    return {**answer, "status": _WORDS.get(answer["status"], answer["status"].lower())}


def _ask(address: str | None, **request: Any) -> Mapping[str, Any]:
    """Have the driver do something on the cluster."""
    environment = None
    if address is None:
        there = local_ray.find()
        if there is None:
            raise DeploymentError("Ray has ended meanwhile: try again.")
        address, environment = there.address, local_ray.environment()
    else:
        _see_that_it_listens(address)
    command = [sys.executable, "-m", _DRIVER]
    try:
        done = subprocess.run(  # noqa: S603 -- no shell; the program is this Python
            command,
            # The key is in it, which a command line would show to everybody.
            input=json.dumps({"address": address, **request}),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_SECONDS,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DeploymentError(f"Ray at {address} does not answer.") from error
    try:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        answer = {"error": done.stderr[-2000:]}
    if "error" in answer:
        raise DeploymentError(f"Ray at {address}: {answer['error']}")
    return answer


def _see_that_it_listens(address: str) -> None:
    """Tell a wrong address at once, where Ray itself would try for minutes."""
    if address == "auto":
        return
    found = re.fullmatch(r"(?:ray://)?\[?(.+?)\]?:(\d+)", address)
    if found is None:
        raise DeploymentError(
            "The address of a cluster is 'ray://host:10001', 'host:6379' or 'auto', not "
            f"{address!r}."
        )
    try:
        socket.create_connection((found[1], int(found[2])), timeout=_SECONDS_TO_LISTEN).close()
    except (OSError, OverflowError) as error:
        raise DeploymentError(f"There is no Ray cluster at {address}: {error}.") from error
