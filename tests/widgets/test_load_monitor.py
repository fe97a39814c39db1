"""LoadMonitor: what it shows of a load test under way, and its Stop button, in a kernel too."""

from __future__ import annotations

import contextlib
import queue
import time

import bqplot
import ipywidgets
import numpy as np
import psutil
import pytest
from matplotlib.figure import Figure

from jupyter_imgcls.serving.load_test import start_load_test
from jupyter_imgcls.widgets.load_monitor import LoadMonitor
from tests.unit.scoring_server import SCORES, bare_service

from .screen import every, named, one, problem, text

PHOTO = np.full((30, 40, 3), 90, np.uint8)
SECONDS = 60


@pytest.fixture
def service():
    with bare_service() as service:
        yield service


def start(service, **options):
    return start_load_test(service.url, None, PHOTO, **{"users": 2, "warm_up": 0, **options})


def test_follows_a_load_test_to_its_end(service):
    run = start(service, duration=2)
    monitor = LoadMonitor(run)
    assert monitor.state in ("warming up", "running")
    assert not named(monitor, "Stop").disabled
    assert "2 users" in text(monitor)
    monitor.join()
    assert monitor.state == "finished"
    assert named(monitor, "Stop").disabled
    assert "ended" in text(monitor)
    bar = one(monitor, ipywidgets.FloatProgress)
    assert bar.value == bar.max == 2
    assert bar.bar_style == "success"
    throughput_line, *latencies = every(monitor, bqplot.Lines)
    np.testing.assert_allclose(throughput_line.x, [1, 2])
    assert (throughput_line.y > 0).all()
    assert [len(line.y) for line in latencies] == [2, 2, 2]
    assert throughput_line.scales["y"].max >= max(throughput_line.y)
    throughput, _ = run.figures
    assert f"{throughput:.1f}" in text(monitor)
    assert "503" not in text(monitor)


def test_shows_a_test_that_ended_before(service):
    run = start(service, duration=1)
    run.wait(SECONDS)
    monitor = LoadMonitor(run)
    assert monitor.state == "finished"
    assert len(one(monitor, bqplot.Lines).x) == 1


def test_the_button_stops_the_test(service):
    run = start(service, rate=50, duration=600)
    monitor = LoadMonitor(run)
    assert "50 requests/s sent" in text(monitor)
    while not run.seconds:
        time.sleep(0.05)
    named(monitor, "Stop").click()
    assert named(monitor, "Stop").disabled
    monitor.join()
    assert monitor.state == "stopped"
    assert "kept" in text(monitor)


def test_shows_errors_by_kind(service):
    service.answer = lambda number: (503, b"") if number % 2 else (200, SCORES)
    monitor = LoadMonitor(start(service, duration=1))
    monitor.join()
    assert "503 Service Unavailable: " in text(monitor)


def load_generator(others):
    """The process that makes the load of the running test, once there is one."""
    for child in set(psutil.Process().children()) - set(others):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "jupyter_imgcls.serving.load_test.locustfile" in child.cmdline():
                return child
    return None


def test_shows_why_a_test_failed(service):
    of_earlier_tests = psutil.Process().children()
    monitor = LoadMonitor(start(service, duration=600))
    generator = None
    while generator is None:  # a thread starts it
        generator = load_generator(of_earlier_tests)
    generator.kill()
    monitor.join()
    assert monitor.state == "failed"
    assert "load generator" in problem(monitor)


def test_draws_a_still_picture(service):
    monitor = LoadMonitor(start(service, duration=1))
    monitor.join()
    figure = Figure()
    monitor.draw_still(figure)
    assert [ax.get_title() for ax in figure.axes] == ["Throughput", "Latency"]
    assert "image/png" in monitor._repr_mimebundle_()


def test_the_height_is_that_of_the_charts(service):
    monitor = LoadMonitor(start(service, duration=1))
    monitor.height = 300
    frame = monitor.children[1].children[1]
    assert frame.height == 300
    monitor.join()


def test_in_a_notebook_a_load_test_shows_itself_and_can_be_stopped_by_its_button(
    service, kernel_client
):
    asked = kernel_client.execute(f"""
import numpy as np
from jupyter_imgcls.serving.load_test import load_test
photo = np.zeros((30, 40, 3), np.uint8)
result = load_test({service.url!r}, None, photo, users=2, duration=600, warm_up=0)
result
""")
    button, shown, clicked = None, [], False
    while True:
        try:
            message = kernel_client.get_iopub_msg(timeout=SECONDS)
        except queue.Empty:
            raise AssertionError(f"nothing came after {shown}") from None
        content = message["content"]
        state = content.get("data", {}).get("state", {})
        if message["msg_type"] == "comm_open" and state.get("description") == "Stop":
            button = content["comm_id"]
        if message["msg_type"] in ("display_data", "execute_result"):
            shown.append(content["data"])
        # Some seconds of the test are to be measured.
        if not clicked and button and "requests/s" in str(state.get("value", "")).lower():
            time.sleep(2)
            data = {"method": "custom", "content": {"event": "click"}}
            click = kernel_client.session.msg("comm_msg", {"comm_id": button, "data": data})
            kernel_client.shell_channel.send(click)
            clicked = True
        if message["msg_type"] == "error":
            raise AssertionError("\n".join(content["traceback"]))
        idle = message["msg_type"] == "status" and content["execution_state"] == "idle"
        if idle and message["parent_header"].get("msg_id") == asked:
            break
    assert clicked
    monitor, result = shown
    assert "application/vnd.jupyter.widget-view+json" in monitor
    assert "Throughput" in result["text/html"]
