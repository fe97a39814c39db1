"""The documentation site: built without a warning, and read without asking another host."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from inspect import isclass, isfunction
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import jupyter_imgcls

from .accessibility import assert_accessible

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
    modules = [jupyter_imgcls, *(import_module(f"jupyter_imgcls.{name}") for name in PUBLIC)]
    public = {
        name
        for module in modules
        for name in module.__all__
        if isclass(getattr(module, name)) or isfunction(getattr(module, name))
    }
    # Four lines that say what it is, then compressed: a line an object, the name first.
    listed = zlib.decompress((site / "objects.inv").read_bytes().split(b"\n", 4)[4]).decode()
    described = {line.split(" ")[0].rpartition(".")[2] for line in listed.splitlines()}
    assert len(public) > 40
    assert not public - described


def test_search_finds_a_message_and_works_without_a_network(page):
    page.goto("search.html?q=%22Training+diverged%22")
    found = page.locator("#search-results a", has_text="Troubleshooting").first
    found.click()
    expect(page.get_by_text("The learning rate is too high: try a tenth.")).to_be_visible()


@pytest.mark.parametrize(
    "path", ["index.html", "tutorials/first-steps.html", "reference/classifiers.html"]
)
def test_a_page_fits_a_telephone_and_hinders_nobody(page, path):
    page.goto(path)
    expect(page.locator("h1")).to_be_visible()
    beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert beyond <= 0
    page.set_viewport_size({"width": 1280, "height": 800})
    assert_accessible(page.locator("body"))
