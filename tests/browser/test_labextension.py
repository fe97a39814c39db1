"""What the extension adds to JupyterLab and Notebook 7: menus, notebooks, a dashboard, settings."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from ..conftest import draw_photos, save_photo
from .server import Server

HOSTS = ["lab", pytest.param("notebook", marks=pytest.mark.long)]
# Quotes that end a string, a backslash that hides one, and what Markdown would make bold.
NAME = """my 'photos' "2026" *new* \\"""
OPEN = "Open as image dataset"
DASHBOARD = "Image classification dashboard"
SCORE = "Score photos with this model"
SETTINGS = "/lab/api/settings/jupyter_imgcls:datasets"


def sources(file: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(file, as_version=4).cells]


@pytest.mark.parametrize("host", HOSTS)
def test_a_folder_opens_as_a_dataset_with_its_photos_shown(host, open_files):
    files = open_files(host, NAME)
    folder = files.file.parent
    draw_photos(folder / NAME)
    for theme in ("dark", "light"):
        files.change_theme(theme)
        menu = files.menu(NAME)
        expect(menu).to_contain_text(DASHBOARD)
        files.keep_picture(menu, "extension-menu")
        files.page.keyboard.press("Escape")

    files.choose(NAME, OPEN)

    photos = files.page.get_by_role("gridcell")
    expect(photos.first).to_be_in_viewport(timeout=60_000)
    expect(files.page.locator("h1.jp-RenderedMarkdown, .jp-RenderedMarkdown h1")).to_contain_text(
        NAME
    )
    assert files.opened().endswith(f"{NAME}.ipynb")
    ran = files.page.evaluate(
        "window.jupyterapp.shell.currentWidget.content.widgets.filter(c => c.prompt > 0).length"
    )
    for theme in ("dark", "light"):
        files.change_theme(theme)
        files.keep_picture(files.page.locator("#main"), "extension-dataset")
    assert ran == 2
    if host == "lab":
        files.run_all(seconds=300)  # to the end: trained, evaluated, saved, deployed
        assert (folder / "imgcls_output" / f"{NAME}.model").exists()


@pytest.mark.parametrize("host", HOSTS)
def test_a_notebook_of_that_name_is_left_alone(host, open_files):
    files = open_files(host, "photos")
    draw_photos(files.file.parent / "photos")
    mine = files.file.parent / "photos.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("mine")]), mine)
    before = mine.read_bytes()

    files.choose("photos", OPEN)
    expect(files.page.get_by_role("gridcell").first).to_be_visible(timeout=60_000)

    assert mine.read_bytes() == before
    assert files.opened().endswith("/photos 2.ipynb")


@pytest.mark.parametrize("host", HOSTS)
def test_the_dashboard_is_shown_on_a_folder_and_its_notebook_used_again(host, open_files):
    files = open_files(host, "photos")
    draw_photos(files.file.parent / "photos")

    for _ in range(2):
        page = files.choose("photos", DASHBOARD)
        shown = page.frame_locator("iframe") if host == "lab" else page
        expect(shown.get_by_role("button", name="Next: Labels")).to_be_enabled(timeout=120_000)
        if host == "notebook":
            page.close()
            files.page = files.files

    written = files.file.parent / "photos dashboard.ipynb"
    assert [file.name for file in written.parent.glob("*dashboard*")] == [written.name]
    assert sources(written) == [
        'from jupyter_imgcls.dashboard import Dashboard\n\nDashboard("photos", share=False)'
    ]
    assert nbformat.read(written, as_version=4).metadata.voila == {"template": "imgcls"}
    if host == "lab":
        expect(page.locator("iframe")).to_have_count(1)
        files.keep_picture(page.locator("#main"), "extension-dashboard")
        page.locator(".lm-TabBar-tab.jp-mod-current .lm-TabBar-tabCloseIcon").click()
        expect(page.locator("iframe")).to_have_count(0)
        for _ in range(100):
            if not files.server.ask("GET", "/api/kernels").json():
                break
            page.wait_for_timeout(100)
        assert files.server.ask("GET", "/api/kernels").json() == [], "of a closed tab"


def test_without_voila_the_dashboard_is_shown_in_a_notebook(open_files):
    files = open_files("lab", "photos")
    draw_photos(files.file.parent / "photos")
    files.page.route("**/voila/static/voila.js?*", lambda route: route.fulfill(status=404))

    files.choose("photos", DASHBOARD)

    dialog = files.page.get_by_role("dialog")
    expect(dialog).to_contain_text("pip install 'jupyter_imgcls[dashboard]'")
    files.keep_picture(dialog.locator(".jp-Dialog-content"), "extension-no-voila")
    dialog.get_by_role("button", name="Show in a notebook").click()
    heading = files.page.get_by_role("heading", name="Image classification", exact=True)
    expect(heading).to_be_visible(timeout=60_000)
    files.problems = [text for text in files.problems if "voila.js" not in text]


@pytest.mark.long
@pytest.mark.parametrize("host", HOSTS)
def test_photos_are_scored_with_a_saved_model(host, open_files, small_model, tmp_path):
    files = open_files(host, "more photos")
    small_model().serialize(files.file.parent / "cups.model")
    files.open()

    files.choose("cups.model", SCORE)

    with files.page.expect_file_chooser(timeout=60_000) as chooser:
        files.page.get_by_role("button", name="Photos (0)").click()
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no photo")
    chooser.value.set_files([save_photo(tmp_path / "cup.png"), broken])
    output = files.page.locator(".jp-OutputArea-output").filter(has_text="cup.png").last
    expect(output.locator(".widget-hprogress")).to_have_count(2)
    expect(output).to_contain_text("This photo cannot be read.")
    for theme in ("dark", "light"):
        files.change_theme(theme)
        files.keep_picture(output, "extension-scores")


def test_the_launcher_and_the_palette_offer_it(open_files):
    files = open_files("lab", "photos")
    draw_photos(files.file.parent / "photos")
    page = files.page
    card = page.locator(".jp-LauncherCard")
    section = page.locator(".jp-Launcher-section").filter(has_text="Image classification")
    for theme in ("dark", "light"):
        files.change_theme(theme)
        files.keep_picture(section, "extension-launcher")
    page.keyboard.press("Control+Shift+C")
    page.locator(".lm-CommandPalette-input:focus").fill("image dataset")
    expect(page.get_by_text(f"{OPEN}…")).to_be_visible()
    page.keyboard.press("Escape")

    card.filter(has_text="Your photos").click()
    dialog = page.get_by_role("dialog")
    dialog.locator(".jp-DirListing-item").filter(has_text="photos").click()
    files.keep_picture(dialog.locator(".jp-Dialog-content"), "extension-folder")
    dialog.get_by_role("button", name="Select").click()

    expect(page.get_by_role("gridcell").first).to_be_visible(timeout=60_000)
    assert files.opened().endswith("/photos.ipynb")


@pytest.mark.long
def test_settings_are_in_the_notebooks_that_are_written(open_files):
    files = open_files("lab", "photos")
    draw_photos(files.file.parent / "photos")
    chosen = {"baseModel": "resnet50", "outputFolder": "my results", "thumbnailSize": 200}
    change(files.server, chosen)
    try:
        files.open()
        files.choose("photos", OPEN)
        cell = files.page.locator(".imgcls-grid, [role=grid]").first
        expect(cell).to_be_visible(timeout=60_000)
        text = "\n".join(sources(files.file.parent / "photos.ipynb"))
    finally:
        change(files.server, {})
    assert 'base_model="resnet50"' in text
    assert 'output = Path("my results")' in text
    assert "thumbnail_size=200" in text
    assert (files.file.parent / "my results").is_dir()


def change(server: Server, settings: dict[str, object]) -> None:
    server.ask("PUT", SETTINGS, {"raw": json.dumps(settings)})


def test_a_command_does_the_same_for_a_program(open_files):
    files = open_files("lab", "photos")
    draw_photos(files.file.parent / "photos")
    folder = files.file.parent.name

    path = files.page.evaluate(
        "path => window.jupyterapp.commands.execute('imgcls:open-dataset', {path})",
        f"{folder}/photos",
    )

    assert path == f"{folder}/photos.ipynb"
    described = files.page.evaluate(
        "window.jupyterapp.commands.describedBy('imgcls:open-dataset').then(d => d.args.properties)"
    )
    assert "path" in described


def test_a_notebook_of_others_does_not_run(open_notebook):
    """Neither when it is opened, nor when it takes the place of one that was to run."""
    notebook = open_notebook("lab", ["harmed = 1"])
    path = notebook.page.evaluate("window.jupyterapp.shell.currentWidget.context.path")
    request = {"until": 10**15, "cells": [{"type": "code", "source": "what was written"}]}
    key = f"jupyter_imgcls:run:{notebook.server.url}/:{path}"
    notebook.page.evaluate(
        "([key, value]) => localStorage.setItem(key, value)", [key, json.dumps(request)]
    )
    notebook.open()

    assert notebook.page.evaluate("key => localStorage.getItem(key)", key) is None
    assert notebook.kernel.value("'harmed' in globals()") is False


def test_labels_come_in_the_language_of_the_page(open_files):
    files = open_files("lab", "photos")
    plural = "nplurals=2; plural=(n != 1);"
    words = {"": {"language": "de", "plural_forms": plural}, OPEN: ["Als Bilder öffnen"]}
    answer = {"data": {"jupyter_imgcls": words}, "message": ""}
    files.page.route("**/lab/api/translations/de_DE*", lambda route: route.fulfill(json=answer))
    language = "/lab/api/settings/@jupyterlab/translation-extension:plugin"
    files.server.ask("PUT", language, {"raw": '{"locale": "de_DE"}'})
    try:
        files.open()
        expect(files.menu("photos")).to_contain_text("Als Bilder öffnen")
    finally:
        files.server.ask("PUT", language, {"raw": "{}"})
