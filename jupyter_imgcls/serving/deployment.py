"""The deployment object: a classifier as a web service, here or on a cluster."""

from __future__ import annotations

import logging
import os
import secrets
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..classifiers import Classifier, ScikitClassifier, TransferLearningModel
from ..classifiers.artifact import Artifact
from ..errors import DeploymentError, ServiceError
from ..scoring import Photos
from . import local, records
from .client import score
from .records import Record

if TYPE_CHECKING:
    from .load_report import LoadTestResult

__all__ = ["Deployment"]

_log = logging.getLogger(__name__)

TARGETS = ("local", "cluster")


class Deployment:
    """A classifier as a web service.

    A local service is a process of its own on this machine. It outlives the kernel that started
    it: `Deployment.find` gives it back in another one, and ``imgcls deployments`` lists it.

    Parameters
    ----------
    deployment_name : str
        Letters (a to z), digits and hyphens. One name is one service in a storage context.
    model : Classifier or path, optional
        What to deploy, as it is when `deploy` is called, or the file of a saved classifier.
    target : str
        ``"local"``, or ``"cluster"``: Ray Serve, which needs ``pip install
        'jupyter_imgcls[cluster]'``.
    replicas : int
        Copies of the classifier on the cluster. A local service is one, which uses all cores.
    host : str
        Address at which a local service listens: by default only programs on this machine reach
        it. ``"0.0.0.0"`` lets others in; put HTTPS in front of it.
    port : int, optional
        By default one that is free.
    with_key : bool
        Whether requests need the service key, which is made by `deploy`. Without a key a service
        listens on this machine only.
    autoscaling : tuple of int, optional
        Fewest and most replicas, for the cluster to choose by load; instead of `replicas`.
    address : str, optional
        Of a Ray cluster to join; without it one is started on this machine.

    Examples
    --------
    Deploy, score a photo, delete::

        deployment = Deployment("cups", model).deploy()
        answer = deployment.score_image("photo.jpg", parameters={"addSoftmax": True})
        print(model.parse_serialized_result(answer))
        deployment.delete()
    """

    def __init__(
        self,
        deployment_name: str,
        model: Classifier | str | os.PathLike[str] | None = None,
        target: str = "local",
        replicas: int = 1,
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        with_key: bool = True,
        autoscaling: tuple[int, int] | None = None,
        address: str | None = None,
    ) -> None:
        if target not in TARGETS:
            raise DeploymentError(f"target is 'local' or 'cluster', not {target!r}.")
        if replicas < 1 or (target == "local" and (replicas > 1 or autoscaling)):
            raise DeploymentError(
                f"A local service is one process, which uses all cores, so that replicas is 1, not "
                f"{replicas}. For more take target='cluster'."
            )
        self._folder = records.folder_of(deployment_name)
        self._model = model
        self._with_key = with_key
        self._wanted = Record(
            deployment_name,
            target,
            uuid.uuid4().hex[:12],
            host=host,
            port=port or 0,
            replicas=replicas,
            autoscaling=autoscaling,
            address=address,
        )

    # -- start and stop -------------------------------------------------------------------------

    def deploy(self) -> Deployment:
        """Start the service, and wait until it serves.

        Returns
        -------
        Deployment
            This one.

        Raises
        ------
        DeploymentError
            If the name or the port is in use, or the service does not start: the message has the
            end of its log, and nothing is left behind.
        """
        if self._model is None:
            raise DeploymentError(
                f"Nothing to deploy: give the model, Deployment({self.name!r}, model)."
            )
        try:
            with records.claimed(self._folder):
                record = replace(self._wanted, created=time.time())
                _save(self._model, record.artifact(self._folder))
                if self._with_key:
                    records.new_key(self._folder, secrets.token_urlsafe(32))
                self._start(record)
        except FileExistsError as error:
            raise DeploymentError(
                f"The name '{self.name}' is in use: {self._found()!r}. Delete that first "
                f"(Deployment.delete_if_service_exist({self.name!r})), or choose another name."
            ) from error
        return self

    def restart(self) -> Deployment:
        """Start a service again that has crashed, with the same classifier, key and URL.

        One that runs finishes the requests that it has accepted, and is started again.

        Raises
        ------
        DeploymentError
            If there is no such deployment, or it does not start.
        """
        record = self._record()
        self._stop(record)
        self._start(record)
        return self

    def delete(self) -> None:
        """Stop the service and remove all that is kept of it, key and log included.

        Requests that it has accepted are finished.

        Raises
        ------
        DeploymentError
            If there is no such deployment.
        """
        if not self.is_existing_service():
            raise _nothing_named(self.name)
        self._stop(records.read_record(self._folder))
        records.remove(self._folder)

    def _start(self, record: Record) -> None:
        if record.target == "local":
            local.start(self._folder, record)
            return
        from . import cluster

        key = records.read_key(self._folder)
        records.write_record(self._folder, record)
        url = cluster.deploy(
            record.name,
            record.artifact(self._folder),
            None if key is None else key[1],
            record.replicas,
            record.autoscaling,
            record.address,
        )
        records.write_record(self._folder, replace(record, url=url))

    def _stop(self, record: Record | None) -> None:
        if record is None or record.target == "local":
            local.stop(self._folder)
            return
        from . import cluster

        cluster.delete(record.name)

    # -- find -----------------------------------------------------------------------------------

    @classmethod
    def find(cls, deployment_name: str) -> Deployment:
        """A deployment that was made before, by this kernel or another program of this user.

        It is looked for in the global storage context first, then in all others.

        Raises
        ------
        DeploymentError
            If there is none of that name, or several elsewhere.
        """
        here = records.folder_of(deployment_name)
        folders = [f for f in records.folders_everywhere() if f.name == deployment_name]
        if here in folders:
            folders = [here]
        if not folders:
            raise _nothing_named(deployment_name)
        if len(folders) > 1:
            raise DeploymentError(
                f"There are several deployments named '{deployment_name}': "
                f"{', '.join(str(folder) for folder in folders)}. Say which by the persistent_path "
                "of its storage context (Context.create; --storage on the command line)."
            )
        return cls._at(folders[0])

    @classmethod
    def list_deployment(cls, everywhere: bool = False) -> list[Deployment]:
        """All deployments of the global storage context, or of all that this user has."""
        folders = records.folders_everywhere() if everywhere else records.folders_here()
        return [cls._at(folder) for folder in folders]

    @classmethod
    def delete_if_service_exist(cls, deployment_name: str) -> bool:
        """Delete a deployment of the global storage context; tells whether there was one."""
        deployment = cls._at(records.folder_of(deployment_name))
        exists = deployment.is_existing_service()
        if exists:
            deployment.delete()
        return exists

    @classmethod
    def _at(cls, folder: Path) -> Deployment:
        deployment = cls.__new__(cls)
        Deployment.__init__(deployment, folder.name)
        deployment._folder = folder
        return deployment

    # -- what there is --------------------------------------------------------------------------

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
        record = self._found_record()
        return (record or self._wanted).target

    @property
    def status(self) -> str:
        """State of the service.

        ``"running"``; ``"not answering"``: there is a process, which does not say that it serves;
        ``"crashed"``: there is none any more (see `log`, `restart`); ``"incomplete"``: it is being
        prepared, or the program that did so ended meanwhile (see `delete`); ``"not deployed"``.
        For a cluster, what it says.
        """
        if not self.is_existing_service():
            return "not deployed"
        record = self._found_record()
        if record is None:
            return "incomplete"
        if record.target == "cluster":
            from . import cluster

            return cluster.status(record.name)
        if not local.processes(self._folder):
            return "crashed"
        return "running" if local.is_ready(record) else "not answering"

    def describe(self) -> dict[str, Any]:
        """What is known of it, for tables and JSON; the key is not in it, only the key's file."""
        record, key = self._found_record(), records.read_key(self._folder)
        return {
            "name": self.name,
            "target": self.target,
            "status": self.status,
            "url": "" if record is None else record.url,
            "key_file": None if key is None else str(key[0]),
            "log": str(self._folder / local.LOG),
            "created": None if record is None else record.created,
        }

    def log(self, lines: int = 50) -> str:
        """The last lines of what a local service wrote."""
        return local.end_of_log(self._folder, lines)

    def _found_record(self) -> Record | None:
        return records.read_record(self._folder)

    def _record(self) -> Record:
        record = self._found_record()
        if record is not None:
            return record
        if self.is_existing_service():
            raise DeploymentError(
                f"The deployment '{self.name}' is being started, or its start was cut off: wait, "
                "or delete it and deploy again."
            )
        raise _nothing_named(self.name)

    def _found(self) -> Deployment:
        return self._at(self._folder)

    def __repr__(self) -> str:
        record = self._found_record()
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


def _save(model: Classifier | str | os.PathLike[str], file: Path) -> None:
    """Put the classifier's file in place."""
    if isinstance(model, Classifier):
        model.serialize(file)
        return
    # Read, so that a damaged file is refused before anything is started.
    Artifact.read(model, TransferLearningModel.kind, ScikitClassifier.kind).write(file)


def _nothing_named(name: str) -> DeploymentError:
    others = ", ".join(f"'{folder.name}'" for folder in records.folders_everywhere())
    return DeploymentError(
        f"There is no deployment named '{name}'. There is {others or 'none at all'}."
    )
