"""Where a service runs: what each target offers a deployment."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ..records import Record

__all__ = ["Target"]


class Target(Protocol):
    """A place for services, such as this machine or a Ray cluster.

    A deployment has a `folder` with its record, key and classifier; see `records`.
    """

    fast_status: bool
    """Whether `status` takes milliseconds."""

    def check(self, record: Record) -> None:
        """Refuse settings that this target does not have.

        Raises
        ------
        DeploymentError
        """

    def start(self, folder: Path, record: Record) -> None:
        """Start the service, wait until it serves, and write its record with the URL.

        Raises
        ------
        DeploymentError
            If it does not start; then nothing of it runs.
        """

    def update(self, folder: Path, old: Record, new: Record) -> None:
        """Replace the running classifier of `old` by that of `new`; keep `old` if that fails.

        Raises
        ------
        DeploymentError
            If the new one does not start.
        """

    def stop(self, folder: Path, record: Record | None) -> None:
        """Finish the accepted requests and stop; `record` is None where the start was cut off.

        Raises
        ------
        DeploymentError
            If it does not stop.
        """

    def status(self, folder: Path, record: Record) -> str:
        """State of the service in a word or two; see `Deployment.status`."""

    def log(self, folder: Path, record: Record, lines: int) -> str:
        """The last lines that the service, or the target about it, wrote."""

    def log_file(self, folder: Path) -> Path | None:
        """The file of the log, where it is a file."""
