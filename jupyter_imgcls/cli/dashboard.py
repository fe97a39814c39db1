"""The command ``imgcls dashboard``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import complain, running

__all__ = ["dashboard"]


def dashboard(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Photos, or a folder of folders of photos; it is only read. Without it, choose "
            "one of those in the current folder on the page, or upload photos there."
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the page.")] = 8866,
    browser: Annotated[bool, typer.Option(help="Whether to open a browser.")] = True,
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    storage: Annotated[
        Path | None, typer.Option(help="Folder for labels, uploads and models, if not your own.")
    ] = None,
) -> None:
    """Show the whole workflow as one page, without code.

    Choose and label the photos of FOLDER, train, look at the results, deploy. Everyone who opens
    the page in a browser has labels and models of his own.
    """
    from ..dashboard.server import serve

    with running():
        serve(folder, host, port, storage, browser=browser, say=complain)
