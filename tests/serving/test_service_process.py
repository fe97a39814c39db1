"""The service as a process: how it starts, how it ends, and what it does without."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import numpy as np
import pytest

from jupyter_imgcls import TransferLearningModel
from jupyter_imgcls.serving import server as server_module

from .running import NAME, PATH, entry, picture, process, wait_until

pytestmark = pytest.mark.xdist_group("service")

PHOTOS = [picture(seed) for seed in range(4)]


@pytest.fixture(scope="module")
def model(small_model):
    return small_model()


@pytest.fixture(scope="module")
def artifact(model, tmp_path_factory):
    return model.serialize(tmp_path_factory.mktemp("model") / "cups.model")


def test_it_scores_where_no_training_framework_and_no_notebook_is_installed(artifact, model):
    hidden = ("mxnet", "gluoncv", "onnx", "imgaug", "matplotlib", "ipywidgets", "bqplot", "IPython")
    program = f"""
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {hidden!r}:
            raise ImportError(f"{{name}} is not installed")

sys.meta_path.insert(0, Hidden())
from jupyter_imgcls.serving.server import main
sys.exit(main())
"""
    with process(artifact, python=("-c", program)) as (_, service, _):
        response = service.score(*(entry(photo, addSoftmax=True) for photo in PHOTOS))
    scores = TransferLearningModel.parse_serialized_result(response.text)
    assert np.allclose(scores, model.score(PHOTOS), atol=1e-5)


class Clients:
    """Send requests one after the other, each of them several photos, until the service is gone."""

    def __init__(self, url, count):
        self.url = url
        self.lock = threading.Lock()
        self.photos = 0
        self.statuses = []
        self.threads = [threading.Thread(target=self.ask, args=(i,)) for i in range(count)]
        for thread in self.threads:
            thread.start()

    def ask(self, number):
        size = 1 + number % 3
        with httpx.Client(trust_env=False, timeout=60) as client:
            while True:
                try:
                    response = client.post(self.url, json=[entry(PHOTOS[number % 4])] * size)
                except httpx.TransportError:
                    return
                with self.lock:
                    self.statuses.append(response.status_code)
                    self.photos += len(response.json())


def test_sigterm_under_load_loses_no_answer(artifact):
    with process(artifact) as (running, service, log):
        body = json.dumps([entry(PHOTOS[0])] * 400).encode()
        request = f"POST {PATH}/score HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        clients = Clients(service.url, 8)
        wait_until(lambda: len(clients.statuses) > 50)
        large, half = (
            socket.create_connection(("127.0.0.1", service.port), timeout=60) for _ in range(2)
        )
        with large, half:
            large.sendall(request.encode() + body)
            half.sendall(request.encode() + body[:1000])
            wait_until(lambda: service.metric("imgcls_queue_photos") > 100)
            service.client.close()

            running.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            half.sendall(body[1000:])
            for connection in (large, half):
                received = b""
                while part := connection.recv(65536):
                    received += part
                assert received.startswith(b"HTTP/1.1 200")
                assert len(json.loads(received.partition(b"\r\n\r\n")[2])) == 400
        for thread in clients.threads:
            thread.join()
        assert running.wait(60) == 0
    assert set(clients.statuses) == {200}
    ended = re.search(r"Ended; photos: (\d+) scored, 0 dropped", log.read_text())
    assert ended is not None, log.read_text()
    assert int(ended[1]) == clients.photos + 800


def test_interrupting_it_ends_it_as_well(artifact):
    with process(artifact) as (running, service, _):
        assert service.score(entry(PHOTOS[0])).status_code == 200
        service.client.close()
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0


def test_with_a_key_from_a_file(artifact, tmp_path):
    (tmp_path / "service.key").write_text("the-key\n")
    with process(artifact, "--key-file", str(tmp_path / "service.key")) as (_, service, log):
        assert service.score(entry(PHOTOS[0])).status_code == 401
        service.client.headers["Authorization"] = "Bearer the-key"
        assert service.score(entry(PHOTOS[0])).status_code == 200
        assert "the-key" not in log.read_text()


def run(*options):
    command = [sys.executable, "-m", "jupyter_imgcls.serving.server", "--name", NAME]
    return subprocess.run(
        [*command, *map(str, options)], capture_output=True, text=True, check=False, timeout=120
    )


def test_it_says_why_it_cannot_start(artifact, tmp_path, caplog):
    def main(*options):
        caplog.clear()
        status = server_module.main(["--name", NAME, *map(str, options)])
        assert status == 1
        return caplog.text

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = main("--artifact", artifact, "--no-key", "--port", port)
    assert f"cannot listen on 127.0.0.1, port {port}" in said
    assert "Choose another port" in said
    assert "70000 is no port" in main("--artifact", artifact, "--no-key", "--port", 70000)
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        said = main("--artifact", artifact, "--no-key", "--host", host)
        assert "is reached from other machines and needs a key" in said
    (tmp_path / "other.model").write_text("no model")
    for file in (tmp_path / "other.model", tmp_path / "none.model"):
        assert file.name in main("--artifact", file, "--no-key", "--port", 0)
    (tmp_path / "empty.key").write_text("\n")
    said = main("--artifact", artifact, "--key-file", tmp_path / "empty.key", "--port", 0)
    assert "The key is empty" in said
    said = main("--artifact", artifact, "--key-file", tmp_path / "none.key", "--port", 0)
    assert "none.key cannot be read" in said


def test_a_process_that_cannot_start_ends_with_a_status_and_no_traceback(tmp_path):
    done = run("--artifact", tmp_path / "none.model", "--no-key", "--port", 0)
    assert done.returncode == 1
    assert f"There is no file {tmp_path}/none.model" in done.stderr
    assert "Traceback" not in done.stderr
    assert run("--artifact", tmp_path / "none.model").returncode == 2


def test_it_listens_on_ipv6_too(artifact):
    with socket.socket(socket.AF_INET6) as tried:
        try:
            tried.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
    command = [sys.executable, "-m", "jupyter_imgcls.serving.server", "--artifact", artifact]
    command += ["--name", NAME, "--no-key", "--host", "::1", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if found := re.search(r"at (http://\[::1\]:\d+/)", line):
                url = found[1]
            if "startup complete" in line:
                break
        assert httpx.get(url + "readyz", trust_env=False).status_code == 200
        running.terminate()
        running.stderr.read()
