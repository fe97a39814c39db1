"""The deployment object: a classifier as a web service, here or on a cluster."""

from __future__ import annotations

import logging
import os
import secrets
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..classifiers import Classifier, ScikitClassifier, TransferLearningModel
from ..classifiers.artifact import Artifact
from ..context import Context
from ..errors import DeploymentError, ServiceError
from ..scoring import Photos
from . import records
from .client import score
from .records import Record
from .targets.base import TARGETS

if TYPE_CHECKING:
    from .docker import DockerImage
    from .load_test import LoadTestResult

__all__ = ["Deployment"]

_log = logging.getLogger(__name__)


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
        wanted = Record(
            deployment_name,
            target,
            _new_instance(),
            host=host,
            port=port or 0,
            replicas=replicas,
            autoscaling=autoscaling,
            address=address,
        )
        TARGETS[target].check(wanted)
        self._folder = records.folder_of(deployment_name)
        self._wanted = wanted  # until there is a record in the folder
        self._model = model
        self._with_key = with_key

    # -- state -------------------------------------------------------------------------------

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
        ``"restarting"``: it has crashed and starts again soon (see `log`); ``"crashed"``: there is
        no process any more (see `restart`); ``"incomplete"``: it is being
        prepared, or the program that did so ended meanwhile, or its record is damaged (see
        `delete`); ``"not deployed"``. For a cluster, what it says, and ``"unreachable"``.
        """
        if not self.is_existing_service():
            return "not deployed"
        record = self._whole_record()
        if record is None:
            return "incomplete"
        return TARGETS[record.target].status(self._folder, record)

    def describe(self) -> dict[str, Any]:
        """What is known of it, for tables and JSON; the key is not in it, only the key's file."""
        record, key = self._whole_record(), records.read_key(self._folder)
        log = TARGETS[self.target].log_file(self._folder)
        return {
            "name": self.name,
            "target": self.target,
            "status": self.status,
            "url": "" if record is None else record.url,
            "key_file": None if key is None else str(key[0]),
            "log": None if log is None else str(log),
            "created": None if record is None else record.created,
        }

    def log(self, lines: int = 50) -> str:
        """The last lines of what a local service wrote; what Ray says of one on a cluster."""
        record = self._record()
        return TARGETS[record.target].log(self._folder, record, lines)

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
        raise _no_deployment(self.name, records.folders_here())

    def __repr__(self) -> str:
        record = self._whole_record()
        where = f", {record.url}" if record and record.url else ""
        return f"<Deployment '{self.name}', {self.target}, {self.status}{where}>"

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
                TARGETS[record.target].start(self._folder, record)
        except FileExistsError as error:
            raise DeploymentError(
                f"The name '{self.name}' is in use: {self._at(self._folder)!r}. Delete that first "
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
        target = TARGETS[record.target]
        target.stop(self._folder, record)
        target.start(self._folder, record)
        return self

    def update(self, model: Classifier | str | os.PathLike[str]) -> Deployment:
        """Serve another classifier under the same name, URL and key.

        On a cluster one replica after the other is replaced, and the service goes on to answer. A
        local service is started again; clients ask again meanwhile. If the new one does not start,
        the old one stays.

        Parameters
        ----------
        model : Classifier or path
            As for the class.

        Raises
        ------
        DeploymentError
            If there is no such deployment, or the new one does not start.
        """
        old = self._record()
        new = replace(old, instance=_new_instance(), created=time.time())
        _save(model, new.artifact(self._folder))
        try:
            TARGETS[old.target].replace(self._folder, old, new)
        except BaseException:
            new.artifact(self._folder).unlink(missing_ok=True)
            raise
        old.artifact(self._folder).unlink(missing_ok=True)
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
            raise _no_deployment(self.name, records.folders_here())
        record = self._whole_record()
        TARGETS["local" if record is None else record.target].stop(self._folder, record)
        records.remove(self._folder)

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
            log = TARGETS[self.target].crash_log(self._folder)
            if log is None:
                raise
            raise DeploymentError(
                f"The service '{self.name}' has crashed; restart() starts it again. The end of its "
                f"log:\n{log}"
            ) from error

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
            raise _no_deployment(deployment_name, records.folders_everywhere())
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

    # -- pack -----------------------------------------------------------------------------------

    def build_docker_image(self, folder: str | os.PathLike[str] | None = None) -> DockerImage:
        """Write what a Docker image of the service is built from, and build it.

        The service need not be deployed for that.

        Parameters
        ----------
        folder : path, optional
            For what the image is built from; ``docker/<name>`` of the outputs by default.

        Returns
        -------
        DockerImage
            Says so where no Docker engine answers; then what it needs is in the folder.

        Raises
        ------
        DeploymentError
            If there is neither a model nor such a deployment, the folder holds other files, or
            ``docker build`` fails.
        """
        from .docker.image import build_context, build_image

        if folder is None:
            folder = Context.get_global_context().storage.outputs_path / "docker" / self.name
        with self._artifact() as artifact:
            return build_image(build_context(artifact, self.name, Path(folder)), self.name)

    def export_kuberay(self, path: str | os.PathLike[str], image: str | None = None) -> Path:
        """Write the manifest of a RayService, to run the service on Kubernetes.

        Parameters
        ----------
        path : path
            File to write, such as ``service.yaml``; it says what to do with it.
        image : str, optional
            Made from ``Dockerfile.ray`` of what `build_docker_image` wrote, where the cluster pulls
            it from; ``imgcls-<name>-ray`` by default.
        """
        from .targets.ray.kuberay import export_kuberay

        record = self._whole_record() or self._wanted
        return export_kuberay(path, self.name, image, record.replicas, record.autoscaling)

    @contextmanager
    def _artifact(self) -> Iterator[Path]:
        """The classifier's file: that of the service, else of the model that was given."""
        if self._model is None or self.is_existing_service():
            yield self._record().artifact(self._folder)
            return
        with tempfile.TemporaryDirectory(prefix="imgcls-") as folder:
            file = Path(folder) / "classifier.model"
            _save(self._model, file)
            yield file


def _new_instance() -> str:
    return uuid.uuid4().hex[:12]


def _save(model: Classifier | str | os.PathLike[str], file: Path) -> None:
    """Put the classifier's file in place."""
    if isinstance(model, Classifier):
        model.serialize(file)
        return
    # Read, so that a damaged file is refused before anything is started.
    Artifact.read(model, TransferLearningModel.kind, ScikitClassifier.kind).write(file)


def _no_deployment(name: str, folders: Sequence[Path]) -> DeploymentError:
    """The error for a name that none of these deployments has."""
    others = ", ".join(f"'{folder.name}'" for folder in folders)
    return DeploymentError(
        f"There is no deployment named '{name}'. There is {others or 'none at all'}."
    )
