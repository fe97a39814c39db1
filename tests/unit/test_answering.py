"""In a kernel: waiting for a training answers the page, and leaves the other cells for later."""

from __future__ import annotations

import queue
import time

import pytest
from ipykernel.kernelspec import write_kernel_spec
from jupyter_client.manager import KernelManager

from jupyter_imgcls.classifiers.answering import PageAnswerer

SECONDS = 30

SET_UP = """
import threading
from comm import create_comm
from jupyter_imgcls.classifiers.run import TrainingRun

go_on, heard = threading.Event(), []
run = TrainingRun(lambda run: go_on.wait(20), epochs=1)
comm = create_comm(target_name="test", comm_id="button")

@comm.on_msg
def clicked(message):
    heard.append(message["content"]["data"])
    print("heard", heard[-1])
    if heard[-1] == "fail":
        raise OSError("of the handler")
    if heard[-1] == "stop":
        go_on.set()
"""
BLOCK = """
print("waiting")
run.start().wait()
print("waited")
"""


@pytest.fixture
def client(tmp_path, monkeypatch):
    write_kernel_spec(tmp_path / "jupyter" / "kernels" / "this-python")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    manager = KernelManager(kernel_name="this-python")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def click(client, what):
    content = {"comm_id": "button", "data": what}
    message = client.session.msg("comm_msg", content)
    client.shell_channel.send(message)
    return message["header"]["msg_id"]


def printed(client, until):
    """What is printed until these words, each with the message that it belongs to."""
    lines, deadline = [], time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            message = client.get_iopub_msg(timeout=1)
        except queue.Empty:
            continue
        if message["msg_type"] == "stream":
            parent = message["parent_header"]["msg_id"]
            lines += [(parent, line) for line in message["content"]["text"].splitlines()]
        if any(until in line for _, line in lines):
            return lines
    raise AssertionError(f"{until!r} is not among {lines}")


def test_widgets_and_reloaded_pages_are_answered_and_cells_wait(client):
    client.execute(SET_UP)
    blocking = client.execute(BLOCK)
    assert (blocking, "waiting") in printed(client, "waiting")
    next_cells = [client.execute(f"print({number}, heard)") for number in (1, 2)]

    asked = client.kernel_info()
    replies = []
    while not replies or replies[-1]["parent_header"]["msg_id"] != asked:
        replies.append(client.get_shell_msg(timeout=SECONDS))
    assert blocking not in [reply["parent_header"]["msg_id"] for reply in replies]
    fail = click(client, "fail")
    assert (fail, "heard fail") in printed(client, "heard fail")
    stop = click(client, "stop")
    lines = printed(client, "2 [")
    assert (stop, "heard stop") in lines
    words = [line for _, line in lines if line.startswith(("heard", "waited", "1", "2"))]
    assert words == ["heard stop", "waited", "1 ['fail', 'stop']", "2 ['fail', 'stop']"]
    assert (blocking, "waited") in lines, "below the cell that printed it"
    assert [parent for parent, line in lines if line[0] in "12"] == next_cells


def test_the_cells_after_a_training_that_failed_do_not_run(client):
    client.execute(SET_UP)
    blocking = client.execute(BLOCK.replace("wait()", "wait(); 1 / 0"))
    assert (blocking, "waiting") in printed(client, "waiting")
    next_cell = client.execute("print('next')")
    click(client, "stop")

    status = {}
    while next_cell not in status:
        reply = client.get_shell_msg(timeout=SECONDS)
        status[reply["parent_header"]["msg_id"]] = reply["content"]["status"]
    assert status[blocking] == "error"
    assert status[next_cell] == "aborted"


def test_outside_a_kernel_nothing_is_to_be_answered():
    assert PageAnswerer.find() is None
