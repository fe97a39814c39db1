"""The extension in the oldest JupyterLab that it supports."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from ..conftest import draw_photos
from .server import Server, jupyter_server

pytestmark = pytest.mark.long

OLDEST = "4.2"
# Of the newest Notebook, which stands beside it and does not load in it.
NEWEST = "@jupyter-notebook/lab-extension"


@pytest.fixture(scope="module")
def oldest_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """JupyterLab alone is of that version: it needs nothing that the newest does not."""
    folder = tmp_path_factory.mktemp("oldest")
    package = f"jupyterlab=={OLDEST}.*"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", package]
    done = subprocess.run(
        [*install, f"--target={folder / 'lab'}"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"needs JupyterLab {OLDEST} of PyPI: {done.stderr}")
    with jupyter_server(
        folder,
        PYTHONPATH=f"{folder / 'lab'}",
        JUPYTERLAB_DIR=f"{folder / 'lab' / 'share' / 'jupyter' / 'lab'}",
    ) as server:
        yield server


def test_a_folder_opens_as_a_dataset_in_the_oldest_lab(oldest_server, open_files):
    files = open_files("lab", "photos", oldest_server)
    draw_photos(files.file.parent / "photos")
    config = files.page.evaluate("document.getElementById('jupyter-config-data').textContent")
    assert json.loads(config)["appVersion"].startswith(OLDEST)
    expect(files.page.locator(".jp-LauncherCard").filter(has_text="Your photos")).to_be_visible()

    files.choose("photos", "Open as image dataset")

    expect(files.page.get_by_role("gridcell").first).to_be_in_viewport(timeout=60_000)
    files.keep_picture(files.page.locator("#main"), "extension-oldest")
    files.problems = [text for text in files.problems if NEWEST not in text]
