"""In a kernel: waiting for a training answers the page, and leaves the other cells for later."""

from __future__ import annotations

import queue
import time

from jupyter_imgcls.kernel.answering import PageAnswerer

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


def click(kernel_client, what):
    content = {"comm_id": "button", "data": what}
    message = kernel_client.session.msg("comm_msg", content)
    kernel_client.shell_channel.send(message)
    return message["header"]["msg_id"]


def printed(kernel_client, until):
    """What is printed until these words, each with the message that it belongs to."""
    lines, deadline = [], time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            message = kernel_client.get_iopub_msg(timeout=1)
        except queue.Empty:
            continue
        if message["msg_type"] == "stream":
            parent = message["parent_header"]["msg_id"]
            lines += [(parent, line) for line in message["content"]["text"].splitlines()]
        if any(until in line for _, line in lines):
            return lines
    raise AssertionError(f"{until!r} is not among {lines}")


def test_widgets_and_reloaded_pages_are_answered_and_cells_wait(kernel_client):
    kernel_client.execute(SET_UP)
    blocking = kernel_client.execute(BLOCK)
    assert (blocking, "waiting") in printed(kernel_client, "waiting")
    next_cells = [kernel_client.execute(f"print({number}, heard)") for number in (1, 2)]

    asked = kernel_client.kernel_info()
    replies = []
    while not replies or replies[-1]["parent_header"]["msg_id"] != asked:
        replies.append(kernel_client.get_shell_msg(timeout=SECONDS))
    assert blocking not in [reply["parent_header"]["msg_id"] for reply in replies]
    fail = click(kernel_client, "fail")
    assert (fail, "heard fail") in printed(kernel_client, "heard fail")
    stop = click(kernel_client, "stop")
    lines = printed(kernel_client, "2 [")
    assert (stop, "heard stop") in lines
    words = [line for _, line in lines if line.startswith(("heard", "waited", "1", "2"))]
    assert words == ["heard stop", "waited", "1 ['fail', 'stop']", "2 ['fail', 'stop']"]
    assert (blocking, "waited") in lines, "below the cell that printed it"
    assert [parent for parent, line in lines if line[0] in "12"] == next_cells


def test_the_cells_after_a_training_that_failed_do_not_run(kernel_client):
    kernel_client.execute(SET_UP)
    blocking = kernel_client.execute(BLOCK.replace("wait()", "wait(); 1 / 0"))
    assert (blocking, "waiting") in printed(kernel_client, "waiting")
    next_cell = kernel_client.execute("print('next')")
    click(kernel_client, "stop")

    status = {}
    while next_cell not in status:
        reply = kernel_client.get_shell_msg(timeout=SECONDS)
        status[reply["parent_header"]["msg_id"]] = reply["content"]["status"]
    assert status[blocking] == "error"
    assert status[next_cell] == "aborted"


def test_outside_a_kernel_nothing_is_to_be_answered():
    assert PageAnswerer.find() is None
