"""A notebook in a browser page: run it, reach its outputs, keep pictures, watch for trouble."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import nbformat
from PIL import Image
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Locator, WebSocket

from .accessibility import assert_accessible
from .kernel import Kernel
from .server import Server

Cells = Sequence[str] | nbformat.NotebookNode
Host = Literal["lab", "notebook", "voila"]
Theme = Literal["light", "dark"]
# The example is shown with all its widgets in each of them; what a widget does in detail is tried
# in JupyterLab and in one of the others.
HOSTS: tuple[Host, ...] = ("lab", "notebook", "voila")
ARTEFACTS = Path(__file__).parent / "artefacts"
# ``make pictures`` renews the pictures of the README.
RENEW = "RENEW_PICTURES" in os.environ
PICTURES = Path(__file__).parents[2] / "docs" / "images"
# The folder of this run says nothing to a reader.
SHORTEN_PATHS = """(widget, folder) => {
    const texts = document.createTreeWalker(widget, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replace(folder, '~');
}"""

# When Notebook 7 starts, its part for shortcuts hears of the settings of another part before it
# has loaded its own (`registry.plugins[shortcuts].schema` in its `pluginChanged`).
NOTEBOOKS_OWN_ERROR = re.compile(
    r"TypeError: Cannot read properties of undefined \(reading 'schema'\)"
    r"\s+at \S+/static/notebook/notebook_core\."
)

# Ready: the notebook is shown, its kernel connected and idle. Earlier, 'run all' does nothing.
READY = """() => {
    const session = window.jupyterapp?.shell?.currentWidget?.sessionContext;
    const kernel = session?.session?.kernel;
    return session?.isReady && kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
KERNEL_ID = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.id"
VOILA_KERNEL_ID = """() =>
    JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId"""
RUN_ALL = "() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
# Every cell has run: none waits ('[*]' has no execution count) and the kernel is at rest. Or one
# has failed, and those after it do not run.
ALL_RAN = f"""() => {{
    const cells = window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model);
    const outputs = cells.flatMap(cell => cell.outputs?.toJSON() ?? []);
    const failed = outputs.find(output => output.output_type === 'error');
    const done = cells.every(cell => cell.type !== 'code' || cell.executionCount);
    return (done || failed) && ({READY})() && {{error: failed?.traceback.join('\\n') ?? ''}};
}}"""
SAVE = "() => window.jupyterapp.shell.currentWidget.context.save()"
CHANGE_THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
LAB_THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


def publish(picture: Path, name: str) -> None:
    """Make a picture one of the README's."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    # Of 256 colours, this way keeps the classes' and the photos'.
    few = Image.open(picture).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3)
    few.save(PICTURES / f"{name}.png", optimize=True)


class Notebook:
    """One notebook, open in one host.

    `close` fails if the page logged an error, or asked for anything outside this machine.
    """

    def __init__(
        self, server: Server, browser: BrowserContext, host: Host, file: Path, theme: Theme
    ) -> None:
        self.server = server
        self.host = host
        self.file = file
        self.problems: list[str] = []
        self.page = browser.new_page()
        self.page.on("console", self._see_console)
        self.page.on("pageerror", self._see_error)
        self.page.on("request", lambda request: self._see_address(request.url))
        self.page.on("websocket", self._see_websocket)
        self.theme = theme
        self._kernel: Kernel | None = None
        self.open()

    @classmethod
    def write(cls, file: Path, cells: Cells, kernel: str = "python3") -> None:
        """Save a notebook, or one of code cells."""
        notebook = cells
        if not isinstance(notebook, nbformat.NotebookNode):
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        notebook.metadata.kernelspec = {"name": kernel, "display_name": kernel}
        nbformat.write(notebook, file)

    def open(self) -> None:
        """Load the page, anew where it was loaded before; voila runs the cells by itself."""
        name = self.file.relative_to(self.server.notebooks)
        path = {
            "lab": f"/lab/tree/{name}?reset&",
            "notebook": f"/notebooks/{name}?",
            "voila": f"/voila/render/{name}?theme={self.theme}&",
        }[self.host]
        # voila answers when all cells have run.
        seconds = 300 if self.host == "voila" else 30
        self.page.goto(f"{self.server.url}{path}token={self.server.token}", timeout=1000 * seconds)
        if self.host == "voila":
            self.page.locator("#rendered_cells").wait_for(timeout=60_000)
        else:
            self.page.wait_for_function(READY, timeout=60_000)
            if self.theme == "dark":
                self.change_theme("dark")

    def run_all(self, *, wait: bool = True, seconds: float = 60) -> None:
        """Run all cells; without `wait`, return while they run. In voila they have run."""
        if self.host != "voila":
            self.page.evaluate(RUN_ALL)
            if wait:
                ran = self.page.wait_for_function(ALL_RAN, timeout=seconds * 1000)
                error = ran.json_value()["error"]
                assert not error, error

    def output(self, cell: int = -1) -> Locator:
        """What a cell shows."""
        if self.host == "voila":
            return self.page.locator("[cell-index]").nth(cell).locator(".jp-OutputArea").first
        return self.page.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".jp-Cell-outputArea")

    @property
    def kernel(self) -> Kernel:
        """The kernel behind the page."""
        if self._kernel is None:
            script = VOILA_KERNEL_ID if self.host == "voila" else KERNEL_ID
            kernel_id = self.page.evaluate(script)
            self._kernel = Kernel(self.server.runtime / f"kernel-{kernel_id}.json")
        return self._kernel

    def end_kernel(self) -> None:
        """End the kernel, as who comes back another day finds it; the page is left first."""
        self.page.goto("about:blank")
        if self._kernel is not None:
            self._kernel.close()
            self._kernel = None
        for session in self.server.ask("GET", "/api/sessions").json():
            self.server.ask("DELETE", f"/api/sessions/{session['id']}")

    def save(self) -> nbformat.NotebookNode:
        """Save as Ctrl-S does, and read the file."""
        self.page.evaluate(SAVE)
        return nbformat.read(self.file, as_version=4)

    def change_theme(self, theme: Theme) -> None:
        """Change the host's theme under the widgets; voila cannot, open it with one."""
        self.page.evaluate(CHANGE_THEME, LAB_THEMES[theme])
        changed = self.page.locator(f"body[data-jp-theme-name='{LAB_THEMES[theme]}']")
        changed.wait_for(state="attached")
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")
        self.theme = theme

    def keep_picture(self, element: Locator, name: str) -> Path:
        """Keep a picture of an element among the artefacts."""
        ARTEFACTS.mkdir(exist_ok=True)
        file = ARTEFACTS / f"{name}-{self.host}-{self.theme}.png"
        element.screenshot(path=file, animations="disabled")
        return file

    def keep_pictures(self, element: Locator, name: str) -> None:
        """Keep a picture in the light theme and one in the dark, and check both for accessibility.

        Both of JupyterLab; else of the theme that the page has.
        """
        themes: tuple[Theme, ...] = ("dark", "light") if self.host == "lab" else (self.theme,)
        for theme in themes:
            if theme != self.theme:
                self.change_theme(theme)
            self.keep_picture(element, name)
            assert_accessible(element)

    def close(self) -> None:
        """Close the page and its kernel; fail if there was trouble."""
        killed = False
        if self._kernel is not None:
            self._kernel.close()
            killed = self._kernel.killed
        self.page.close()
        for kernel in self.server.ask("GET", "/api/kernels").json():
            self.server.ask("DELETE", f"/api/kernels/{kernel['id']}")
        # Of a killed kernel the page complains, as it should.
        assert killed or not self.problems, "\n".join(self.problems)

    def _see_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"console: {message.text} ({json.dumps(message.location)})")

    def _see_error(self, error: Error) -> None:
        if not NOTEBOOKS_OWN_ERROR.search(error.stack or ""):
            self.problems.append(f"uncaught: {error.stack}")

    def _see_websocket(self, websocket: WebSocket) -> None:
        self._see_address(websocket.url)

    def _see_address(self, url: str) -> None:
        address = urlsplit(url)
        if address.scheme not in ("data", "blob") and address.hostname != "127.0.0.1":
            self.problems.append(f"asked outside: {url}")
