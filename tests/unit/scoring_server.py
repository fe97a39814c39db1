"""Services on this machine for load tests: the real one, and one that can be made to fail."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from jupyter_imgcls.classifiers import TransferLearningModel
from jupyter_imgcls.serving.limits import Limits
from jupyter_imgcls.serving.server import make_server
from jupyter_imgcls.serving.service.app import create_app
from jupyter_imgcls.serving.service.model import ServedModel

SCORES = b'["[0.25, 0.75]"]'


@contextlib.contextmanager
def real_service(model: TransferLearningModel, key: str | None) -> Iterator[str]:
    """The service of this package in a thread; gives the URL at which it scores."""
    limits = Limits()
    server = make_server(create_app(ServedModel(model), "cups", key, limits), limits)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/api/v1/service/cups/score"
        finally:
            server.should_exit = True
            thread.join()


@dataclass
class Behaviour:
    """What a service does: `answer` gives status and body, or None to break the connection.

    `answer` is called with the number of the request, from 0, in a thread for each connection.
    """

    answer: Callable[[int], tuple[int, bytes] | None] = lambda _: (200, SCORES)
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""


@contextlib.contextmanager
def bare_service() -> Iterator[Behaviour]:
    behaviour = Behaviour()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                number = len(behaviour.bodies)
                behaviour.bodies.append(body)
            answer = behaviour.answer(number)
            if answer is None:
                self.close_connection = True
                return
            status, content = answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that is gone is part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    behaviour.url = f"http://127.0.0.1:{server.server_port}/api/v1/service/cups/score"
    yield behaviour
    server.shutdown()
    server.server_close()
