"""The documentation site: built without a warning, and read without asking another host."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sphinx.util.inventory import InventoryFile

import jupyter_imgcls

ROOT = Path(__file__).parents[2]
# The modules whose names a user imports, beside those at the top.
PUBLIC = ("data.search", "data.collect", "errors", "evaluation", "serving.load_test")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as by ``make docs``, but for the notebooks: they are run by tests of their own."""
    folder = tmp_path_factory.mktemp("site")
    options = ["--fail-on-warning", "--keep-going", "--quiet", "--define", "nb_execution_mode=off"]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, ROOT / "docs", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    # Dead links between pages are among the warnings.
    assert built.returncode == 0, built.stderr
    return folder


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def page(browser: Browser, site: Path) -> Iterator[Page]:
    """A telephone that fails the test when a page asks for something elsewhere, or has an error."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=site))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    here = f"http://127.0.0.1:{server.server_port}/"
    context = browser.new_context(viewport={"width": 390, "height": 844}, base_url=here)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda said: said.type == "error" and problems.append(said.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda sent: sent.url.startswith(here) or problems.append(sent.url))
    yield page
    context.close()
    server.shutdown()
    thread.join()
    server.server_close()
    assert problems == []


def test_no_page_names_a_script_style_or_picture_of_another_host(site):
    for file in site.rglob("*.html"):
        loaded = re.findall(r'(?:<link[^>]*href|src)="([^"]*)"', file.read_text("utf-8"))
        assert loaded
        assert not [address for address in loaded if re.match("(https?:)?//", address)], file


def test_each_public_name_is_in_the_reference(site):
    names = {f"jupyter_imgcls.{name}" for name in jupyter_imgcls.__all__ if name[0] != "_"}
    for module in (f"jupyter_imgcls.{name}" for name in PUBLIC):
        names |= {f"{module}.{name}" for name in import_module(module).__all__}
    listed = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="").data
    described = {name for kind, of_kind in listed.items() if kind[:3] == "py:" for name in of_kind}
    assert names - described == {"jupyter_imgcls.ImgclsError"}  # with the others, in `errors`


def test_search_finds_a_message_and_works_without_a_network(page):
    page.goto("search.html?q=%22Training+diverged%22")
    found = page.locator("#search-results a", has_text="Troubleshooting").first
    found.click()
    expect(page.get_by_text("Training diverged in epoch")).to_be_visible()


@pytest.mark.parametrize(
    "path", ["index.html", "tutorials/first-steps.html", "reference/classifiers.html"]
)
def test_a_page_fits_a_telephone_and_has_no_error(page, path):
    page.goto(path)
    expect(page.locator("h1")).to_be_visible()
    beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert beyond <= 0
