"""What is refused: with the right status, a reason in JSON, and no harm to those that come next."""

from __future__ import annotations

import io
import json
import socket
import struct
import threading
import time
import zlib
from contextlib import suppress

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from jupyter_imgcls.serving.limits import Limits
from jupyter_imgcls.serving.service.model import ServedModel

from .running import PATH, entry, picture, served, wait_until

pytestmark = pytest.mark.xdist_group("service")

GOOD = picture()
LIMITS = Limits(patience=0.5, pixels=100_000_000)
MEBIBYTE = b"x" * 2**20


@pytest.fixture(scope="module")
def model(small_model):
    return ServedModel(small_model())


@pytest.fixture(scope="module")
def service(model):
    with served(model, limits=LIMITS) as running:
        yield running


@pytest.fixture(autouse=True)
def it_still_serves(service):
    yield
    assert service.score(entry(GOOD)).status_code == 200
    wait_until(lambda: service.metric("imgcls_queue_photos") == 0)


def post(service, content, kind="application/json", **headers):
    headers = {"Content-Type": kind, **headers}
    return service.client.post(f"{PATH}/score", content=content, headers=headers)


def reason(response):
    assert response.headers["content-type"] == "application/json"
    return response.json()["detail"]


# -- contents -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"", 400, "not JSON"),
        (b"photo", 400, "not JSON"),
        (b'{"image_in_base64": ""}', 400, "must be a JSON list"),
        (b"[]", 400, "at least one photo"),
        (b"[" + b"{}," * 1000 + b"{}]", 413, "1,001 photos in a request"),
        (b"[" * 100_000, 400, "not JSON"),
        (b'[{"image_in_base64": "' + b"[" * 10_000_000, 413, "Too many values"),
    ],
)
def test_a_body_that_is_no_list_of_photos(service, body, status, why):
    response = post(service, body)
    assert response.status_code == status
    assert why in reason(response)


def png(width, height, compressed):
    """A PNG file that says it has this size."""

    def chunk(name, content):
        checksum = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", compressed), chunk(b"IEND", b"")]
    )


def bomb():
    """A file of 50 KB that would decode to 2 GB of pixels."""
    buffer = io.BytesIO()
    Image.new("1", (30_000, 24_000)).save(buffer, "png", optimize=True)
    return buffer.getvalue()


def scans():
    """A file of 20 KB in which a thousand scans go over all pixels."""
    buffer = io.BytesIO()
    Image.new("L", (2000, 2000), 128).save(buffer, "jpeg", progressive=True)
    content = buffer.getvalue()
    last = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + last * 1000 + content[-2:]


LARGE = picture(size=(400, 300))
NO_PHOTOS = {
    "empty": (b"", "the file is empty"),
    "text": (b"photo", "not an image"),
    "html": (b"<html>", "not an image"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
    "cut off": (LARGE[: len(LARGE) // 2], "the file is cut off"),
    "damaged": (png(50, 50, b"no zlib"), "the file is cut off or damaged"),
    "bomb by its header": (png(60_000, 60_000, b""), "more than the limit of 100,000,000"),
    "bomb": (bomb(), "30000 x 24000 pixels, more than the limit of 100,000,000"),
    "scans": (scans(), "more than 500 scans, the limit for a JPEG of its size"),
    "pickle": (b"\x80\x04cos\nsystem\n(S'true'\ntR.", "not an image"),
}


@pytest.mark.parametrize("name", NO_PHOTOS)
def test_what_is_no_photo_is_told_in_each_kind_of_request(service, name):
    content, why = NO_PHOTOS[name]
    responses = [
        service.score(entry(content)),
        post(service, content, "image/png"),
        service.client.post(f"{PATH}/score", files={"photo": ("a.png", content)}),
    ]
    for response in responses:
        assert response.status_code == 422
        assert why in reason(response)
        assert reason(response).startswith("The photo could not be scored: ")
        assert why in response.json()["photos"][0]["error"]
        assert "raise it with" not in response.text, "which a client cannot call"


@pytest.mark.parametrize(
    ("photo", "why"),
    [
        ({"image_in_base64": "no base64!"}, "it is not base64"),
        ({"image_in_base64": "data:text/plain,abc"}, "the data: URL is not in base64"),
        ({"image_in_base64": "http://localhost/photo.jpg"}, "it is not base64"),
        ({"image_in_base64": "file:///etc/passwd"}, "it is not base64"),
        ({"image_in_base64": None}, "missing, or not text"),
        ({}, "missing, or not text"),
        (entry(GOOD, softmax=True), "unknown parameter 'softmax'"),
        (entry(GOOD, topK=-1), "topK must be"),
        (5, "it is a number"),
    ],
)
def test_photos_that_cannot_be_scored_alone_or_together(service, photo, why):
    response = service.score(photo)
    assert response.status_code == 422
    assert why in reason(response)
    both = service.score(photo, photo)
    assert both.status_code == 422
    assert reason(both).startswith("None of the 2 photos could be scored; the first: ")
    mixed = service.score(photo, entry(GOOD))
    assert mixed.status_code == 200
    wrong, right = map(json.loads, mixed.json())
    assert why in wrong["error"]
    assert len(right) == 2


def test_uploads_that_are_none(service):
    kind = "multipart/form-data; boundary=x"
    for body, content_type, why in [
        (b"", "multipart/form-data", "boundary"),
        (b"", kind, ""),
        (b"--x\r\n\r\n", kind, ""),
        (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--', kind, "no file"),
    ]:
        response = post(service, body, content_type)
        assert response.status_code == 400
        assert why in reason(response)
    many = [("photo", (f"{i}.jpg", b"x")) for i in range(1001)]
    response = service.client.post(f"{PATH}/score", files=many)
    assert response.status_code == 400
    assert "Too many files" in reason(response)


def test_another_path_or_method_is_told_in_json(service):
    assert service.client.post("/api/v1/service/plates/score", json=[]).status_code == 404
    assert reason(service.client.get("/nothing")) == "Not Found"
    response = service.client.get(f"{PATH}/score")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


# -- sizes --------------------------------------------------------------------------------------


def test_a_body_of_100_megabytes_is_refused(service):
    response = post(service, MEBIBYTE * 100)
    assert response.status_code == 413
    assert "longer than 64 MiB" in reason(response)


@pytest.mark.parametrize(
    "kind", ["application/json", "image/png", "multipart/form-data; boundary=x"]
)
def test_a_body_of_unknown_length_is_refused_when_it_is_too_long(service, kind):
    start = b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n'

    def parts():
        yield start
        for _ in range(100):
            yield MEBIBYTE

    response = post(service, parts(), kind)
    assert response.status_code == 413
    assert "longer than 64 MiB" in reason(response)


def test_memory_does_not_grow_with_what_is_refused(service):
    process = psutil.Process()
    body = MEBIBYTE * 40
    json_of_brackets = b"[" + b"[]," * 2**23 + b"1]"
    for rounds in (1, 3):
        for _ in range(rounds):
            assert post(service, body).status_code == 400
            assert post(service, json_of_brackets).status_code == 413
            assert post(service, body, "image/jpeg").status_code == 422
        if rounds == 1:
            before = process.memory_info().rss
    assert process.memory_info().rss - before < 100 * 2**20


def test_bodies_of_all_requests_together_are_limited(model):
    limits = Limits(buffered_bytes=3 * 2**20, body_bytes=2 * 2**20)
    hold, begun = threading.Event(), threading.Event()

    def part(first):
        yield first
        begun.set()
        hold.wait()
        yield b"x"

    with served(model, limits=limits) as service:
        options = {"content": part(MEBIBYTE + MEBIBYTE[: 2**19]), "trust_env": False}
        thread = threading.Thread(target=httpx.post, args=(service.url,), kwargs=options)
        thread.start()
        begun.wait()
        wait_until(lambda: post(service, MEBIBYTE * 2).status_code == 503)
        response = post(service, MEBIBYTE * 2)
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert service.score(entry(GOOD)).status_code == 200
        hold.set()
        thread.join()
        assert post(service, MEBIBYTE * 2).status_code == 400


# -- slow and lost clients ----------------------------------------------------------------------


def connect(service):
    return socket.create_connection(("127.0.0.1", service.port), timeout=30)


def answer_of(connection):
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


def head(length, more=""):
    return (
        f"POST {PATH}/score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n{more}\r\n"
    ).encode()


def drip(connection, content, pause=0.05):
    """Send a byte at a time until the other side has enough."""
    for byte in content:
        try:
            connection.sendall(bytes([byte]))
        except OSError:
            return
        time.sleep(pause)


def test_with_too_many_connections_a_request_is_told_when_to_come_back(model):
    with served(model, limits=Limits(connections=2)) as service:
        with connect(service), connect(service):
            response = post(service, b"[]")
            assert (response.status_code, response.headers["retry-after"]) == (503, "1")
            assert "too many connections" in reason(response)
        wait_until(lambda: service.score(entry(GOOD)).status_code == 200)


def test_a_connection_that_sends_nothing_is_closed(service):
    with connect(service) as connection:
        assert connection.recv(1) == b""


def test_headers_that_come_byte_by_byte_are_not_waited_for(service):
    with connect(service) as connection:
        thread = threading.Thread(target=drip, args=(connection, head(10) * 10))
        thread.start()
        # What is sent into the closed connection resets it.
        with suppress(ConnectionResetError):
            assert connection.recv(1) == b""
        thread.join()


def test_headers_of_a_second_request_are_not_waited_for_either(service):
    with connect(service) as connection:
        connection.sendall(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\nGET /".encode())
        assert answer_of(connection).startswith(b"HTTP/1.1 200")


def test_headers_without_end_are_not_kept(service):
    with connect(service) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        with pytest.raises(OSError):
            for _ in range(10_000):
                connection.sendall(b"X-More: " + b"x" * 4000 + b"\r\n")


def test_a_body_that_comes_byte_by_byte_is_refused(service):
    with connect(service) as connection:
        connection.sendall(head(1000))
        thread = threading.Thread(target=drip, args=(connection, b" " * 1000))
        thread.start()
        received = connection.recv(65536)
        assert received.startswith(b"HTTP/1.1 408")
        assert b"arrives too slowly" in received
        connection.close()
        thread.join()


def test_a_client_that_goes_away_while_it_sends_is_forgotten(service):
    before = service.metric('imgcls_requests_total{endpoint="score",status="499"}')
    with connect(service) as connection:
        connection.sendall(head(1000) + b"[")
    wait_until(
        lambda: service.metric('imgcls_requests_total{endpoint="score",status="499"}') > before
    )


def test_a_client_that_reads_no_answer_is_not_waited_for(service):
    path = "/static-offline-docs/swagger-ui-bundle.js"
    size = int(service.client.head(path).headers["content-length"])
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(30)
        connection.connect(("127.0.0.1", service.port))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 20)
        time.sleep(5 * LIMITS.patience)
        received = 0
        with suppress(ConnectionResetError):
            while part := connection.recv(65536):
                received += len(part)
    assert received < 20 * size


def test_a_client_that_reads_slowly_gets_its_answer(service):
    path = "/static-offline-docs/swagger-ui-bundle.js"
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(30)
        connection.connect(("127.0.0.1", service.port))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while part := connection.recv(65536):
            received += part
            time.sleep(0.005)
    assert received.partition(b"\r\n\r\n")[2] == service.client.get(path).content


class GatedModel(ServedModel):
    """Scores when it is allowed to."""

    def __init__(self, classifier):
        super().__init__(classifier)
        self.gate = threading.Event()
        self.scored = 0

    def raw_scores(self, images, alone=True):
        assert self.gate.wait(60)
        self.scored += len(images)
        return super().raw_scores(images, alone)


@pytest.fixture
def gated(small_model):
    return GatedModel(small_model())


def test_the_photos_of_a_client_that_is_gone_are_not_scored(gated):
    body = json.dumps([entry(GOOD)] * 200).encode()
    with served(gated) as service:
        with connect(service) as connection:
            connection.sendall(head(len(body)) + body)
            wait_until(lambda: service.metric("imgcls_queue_photos") > 100)
        wait_until(lambda: service.metric('imgcls_photos_total{result="dropped"}') == 200)
        assert service.metric("imgcls_queue_photos") == 0
        gated.gate.set()
        assert service.score(entry(GOOD)).status_code == 200
    # Those that were in the network already, and the one just now.
    assert gated.scored <= gated.workers * LIMITS.batch_photos + 1


# -- overload -----------------------------------------------------------------------------------


def test_when_too_many_photos_wait_a_request_is_refused_at_once(gated):
    limits = Limits(photos_a_request=20, waiting_photos=40, batch_photos=4)
    answers = []

    def ask(count):
        with httpx.Client(trust_env=False, timeout=60) as client:
            answers.append(client.post(service.url, json=[entry(GOOD)] * count))

    with served(gated, limits=limits) as service:
        threads = [threading.Thread(target=ask, args=(20,)) for _ in range(12)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(answers) >= 8)
        assert service.metric("imgcls_queue_photos") <= 40
        for response in list(answers):
            assert response.status_code == 503
            assert reason(response) == "The service is busy: its queue is full."
            assert 1 <= int(response.headers["retry-after"]) <= 30
        assert service.client.get("/healthz").status_code == 200
        gated.gate.set()
        for thread in threads:
            thread.join()
        # What came before a batch was taken may have been refused after the first eight.
        accepted = [response for response in answers if response.status_code != 503]
        assert 2 <= len(accepted) <= 4
        assert {response.status_code for response in accepted} == {200}
        assert all(len(response.json()) == 20 for response in accepted)


def test_a_request_of_many_photos_does_not_hold_up_those_of_one(gated):
    limits = Limits(batch_photos=2)
    done = []

    def ask(count):
        with httpx.Client(trust_env=False, timeout=60) as client:
            client.post(service.url, json=[entry(GOOD)] * count)
            done.append((count, gated.scored))

    with served(gated, limits=limits) as service:
        many = threading.Thread(target=ask, args=(300,))
        many.start()
        wait_until(lambda: service.metric("imgcls_queue_photos") > 200)
        one = threading.Thread(target=ask, args=(1,))
        one.start()
        wait_until(lambda: service.metric("imgcls_requests_total") >= 0 and one.is_alive())
        time.sleep(0.2)
        gated.gate.set()
        one.join()
        many.join()
    (first, scored_by_then), (second, _) = done
    assert (first, second) == (1, 300)
    assert scored_by_then < 200


def test_a_network_that_fails_is_told_and_does_not_end_the_service(small_model, caplog):
    class FailingModel(ServedModel):
        fails = True

        def raw_scores(self, images, alone=True):
            if self.fails:
                raise RuntimeError("out of memory")
            return super().raw_scores(images, alone)

    model = FailingModel(small_model())
    with served(model) as service:
        response = service.score(entry(GOOD), entry(GOOD))
        assert response.status_code == 500
        assert "The network failed" in reason(response)
        assert "out of memory" in caplog.text
        model.fails = False
        assert service.score(entry(GOOD)).status_code == 200
        assert service.client.get("/healthz").status_code == 200


def test_scores_that_are_no_numbers_are_told_as_such(small_model):
    class WildModel(ServedModel):
        def raw_scores(self, images, alone=True):
            scores = super().raw_scores(images, alone)
            scores[0, 0] = np.nan
            return scores

    with served(WildModel(small_model())) as service:
        response = service.score(entry(GOOD))
    assert response.status_code == 422
    assert "gives no numbers" in reason(response)
