"""The process beside a local service: starts it again, with pauses, and keeps its log short."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress

import pytest

from jupyter_imgcls.serving import supervisor
from jupyter_imgcls.serving.addresses import listen

SERVICE = """
import http.server, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_):
        pass
print("begins", flush=True)
exec(sys.argv[2])
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""


@pytest.fixture
def port():
    with listen("127.0.0.1", 0) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def start(port, tmp_path):
    running = []

    def run(before="pass", waits=False):
        command = [sys.executable, "-m", "jupyter_imgcls.serving.supervisor"]
        command += ["--log", str(tmp_path / "service.log"), "--"]
        command += [sys.executable, "-c", SERVICE, str(port), before]
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE))
        if not waits:
            running[-1].stdin.close()
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.wait()
        process.stdin.close()


def wait_for(what):
    until = time.monotonic() + 60
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


def serves(port):
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
        return answer.status == 200
    return False


def test_a_service_that_ends_is_started_again(start, port, tmp_path):
    crash = "import os, threading; threading.Timer(0.5, os._exit, [9]).start()"
    process = start(crash)
    log = tmp_path / "service.log"
    wait_for(lambda: log.exists() and log.read_text().count("begins") == 2)
    assert "The service ended: exit status 9. It starts again in 1 s." in log.read_text()
    process.terminate()
    assert process.wait(60) == 0
    assert not serves(port)


def test_one_that_is_killed_as_soon_as_its_starter_has_seen_it_is_started_again(
    start, port, tmp_path
):
    process = start("import os; print('process', os.getpid(), flush=True)", waits=True)
    wait_for(lambda: serves(port))
    log = tmp_path / "service.log"
    pid = int(log.read_text().split()[-1])
    process.stdin.write(b"\n")
    process.stdin.flush()  # it stays open, as where a fork of the starter holds it
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: log.read_text().count("begins") == 2)


def test_one_that_never_served_is_not_started_again(start, tmp_path):
    assert start("sys.exit(7)", waits=True).wait(60) == 7
    assert (tmp_path / "service.log").read_text() == "begins\n"


def test_one_that_refuses_to_serve_is_not_started_again(start, port, tmp_path):
    refuse = (
        "import os, pathlib, threading; again = pathlib.Path(%r);"
        "again.exists() and os._exit(1); again.touch();"
        "threading.Timer(0.5, os._exit, [3]).start()"
    )
    assert start(refuse % str(tmp_path / "again")).wait(60) == supervisor.REFUSED
    assert (tmp_path / "service.log").read_text().count("begins") == 2


def test_the_service_ends_with_it(start, port):
    ends = (
        "import os, threading;"
        "threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0))).start()"
    )
    process = start(ends)
    wait_for(lambda: serves(port))
    process.kill()
    wait_for(lambda: not serves(port))


def test_the_log_stays_short(start, port, tmp_path):
    start("for _ in range(30): print('x' * 10**6, flush=True)")
    wait_for(lambda: serves(port))
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["service.log", "service.log.1", "service.log.2"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 16 * 2**20


def test_a_signal_is_named():
    assert supervisor._reason(-signal.SIGKILL) == "signal SIGKILL"
    assert supervisor._reason(3) == "exit status 3"
