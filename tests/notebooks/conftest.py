"""Running notebooks for real: in a kernel of this very Python, in a folder of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec
from nbformat import NotebookNode

from jupyter_imgcls.data.sample import tableware
from jupyter_imgcls.serving.targets import local
from jupyter_imgcls.serving.targets.ray import local as local_ray

NotebookRunner = Callable[[NotebookNode], NotebookNode]

# Hours of a CI machine would pass if a notebook hung.
_SECONDS = 900


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # where nothing listens
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(variable, "127.0.0.1")  # for services on this machine
    for variable in ("MXNET_GLUON_REPO", "HF_ENDPOINT"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 63 drawn photos that most notebooks work on."""
    folder = tmp_path_factory.mktemp("sample") / "photos"
    tableware(root=folder, progress=False)
    return folder


@pytest.fixture
def run_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NotebookRunner]:
    """Execute a notebook in `tmp_path`, as ``jupyter execute`` does; an error in it fails."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    # Not one of the registered kernels, which may be of another Python.
    write_kernel_spec(tmp_path / "jupyter" / "kernels" / "this-python")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # figures are to show in the notebook

    def run(notebook: NotebookNode) -> NotebookNode:
        file = tmp_path / "notebook.ipynb"
        nbformat.write(notebook, file)
        command = Path(sys.executable).with_name("jupyter-execute")
        options = ["--inplace", "--kernel_name=this-python", "--timeout=300"]
        done = subprocess.run(
            [command, *options, file],
            check=False,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        return nbformat.read(file, as_version=4)

    yield run
    # Of a notebook that leaves its service running, or failed before it deleted it.
    for folder in tmp_path.glob("*/deployments/*"):
        local.stop(folder)
    local_ray.stop()


def printed(notebook: NotebookNode, stream: str = "stdout") -> str:
    """What the cells printed."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return "".join(output.text for output in outputs if output.get("name") == stream)


def results(notebook: NotebookNode, mime: str) -> list[str]:
    """Pictures and values that the cells show, of one kind."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return [output.data[mime] for output in outputs if mime in output.get("data", ())]
