"""Collecting photos from the web, from a real server on this machine."""

from __future__ import annotations

import email.utils
import io
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.data import fetch as web
from jupyter_imgcls.data.collect import Collected, collect
from jupyter_imgcls.data.search import HttpSearchProvider, SearchProvider
from jupyter_imgcls.errors import CollectError, StorageError

KEY = "very-secret"


def picture(seed: int = 0, kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (20, 30, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


class Site:
    """A web site: `pages` maps a path to what answers it; `seen` lists the requests."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.pages: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.seen]

    def add(self, path: str, body: bytes = b"", status: int = 200, **headers: str) -> str:
        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(status)
            for name, value in headers.items():
                request.send_header(name.replace("_", "-"), value)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)

        self.pages[path] = answer
        return self.url + path

    def add_redirect(self, path: str, target: str) -> str:
        return self.add(path, status=302, Location=target)


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.seen.append((self.path, dict(self.headers)))
            site.pages.get(self.path, Handler.missing)(self)

        def missing(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "BACKOFF_SECONDS", 0.01)


def collect_one(url: str, folder: Path, **options: object) -> Collected:
    return collect({"cup": [url]}, folder, progress=False, **options)  # type: ignore[arg-type]


def reason(collected: Collected) -> str:
    assert collected.files["cup"] == []
    assert len(collected.failures) == 1
    return collected.failures[0].reason


# -- files ------------------------------------------------------------------------------------


def test_photos_go_to_class_folders_named_by_their_content(site: Site, tmp_path: Path) -> None:
    requests = {
        "cup": [site.add("/a", picture(1)), site.add("/b.png", picture(2, "JPEG"))],
        "plate": [site.add("/c", picture(1))],
    }
    collected = collect(requests, tmp_path, progress=False)
    assert collected.failures == []
    first, second = collected.files["cup"]
    assert first.parent == second.parent == tmp_path / "cup"
    assert (first.suffix, second.suffix) == (".png", ".jpg")  # by content, not by the URL
    assert len(first.stem) == 16
    assert first.read_bytes() == picture(1)
    assert collected.files["plate"] == [tmp_path / "plate" / first.name]
    assert collected.sources[second] == site.url + "/b.png"


def test_a_photo_found_at_two_urls_is_listed_once(site: Site, tmp_path: Path) -> None:
    urls = [site.add("/a", picture()), site.add("/b", picture()), site.url + "/a"]
    collected = collect({"cup": urls}, tmp_path, progress=False)
    assert len(collected.files["cup"]) == 1
    assert sorted(site.paths) == ["/a", "/b"]


def test_a_second_run_fetches_nothing_again(site: Site, tmp_path: Path) -> None:
    urls = [site.add(f"/{n}", picture(n)) for n in range(5)]
    first = collect({"cup": urls}, tmp_path, progress=False)
    assert len(site.seen) == 5
    second = collect({"cup": urls}, tmp_path, progress=False)
    assert len(site.seen) == 5
    assert second == first


def test_a_deleted_file_is_fetched_again(site: Site, tmp_path: Path) -> None:
    url = site.add("/a", picture())
    collect_one(url, tmp_path).files["cup"][0].unlink()
    assert collect_one(url, tmp_path).files["cup"][0].exists()
    assert site.paths == ["/a", "/a"]


def test_an_index_that_was_cut_off_is_read_as_far_as_it_goes(site: Site, tmp_path: Path) -> None:
    urls = [site.add(f"/{n}", picture(n)) for n in range(2)]
    collect({"cup": urls}, tmp_path, workers=1, progress=False)
    index = tmp_path / "sources.jsonl"
    index.write_bytes(index.read_bytes()[:-9])
    for _ in range(2):
        assert len(collect({"cup": urls}, tmp_path, progress=False).files["cup"]) == 2
    assert site.paths == ["/0", "/1", "/1"]


@pytest.mark.parametrize(
    "label", ["../../escape", "/etc", "a:b*?", ".hidden", "Tässchen", "", ".."]
)
def test_any_class_name_stays_inside_the_folder(site: Site, tmp_path: Path, label: str) -> None:
    url = site.add("/a", picture())
    folder = tmp_path / "collected"
    (file,) = collect({label: [url]}, folder, progress=False).files[label]
    assert file.resolve().parent.parent == folder.resolve()
    assert collect({label: [url]}, folder, progress=False).files[label] == [file]


def test_a_folder_that_cannot_be_written(site: Site, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file in the way")
    with pytest.raises(StorageError, match="Cannot write .*taken"):
        collect_one(site.add("/a", picture()), tmp_path / "taken")


def test_a_dataset_from_json_with_urls(site: Site, tmp_path: Path) -> None:
    url, missing = site.add("/a", picture()), site.url + "/missing"
    (tmp_path / "images.json").write_text(f'{{"cup": ["{url}", "{missing}", "plastic cup"]}}')
    dataset = ClassificationDataset.create_from_json("web", tmp_path / "images.json")
    assert dataset.count_labels() == {"cup": 1}
    reasons = {problem.path: problem.reason for problem in dataset.problems}
    assert "404" in reasons[missing]
    assert "no search provider" in reasons["plastic cup"]


# -- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>not found</html>", "not an image"),
        (b"", "empty"),
        (picture()[:200], "cut off"),
    ],
)
def test_what_is_no_photo(site: Site, tmp_path: Path, body: bytes, said: str) -> None:
    assert said in reason(collect_one(site.add("/a", body), tmp_path))
    assert list(tmp_path.rglob("*")) == []


def test_a_file_that_is_too_large(site: Site, tmp_path: Path) -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while True:
                request.wfile.write(bytes(10_000))
        except OSError:
            site.seen.append(("hung up", {}))

    announced = site.add("/announced", bytes(50_001))
    assert "larger than 50,000 bytes" in reason(collect_one(announced, tmp_path, max_bytes=50_000))
    site.pages["/endless"] = endless
    url = site.url + "/endless"
    assert "larger than 50,000 bytes" in reason(collect_one(url, tmp_path, max_bytes=50_000))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://127.0.0.1/a.jpg", "only http:// and https://"),
        ("file:///etc/passwd", "only http:// and https://"),
        ("http://", "has no host"),
        ("http://[::1/a", "not a valid URL"),
        ("http://no-such-host.invalid/a.jpg", "host name no-such-host.invalid is not known"),
        ("http://127.0.0.1:9/a.jpg", "cannot connect to 127.0.0.1"),
    ],
)
def test_urls_that_lead_nowhere(tmp_path: Path, url: str, said: str) -> None:
    assert said in reason(collect_one(url, tmp_path))


def test_a_slow_server_is_given_up(site: Site, tmp_path: Path) -> None:
    def trickle(request: BaseHTTPRequestHandler) -> None:
        try:
            for _ in range(100):  # headers that never end: no single read takes long
                request.wfile.write(b"HTTP/1.1 200 OK\r\n" if _ == 0 else b"X: 1\r\n")
                time.sleep(0.05)
        except OSError:
            site.seen.append(("hung up", {}))

    site.pages["/slow"] = trickle
    url = site.url + "/slow"
    assert "not complete after 0.2 s" in reason(collect_one(url, tmp_path, timeout=0.2, retries=1))
    assert site.paths.count("/slow") == 2


# -- trying again -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(site: Site, tmp_path: Path, status: int) -> None:
    url = site.add("/a", picture())
    ready = site.pages["/a"]

    def busy_twice(request: BaseHTTPRequestHandler) -> None:
        request.send_error(status) if len(site.seen) < 3 else ready(request)

    site.pages["/a"] = busy_twice
    assert len(collect_one(url, tmp_path).files["cup"]) == 1
    assert len(site.seen) == 3


def test_a_server_that_stays_busy_is_given_up(site: Site, tmp_path: Path) -> None:
    url = site.add("/a", status=503)
    assert reason(collect_one(url, tmp_path)) == "the server answered 503 Service Unavailable"
    assert len(site.seen) == 3


def test_a_broken_connection_is_tried_again(site: Site, tmp_path: Path) -> None:
    def cut(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b"only this")

    site.pages["/a"] = cut
    assert "no complete answer" in reason(collect_one(site.url + "/a", tmp_path))
    assert len(site.seen) == 3


def test_a_missing_file_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    assert "404 Not Found" in reason(collect_one(site.url + "/a", tmp_path))
    assert len(site.seen) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("soon", None), ("", None), ("1e9", None)],
)
def test_how_long_a_server_asks_to_wait(header: str, seconds: float | None) -> None:
    assert web.retry_after(header) == seconds


def test_a_server_may_name_a_time_to_come_back() -> None:
    assert web.retry_after(email.utils.formatdate(time.time() + 20)) == pytest.approx(20, abs=3)


def test_a_wait_is_never_long(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "LONGEST_WAIT_SECONDS", 0.01)
    url = site.add("/a", status=429, Retry_After="100000")
    assert "429" in reason(collect_one(url, tmp_path, timeout=5))


# -- where redirects may lead -------------------------------------------------------------------


def test_a_redirect_to_a_private_address_is_not_followed(site: Site, tmp_path: Path) -> None:
    for host in ("127.0.0.1", "localhost", "[::1]", "2130706433"):
        url = site.add_redirect("/a", f"http://{host}:{site.port}/secret")
        assert "private address" in reason(collect_one(url, tmp_path))
    assert "/secret" not in site.paths


def test_a_redirect_to_a_private_address_can_be_allowed(site: Site, tmp_path: Path) -> None:
    site.add("/photos/b", picture())
    site.add_redirect("/photos/middle", "b")  # relative
    url = site.add_redirect("/a", f"http://localhost:{site.port}/photos/middle")
    collected = collect_one(url, tmp_path, allow_private_addresses=True)
    assert len(collected.files["cup"]) == 1
    assert site.paths == ["/a", "/photos/middle", "/photos/b"]
    # The connection goes to a checked address; the server still learns which name was asked for.
    assert site.seen[1][1]["Host"] == f"localhost:{site.port}"


def test_redirects_end(site: Site, tmp_path: Path) -> None:
    url = site.add_redirect("/a", "/a")
    said = reason(collect_one(url, tmp_path, allow_private_addresses=True))
    assert said == "more than 5 redirects"
    assert len(site.seen) == 6


@pytest.mark.parametrize("target", ["ftp://example.org/a", "file:///etc/passwd", "http://a:b"])
def test_a_redirect_to_something_else(site: Site, tmp_path: Path, target: str) -> None:
    said = reason(collect_one(site.add_redirect("/a", target), tmp_path))
    assert "only http://" in said or "Invalid URL in location" in said


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%2", "fc00::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1",
    ],
)  # fmt: skip
def test_private_addresses(address: str) -> None:
    assert not web.is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses(address: str) -> None:
    assert web.is_public(address)


# -- secrets ----------------------------------------------------------------------------------


def test_user_name_and_password_are_sent_and_never_shown(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    good, bad = site.add("/a", picture()), site.url + "/missing"
    secret = [url.replace("//", f"//me:{KEY}@") for url in (good, bad)]
    collected = collect({"cup": secret}, tmp_path, progress=False)
    assert all(headers["Authorization"].startswith("Basic ") for _, headers in site.seen)
    assert collected.failures[0].source == bad
    shown = repr(collected) + caplog.text + (tmp_path / "sources.jsonl").read_text()
    assert KEY not in shown
    assert good in shown


def test_a_password_is_not_sent_on_to_another_server(site: Site, tmp_path: Path) -> None:
    site.add("/b", picture())
    start = site.add_redirect("/a", f"http://localhost:{site.port}/b").replace("//", f"//me:{KEY}@")
    collect_one(start, tmp_path, allow_private_addresses=True)
    assert site.paths == ["/a", "/b"]
    assert "Authorization" in site.seen[0][1]
    assert "Authorization" not in site.seen[1][1]


# -- text queries -----------------------------------------------------------------------------


def test_a_text_query_brings_what_the_search_finds(site: Site, tmp_path: Path) -> None:
    photos = [site.add(f"/{n}", picture(n)) for n in range(3)]
    answer = {"value": [{"other": 1}, *({"contentUrl": url} for url in photos)]}
    site.add("/search?q=plastic+cup&count=2", json.dumps(answer).encode())
    provider = HttpSearchProvider(site.url + "/search", key=KEY)
    assert isinstance(provider, SearchProvider)
    for _ in range(2):  # the second time from what is there
        collected = collect_one(
            "plastic cup", tmp_path, provider=provider, images_per_query=2,
            allow_private_addresses=True,
        )  # fmt: skip
        assert collected.failures == []
        assert list(collected.sources.values()) == photos[:2]
    assert len(site.seen) == 3
    assert site.seen[0][1]["Ocp-Apim-Subscription-Key"] == KEY
    assert KEY not in (tmp_path / "sources.jsonl").read_text()


def test_search_results_may_not_lead_to_private_addresses(site: Site, tmp_path: Path) -> None:
    site.add("/search?q=cup&count=50", f'[["{site.add("/a", picture())}"]]'.encode())

    class Found:
        name = "found"

        def search(self, query: str, count: int) -> list[str]:
            return [site.url + "/a"]

    assert "private address" in reason(collect_one("cup", tmp_path, provider=Found()))
    assert site.seen == []


def test_another_service(site: Site) -> None:
    site.add("/s?lang=en&q=cup&count=9", b'{"results": [{"properties": {"url": "http://a/b"}}]}')
    provider = HttpSearchProvider(
        site.url + "/s?lang=en", KEY, key_header="X-Token", results="results.properties.url"
    )
    assert provider.search("cup", 9) == ["http://a/b"]
    assert site.seen[0][1]["X-Token"] == KEY


def test_without_a_provider_urls_still_load(site: Site, tmp_path: Path) -> None:
    requests = {"cup": ["plastic cup", site.add("/a", picture())]}
    collected = collect(requests, tmp_path, progress=False)
    assert len(collected.files["cup"]) == 1
    assert "pass provider=HttpSearchProvider(endpoint=" in collected.failures[0].reason
    assert str(collected.failures[0]).startswith("plastic cup: no search provider")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 401, "rejected the key"),
        (b"", 403, "rejected the key"),
        (b"", 500, "answered with status 500"),
        (b"<html>", 200, "did not return JSON"),
        (b'{"value": []}', 200, "found no images"),
        (b'{"error": "very-secret is wrong"}', 200, "found no images"),
    ],
)
def test_a_search_that_fails(
    site: Site, tmp_path: Path, body: bytes, status: int, said: str
) -> None:
    site.add("/search?q=cup&count=50", body, status)
    provider = HttpSearchProvider(site.url + "/search", KEY, name="Example search")
    assert reason(collect_one("cup", tmp_path, provider=provider)).startswith("Example search")
    collected = collect_one("cup", tmp_path, provider=provider)
    assert said in reason(collected)
    assert KEY not in repr(collected) + repr(provider)
    assert len(site.seen) == 2  # what failed is tried again in the next run


def test_a_search_that_cannot_be_reached(tmp_path: Path) -> None:
    provider = HttpSearchProvider("http://127.0.0.1:9/search", KEY)
    assert "did not answer" in reason(collect_one("cup", tmp_path, provider=provider))


@pytest.mark.parametrize(
    ("endpoint", "key"),
    [("images.example", "k"), ("http://a:b", "k"), ("http://a/", ""), ("http://a/", "k\n")],
)
def test_a_provider_that_cannot_work(endpoint: str, key: str) -> None:
    with pytest.raises(CollectError, match="endpoint|key"):
        HttpSearchProvider(endpoint, key)
