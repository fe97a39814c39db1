"""Check that JupyterLab, Notebook and voila show the widgets and run notebooks in this Python.

The server may run in another environment. That one then needs the front ends of the widgets, and a
kernel for this one.
"""

from __future__ import annotations

import json
import shutil
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from .environment import Environment, here
from .finding import Finding, note, ok, problem
from .probe import Probe, ProbeError

__all__ = ["HostProbes", "Jupyter", "examine_hosts"]

_HOSTS = {"jupyterlab": ">=4.2,<5", "notebook": ">=7,<8", "voila": ">=0.5.8"}
# Of each widget library: the wheel that contains the front end, and the name of the front end.
_FRONT_ENDS = {
    "ipywidgets": ("jupyterlab_widgets", "@jupyter-widgets/jupyterlab-manager"),
    "bqplot": ("bqplot", "bqplot"),
    "bqscales": ("bqscales", "bqscales"),
    "anywidget": ("anywidget", "anywidget"),
}
_OURS = "jupyter_imgcls"


@dataclass(frozen=True)
class Jupyter:
    """The Jupyter that the command ``jupyter`` starts.

    Parameters
    ----------
    environment : Environment
        Where it is installed.
    data, config : sequence of Path
        Where it looks for extensions and kernels, and for settings; the first match wins.
    """

    environment: Environment
    data: tuple[Path, ...]
    config: tuple[Path, ...]

    def front_end(self, name: str) -> Version | None:
        """The version of an installed JupyterLab extension."""
        for folder in self.data:
            file = folder / "labextensions" / name / "package.json"
            if file.is_file():
                return _version_in(file)
        return None

    def is_disabled(self, name: str) -> bool:
        """Whether a JupyterLab extension, or one of its plugins, is disabled."""
        places = [folder / "labconfig" / "page_config.json" for folder in self.config]
        places.append(
            self.environment.prefix / "share/jupyter/lab/settings/page_config.json",
        )
        for file in places:
            disabled = _read_json(file).get("disabledExtensions", {})
            off = disabled if isinstance(disabled, list) else [k for k, v in disabled.items() if v]
            if any(entry.partition(":")[0] == name for entry in off):
                return True
        return False

    def kernels(self) -> dict[str, Environment]:
        """Environments of the kernels, by kernel name."""
        found: dict[str, Environment] = {}
        for folder in self.data:
            for file in sorted((folder / "kernels").glob("*/kernel.json")):
                argv = _read_json(file).get("argv") or [""]
                # Jupyter starts a bare 'python' with its own interpreter.
                program = Path(argv[0])
                environment = (
                    _environment_of(program) if program.is_absolute() else self.environment
                )
                found.setdefault(file.parent.name, environment)
        # Jupyter always has this one.
        found.setdefault("python3", self.environment)
        return found


class HostProbes:
    """The command ``jupyter``, asked for its paths."""

    def __init__(self) -> None:
        self.command = shutil.which("jupyter") or shutil.which(
            "jupyter", path=sysconfig.get_path("scripts")
        )
        self.paths = Probe([self.command, "--paths", "--json"]) if self.command else None

    def jupyter(self) -> Jupyter | None:
        """The Jupyter on the PATH, otherwise that of this environment.

        Raises
        ------
        ProbeError
            If it does not start.
        """
        if self.command is None or self.paths is None:
            return None
        paths = json.loads(self.paths.result())
        folders = [tuple(map(Path, paths[kind])) for kind in ("data", "config")]
        script = Path(self.command)
        if script.parent != Path(sysconfig.get_path("scripts")):
            script = script.resolve()  # a link, such as those of pipx
        environment = _environment_of(script)
        return Jupyter(here() if _same(environment, here()) else environment, *folders)


def examine_hosts(probes: HostProbes) -> Iterator[Finding]:
    """The hosts, the widgets' front ends, and the kernels."""
    try:
        jupyter = probes.jupyter()
    except ProbeError as error:
        yield problem("Jupyter", f"does not start: {error}", here().pip("jupyterlab"))
        return
    if jupyter is None:
        yield problem("Jupyter", "no command 'jupyter' on the PATH", here().pip("jupyterlab"))
        return
    if jupyter.environment.is_here:
        yield ok("Jupyter", f"{probes.command}, in this environment")
    else:
        yield ok("Jupyter", f"{probes.command}, in another environment")
    for name, fitting in _HOSTS.items():
        if name == "jupyterlab" or jupyter.environment.version(name):
            yield _host(jupyter, name, SpecifierSet(fitting))
    yield _kernel(jupyter)
    for library in _FRONT_ENDS:
        if here().version(library):
            yield _front_end(jupyter, library)
    yield _ours(jupyter)


def _host(jupyter: Jupyter, name: str, fitting: SpecifierSet) -> Finding:
    found = jupyter.environment.version(name)
    if found is not None and fitting.contains(found, prereleases=True):
        return ok(name, found)
    to_do = jupyter.environment.pip(f"{name}{fitting}")
    return problem(name, f"{found or 'not installed'}; {fitting} is required", to_do)


def _kernel(jupyter: Jupyter) -> Finding:
    kernels = jupyter.kernels()
    leading_here = sorted(name for name, of in kernels.items() if _same(of, here()))
    if "python3" in leading_here:
        number = here().version("ipykernel")
        if number is None:
            return problem("kernel", "ipykernel is not installed", here().pip("ipykernel"))
        return ok("kernel", f"'python3' runs this Python, ipykernel {number}")
    elsewhere = f"'python3' runs another Python: {kernels['python3'].python}"
    if leading_here:
        to_do = f"choose the kernel '{leading_here[0]}' in the notebook"
        return note("kernel", elsewhere, to_do)
    to_do = f"{here().python} -m ipykernel install --user --name imgcls"
    return problem("kernel", f"{elsewhere}; no kernel runs this one", to_do)


def _front_end(jupyter: Jupyter, library: str) -> Finding:
    wheel, name = _FRONT_ENDS[library]
    found, number = jupyter.front_end(name), here().version(library)
    wanted = _version_in_wheel(wheel, name)
    again = jupyter.environment.pip("--force-reinstall", "--no-deps", *_pinned(library, wheel))
    if found is None:
        text = f"{number}, but Jupyter lacks its front end {name}, so widgets do not show"
        return problem(library, text, again)
    if wanted is not None and found.release[:2] != wanted.release[:2]:
        text = f"{number} needs front end {name} {wanted}, but Jupyter has {found}"
        return problem(library, text, again)
    if jupyter.is_disabled(name):
        text = f"{number}, but its front end {name} is disabled in JupyterLab"
        return problem(library, text, f"jupyter labextension enable {name}")
    return ok(library, f"{number}, front end {found}")


def _ours(jupyter: Jupyter) -> Finding:
    found, name = jupyter.front_end(_OURS), "our extension"
    pinned = f"{_OURS}=={here().version(_OURS)}"
    again = jupyter.environment.pip("--force-reinstall", "--no-deps", pinned)
    without = "widgets work, but there are no file browser entries and no still pictures"
    if found is None:
        return note(name, f"not installed in Jupyter: {without}", again)
    if jupyter.is_disabled(_OURS):
        text = f"disabled in JupyterLab: {without}"
        return note(name, text, f"jupyter labextension enable {_OURS}")
    if str(found) != here().version(_OURS):
        return problem(name, f"version {found} does not match the package", again)
    return ok(name, str(found))


def _pinned(*names: str) -> list[str]:
    return [f"{name}=={here().version(name)}" for name in dict.fromkeys(names)]


def _version_in_wheel(wheel: str, name: str) -> Version | None:
    """The version of the front end in an installed wheel."""
    distribution = here().find(wheel)
    for file in (distribution.files if distribution else None) or ():
        if file.as_posix().endswith(f"labextensions/{name}/package.json"):
            return _version_in(Path(str(file.locate())))
    return None


def _version_in(package: Path) -> Version | None:
    try:
        return Version(_read_json(package).get("version", ""))
    except InvalidVersion:
        return None


def _read_json(file: Path) -> dict[str, Any]:
    """A file's content; empty if it is missing or not JSON, as Jupyter ignores such files."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _environment_of(program: Path) -> Environment:
    """The environment of a Python or a script; Windows has python.exe at the top of some."""
    folder = program.parent
    return Environment(folder.parent if folder.name.lower() in ("bin", "scripts") else folder)


def _same(one: Environment, other: Environment) -> bool:
    try:
        return one.prefix.samefile(other.prefix)
    except OSError:
        return False
