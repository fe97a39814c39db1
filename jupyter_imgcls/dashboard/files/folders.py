"""Which folders a person may choose the photos from."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["choices"]

_MOST_FOLDERS = 300


def choices(root: Path, uploads: Path) -> list[tuple[str, str]]:
    """Names to show and paths: of `root`, the folders in it and in those, and each upload."""
    own = sorted(path for path in uploads.glob("*") if not path.name.startswith("."))
    return [
        *((_shown(folder, root), str(folder)) for folder in _folders(root)),
        *((f"Your upload: {path.name}", str(path)) for path in own),
    ]


def _folders(root: Path) -> list[Path]:
    """`root`, the folders in it, and those in these; none that only a link leads to."""
    top = _inside(root)
    return [root, *top, *(path for folder in top for path in _inside(folder))][:_MOST_FOLDERS]


def _inside(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            found = [
                folder / entry.name
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
            ]
    except OSError:  # one that cannot be read cannot be chosen
        return []
    return sorted(found)[:_MOST_FOLDERS]


def _shown(folder: Path, root: Path) -> str:
    return root.name or "/" if folder == root else f"{root.name}/{folder.relative_to(root)}"
