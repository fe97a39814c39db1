"""Python environments: their installed distributions, and how to install into them."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

__all__ = ["Environment", "here"]

_SITES = ("lib/python3*/site-packages", "lib/python3*/dist-packages", "Lib/site-packages")


@dataclass(frozen=True)
class Environment:
    """A Python environment.

    Parameters
    ----------
    prefix : Path
        As `sys.prefix` of that Python.
    """

    prefix: Path

    @property
    def is_here(self) -> bool:
        """Whether it is the current one."""
        return self == here()

    @property
    def python(self) -> str:
        """The interpreter's path."""
        if self.is_here:
            return sys.executable
        if os.name != "nt":
            return str(self.prefix / "bin" / "python")
        venv = self.prefix / "Scripts" / "python.exe"
        return str(venv if venv.exists() else self.prefix / "python.exe")

    def find(self, name: str) -> Distribution | None:
        """An installed distribution."""
        path = sys.path
        if not self.is_here:
            path = [str(site) for pattern in _SITES for site in self.prefix.glob(pattern)]
        return next(iter(distributions(name=name, path=path)), None)

    def version(self, name: str) -> str | None:
        """The version of an installed distribution."""
        found = self.find(name)
        return None if found is None else found.version

    def pip(self, *requirements: str) -> str:
        """The command that installs requirements into this environment."""
        found = shutil.which("pip")
        active = found is not None and Path(found).parent == Path(self.python).parent
        pip = "pip" if active else f"{self.python} -m pip"
        return " ".join([f"{pip} install", *(_quoted(text) for text in requirements)])


def here() -> Environment:
    """The current environment."""
    return Environment(Path(sys.prefix))


def _quoted(text: str) -> str:
    # Double quotes, which Windows understands, too.
    return f'"{text}"' if set(text) & set("<>[]; ") else text
