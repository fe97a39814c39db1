"""The page of the command line, made from the commands' own help."""

from __future__ import annotations

import re

import typer
from typer.cli import get_docs_for_click

from jupyter_imgcls.cli import app

__all__ = ["markdown"]


def markdown() -> str:
    """A section for each command: usage, arguments, options."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="imgcls")
    # Its page has a title and a list of commands already.
    text = text[text.index("\n## ") :]
    return re.sub(r"<(int|float) range>", r"<\1>", text)
