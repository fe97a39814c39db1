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
            help="Folder of photos, or of folders of photos; it is only read. Default: choose "
            "one of the current folder, or upload photos, on the page."
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the page.")] = 8866,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
    share: Annotated[
        bool,
        typer.Option(
            "--share", help="For several people: each browser has labels and models of its own."
        ),
    ] = False,
    host: Annotated[
        str,
        typer.Option(help="Address to listen on; 0.0.0.0 admits other machines, and shares."),
    ] = "127.0.0.1",
    visitors: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Pages that may be open at the same time. Default: one for each 750 MB of free "
            "memory, 40 at most.",
        ),
    ] = None,
    storage: Annotated[
        Path | None, typer.Option(help="Folder for labels, uploads and models. Default: your own.")
    ] = None,
) -> None:
    """Open the whole workflow as a web page, without code.

    Label the photos of FOLDER, train, review the results, deploy. Labels and models are yours, the
    same as in your notebooks; with --share, each person who opens the page has separate ones.
    """
    from ..dashboard.server import serve

    with running():
        serve(
            folder,
            host,
            port,
            storage,
            share=share,
            visitors=visitors,
            browser=browser,
            say=complain,
        )
