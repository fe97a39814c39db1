"""Findings of the checks, and how they are printed."""

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
    """The result of one check.

    Attributes
    ----------
    name : str
        What was checked.
    state : {"ok", "note", "problem"}
        A note is information; a problem needs fixing.
    text : str
        What was found.
    to_do : str
        What to do, in one line: a command if possible; ``""`` for nothing.
    """

    name: str
    state: State
    text: str
    to_do: str = ""


def ok(name: str, text: str) -> Finding:
    """All is well."""
    return Finding(name, "ok", text)


def note(name: str, text: str, to_do: str) -> Finding:
    """Something to know."""
    return Finding(name, "note", text, to_do)


def problem(name: str, text: str, to_do: str) -> Finding:
    """Something to fix."""
    return Finding(name, "problem", text, to_do)


def to_text(groups: Mapping[str, Sequence[Finding]]) -> str:
    """Findings under titles, in columns and with terminal colours, and a summary.

    `typer.echo` removes the colours where the output is not a terminal.
    """
    lines = []
    for title, findings in groups.items():
        lines += [typer.style(title, bold=True), *map(_lines, findings), ""]
    states = [finding.state for findings in groups.values() for finding in findings]
    problems, notes = states.count("problem"), states.count("note")
    summary = f"{problems} problem{'s' * (problems != 1)}" if problems else "No problem"
    return "\n".join([*lines, f"{summary}, {notes} note{'s' * (notes != 1)}."])


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
