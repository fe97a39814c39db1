"""The page of a service: one drops photos and sees what the classifier says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from jupyter_imgcls.serving.service.model import ServedModel
from tests.serving.running import picture, served

from .accessibility import assert_accessible

KEY = "a-service-key"
NAMES = ["cup", "<b>plate</b>", "fork"]
DROP = """([name, content]) => {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const files = new DataTransfer();
    files.items.add(new File([bytes], name, { type: "image/png" }));
    document.dispatchEvent(new DragEvent("drop", { dataTransfer: files, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def model(small_model) -> ServedModel:
    return ServedModel(small_model(NAMES))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test when it asks for something elsewhere, or reports an error."""
    context = browser.new_context(viewport={"width": 800, "height": 700})
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda sent: sent.url.startswith(HERE) or problems.append(sent.url))
    yield page
    context.close()
    assert [line for line in problems if "401" not in line and "422" not in line] == []


HERE = ("http://127.0.0.1:", "blob:http://127.0.0.1:")


def choose(page: Page, *photos: tuple[str, bytes]) -> None:
    page.locator("#file").set_input_files(
        [{"name": name, "mimeType": "image/png", "buffer": content} for name, content in photos]
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_photo_gets_its_class_and_bars(model, page, tmp_path, scheme):
    photo = picture(size=(300, 200), kind="png")
    with served(model) as service:
        page.emulate_media(color_scheme=scheme)
        page.goto(service.base)
        expect(page.locator("#key")).to_be_hidden()
        choose(page, ("a.png", photo))
        expect(page.locator("meter")).to_have_count(3)
        kind = {"Content-Type": "image/png"}
        answer = service.client.post(service.url, content=photo, headers=kind).json()
        expect(page.locator("h2")).to_have_text(answer["label"])
        shown = page.locator(".row span:first-child").all_inner_texts()
        assert shown == list(answer["classes"])
        shown = page.locator("meter").evaluate_all("bars => bars.map(bar => bar.value)")
        assert shown == pytest.approx(list(answer["classes"].values()), abs=1e-3)
        back = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
        assert back == {"light": "rgb(250, 250, 250)", "dark": "rgb(24, 24, 27)"}[scheme]
        page.screenshot(path=tmp_path / f"{scheme}.png")
        assert_accessible(page.locator("html"))


def test_photos_can_be_dropped_and_one_that_cannot_be_read_is_told(model, page):
    import base64

    with served(model) as service:
        page.goto(service.base)
        content = base64.b64encode(picture(kind="png")).decode()
        page.evaluate(DROP, ["dropped.png", content])
        expect(page.locator("meter")).to_have_count(3)
        choose(page, ("no photo.png", b"text"), ("b.png", picture(1, kind="png")))
        expect(page.locator("figure")).to_have_count(3)
        expect(page.locator("meter")).to_have_count(6)
        expect(page.locator(".error")).to_have_text(
            "The photo could not be scored: not an image that can be read"
        )
        assert_accessible(page.locator("html"))
        page.reload()
        expect(page.locator("figure")).to_have_count(0)


def test_with_a_key_the_page_asks_for_it(model, page):
    with served(model, KEY) as service:
        page.goto(service.base)
        photo = ("a.png", picture(kind="png"))
        choose(page, photo)
        expect(page.locator(".error")).to_have_text(
            "Type the service key above, and drop the photo again."
        )
        expect(page.locator("#key")).to_be_focused()
        page.get_by_label("Service key").fill(KEY)
        choose(page, photo)
        expect(page.locator("meter")).to_have_count(3)


def test_the_documentation_shows_without_a_network(model, browser):
    context = browser.new_context()
    page = context.new_page()
    elsewhere: list[str] = []
    page.on("request", lambda sent: sent.url.startswith(HERE) or elsewhere.append(sent.url))
    with served(model) as service:
        page.goto(service.base)
        page.get_by_role("link", name="documentation").click()
        expect(page.get_by_text("/api/v1/service/cups/score")).to_be_visible()
        context.close()
    assert [url for url in elsewhere if not url.startswith("data:")] == []
