"""The dashboard as `imgcls dashboard` serves it: the whole way in a browser, without code."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import nbformat
import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from jupyter_imgcls.classifiers import load_classifier
from jupyter_imgcls.context import Context, StorageContext
from jupyter_imgcls.dashboard.server import NOTEBOOK
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.data.journal import Journal
from jupyter_imgcls.data.sample import tableware

from .accessibility import assert_accessible
from .notebook import ARTEFACTS, RENEW, publish

EXAMPLE = Path(__file__).parents[2] / "examples" / "dashboard.ipynb"
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
STEPS = ("Photos", "Labels", "Train", "Results", "Try", "Keep")
# Where tests run in the background of a shell, Ctrl-C is switched off for them.
COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from jupyter_imgcls.cli import main
main()
"""
# What is smaller than a finger, of what can be pressed. Boxes and dots are pressed by their words.
SMALL = """() => [...document.querySelectorAll(
    '.imgcls-dashboard :is(button, select, summary, .up-area)')].filter(element => {
    const {width, height} = element.getBoundingClientRect();
    return width && (width < 40 || height < 40);
}).map(element => element.outerHTML.slice(0, 200))"""


class Dashboard:
    """A process of ``imgcls dashboard`` that can be killed and started again."""

    def __init__(self, folder: Path, *options: str, share: bool = True) -> None:
        self.folder = folder
        self.options = [*(["--share"] if share else []), *options]
        self.photos = folder / "dishes"
        tableware(24, root=self.photos, progress=False)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.start()

    def start(self) -> None:
        command = [
            *(sys.executable, "-c", COMMAND, "dashboard"),
            *(str(self.photos), "--no-browser", "--port", str(self.port)),
            *("--storage", str(self.folder / "storage")),
            *self.options,
        ]
        environment = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"} | {
            "HOME": str(self.folder),
            "JUPYTER_CONFIG_DIR": str(self.folder / "config"),
            "JUPYTER_RUNTIME_DIR": str(self.folder / "runtime"),
            "IPYTHONDIR": str(self.folder / "ipython"),
        }
        with (self.folder / "server.log").open("w") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 180
        while not (found := re.search(r"at (http://\S+)", self.log)):
            assert self.process.poll() is None and time.monotonic() < deadline, self.log
            time.sleep(0.1)
        self.url = found[1]

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    dashboard = Dashboard(tmp_path_factory.mktemp("dashboard"))
    yield dashboard
    with contextlib.suppress(subprocess.TimeoutExpired):
        dashboard.end()
    dashboard.kill()


class Visitor:
    """One browser of its own, which fails the test for errors and requests elsewhere."""

    def __init__(self, browser: Browser, size: ViewportSize = DESKTOP, scheme: str = "light"):
        dark = scheme == "dark"
        self.context: BrowserContext = browser.new_context(
            viewport=size, color_scheme="dark" if dark else "light", has_touch=size is PHONE
        )
        self.name = f"{'dark' if dark else 'light'}-{size['width']}"
        self.small = size is PHONE
        self.problems: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.problems.append(str(error.stack)))
        self.page.on("console", self._see)
        self.page.on("request", lambda request: self._ask(request.url))
        self.page.on("response", self._answered)
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._hear))
        # What no message of the server may say, and who says it.
        self.secrets: list[str] = []

    def _see(self, message) -> None:
        if message.type == "error":
            self.problems.append(message.text)

    def _hear(self, frame: str | bytes) -> None:
        words = frame if isinstance(frame, str) else frame.decode(errors="replace")
        for secret in self.secrets:
            if (at := words.find(secret)) >= 0:
                self.problems.append(f"told: {words[max(at - 100, 0) : at + 200]}")

    def _answered(self, response) -> None:
        if response.status >= 400:
            self.problems.append(f"{response.status}: {response.url}")

    def _ask(self, url: str) -> None:
        if not re.match(r"http://127\.0\.0\.1:|blob:|data:", url):
            self.problems.append(f"asked outside: {url}")

    def open(self, url: str) -> None:
        self.page.goto(url, timeout=120_000)
        self.page.get_by_role("heading", name="Which photos?").wait_for(timeout=60_000)

    @property
    def number(self) -> str:
        """What the browser says who it is."""
        return str(self.page.evaluate("localStorage['imgcls-visitor']"))

    def step(self, name: str) -> None:
        if self.small:
            self.page.get_by_role("button", name=re.compile("^Step . of 6")).click()
        self.page.locator(f".ds-step[data-step='{STEPS.index(name)}']").click()
        expect(self.page.locator(".ds-step[aria-current]")).to_contain_text(name)

    def says(self, words: str | re.Pattern[str], seconds: float = 60) -> None:
        self.page.get_by_text(words).first.wait_for(timeout=1000 * seconds)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def keep_picture(self, name: str) -> Path:
        ARTEFACTS.mkdir(exist_ok=True)
        picture = ARTEFACTS / f"dashboard-{name}-{self.name}.png"
        self.page.screenshot(path=picture)
        assert_accessible(self.page.locator("body"))
        return picture

    def close(self) -> None:
        self.page.goto("about:blank")  # as a person leaves it: that ends the kernel at once
        self.context.close()
        assert not self.problems, "\n".join(self.problems)


def test_the_example_is_the_notebook_that_is_served_and_has_one_cell():
    assert EXAMPLE.read_bytes() == NOTEBOOK.read_bytes()
    (cell,) = nbformat.read(EXAMPLE, as_version=4).cells
    assert cell.source == "from jupyter_imgcls.dashboard import Dashboard\n\nDashboard()"


def test_who_has_not_the_address_with_its_token_does_not_get_in(dashboard):
    base = dashboard.url.partition("/?")[0]
    for path in ("/", "/voila/files/server.py", "/api/kernels"):
        answer = httpx.get(base + path, trust_env=False)
        assert "imgcls" not in answer.text
        assert answer.status_code in (302, 403, 404)
    token = dashboard.folder / "storage" / "token.json"
    assert token.stat().st_mode & 0o077 == 0
    assert json.loads(token.read_text()) in dashboard.url


ODD = [
    "/logout",
    "/voila/templates/..%2f..%2fetc%2fpasswd",
    "/voila/templates/imgcls",
    "/voila/templates/imgcls/static",
    "/voila/templates/%00/static/x",
    "/voila/templates/a/../b",
    "/voila/static/..%2f..%2fx",
    "/voila/labextensions/..%2f..%2fx",
    "/voila/api/themes/..%2fx",
    "/voila/files/..%2f..%2fetc%2fpasswd",
    "/voila/api/shutdown/none",
    "/voila/query/x",
    "/api/kernels/00000000-0000-0000-0000-000000000000",
    "/api/kernels/00000000-0000-0000-0000-000000000000/channels",
    "/dashboard.ipynb",
    "/%ff%00",
    "/login?next=//other.example",
]


@pytest.mark.parametrize("inside", [False, True])
def test_no_address_makes_an_error_of_the_server(dashboard, inside):
    base, _, token = dashboard.url.partition("/?token=")
    headers = {"Authorization": f"token {token}"} if inside else {}
    with httpx.Client(trust_env=False, headers=headers) as client:
        for path in ODD:
            answer = client.get(base + path)
            assert answer.status_code < 500, (path, answer.text)
            assert "Traceback" not in answer.text
            assert "other.example" not in answer.headers.get("location", "")
            posted = client.post(base + path)
            assert posted.status_code < 500, (path, posted.text)
    assert "Traceback" not in dashboard.log


# What somebody can do who is let in and knows how Jupyter talks.
SOCKET = """(protocols) => {
    const kernel = JSON.parse(document.getElementById("jupyter-config-data").textContent).kernelId;
    const scheme = location.protocol.replace("http", "ws");
    const address = `${scheme}//${location.host}/api/kernels/${kernel}/channels`;
    const socket = new WebSocket(address, protocols);
    socket.binaryType = "arraybuffer";
    return socket;
}"""
ATTACK = """(code) => new Promise((done) => {
    const socket = (SOCKET)(["v1.kernel.websocket.jupyter.org"]);
    const got = [];
    const send = (type, content, channel) => {
        const header = {msg_id: Math.random().toString(36), username: "x", session: "x",
                        msg_type: type, version: "5.3", date: new Date().toISOString()};
        const parts = [channel, ...[header, {}, {}, content].map((part) => JSON.stringify(part))]
            .map((part) => new TextEncoder().encode(part));
        const offsets = [8 * (parts.length + 2)];
        for (const part of parts) offsets.push(offsets.at(-1) + part.length);
        const head = new BigUint64Array([offsets.length, ...offsets].map(BigInt));
        socket.send(new Blob([head, ...parts]));
    };
    socket.onmessage = ({data}) => {
        got.push(/"msg_type": ?"(\\w+)"/.exec(new TextDecoder().decode(data))[1]);
        if (got.includes("comm_info_reply")) setTimeout(() => done(got), 2000);
    };
    socket.onopen = () => {
        const execute = {code, silent: false, store_history: true, user_expressions: {x: code},
                         allow_stdin: false, stop_on_error: true};
        for (const channel of ["shell", "control", "stdin", "iopub"]) {
            send("execute_request", execute, channel);
            send("inspect_request", {code, cursor_pos: 1, detail_level: 1}, channel);
            send("complete_request", {code, cursor_pos: 1}, channel);
            send("debug_request", {type: "request", command: "evaluate", seq: 1,
                                   arguments: {expression: code}}, channel);
            send("create_subshell_request", {}, channel);
            send("shutdown_request", {restart: false}, channel);
        }
        send("comm_info_request", {}, "shell");
    };
})""".replace("SOCKET", SOCKET)
CLOSED = """([protocols, sent]) => new Promise((done) => {
    const socket = (SOCKET)(protocols);
    socket.onopen = () => socket.send(new Uint8Array(sent));
    socket.onclose = ({code}) => done(code);
})""".replace("SOCKET", SOCKET)


def test_a_visitor_cannot_run_code(dashboard, browser, tmp_path):
    me = Visitor(browser)
    me.open(dashboard.url)
    me.says("dishes: 24 photos, 4 classes")
    got = me.page.evaluate(ATTACK, f"open({str(tmp_path / 'made')!r}, 'w')")
    assert "comm_info_reply" in got  # what the widgets need is answered
    assert not {kind for kind in got if kind.endswith("_reply")} - {"comm_info_reply"}
    assert not (tmp_path / "made").exists()
    me.step("Labels")
    me.page.get_by_role("gridcell").first.wait_for()
    me.close()


def test_a_visitor_cannot_keep_the_server_busy(dashboard, browser):
    me = Visitor(browser)
    me.open(dashboard.url)
    me.says("dishes: 24 photos, 4 classes")
    # An old protocol, of which voila would misread what the kernel sends; and parts without number.
    assert me.page.evaluate(CLOSED, [[], []]) == 1006
    assert me.page.evaluate(CLOSED, [["v1.kernel.websocket.jupyter.org"], [255] * 100]) == 1007
    me.step("Labels")
    me.page.get_by_role("gridcell").first.wait_for()
    me.page.locator("[data-painted=true]").first.wait_for()
    me.problems.clear()  # that it was refused
    me.close()


def kernels(dashboard: Dashboard) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(dashboard.process.pid).children():
        with contextlib.suppress(psutil.Error):  # ended at this moment
            if "ipykernel_launcher" in str(child.cmdline()):
                found.append(child)
    return found


def until(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_the_kernel_of_a_page_ends_with_it(dashboard, browser):
    until(lambda: not kernels(dashboard), 150)  # those of pages that were cut off
    me = Visitor(browser)
    for _ in range(3):  # loaded again, each time with a kernel of its own
        me.open(dashboard.url)
        me.says("dishes: 24 photos, 4 classes")
        assert "token" not in me.page.url
        until(lambda: len(kernels(dashboard)) == 1, 30)
    (kernel,) = kernels(dashboard)
    me.page.reload()
    me.says("dishes: 24 photos, 4 classes")
    until(lambda: len(kernels(dashboard)) == 1, 30)
    assert kernels(dashboard) != [kernel]
    me.page.goto("about:blank")
    until(lambda: not kernels(dashboard), 30)
    me.close()


def test_there_are_no_more_kernels_than_places(browser, tmp_path):
    small = Dashboard(tmp_path, "--visitors", "2")
    first, second, third = (
        Visitor(browser),
        Visitor(browser, PHONE),
        Visitor(browser, PHONE, "dark"),
    )
    try:
        for visitor in (first, second):
            visitor.open(small.url)
            visitor.says("dishes: 24 photos, 4 classes")
        for _ in range(3):
            assert httpx.get(small.url, trust_env=False).status_code == 503
        third.page.goto(small.url)
        third.says("All places are taken")
        third.keep_picture("full")
        assert len(kernels(small)) == 2

        second.page.goto("about:blank")
        until(lambda: len(kernels(small)) == 1, 30)
        third.open(small.url)
        third.says("dishes: 24 photos, 4 classes")
        assert all("503" in problem for problem in third.problems)  # each time it asked
        third.problems.clear()
        assert "Traceback" not in small.log
        for visitor in (first, second, third):
            visitor.close()
    finally:
        small.end()


def test_the_whole_way_from_photos_to_a_service(dashboard, browser, tmp_path):
    me = Visitor(browser)
    me.secrets = [str(dashboard.folder)]
    page = me.page
    me.open(dashboard.url)
    me.says("dishes: 24 photos, 4 classes")
    me.secrets.append(me.number)

    me.step("Labels")
    page.get_by_role("gridcell").first.click()
    me.says("dishes/bowl/bowl_000.jpg")
    page.keyboard.press("2")
    me.says("bowl_000.jpg: cup")
    page.keyboard.press("Control+z")
    me.says("Undone: 1 photo")
    assert not page.get_by_role("button", name="Write the labels…").count()
    with page.expect_download() as download:
        me.press("Photos in class folders")
    assert download.value.suggested_filename == "dishes-sorted.zip"
    download.value.save_as(tmp_path / "sorted.zip")
    with zipfile.ZipFile(tmp_path / "sorted.zip") as archive:
        assert archive.testzip() is None
        assert "dishes/bowl/bowl_000.jpg" in archive.namelist()

    me.step("Train")
    me.press("Train")
    me.says("Done. The next step shows the results.", 120)
    me.press("Next: Results")
    me.says("that it had never seen")
    page.locator("[data-painted=true]").first.wait_for()
    assert not [secret for secret in me.secrets if secret in page.content()]
    picture = me.keep_picture("results")
    if RENEW:
        publish(picture, "dashboard")
    me.press("Confidence threshold")
    me.says(re.compile("Threshold ..?%"))

    me.press("Next: Try")
    photo = next(dashboard.photos.rglob("plate_*.jpg"))
    page.locator(".up-input").set_input_files(photo)
    me.says(re.compile("% sure|Not sure"))
    me.keep_picture("try")
    me.press("Next: Keep")

    with page.expect_download() as download:
        me.press("Download the model")
    assert download.value.suggested_filename == "dishes.model"
    download.value.save_as(tmp_path / "dishes.model")
    classifier = load_classifier(tmp_path / "dishes.model")
    assert sorted(label.name for label in classifier.labels) == ["bowl", "cup", "cutlery", "plate"]
    with page.expect_download() as download:
        me.press("Download the report")
    assert download.value.suggested_filename == "dishes-report.html"

    me.press("Start the service")
    url = page.locator("td code").nth(0).inner_text(timeout=60_000)
    key = page.locator("td code").nth(1).inner_text()
    me.keep_picture("keep")
    processes = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert me.number not in str(processes)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "image/jpeg"}
    answer = httpx.post(url, content=photo.read_bytes(), headers=headers, trust_env=False)
    assert answer.json()["label"] == classifier.predict([photo])[0]
    me.press("Stop and delete the service")
    page.get_by_role("button", name="Start the service").wait_for()
    with pytest.raises(httpx.TransportError):
        httpx.post(url, content=b"", headers=headers, trust_env=False)
    me.close()


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_a_reload_during_a_training_shows_it_and_its_model(dashboard, browser, scheme):
    me = Visitor(browser, scheme=scheme)
    page = me.page
    me.open(dashboard.url)
    me.says("dishes: 24 photos, 4 classes")
    me.step("Train")
    page.get_by_text("Thorough: takes minutes").click()
    rounds = page.locator(".widget-hslider", has_text="Rounds").locator(".widget-readout")
    rounds.fill("50")
    rounds.press("Enter")
    me.press("Train")
    me.says("Epoch", 120)

    me.open(dashboard.url)
    me.says("dishes: 24 photos, 4 classes")
    expect(page.locator(".ds-step[data-step='2']")).to_contain_text("Training …")
    me.step("Train")
    me.says(re.compile(r"before a reload: Round ([2-9]|\d\d) of 50"))  # so there is one to keep
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_disabled()
    me.keep_picture("reloaded")
    me.press("Stop")
    expect(page.locator(".ds-step[data-step='2']")).to_contain_text("thorough", timeout=60_000)
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_enabled()
    me.step("Results")
    me.says("that it had never seen")
    me.close()


def test_each_browser_has_its_own_labels_and_they_outlive_the_server(dashboard, browser):
    me, other = Visitor(browser), Visitor(browser, PHONE, "dark")
    me.open(dashboard.url)
    me.step("Labels")
    me.page.get_by_role("gridcell").first.click()
    me.page.keyboard.press("4")
    me.says("bowl_000.jpg: plate")

    other.open(dashboard.url)
    other.says("dishes: 24 photos, 4 classes")
    assert other.page.locator(".ds-counts").inner_text().split()[:2] == ["bowl", "4"]

    me.open(dashboard.url)
    me.says("dishes: 24 photos, 4 classes")
    assert me.page.locator(".ds-counts").inner_text().split()[:2] == ["bowl", "3"]

    address = dashboard.url
    dashboard.kill()
    for visitor in (me, other):
        visitor.page.goto("about:blank")
        visitor.problems.clear()  # a page complains of a server that is gone, as it should
    dashboard.start()
    assert dashboard.url == address
    me.open(dashboard.url)
    me.says("dishes: 24 photos, 4 classes")
    assert me.page.locator(".ds-counts").inner_text().split()[:2] == ["bowl", "3"]
    me.close()

    # On a phone: nothing to scroll sideways, nothing smaller than a finger, dark as the browser.
    other.open(dashboard.url)
    heads = {
        "Photos": "Which photos?",
        "Labels": "Are the labels",
        "Train": "Train on the labelled photos",
    }
    for name, head in heads.items():
        other.step(name)
        other.says(head)
        if name == "Labels":
            other.page.get_by_role("gridcell").first.wait_for()
        other.keep_picture(name.lower())
        assert other.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        assert other.page.evaluate(SMALL) == []
    ground = "getComputedStyle(document.body).backgroundColor"
    red, green, blue = map(int, re.findall(r"\d+", other.page.evaluate(ground))[:3])
    assert max(red, green, blue) < 80
    other.close()


def test_the_page_of_one_person_has_the_labels_of_the_notebooks(browser, tmp_path):
    own = Dashboard(tmp_path, share=False)
    assert "yours, as in your notebooks" in own.log
    storage = tmp_path / "storage"
    context = Context(StorageContext(storage / "outputs", storage, storage / "temp"))
    dataset = ClassificationDataset.create_from_dir("mine", own.photos)
    first, second = Visitor(browser), Visitor(browser, PHONE, "dark")
    try:
        with Journal.open(dataset, context) as journal:
            journal.edit(dataset.images[:1], "plate")
            first.open(own.url)
            first.says("dishes: 24 photos, 4 classes")
            assert first.page.locator(".ds-counts").inner_text().split()[:2] == ["bowl", "3"]
            first.step("Labels")
            first.page.get_by_role("gridcell").first.click()
            first.page.keyboard.press("2")
            first.says("bowl_000.jpg: cup")
            journal.refresh()
            assert dataset.count_labels()["cup"] == 8
        # Another browser of the same person.
        second.open(own.url)
        second.says("dishes: 24 photos, 4 classes")
        assert second.page.locator(".ds-counts").inner_text().split()[2:4] == ["cup", "8"]
        assert not (storage / "people").exists()
        # The address of the shared page is another one.
        assert (storage / "dashboard" / "own-token.json").stat().st_mode & 0o077 == 0
        first.close()
        second.close()
    finally:
        own.kill()


@pytest.mark.parametrize(
    ("scheme", "size"), [("light", DESKTOP), pytest.param("dark", PHONE, marks=pytest.mark.long)]
)
def test_a_lost_server_is_told_on_every_step(dashboard, browser, scheme, size):
    me = Visitor(browser, size, scheme)
    me.open(dashboard.url)
    me.says("dishes: 24 photos, 4 classes")
    me.step("Labels")
    me.page.get_by_role("gridcell").first.wait_for()
    lost = me.page.get_by_role("alert").filter(has_text="The connection to the server is lost.")
    assert lost.count() == 0
    dashboard.kill()
    lost.wait_for(timeout=30_000)
    assert me.page.locator("body").evaluate("() => !/the cell/.test(document.body.innerText)")
    me.keep_picture("lost")
    me.problems.clear()  # that nothing answers is in the browser's console, too
    dashboard.start()
    me.page.get_by_role("button", name="Load the page again").click()
    me.says("dishes: 24 photos, 4 classes")
    assert lost.count() == 0
    me.problems.clear()
    me.close()


def test_a_killed_kernel_is_told(dashboard, browser):
    me = Visitor(browser)
    me.open(dashboard.url)
    me.says("dishes: 24 photos, 4 classes")
    for kernel in kernels(dashboard):
        kernel.kill()
    ended = me.page.get_by_role("alert").filter(has_text="on the server has ended")
    ended.wait_for(timeout=60_000)
    me.keep_picture("ended")
    me.problems.clear()
    me.close()


def test_ctrl_c_ends_it_and_its_kernels(dashboard, browser):
    me = Visitor(browser)
    me.open(dashboard.url)
    asked = httpx.get(
        dashboard.url.replace("/?", "/api/kernels?"), trust_env=False, follow_redirects=True
    )
    assert asked.status_code in (403, 404)  # it tells nobody what runs
    me.page.goto("about:blank")
    me.close()
    assert dashboard.end() == 0, dashboard.log
    assert "Traceback" not in dashboard.log
    with pytest.raises(httpx.TransportError):
        httpx.get(dashboard.url, trust_env=False)
    dashboard.start()
