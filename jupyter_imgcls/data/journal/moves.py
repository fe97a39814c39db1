"""The file moves of a commit, stored in the journal's file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from .log import check_move
from .relocate import Move

__all__ = ["MoveTable"]


class MoveTable:
    """The table ``move``: planned and finished moves.

    A move is on disk before its file is touched, so that an interrupted move can be finished.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def read_from(self, connection: sqlite3.Connection) -> None:
        """Go on with another connection to the same journal."""
        self._connection = connection

    def plan(self, moves: Iterable[Move]) -> None:
        """Add moves; call it in a transaction."""
        self._connection.executemany(
            "INSERT INTO move (source, target) VALUES (?, ?)",
            [(os.fsencode(move.source), os.fsencode(move.target)) for move in moves],
        )

    def planned(self, limit: int = -1) -> list[tuple[int, Move]]:
        """The first planned moves, each with its number; all for -1."""
        found = self._select("state = 'planned' ORDER BY id LIMIT ?", limit)
        return [(number, move) for number, move, _ in found]

    def change_target(self, number: int, target: Path) -> None:
        """Give a planned move another target."""
        self._connection.execute(
            "UPDATE move SET target = ? WHERE id = ?", (os.fsencode(target), number)
        )

    def mark(self, number: int, moved: bool) -> None:
        """Mark a move as done, or its file as missing."""
        self._connection.execute(
            "UPDATE move SET state = ? WHERE id = ?", ("moved" if moved else "gone", number)
        )

    def last_finished(self) -> int:
        """Number of the newest finished move, 0 for none."""
        (number,) = self._connection.execute(
            "SELECT coalesce(max(id), 0) FROM move WHERE state != 'planned'"
        ).fetchone()
        return int(number)

    def finished_after(self, number: int) -> list[tuple[int, Move, bool]]:
        """Finished moves after `number`, and whether the file was moved."""
        return self._select("id > ? AND state != 'planned' ORDER BY id", number)

    def _select(self, condition: str, value: int) -> list[tuple[int, Move, bool]]:
        found = []
        for row in self._connection.execute(
            f"SELECT id, source, target, state FROM move WHERE {condition}",  # noqa: S608
            (value,),
        ):
            check_move(row)
            number, old, new, state = row
            found.append((number, Move(os.fsdecode(old), os.fsdecode(new)), state == "moved"))
        return found
