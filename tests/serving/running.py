"""Services to test: on a real port, in a thread of the test or in a process of their own."""

from __future__ import annotations

import base64
import io
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import psutil
from PIL import Image

from jupyter_imgcls.serving.limits import Limits
from jupyter_imgcls.serving.server import _listen, make_server
from jupyter_imgcls.serving.service.app import create_app
from jupyter_imgcls.serving.service.model import ServedModel

NAME = "cups"
PATH = f"/api/v1/service/{NAME}"


class Service:
    """A running service and a client of it."""

    def __init__(self, port: int, key: str | None = None) -> None:
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        self.url = f"{self.base}{PATH}/score"
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self.client = httpx.Client(base_url=self.base, trust_env=False, headers=headers, timeout=60)

    def score(self, *entries: object) -> httpx.Response:
        """Send a JSON request."""
        return self.client.post(f"{PATH}/score", json=list(entries))

    def metric(self, name: str) -> float:
        """A number of /metrics."""
        text = self.client.get("/metrics").text
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0


@contextmanager
def served(
    model: ServedModel, key: str | None = None, limits: Limits | None = None
) -> Iterator[Service]:
    """A service in a thread of this process."""
    limits = limits or Limits()
    listener = _listen("127.0.0.1", 0)
    server = make_server(create_app(model, NAME, key, limits), limits)
    thread = threading.Thread(target=server.run, args=([listener],))
    port = listener.getsockname()[1]
    thread.start()
    service = Service(port, key)
    try:
        wait_until(lambda: server.started)
        yield service
    finally:
        service.client.close()
        server.should_exit = True
        thread.join()


@contextmanager
def process(
    artifact: Path, *options: str, name: str = NAME, python: tuple[str, ...] = ()
) -> Iterator[tuple[subprocess.Popen[str], Service, Path]]:
    """A service in a process of its own: the process, the service, its log."""
    log = artifact.parent / f"service-{os.getpid()}-{time.monotonic_ns()}.log"
    command = [sys.executable, *(python or ("-m", "jupyter_imgcls.serving.server"))]
    command += ["--artifact", str(artifact), "--name", name, "--port", "0"]
    command += list(options) or ["--no-key"]
    with log.open("w") as stream:
        running = subprocess.Popen(command, stderr=stream, stdout=stream, text=True)
    try:
        wait_until(lambda: running.poll() is not None or "startup complete" in log.read_text())
        assert running.poll() is None, log.read_text()
        found = re.search(r"Serving \S+ at http://127.0.0.1:(\d+)/", log.read_text())
        assert found is not None, log.read_text()
        service = Service(int(found[1]))
        yield running, service, log
        service.client.close()
    finally:
        running.kill()
        running.wait()


def replicas_below(head: psutil.Process) -> list[psutil.Process]:
    """The processes of the replicas of a Ray cluster, given its first process."""
    return [process for process in head.children(recursive=True) if _is_replica(process)]


def _is_replica(process: psutil.Process) -> bool:
    try:
        return "ServeReplica" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


def wait_until(is_so, seconds: float = 120.0) -> None:
    """Wait for something that happens in another thread or process."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


def picture(seed: int = 0, size: tuple[int, int] = (48, 36), kind: str = "jpeg") -> bytes:
    """The file of a small photo."""
    generator = np.random.default_rng(seed)
    colour = generator.integers(40, 215, 3)
    pixels = colour + generator.integers(-30, 30, (size[1], size[0], 3))
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, kind)
    return buffer.getvalue()


def entry(content: bytes, **parameters: object) -> dict[str, object]:
    """A photo in a JSON request."""
    return {"image_in_base64": base64.b64encode(content).decode(), "parameters": parameters}
