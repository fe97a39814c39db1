"""Where files go: augmented images, trained models, downloaded weights, temporary files."""

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
    """Make `path` (and its parents) and prove that a file can be written there."""
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
    """The three folders of a context, made when the context is made.

    Parameters
    ----------
    outputs_path : str or Path
        What a run produces: augmented images, checkpoints, trained models, reports.
    persistent_path : str or Path
        What must outlive a run: downloaded weights, saved classifiers, label edits.
    temp_path : str or Path
        What may be deleted at any time.

    Raises
    ------
    StorageError
        If a folder cannot be made or written; the message names it.
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
        # The folders stay the same when the working directory changes; what is printed is what
        # the user wrote.
        object.__setattr__(self, "_given", {name: os.fspath(path) for name, path in given.items()})
        for name, path in given.items():
            object.__setattr__(self, name, _writable_folder(name.removesuffix("_path"), path))

    def as_dict(self) -> dict[str, str]:
        """The paths as they were given."""
        given: dict[str, str] = self._given  # type: ignore[attr-defined]
        return dict(given)


class Context:
    """The storage that all parts of the package share.

    There is one global context. `Context.create` replaces it; until then the user's own folders
    (from `platformdirs`) are used.

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
        """Make a context, its folders included, and make it the global one.

        Parameters
        ----------
        outputs_path, persistent_path, temp_path : str or Path
            See `StorageContext`. All three may be the same folder.

        Raises
        ------
        StorageError
            If a folder cannot be made or written; the former global context stays.
        """
        context = cls(StorageContext(outputs_path, persistent_path, temp_path))
        Context._global = context
        return context

    @classmethod
    def get_global_context(cls) -> Context:
        """The context in use; made in the user's own folders when there is none yet."""
        if Context._global is None:
            return cls.create(
                outputs_path=platformdirs.user_data_path(_APP_NAME) / "outputs",
                persistent_path=platformdirs.user_data_path(_APP_NAME),
                temp_path=platformdirs.user_cache_path(_APP_NAME),
            )
        return Context._global

    def __repr__(self) -> str:
        return json.dumps({"storage": self.storage.as_dict()}, indent=4, ensure_ascii=False)
