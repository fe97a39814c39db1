"""The deployment object: a classifier as a web service, here or on a cluster."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..classifiers import Classifier, ScikitClassifier, TransferLearningModel
from ..classifiers.artifact import Artifact
from ..context import Context
from ..errors import DeploymentError
from . import records
from .deployed import Deployed, nothing_named
from .records import Record
from .targets import cluster, local

if TYPE_CHECKING:
    from .docker import DockerImage

__all__ = ["Deployment"]

TARGETS = ("local", "cluster")


class Deployment(Deployed):
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
        if replicas < 1 or (target == "local" and (replicas > 1 or autoscaling or address)):
            raise DeploymentError(
                "A local service is one process, which uses all cores: replicas (from 1 on), "
                "autoscaling and address are for target='cluster'."
            )
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
        super().__init__(records.folder_of(deployment_name), wanted)
        self._model = model
        self._with_key = with_key

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
        self._stop(record)
        self._start(record)
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
            if old.target == "local":
                self._stop(old)
            self._start(new, update=True)
        except BaseException as error:
            new.artifact(self._folder).unlink(missing_ok=True)
            # A cluster tries the new one before it replaces any: then all is as it was.
            tried = old.target == "cluster" and isinstance(error, DeploymentError)
            if not (tried and self.status == "running"):
                self._start(old, update=True)
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
            raise nothing_named(self.name)
        self._stop(self._whole_record())
        records.remove(self._folder)

    def _start(self, record: Record, update: bool = False) -> None:
        if record.target == "local":
            local.start(self._folder, record)
            return
        if not update:
            # Before there is a service, so that one whose start is cut off can be found.
            records.write_record(self._folder, record)
        url = cluster.deploy(
            record.name,
            record.artifact(self._folder),
            self.service_key,
            record.replicas,
            record.autoscaling,
            record.address,
            update=update,
        )
        records.write_record(self._folder, replace(record, url=url))

    def _stop(self, record: Record | None) -> None:
        if record is None or record.target == "local":
            local.stop(self._folder)
        else:
            cluster.delete(record.name, record.address)

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
            raise nothing_named(deployment_name)
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
