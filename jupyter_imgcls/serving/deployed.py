"""A deployment as it is found: its state, and asking it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DeploymentError, ServiceError
from ..scoring import Photos
from . import records
from .client import score
from .records import Record
from .targets import cluster, local

if TYPE_CHECKING:
    from .load_test import LoadTestResult

__all__ = ["Deployed", "nothing_named"]

_log = logging.getLogger(__name__)


class Deployed:
    """State and use of a deployment; see `Deployment`, which starts and ends them.

    Parameters
    ----------
    folder : Path
        Where its record, log, key and classifier are, or will be.
    wanted : Record
        What it is to be, when it is not there yet.
    """

    def __init__(self, folder: Path, wanted: Record) -> None:
        self._folder = folder
        self._wanted = wanted

    @property
    def name(self) -> str:
        """Name of the deployment."""
        return self._wanted.name

    @property
    def folder(self) -> Path:
        """Where its record, log, key and classifier are kept."""
        return self._folder

    def is_existing_service(self) -> bool:
        """Whether there is a deployment of this name, in whatever state."""
        return self._folder.is_dir()

    @property
    def service_url(self) -> str:
        """Where the service scores photos."""
        return self._record().url

    @property
    def service_key(self) -> str | None:
        """The key of the service; None where it needs none."""
        self._record()
        key = records.read_key(self._folder)
        return None if key is None else key[1]

    @property
    def target(self) -> str:
        """``"local"`` or ``"cluster"``."""
        return (self._whole_record() or self._wanted).target

    @property
    def status(self) -> str:
        """State of the service.

        ``"running"``; ``"not answering"``: there is a process, which does not say that it serves;
        ``"crashed"``: there is none any more (see `log`, `restart`); ``"incomplete"``: it is being
        prepared, or the program that did so ended meanwhile, or its record is damaged (see
        `delete`); ``"not deployed"``. For a cluster, what it says, and ``"unreachable"``.
        """
        if not self.is_existing_service():
            return "not deployed"
        record = self._whole_record()
        if record is None:
            return "incomplete"
        if record.target == "cluster":
            try:
                return cluster.status(record.name, record.address)
            except DeploymentError as error:
                _log.warning("%s", error)
                return "unreachable"
        if not local.processes(self._folder):
            return "crashed"
        return "running" if local.is_ready(record) else "not answering"

    def describe(self) -> dict[str, Any]:
        """What is known of it, for tables and JSON; the key is not in it, only the key's file."""
        record, key = self._whole_record(), records.read_key(self._folder)
        return {
            "name": self.name,
            "target": self.target,
            "status": self.status,
            "url": "" if record is None else record.url,
            "key_file": None if key is None else str(key[0]),
            "log": str(self._folder / local.LOG) if self.target == "local" else None,
            "created": None if record is None else record.created,
        }

    def log(self, lines: int = 50) -> str:
        """The last lines of what a local service wrote; what Ray says of one on a cluster."""
        record = self._record()
        if record.target == "cluster":
            return str(cluster.describe(record.name, record.address)["message"])
        return local.end_of_log(self._folder, lines)

    def _whole_record(self) -> Record | None:
        """What is recorded; None where nothing is, or where that is damaged."""
        try:
            return records.read_record(self._folder)
        except DeploymentError as error:
            _log.warning("%s", error)
            return None

    def _record(self) -> Record:
        record = records.read_record(self._folder)
        if record is not None:
            return record
        if self.is_existing_service():
            raise DeploymentError(
                f"The deployment '{self.name}' is being started, or its start was cut off: wait, "
                "or delete it and deploy again."
            )
        raise nothing_named(self.name)

    def __repr__(self) -> str:
        record = self._whole_record()
        where = f", {record.url}" if record and record.url else ""
        return f"<Deployment '{self.name}', {self.target}, {self.status}{where}>"

    # -- use ------------------------------------------------------------------------------------

    def score_image(
        self,
        image_path_or_url: Photos,
        image_resize_dims: Sequence[int] | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> str:
        """Have a photo scored, or several; see `jupyter_imgcls.serving.client.score`.

        Raises
        ------
        DeploymentError
            If the service has crashed; the message has the end of its log.
        ServiceError, UnreadableImageError, DownloadError
            See there.
        """
        try:
            return score(
                image_path_or_url,
                self.service_url,
                self.service_key,
                image_resize_dims,
                parameters,
            )
        except ServiceError as error:
            if self.target == "local" and self.status == "crashed":
                raise DeploymentError(
                    f"The service '{self.name}' has crashed; restart() starts it again. The end of "
                    f"its log:\n{self.log(15)}"
                ) from error
            raise

    @staticmethod
    def score_existing_service_with_image(
        image_path_or_url: Photos,
        service_endpoint_url: str,
        service_key: str | None = None,
        image_resize_dims: Sequence[int] | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> str:
        """Have photos scored by any service, given its URL and key.

        See `jupyter_imgcls.serving.client.score`.
        """
        return score(
            image_path_or_url, service_endpoint_url, service_key, image_resize_dims, parameters
        )

    def load_test(
        self,
        images: Photos,
        users: int = 8,
        duration: float = 10.0,
        rate: float | None = None,
        warm_up: float = 2.0,
        *,
        progress: bool = True,
    ) -> LoadTestResult:
        """Measure how many requests the service answers, and how fast.

        See `jupyter_imgcls.serving.load_test`: also for `start_load_test`, which returns at once,
        and `load_sweep`, which goes through numbers of users.

        Parameters
        ----------
        images : path, bytes, ndarray, Image, dataset, or a sequence of the former
            Photos to send in turn.
        users : int
            Clients that ask at the same time, each again when it has its answer.
        duration : float
            Seconds to measure.
        rate : float, optional
            Requests a second, whether they are answered or not, in place of `users`.
        warm_up : float
            Seconds under load before the measurement.
        progress : bool
            Show how it goes: in a notebook charts with a Stop button, elsewhere a line.

        Raises
        ------
        DeploymentError, ServiceError, UnreadableImageError
            As for `score_image`.
        """
        from .load_test import load_test

        return load_test(
            self.service_url,
            self.service_key,
            images,
            users=users,
            duration=duration,
            rate=rate,
            warm_up=warm_up,
            progress=progress,
        )


def nothing_named(name: str) -> DeploymentError:
    """The error for a name that no deployment has."""
    others = ", ".join(f"'{folder.name}'" for folder in records.folders_everywhere())
    return DeploymentError(
        f"There is no deployment named '{name}'. There is {others or 'none at all'}."
    )
