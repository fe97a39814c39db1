"""A real HTTP server on this machine for tests: files, ranges, and the ways a server can fail."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What is served, and what was asked for.

    `cut_after`: the connection breaks after so many bytes of a body, once for each number.
    `statuses`: answered first, one a request, instead of the file. `stall`: seconds before each
    body. `redirects`: path -> (location, extra headers).
    """

    url: str
    stop: Callable[[], None]
    files: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    redirects: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    ranges: bool = True
    etags: bool = True
    length: bool = True
    cut_after: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    stall: float = 0.0
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)

    def gets(self) -> list[str]:
        """Paths of the GET requests so far."""
        return [path for method, path, _ in self.requests if method == "GET"]

    def asked_ranges(self) -> list[str | None]:
        """Range headers of the GET requests so far."""
        return [asked for method, _, asked in self.requests if method == "GET"]


@contextlib.contextmanager
def file_server() -> Iterator[FileServer]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def answer(self) -> None:
            asked = self.headers.get("Range")
            server.requests.append((self.command, self.path, asked))
            self.close_connection = True
            if server.statuses:
                return self.reply(server.statuses.pop(0), b"")
            if self.path in server.redirects:
                location, extra = server.redirects[self.path]
                return self.reply(302, b"", {"Location": location, **extra})
            if self.path not in server.files:
                return self.reply(404, b"no such file")
            body = server.files[self.path]
            etag = f'"{hashlib.md5(body).hexdigest()}"'
            headers = {"ETag": etag} if server.etags else {}
            headers.update(server.headers.get(self.path, {}))
            if asked and server.ranges and self.headers.get("If-Range", etag) == etag:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
                if start >= len(body):
                    return self.reply(416, b"", {"Content-Range": f"bytes */{len(body)}"})
                headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                return self.reply(206, body[start:], headers)
            return self.reply(200, body, headers)

        def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            if server.length or status not in (200, 206):
                self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command == "HEAD":
                return
            time.sleep(server.stall)
            if status in (200, 206) and server.cut_after:
                body = body[: server.cut_after.pop(0)]
            with contextlib.suppress(OSError):  # the client has gone, as some tests mean it to
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # Polled often, so that a test's server stops at once.
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})

    def stop() -> None:
        if thread.is_alive():
            httpd.shutdown()
            thread.join()
            httpd.server_close()

    server = FileServer(f"http://127.0.0.1:{httpd.server_port}", stop)
    thread.start()
    try:
        yield server
    finally:
        stop()
