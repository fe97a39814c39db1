"""Folders for augmented images, trained models, downloaded weights and temporary files."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import platformdirs

from .errors import StorageError

__all__ = ["Context", "StorageContext"]

_APP_NAME = "jupyter_imgcls"


def _writable_folder(purpose: str, path: str | os.PathLike[str]) -> Path:
    """Create `path` and its parents, and check that a file can be written there."""
    folder = Path(path).expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".imgcls-"):
            pass
    except OSError as error:
        raise StorageError(
            f"Cannot write to the {purpose} folder {folder}: {error.strerror or error}. "
            "Choose another folder in Context.create(...), or change its permissions."
        ) from error
    return folder


@dataclass(frozen=True, eq=True)
class StorageContext:
    """The three folders of a context, which are created with it.

    Parameters
    ----------
    outputs_path : str or Path
        For results: augmented images, checkpoints, trained models, reports.
    persistent_path : str or Path
        For data to keep: downloaded weights, saved classifiers, labels.
    temp_path : str or Path
        For files that may be deleted at any time.

    Raises
    ------
    StorageError
        If a folder cannot be created or written; the message names it.
    """

    outputs_path: Path
    persistent_path: Path
    temp_path: Path

    def __init__(
        self,
        outputs_path: str | os.PathLike[str],
        persistent_path: str | os.PathLike[str],
        temp_path: str | os.PathLike[str],
    ) -> None:
        given = {
            "outputs_path": outputs_path,
            "persistent_path": persistent_path,
            "temp_path": temp_path,
        }
        # The folders are absolute, as the working directory may change; repr shows what the user
        # wrote.
        object.__setattr__(self, "_given", {name: os.fspath(path) for name, path in given.items()})
        for name, path in given.items():
            object.__setattr__(self, name, _writable_folder(name.removesuffix("_path"), path))

    def as_dict(self) -> dict[str, str]:
        """The paths as they were given."""
        given: dict[str, str] = self._given  # type: ignore[attr-defined]
        return dict(given)


class Context:
    """The storage that all parts of the package share.

    There is one global context. Until `Context.create` replaces it, it uses the user's own folders
    (from `platformdirs`).

    Examples
    --------
    >>> from jupyter_imgcls import Context
    >>> context = Context.create(outputs_path="out", persistent_path="out", temp_path="out")
    >>> context
    {
        "storage": {
            "outputs_path": "out",
            "persistent_path": "out",
            "temp_path": "out"
        }
    }
    >>> Context.get_global_context().storage.outputs_path.name
    'out'
    """

    _global: ClassVar[Context | None] = None

    def __init__(self, storage: StorageContext) -> None:
        self.storage = storage

    @classmethod
    def create(
        cls,
        outputs_path: str | os.PathLike[str],
        persistent_path: str | os.PathLike[str],
        temp_path: str | os.PathLike[str],
    ) -> Context:
        """Create a context and its folders, and make it the global one.

        Parameters
        ----------
        outputs_path, persistent_path, temp_path : str or Path
            See `StorageContext`. All three may be the same folder.

        Raises
        ------
        StorageError
            If a folder cannot be created or written; the former global context stays.
        """
        context = cls(StorageContext(outputs_path, persistent_path, temp_path))
        Context._global = context
        return context

    @classmethod
    def get_global_context(cls) -> Context:
        """The current context; by default, one in the user's own folders."""
        if Context._global is None:
            return cls.create(
                outputs_path=platformdirs.user_data_path(_APP_NAME) / "outputs",
                persistent_path=platformdirs.user_data_path(_APP_NAME),
                temp_path=platformdirs.user_cache_path(_APP_NAME),
            )
        return Context._global

    def __repr__(self) -> str:
        return json.dumps({"storage": self.storage.as_dict()}, indent=4, ensure_ascii=False)
