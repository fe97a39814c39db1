"""Where the dashboard keeps what is each person's own, and what it remembers of it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..context import Context
from ..errors import ImgclsError, StorageError
from ..files import safe_name, write_whole
from ..text import name_folders

__all__ = [
    "FOLDER",
    "ROOT",
    "SHARED",
    "STORAGE",
    "Kept",
    "asks_visitor",
    "below",
    "hide_paths",
    "own_context",
    "personal_context",
]

_log = logging.getLogger(__name__)

# Set by `imgcls dashboard` for its kernels: the folder that it was given, or where to choose one.
FOLDER = "IMGCLS_DASHBOARD_FOLDER"
ROOT = "IMGCLS_DASHBOARD_ROOT"
STORAGE = "IMGCLS_DASHBOARD_STORAGE"
# "0" where the page is the one of the person who started it.
SHARED = "IMGCLS_DASHBOARD_SHARED"

_VISITOR = re.compile("[0-9a-f]{32}")


def asks_visitor() -> bool:
    """Whether several people may see the page: in voila, unless it was started for one alone."""
    in_voila = os.environ.get("SERVER_SOFTWARE", "").startswith("voila/")
    return in_voila and os.environ.get(SHARED) != "0"


def own_context() -> Context:
    """The storage of who started the page, the same as in that person's notebooks."""
    given = os.environ.get(STORAGE)
    if given is None:
        return Context.get_global_context()
    return Context.create(Path(given) / "outputs", given, Path(given) / "temp")


def personal_context(visitor: object) -> Context:
    """The storage context of one visitor of a page, which becomes the global one of his kernel.

    Raises
    ------
    ImgclsError
        If the browser sent something else than such a number.
    StorageError
        If the folder cannot be made.
    """
    if not isinstance(visitor, str) or not _VISITOR.fullmatch(visitor):
        raise ImgclsError("Your browser did not say who it is: load the page again.")
    # The number is the visitor's password, and paths are seen: in lists of processes, for instance.
    folder = _people() / hashlib.sha256(visitor.encode()).hexdigest()[:32]
    name_folders({folder: "storage"})
    try:
        folder.parent.parent.mkdir(parents=True, exist_ok=True)
        for private in (folder.parent, folder):
            private.mkdir(mode=0o700, exist_ok=True)
            private.chmod(0o700)  # whatever it was before, and the umask says
    except OSError as error:
        raise StorageError(f"Cannot make the folder {folder}: {error.strerror}.") from error
    return Context.create(folder / "outputs", folder, folder / "temp")


def hide_paths(root: Path) -> None:
    """Let the page show no path of this computer, for a visitor need not know any."""
    python = (Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2])
    name_folders(
        {
            Path.home(): "home",
            Path(tempfile.gettempdir()): "temp",
            **dict.fromkeys(python, "python"),
            _people().parent: "storage",
            root: root.name,
        }
    )


def _people() -> Path:
    given = os.environ.get(STORAGE)
    own = Context.get_global_context().storage.persistent_path / "dashboard"
    return (Path(given) if given else own) / "people"


def below(root: Path, path: Path) -> Path:
    """`path` without links, if it is `root` or lies under it.

    Raises
    ------
    ImgclsError
        If not.
    """
    real = path.resolve()
    if not real.is_relative_to(root.resolve()):
        raise ImgclsError(f"{path} is not one of the folders that this page may show.")
    return real


class Kept:
    """What a person has on disk for one dashboard: uploads, the last model, where he was.

    Parameters
    ----------
    context : Context
        The person's.
    root : Path
        The folder that the dashboard is for.
    """

    def __init__(self, context: Context, root: Path) -> None:
        key = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
        name = f"{safe_name(root.name)}-{key}"
        self.folder = context.storage.persistent_path / "dashboard" / name
        self.uploads = self.folder / "uploads"
        self._file = self.folder / "dashboard.json"

    def of_photos(self, photos: Path) -> Path:
        """The folder for the classifier trained on one folder of photos."""
        return self.folder / "models" / hashlib.sha256(os.fsencode(photos)).hexdigest()[:12]

    def read(self) -> dict[str, Any]:
        """What `write` wrote; nothing if that cannot be read, for all of it can be chosen again."""
        try:
            values = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            _log.warning("%s is not read: %s", self._file, error)
            return {}
        return values if isinstance(values, dict) else {}

    def write(self, **values: str | float) -> None:
        """Remember values besides those from before.

        Raises
        ------
        StorageError
            If they cannot be written.
        """
        write_whole(self._file, json.dumps({**self.read(), **values}).encode())
