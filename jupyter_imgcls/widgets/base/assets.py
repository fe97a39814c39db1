"""The JavaScript and CSS of the widgets, built from ``js/`` into ``static/``."""

from __future__ import annotations

from pathlib import Path

from ...errors import StorageError

__all__ = ["asset"]


def asset(name: str) -> Path:
    """Path of a built file.

    Raises
    ------
    StorageError
        If it has not been built, which happens in a clone of the repository only.
    """
    path = Path(__file__).parents[2] / "static" / name
    if not path.is_file():
        raise StorageError(
            f"{path} is missing, the widget's front end. Build it with 'npm ci && npm run build' "
            "in the clone of the repository, or 'make test'; an installed package contains it."
        )
    return path
