"""Find the journal of a folder without knowing the dataset's name."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from ...context import Context

__all__ = ["last_name"]


def last_name(place: str, context: Context) -> str | None:
    """The name of the dataset whose photos were read from a place, and whose labels changed last.

    Parameters
    ----------
    place : str
        As in ``dataset.source``.
    context : Context
        Where journals are kept.

    Returns
    -------
    str or None
        None if no dataset from there has had a label changed. A file that cannot be read is passed
        over: `Journal.open` says what is wrong with it.
    """
    names: list[tuple[str, str]] = []
    for file in (context.storage.persistent_path / "journals").glob("*.sqlite"):
        try:
            (name, where), time = _look_into(file)
        except (sqlite3.Error, ValueError, TypeError):
            continue
        if time and os.path.normcase(where) == os.path.normcase(place):
            names.append((time, name))
    return max(names)[1] if names else None


def _look_into(file: Path) -> tuple[tuple[str, str], str | None]:
    """The source of the dataset, and when it was edited last."""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        (source,) = connection.execute("SELECT value FROM meta WHERE key = 'source'").fetchone()
        (time,) = connection.execute("SELECT max(time) FROM edit").fetchone()
    name, place = json.loads(source)
    return (name, place), time
