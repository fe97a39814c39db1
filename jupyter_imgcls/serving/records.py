"""What is deployed: one folder a deployment, which any kernel and the command line find.

``<persistent_path>/deployments/<name>/`` holds ``record.json``, ``service.key`` (readable by its
owner only), ``service.log``, and the classifier as ``<instance>.model``. That the folder exists is
what takes the name.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs

from ..context import Context
from ..errors import DeploymentError, StorageError
from ..files import write_whole
from ..validation import validated

__all__ = [
    "Record",
    "claimed",
    "folder_of",
    "folders_everywhere",
    "folders_here",
    "new_key",
    "read_key",
    "read_record",
    "remove",
    "write_record",
]

_log = logging.getLogger(__name__)

_FORMAT = 1
_RECORD = "record.json"
_KEY = "service.key"
# It becomes part of a URL, a folder and a name on a cluster.
_NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,48}[a-zA-Z0-9])?")


@dataclass(frozen=True)
class Record:
    """What is known of a deployment, but for its key.

    Parameters
    ----------
    name : str
        Of the service.
    target : str
        ``"local"`` or ``"cluster"``.
    instance : str
        Stands in the name of the classifier's file, and with it in the command line of the
        service's process, which is known by it.
    url : str
        Where it scores.
    host, port : str, int
        Where a local service listens.
    replicas : int
        Copies that run on the cluster.
    autoscaling : tuple of int, optional
        Fewest and most replicas.
    address : str, optional
        Of the cluster.
    created : float
        Seconds since 1970.
    """

    name: str
    target: str
    instance: str
    url: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    replicas: int = 1
    autoscaling: tuple[int, int] | None = None
    address: str | None = None
    created: float = 0.0

    def artifact(self, folder: Path) -> Path:
        """The classifier's file."""
        return folder / f"{self.instance}.model"


def folder_of(name: str) -> Path:
    """Folder of the deployment of a name in the global storage context; it may not be there.

    Raises
    ------
    DeploymentError
        If a service cannot have that name.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DeploymentError(
            f"A deployment cannot be named {name!r}: take up to 50 letters (a to z), digits and "
            "hyphens between them, such as 'cups-2'."
        )
    return _here() / name


def folders_here() -> list[Path]:
    """Folders of the deployments of the global storage context."""
    return _folders(_here())


def folders_everywhere() -> list[Path]:
    """Folders of the deployments of all storage contexts of this user."""
    places = {_here(), _of_user(), *_elsewhere()}
    return [folder for place in sorted(places) for folder in _folders(place)]


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Take a deployment's name; after an error or an interruption it is free again.

    Raises
    ------
    FileExistsError
        If it is taken.
    StorageError
        If the folder cannot be made.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # The one step of which only one of several kernels can succeed.
        folder.mkdir(mode=0o700)
    except OSError as error:
        if folder.is_dir():
            raise
        raise StorageError(f"Cannot make the folder {folder}: {error.strerror}.") from error
    try:
        _remember(folder.parent)
        yield
    except BaseException:
        remove(folder)
        raise


def remove(folder: Path) -> None:
    """Remove a deployment's folder, and with it the name.

    Raises
    ------
    StorageError
        If that fails.
    """
    # Out of sight in one step, so that nobody meets half of it.
    leaving = folder.with_name(f".{uuid.uuid4().hex}")
    try:
        folder.rename(leaving)
        shutil.rmtree(leaving)
    except FileNotFoundError:
        pass  # another kernel was faster
    except OSError as error:
        raise StorageError(f"Cannot remove the folder {folder}: {error.strerror}.") from error
    if not _folders(folder.parent):
        _note(folder.parent).unlink(missing_ok=True)


def write_record(folder: Path, record: Record) -> None:
    """Write what is known, in place of what was.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    content = {"format": _FORMAT, **asdict(record)}
    write_whole(folder / _RECORD, json.dumps(content, indent=1).encode())


def read_record(folder: Path) -> Record | None:
    """What is known of a deployment; None where its start was cut off before that was written.

    Raises
    ------
    DeploymentError
        If the file is damaged, or of a newer version of this package.
    """
    try:
        content: dict[str, Any] = json.loads((folder / _RECORD).read_bytes())
        if content["format"] > _FORMAT:
            raise DeploymentError(
                f"{folder / _RECORD} was written by a newer version: pip install -U jupyter_imgcls."
            )
        return validated(Record, content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DeploymentError(
            f"{folder / _RECORD} is damaged ({error}): delete this deployment and deploy again."
        ) from error


def new_key(folder: Path, key: str) -> Path:
    """Write the key of a service, for nobody else to read."""
    file = folder / _KEY
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(key)
    return file


def read_key(folder: Path) -> tuple[Path, str] | None:
    """The file with a service's key, and the key; None where it has none."""
    file = folder / _KEY
    try:
        return file, file.read_text(encoding="ascii")
    except FileNotFoundError:
        return None


def _here() -> Path:
    return Context.get_global_context().storage.persistent_path.resolve() / "deployments"


def _of_user() -> Path:
    return platformdirs.user_data_path("jupyter_imgcls").resolve() / "deployments"


def _folders(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    return sorted(path for path in place.iterdir() if path.is_dir() and _NAME.fullmatch(path.name))


# A notebook mostly keeps its files beside itself (`Context.create`), where the command line would
# not look. So the user's own folder has a note of each such place.


def _note(place: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(place)).hexdigest()[:16]
    return _of_user() / ".elsewhere" / digest


def _remember(place: Path) -> None:
    if place == _of_user():
        return
    try:
        write_whole(_note(place), os.fsencode(place))
    except OSError as error:
        _log.warning("Another storage context will not find this deployment: %s", error)


def _elsewhere() -> list[Path]:
    places = []
    for note in (_of_user() / ".elsewhere").glob("[0-9a-f]*"):
        with suppress(FileNotFoundError):  # removed meanwhile
            places.append(Path(os.fsdecode(note.read_bytes())))
    return places
