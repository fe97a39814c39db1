"""What `Deployment` asks of the place where a service runs."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ..records import Record
from . import cluster, local

__all__ = ["TARGETS", "Target"]


class Target(Protocol):
    """Where a service runs; the modules `local` and `cluster` are the implementations.

    `folder` is always the folder of the deployment, which holds the classifier and the key.
    """

    def check(self, record: Record) -> None:
        """Raise a DeploymentError if the record has options that this target does not support."""

    def start(self, folder: Path, record: Record) -> None:
        """Start the service, wait until it answers, and write the record with its URL.

        Raises
        ------
        DeploymentError
            If the service does not start; then nothing of it keeps running.
        """

    def stop(self, folder: Path, record: Record | None) -> None:
        """Stop the service after the requests that it has accepted; None for a damaged record."""

    def replace(self, folder: Path, old: Record, new: Record) -> None:
        """Serve the classifier of `new` in place of that of `old`.

        Raises
        ------
        DeploymentError
            If the new one does not start; then the old one serves.
        """

    def status(self, folder: Path, record: Record) -> str:
        """State of the service: see `Deployment.status`."""

    def log(self, folder: Path, record: Record, lines: int) -> str:
        """The last lines of the service's log."""

    def log_file(self, folder: Path) -> Path | None:
        """The service's log, if it is a file on this machine."""

    def crash_log(self, folder: Path) -> str | None:
        """The end of the log of a service that has crashed and stays so until it is restarted."""


TARGETS: dict[str, Target] = {"local": local, "cluster": cluster}
