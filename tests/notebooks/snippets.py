"""Code in Markdown: taken out, and run as a newcomer would, in the order that it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

Run = Callable[..., str]


class Snippet(NamedTuple):
    language: str
    code: str
    line: int  # of the code's first line in the page


def snippets(page: str, *languages: str) -> list[Snippet]:
    """The fenced code blocks of these languages; ``python`` has a notebook page's cells, too."""
    found = re.finditer(r"^```(\w+|{code-cell})\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    blocks = [
        Snippet(
            match[1].replace("{code-cell}", "python"),
            match[2],
            page.count("\n", 0, match.start(2)) + 1,
        )
        for match in found
    ]
    return [block for block in blocks if block.language in languages]


def newcomer(folder: Path) -> Run:
    """Run programs in a folder, with the home of someone who never used the package."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder / "home"),
        "MPLBACKEND": "agg",
    }
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
        environment.pop(name, None)

    def run_program(*command: str) -> str:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run_program


def run_page(page: Path, run: Run) -> str:
    """Run the Python, shell and JavaScript of a page, in this process and folder; its shell output.

    Python is run here, since importing the frameworks takes longer than most snippets.
    """
    names: dict[str, object] = {"__name__": "__main__"}
    shown = ""
    for language, code, line in snippets(page.read_text("utf-8"), "python", "sh", "javascript"):
        if language == "python":
            # An error then points into the page.
            exec(compile("\n" * (line - 1) + code, page, "exec"), names)
        elif language == "sh":
            shown += run("bash", "-e", "-c", code)
        else:
            shown += run("node", "--input-type=module", "--eval", code)
    return shown
