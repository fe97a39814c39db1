"""A Jupyter server with JupyterLab, Notebook 7 and voila."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from ipykernel.kernelspec import write_kernel_spec

from jupyter_imgcls.serving.addresses import listen

SHARE = Path(__file__).parents[2] / "share" / "jupyter"


@dataclass(frozen=True)
class Server:
    """Where the server is, and the folders that it works in."""

    url: str
    token: str
    notebooks: Path
    runtime: Path

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Ask the server's own interface, with a JSON body or none."""
        headers = {"Authorization": f"token {self.token}"}
        answer = httpx.request(method, self.url + path, headers=headers, json=body, trust_env=False)
        return answer.raise_for_status()


@contextlib.contextmanager
def jupyter_server(folder: Path, **environment: str) -> Iterator[Server]:
    """Start a server, give it once it answers, and end it with all its kernels.

    Several may share the folder.
    """
    with listen("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    server = Server(
        url=f"http://127.0.0.1:{port}",
        token=secrets.token_hex(16),
        notebooks=folder / "notebooks",
        runtime=folder / "runtime",
    )
    server.notebooks.mkdir(exist_ok=True)
    # JupyterLab would look for newer versions, and ask in every page whether it may fetch news.
    page_config = folder / "config" / "labconfig" / "page_config.json"
    page_config.parent.mkdir(parents=True, exist_ok=True)
    disabled = {"@jupyterlab/apputils-extension:announcements": True}
    page_config.write_text(json.dumps({"disabledExtensions": disabled}))
    # The kernel is this very Python, whatever kernels are registered on the machine.
    kernel = folder / "jupyter" / "kernels" / "python3"
    if not kernel.exists():
        write_kernel_spec(kernel)
    inherited = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    variables = inherited | {
        "JUPYTER_PATH": f"{folder / 'jupyter'}{os.pathsep}{SHARE}",
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_RUNTIME_DIR": str(server.runtime),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "HOME": str(folder),
        **environment,
    }
    command = [
        *(sys.executable, "-m", "jupyterlab"),
        *("--no-browser", "--allow-root", f"--notebook-dir={server.notebooks}"),
        *("--ip=127.0.0.1", f"--port={port}", "--port-retries=0"),
        f"--IdentityProvider.token={server.token}",
        "--LabApp.expose_app_in_browser=True",
        "--JupyterNotebookApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
        "--VoilaConfiguration.template=imgcls",
        # Notebook's plugin does not load in voila, and says so as an error.
        "--VoilaConfiguration.extension_allowlist=[]",
        "--VoilaConfiguration.extension_denylist=['@jupyter-notebook/lab-extension']",
    ]
    log = folder / f"server-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=variables, stdout=output, stderr=output)
    try:
        _wait_until_it_answers(server, process, log)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_answers(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            server.ask("GET", "/api/status")
            return
        time.sleep(0.1)
    raise RuntimeError(f"The Jupyter server did not start:\n{log.read_text(errors='replace')}")
