"""What an examination says: one thing that was looked at, and how it is."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import typer

__all__ = ["Finding", "note", "ok", "problem", "to_text"]

State = Literal["ok", "note", "problem"]

_COLOURS: dict[State, str] = {"ok": "green", "note": "yellow", "problem": "red"}
_STATE_WIDTH, _NAME_WIDTH, _WIDTH = 9, 18, 100


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
        What was looked at.
    state : {"ok", "note", "problem"}
        A note is something that the user may want to know, or to have; a problem hinders.
    text : str
        How it is.
    to_do : str
        One line, a command where there is one; ``""`` if there is nothing to do.
    """

    name: str
    state: State
    text: str
    to_do: str = ""


def ok(name: str, text: str) -> Finding:
    """Nothing to do."""
    return Finding(name, "ok", text)


def note(name: str, text: str, to_do: str) -> Finding:
    """Something to know or to have."""
    return Finding(name, "note", text, to_do)


def problem(name: str, text: str, to_do: str) -> Finding:
    """Something that hinders."""
    return Finding(name, "problem", text, to_do)


def to_text(groups: Mapping[str, Sequence[Finding]]) -> str:
    """Findings under titles, in columns, coloured for a terminal; at the end how many there are.

    What prints it takes the colours out where it is no terminal (`typer.echo`).
    """
    lines = []
    for title, findings in groups.items():
        lines += [typer.style(title, bold=True), *map(_lines, findings), ""]
    states = [finding.state for findings in groups.values() for finding in findings]
    problems, notes = states.count("problem"), states.count("note")
    said = f"{problems} problem{'s' * (problems != 1)}" if problems else "No problem"
    return "\n".join([*lines, f"{said}, {notes} note{'s' * (notes != 1)}."])


def _lines(finding: Finding) -> str:
    state = typer.style(f"{finding.state:<{_STATE_WIDTH}}", fg=_COLOURS[finding.state])
    indent = 2 + _STATE_WIDTH + _NAME_WIDTH
    wrapped = textwrap.wrap(
        finding.text, _WIDTH - indent, break_long_words=False, break_on_hyphens=False
    )
    texts = wrapped or [""]
    if finding.to_do:
        # Not wrapped, so that it can be copied.
        texts.append(f"> {finding.to_do}")
    first, *rest = texts
    head = f"  {state}{finding.name:<{_NAME_WIDTH}}{first}"
    return "\n".join([head, *(" " * indent + line for line in rest)])
