"""What a program without manners, or with bad intentions, sends over raw connections."""

from __future__ import annotations

import socket
from contextlib import suppress

import pytest

from jupyter_imgcls.serving.service.model import ServedModel

from .running import PATH, entry, picture, served

pytestmark = pytest.mark.xdist_group("service")

GOOD = picture()
KEY = "secret"


@pytest.fixture(scope="module")
def service(small_model):
    with served(ServedModel(small_model()), key=KEY) as running:
        yield running


@pytest.fixture(autouse=True)
def it_still_serves(service):
    yield
    assert service.score(entry(GOOD)).status_code == 200


def exchange(service, *parts):
    """Send bytes, and read until the other side closes."""
    received = b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        with suppress(OSError):  # closed before all was sent
            for part in parts:
                connection.sendall(part)
        with suppress(ConnectionResetError):
            while part := connection.recv(65536):
                received += part
    return received


def request(*headers, method="GET", path="/healthz", body=b""):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


LAST = request("Connection: close")


def test_requests_without_the_key_get_one_answer_and_no_more(service):
    received = exchange(service, request(path=PATH) * 20)
    assert received.count(b"HTTP/1.1") == received.count(b"HTTP/1.1 401") == 1
    assert b"connection: close" in received
    assert exchange(service, request(path=PATH) * 2000).count(b"HTTP/1.1") <= 2


def test_requests_that_do_not_wait_for_answers_are_limited(service):
    received = exchange(service, request() * 20 + LAST)
    assert received.count(b"HTTP/1.1 200") == 21, "some may be sent ahead"
    received = exchange(service, request() * 2000)
    assert received.count(b"HTTP/1.1 200") < 2000
    assert b"Too many requests at once" in received


@pytest.mark.parametrize("in_one_piece", [True, False])
def test_headers_of_more_than_64_kilobytes_are_refused(service, in_one_piece):
    many = request(*[f"X-{number}: {'x' * 1000}" for number in range(66)])
    long = request(f"X: {'x' * 66_000}")
    address = request(path="/" + "x" * 66_000)
    for content in (many, long, address):
        parts = [content] if in_one_piece else [content[i : i + 999] for i in range(0, 66_999, 999)]
        received = exchange(service, *parts)
        assert received == b"" or received.startswith(b"HTTP/1.1 400")
    assert exchange(service, request(f"X: {'x' * 60_000}", "Connection: close")).startswith(
        b"HTTP/1.1 200"
    )


def chunked(*chunks, trailers=()):
    body = "".join(f"{len(text):x}{extension}\r\n{text}\r\n" for text, extension in chunks)
    ends = "".join(f"{line}\r\n" for line in trailers)
    headers = (
        "Transfer-Encoding: chunked",
        "Content-Type: application/json",
        f"Authorization: Bearer {KEY}",
        "Connection: close",
    )
    path = f"{PATH}/score"
    return request(*headers, method="POST", path=path, body=f"{body}0\r\n{ends}\r\n".encode())


def test_extensions_of_chunks_and_trailers_are_limited(service):
    large = f";x={'x' * 2000}"
    assert b"too much beside" in exchange(service, chunked(*[("[", large)] * 100))
    assert b"too long" in exchange(service, chunked(("[]", ""), trailers=["X: " + "x" * 999] * 99))
    assert b"The list is empty" in exchange(service, chunked(("[", ";a=b"), ("]", "")))


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 2", "Transfer-Encoding: chunked"),
        ("Content-Length: 2", "Content-Length: 3"),
        ("Content-Length: -1",),
        ("Content-Length: 0x2",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: xchunked",),
        ("Content-Length : 2",),
        (" folded: x",),
        ("X: a\0b",),
    ],
)
def test_a_body_of_unclear_length_is_refused(service, headers):
    """Else a proxy and the service could take different bytes for the next request."""
    smuggled = request(path="/metrics")
    content = request(*headers, method="POST", path=f"{PATH}/score", body=b"[]" + smuggled)
    received = exchange(service, content, LAST)
    assert received.startswith(b"HTTP/1.1 400")
    assert received.count(b"HTTP/1.1") == 1
    assert b'{"detail": ' in received


@pytest.mark.parametrize(
    "content",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"\0" * 1000,
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_no_http_gets_an_answer_in_json(service, content):
    received = exchange(service, content)
    assert received.startswith(b"HTTP/1.1 400")
    assert b'{"detail": ' in received


def test_an_upgrade_is_not_made(service):
    upgrade = ("Connection: Upgrade, close", "Upgrade: websocket", "Sec-WebSocket-Key: eA==")
    assert exchange(service, request(*upgrade)).startswith((b"HTTP/1.1 200", b"HTTP/1.1 4"))


@pytest.mark.parametrize("path", ["/%ff", "/%00", "/..%2f..%2fetc/passwd", "//", "/%", "/?%ff"])
def test_odd_addresses_are_answered(service, path):
    received = exchange(service, request("Connection: close", path=path))
    assert received.startswith((b"HTTP/1.1 404", b"HTTP/1.1 200", b"HTTP/1.1 400"))


def test_http_1_0_is_answered(service):
    assert b" 200 OK" in exchange(service, b"GET /healthz HTTP/1.0\r\n\r\n")
