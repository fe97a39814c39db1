"""The client of a service: what it sends, and what it makes of answers."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.errors import DownloadError, ServiceError, UnreadableImageError
from jupyter_imgcls.serving.addresses import is_loopback
from jupyter_imgcls.serving.client import describe_service, score
from tests.conftest import save_photo

from ..file_server import file_server


@dataclass
class Service:
    """A service that scores every photo 0.5, after the answers that a test wants of it."""

    url: str
    answers: list = field(default_factory=list)  # (status, headers, body), or None: hang up
    requests: list = field(default_factory=list)  # (headers, body)

    def photos(self):
        """What it was sent, decoded."""
        return [
            Image.open(io.BytesIO(base64.b64decode(entry["image_in_base64"], validate=True)))
            for _, body in self.requests
            for entry in body
        ]


@pytest.fixture
def service():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.requests.append((self.headers, body))
            scores = json.dumps(["[0.5]"] * len(body))
            answer = found.answers.pop(0) if found.answers else (200, {}, scores)
            if answer is None:
                return self.connection.close()
            return self.reply(*answer)

        def do_GET(self):
            found.requests.append((self.headers, self.path))
            self.reply(200, {}, '{"labels": ["cup"]}')

        def reply(self, status, headers, text):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args):
            pass

        def finish(self):
            with contextlib.suppress(ValueError, OSError):  # hung up
                super().finish()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    found = Service(f"http://127.0.0.1:{server.server_port}/api/v1/service/cups/score")
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def photo(tmp_path):
    return save_photo(tmp_path / "photo.png", size=(32, 24))


# -- what is sent -------------------------------------------------------------------------------


def test_a_file_is_sent_as_it_is_with_the_parameters_and_the_key(service, photo):
    answer = score(photo, service.url, "secret", parameters={"addSoftmax": True})

    assert answer == '["[0.5]"]'
    ((headers, body),) = service.requests
    assert headers["Authorization"] == "Bearer secret"
    assert body[0]["parameters"] == {"addSoftmax": True}
    assert base64.b64decode(body[0]["image_in_base64"]) == photo.read_bytes()


def test_no_key_sends_no_header(service, photo):
    score(photo, service.url)
    assert "Authorization" not in service.requests[0][0]


def test_contents_arrays_images_and_datasets_are_photos_too(service, photo, class_folders):
    dataset = ClassificationDataset.create_from_dir("few", class_folders(cup=2))
    pixels = np.asarray(Image.open(photo))
    score(photo.read_bytes(), service.url)
    score(pixels, service.url)
    score(dataset.images[0], service.url)
    assert json.loads(score(dataset, service.url)) == ["[0.5]", "[0.5]"]

    contents, array, image, *both = service.photos()
    assert np.array_equal(contents, pixels)
    assert np.array_equal(array, pixels)
    assert image.size == both[1].size == (32, 24)


def test_a_photo_is_brought_to_width_and_height_upright(service, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: what is stored as 40 x 20 is seen as 20 x 40
    stored = Image.new("RGB", (40, 20))
    stored.paste((250, 250, 250), (0, 0, 20, 20))
    stored.save(tmp_path / "turned.jpg", exif=exif, quality=95)

    score(tmp_path / "turned.jpg", service.url, image_resize_dims=[10, 16])

    sent = service.photos()[0]
    assert sent.size == (10, 16)
    assert sent.format == "PNG"  # without loss
    upper, lower = np.asarray(sent)[2].mean(), np.asarray(sent)[13].mean()
    assert upper > 200
    assert lower < 50


def test_a_url_is_fetched_by_the_client(service, photo):
    with file_server() as web:
        web.files["/logo.png"] = photo.read_bytes()
        score(f"{web.url}/logo.png", service.url)
        score([f"{web.url}/logo.png", photo], service.url, image_resize_dims=(8, 8))
        with pytest.raises(DownloadError, match="404"):
            score(f"{web.url}/none.png", service.url)

    assert [sent.size for sent in service.photos()] == [(32, 24), (8, 8), (8, 8)]


def test_many_photos_are_sent_in_several_requests(service, photo):
    service.answers = [(200, {}, json.dumps([f"[{i}]" for i in range(32)]))]
    answer = json.loads(score([photo] * 40, service.url))

    assert [len(body) for _, body in service.requests] == [32, 8]
    assert answer == [f"[{i}]" for i in range(32)] + ["[0.5]"] * 8


def test_large_photos_are_sent_in_several_requests(service):
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), dtype=np.uint8)
    score([noise, noise, noise], service.url)

    assert [len(body) for _, body in service.requests] == [1, 1, 1]


def test_a_proxy_of_the_environment_is_not_asked_for_a_service_on_this_machine(
    service, photo, monkeypatch
):
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # where nothing listens
    assert score(photo, service.url) == '["[0.5]"]'


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("localhost", True), ("::1", True), ("a.b", False)],
)
def test_which_hosts_are_this_machine(host, here):
    assert is_loopback(host) is here


# -- asking again -------------------------------------------------------------------------------


def test_an_overloaded_service_is_asked_again(service, photo):
    busy = (503, {"Retry-After": "0"}, '{"error": "the queue is full"}')
    service.answers = [busy, busy]

    assert score(photo, service.url) == '["[0.5]"]'
    assert len(service.requests) == 3


def test_a_broken_connection_is_made_again(service, photo):
    service.answers = [None]

    assert score(photo, service.url) == '["[0.5]"]'
    assert len(service.requests) == 2


def test_in_the_end_it_gives_up_and_says_why(service, photo):
    service.answers = [(503, {}, '{"error": "the queue is full"}')] * 9

    with pytest.raises(ServiceError, match="does not serve: 503 .*the queue is full"):
        score(photo, service.url, retries=1)
    assert len(service.requests) == 2


def test_where_nothing_listens_the_error_says_so(photo):
    with pytest.raises(ServiceError, match=r"127.0.0.1:9/score does not serve: .*refused"):
        score(photo, "http://127.0.0.1:9/score", retries=1)


# -- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, "{}", "refuses the key: give the key of this service"),
        (404, "{}", "There is no service at http"),
        (413, '{"detail": "more than 32 MB"}', "refuses the request: 413 .*more than 32 MB"),
        (200, "<html>Log in</html>", "does not answer as a scoring service does: <html>Log in"),
        (200, '["[0.5]", "[0.5]"]', "does not answer as a scoring service does"),
        (200, '{"a": 1}', "does not answer as a scoring service does"),
    ],
)
def test_other_answers_are_errors_at_once(service, photo, status, body, message):
    service.answers = [(status, {}, body)]
    with pytest.raises(ServiceError, match=message) as raised:
        score(photo, service.url, "secret")
    assert len(service.requests) == 1
    assert "secret" not in str(raised.value)


def test_a_service_that_stalls_is_given_up(service, photo):
    with file_server() as stalling, pytest.raises(ServiceError, match=r"within 0\.1 seconds"):
        stalling.files["/score"] = b"[]"
        stalling.stall = 0.5
        describe_service(f"{stalling.url}/score", timeout=0.1)


def test_a_key_that_is_no_key_is_refused_without_being_shown(service, photo):
    for key in ("two words", "line\nbreak", "schlüssel"):
        with pytest.raises(ServiceError, match="copy it again") as raised:
            score(photo, service.url, key)
        assert key not in str(raised.value)
    assert not service.requests


@pytest.mark.parametrize("url", ["", "cups", "ftp://x/score", "http://cups:port/score"])
def test_what_is_no_url_of_a_service_is_named(photo, url):
    with pytest.raises(ServiceError, match="cannot be asked"):
        score(photo, url)


def test_photos_that_cannot_be_read_here_are_named(service, tmp_path):
    (tmp_path / "notes.txt").write_text("not a photo")
    with pytest.raises(UnreadableImageError, match=r"none\.png: No such file"):
        score(tmp_path / "none.png", service.url)
    with pytest.raises(UnreadableImageError, match=r"notes\.txt: not an image"):
        score(tmp_path / "notes.txt", service.url, image_resize_dims=[8, 8])
    with pytest.raises(ServiceError, match="no photo to score"):
        score([], service.url)
    assert not service.requests


@pytest.mark.parametrize("dims", [[8], [8, 0], [8, 8, 3], [8, 100_000]])
def test_a_size_is_width_and_height(service, photo, dims):
    with pytest.raises(ServiceError, match=r"\[width, height\]"):
        score(photo, service.url, image_resize_dims=dims)


def test_parameters_are_what_json_can_hold(service, photo):
    with pytest.raises(ServiceError, match="cannot be sent as JSON"):
        score(photo, service.url, parameters={"threshold": {1, 2}})


def test_a_service_says_what_it_is(service):
    assert describe_service(service.url) == {"labels": ["cup"]}
    assert service.requests[0][1] == "/api/v1/service/cups"
