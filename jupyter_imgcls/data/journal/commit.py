"""Writing the labels of a journal to a CSV or JSON file, or into class folders."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import StorageError
from ..columns import NO_LABEL
from .file import storage_errors, transaction
from .relocate import CommitPlan, Move, free_name, move_file, plan_moves

if TYPE_CHECKING:
    from ..dataset import ClassificationDataset
    from .journal import Journal

__all__ = ["commit", "finish_moves", "planned_moves"]

# Other kernels wait for so many at most.
_MOVES_AT_ONCE = 20


def commit(journal: Journal, target: str | os.PathLike[str], dry_run: bool) -> CommitPlan:
    """See `Journal.commit`."""
    place = Path(os.path.abspath(Path(target).expanduser()))  # noqa: PTH100 - keeps symlinks
    with journal._lock:
        journal.refresh()
        if place.suffix.lower() in (".csv", ".json"):
            file = free_name(place)
            staying = _not_in_json(journal.included()) if place.suffix.lower() == ".json" else {}
            return CommitPlan((), staying, file if dry_run else _write_file(journal, file))
        if not dry_run:
            journal.resume()
        plan = plan_moves(journal.dataset, journal._excluded, place)
        if not dry_run:
            with storage_errors(journal.file), transaction(journal._connection):
                journal._connection.executemany(
                    "INSERT INTO move (source, target) VALUES (?, ?)",
                    [(os.fsencode(move.source), os.fsencode(move.target)) for move in plan.moves],
                )
            journal.resume()
        return plan


def planned_moves(journal: Journal, count: int) -> list[tuple[int, Move]]:
    """The first `count` moves that are not made yet, each with its number; all for -1."""
    rows = journal._connection.execute(
        "SELECT id, source, target FROM move WHERE state = 'planned' ORDER BY id LIMIT ?", (count,)
    )
    return [
        (number, Move(os.fsdecode(source), os.fsdecode(target))) for number, source, target in rows
    ]


def finish_moves(journal: Journal) -> None:
    """Make the moves that are planned, a few at a time, and note each."""
    failure: OSError | None = None
    while failure is None and planned_moves(journal, 1):
        with transaction(journal._connection):
            journal._catch_up()
            for number, move in planned_moves(journal, _MOVES_AT_ONCE):
                try:
                    is_there = move_file(Path(move.source), Path(move.target))
                except FileExistsError:
                    # The new name is on disk before it is used, in the next round.
                    other = os.fsencode(free_name(Path(move.target)))
                    journal._connection.execute(
                        "UPDATE move SET target = ? WHERE id = ?", (other, number)
                    )
                    break
                except OSError as error:
                    failure = error
                    break
                _note_move(journal, number, move, is_there)
        journal._follow_moves()
        journal._notify()
    if failure is not None:
        left = planned_moves(journal, -1)
        raise StorageError(
            f"{left[0][1]} cannot be moved: {failure.strerror or failure}. Moves left: "
            f"{len(left)}; mend this and call resume()."
        ) from failure


def _note_move(journal: Journal, number: int, move: Move, is_there: bool) -> None:
    state = "moved" if is_there else "gone"
    journal._connection.execute("UPDATE move SET state = ? WHERE id = ?", (state, number))
    row = journal.dataset.paths.find({move.source}).get(move.source)
    if is_there and row is not None:
        journal._photos.has_moved(row, move.target)


def _not_in_json(dataset: ClassificationDataset) -> dict[str, str]:
    rows = np.flatnonzero(dataset.label_indices == NO_LABEL)
    return {dataset.paths[row]: "it has no label; a CSV file can hold it" for row in rows}


def _write_file(journal: Journal, file: Path) -> Path:
    from ..readers.json_form import write_json
    from ..readers.tables import to_csv

    beside = file.with_name(f".{uuid.uuid4().hex}{file.suffix}")
    write = write_json if file.suffix.lower() == ".json" else to_csv
    try:
        write(journal.included(), beside)
        while True:
            try:
                move_file(beside, file)
            except FileExistsError:
                file = free_name(file)
            else:
                return file
    except OSError as error:
        raise StorageError(f"Cannot write {file}: {error.strerror or error}.") from error
    finally:
        beside.unlink(missing_ok=True)
