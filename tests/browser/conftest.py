"""One browser and two Jupyter servers for all tests here; a page for each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, expect, sync_playwright

from .files import Files
from .notebook import Cells, Host, Notebook, Theme
from .server import Server, jupyter_server

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--no-proxy-server",
]

# Other tests run beside these: a kernel's start takes some of that.
expect.set_options(timeout=20_000)

NotebookOpener = Callable[..., Notebook]
FilesOpener = Callable[..., Files]


# Before pytest-xdist looks for groups: it comes first when this folder alone is tested.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # In one process of pytest-xdist, so that they share the browser and the Jupyter servers. The
    # dashboard has servers of its own, and takes as long as all others.
    for item in items:
        if Path(__file__).parent in item.path.parents:
            name = "dashboard" if item.path.stem == "test_dashboard" else "browser"
            item.add_marker(pytest.mark.xdist_group(name))


@pytest.fixture(scope="package")
def chromium() -> str:
    """The program, which has no window here."""
    file = shutil.which("chromium")
    if file is None:
        pytest.skip("needs chromium: apt-get install chromium")
    return file


# Not of the session: as long as playwright runs, no other test can start an event loop.
@pytest.fixture(scope="package")
def playwright(chromium: str) -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(chromium: str, playwright: Playwright) -> Iterator[Browser]:
    """A browser for pages that have no past."""
    browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def notebook_browser(
    chromium: str, playwright: Playwright, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrowserContext]:
    """The browser of a person who has used Jupyter before.

    It keeps the compiled scripts of the hosts, which takes a second off each page.
    """
    browser = playwright.chromium.launch_persistent_context(
        tmp_path_factory.mktemp("profile"),
        executable_path=chromium,
        args=FLAGS,
        viewport={"width": 1200, "height": 900},
    )
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The Jupyter server for JupyterLab and voila."""
    with jupyter_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="package")
def notebook_server(server: Server) -> Iterator[Server]:
    """The one for Notebook 7, with the same notebooks and kernels.

    A server that has shown JupyterLab hands that page's path on to Notebook 7, which then calls a
    command that it lacks; and it refuses fonts that have the same name in both, for it remembers by
    name alone where it found a file.
    """
    with jupyter_server(server.notebooks.parent) as beside:
        yield beside


@pytest.fixture
def open_notebook(
    request: pytest.FixtureRequest, notebook_browser: BrowserContext, tmp_path: Path
) -> Iterator[NotebookOpener]:
    """Open cells in a host: ``open_notebook("lab", ["1 + 1"])`` gives a `Notebook`."""
    opened: list[Notebook] = []

    def open_in(
        host: Host, cells: Cells, theme: Theme = "light", kernel: str = "python3"
    ) -> Notebook:
        name = "notebook_server" if host == "notebook" else "server"
        server: Server = request.getfixturevalue(name)
        file = server.notebooks / f"{tmp_path.name}-{len(opened)}.ipynb"
        Notebook.write(file, cells, kernel)
        opened.append(Notebook(server, notebook_browser, host, file, theme))
        return opened[-1]

    yield open_in
    try:
        for notebook in opened:
            notebook.close()
    finally:
        # Also of a notebook that did not open; without any page the browser ends.
        for page in notebook_browser.pages[1:]:
            page.close()


@pytest.fixture
def open_files(
    request: pytest.FixtureRequest, browser: Browser, tmp_path: Path
) -> Iterator[FilesOpener]:
    """Show a folder in a host, with one in it: ``open_files("lab", "photos")`` gives `Files`."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    opened: list[Files] = []

    def open_in(host: Host, name: str, server: Server | None = None) -> Files:
        fixture = "notebook_server" if host == "notebook" else "server"
        shown: Server = server or request.getfixturevalue(fixture)
        folder = shown.notebooks / f"{tmp_path.name}-files" / name
        folder.mkdir(parents=True)
        opened.append(Files(shown, context, host, folder, "light"))
        return opened[-1]

    yield open_in
    try:
        for files in opened:
            files.close()
    finally:
        context.close()
