"""Tables as CSV text that a spreadsheet shows as it is, and that reads back exactly."""

from __future__ import annotations

import csv
import os
import re

import pandas as pd

__all__ = ["cell_value", "csv_bytes"]

# A spreadsheet takes a cell that begins so for a formula, which can run programs
# (https://owasp.org/www-community/attacks/CSV_Injection); the last four are wide forms of = + - @.
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """A table as a CSV file in UTF-8.

    A text that a spreadsheet would take for a formula gets an apostrophe before it; `cell_value`
    takes it off. Texts are in quotes, so that no program divides them at another separator. Names
    of files that are no UTF-8 keep their bytes.

    Parameters
    ----------
    frame : DataFrame
        Its index is not written.
    """
    guarded = frame.map(lambda value: _guarded(value) if isinstance(value, str) else value)
    text = guarded.to_csv(index=False, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    return os.fsencode(text)


def cell_value(cell: str) -> str:
    """The text that `csv_bytes` wrote as this cell."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _guarded(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text
