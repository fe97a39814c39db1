"""Load tests of real services: what is sent, what is measured, what is told of errors."""

from __future__ import annotations

import base64
import io
import json
import math
import socket
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from jupyter_imgcls.cli import app
from jupyter_imgcls.errors import MissingExtraError, ServiceError, UnreadableImageError
from jupyter_imgcls.serving.load_test import load_sweep, load_test, start_load_test
from jupyter_imgcls.serving.load_test.payloads import photos_to_send
from tests.unit.scoring_server import SCORES, bare_service, real_service

KEY = "the-key-of-cups"
PHOTO = np.full((30, 40, 3), 90, np.uint8)
SHORT = {"duration": 1, "warm_up": 0, "progress": False}
SECONDS = 30


@pytest.fixture
def service():
    with bare_service() as service:
        yield service


def sent_photos(service):
    """The size of each photo that was sent."""
    entries = [json.loads(body)[0]["image_in_base64"] for body in service.bodies]
    return [Image.open(io.BytesIO(base64.b64decode(entry))).size for entry in entries]


def test_measures_the_service_of_this_package(small_model, photos, capfd):
    with real_service(small_model(), KEY) as url:
        result = load_test(url, KEY, photos, users=3, duration=2, warm_up=0.5)
    assert result.errors == {}
    assert result.throughput > 1
    assert result.percentiles[50] <= result.percentiles[95] <= result.percentiles[99]
    assert len(result.over_time) == 2
    assert result.over_time["requests"].sum() == round(result.throughput * 2)
    assert result.server is not None
    assert 1 <= result.server.batch_photos <= 3
    assert result.server.network_ms > 0
    assert result.server.queue_most >= result.server.queue_mean >= 0
    assert "Measuring" not in capfd.readouterr().out
    words = str(result)
    assert "3 users for 2 s" in words
    assert "Errors" in words
    assert "Photos in a batch" in words
    assert json.loads(json.dumps(result.to_dict()))["users"] == 3


def test_a_table_has_a_row_for_each_request(service, photos):
    result = load_test(service.url, None, photos, users=2, **SHORT)
    frame = result.frame
    assert list(frame) == ["due", "latency_ms", "photo", "side", "sent_kb", "error"]
    assert set(frame["photo"]) <= set(photos.paths)
    assert frame["due"].between(0, 1).all()
    assert (frame["latency_ms"] > 0).all()
    assert set(result.by_size.index) == {"as it is", "640", "224"}
    assert result.by_size["requests"].sum() == len(frame)
    assert result.server is None, "this service has no /metrics"


def test_draws_throughput_and_latency(service):
    result = load_test(service.url, None, PHOTO, users=1, duration=2, warm_up=0, progress=False)
    throughput, latency = result.plot().axes
    assert list(throughput.lines[0].get_xdata()) == [1, 2]
    assert [line.get_label() for line in latency.lines] == ["p50", "p95", "p99"]
    assert "data:image/png;base64," in result._repr_html_()


def test_sends_photos_in_mixed_sizes():
    large = np.zeros((900, 1200, 3), np.uint8)
    sent = photos_to_send([large, large, large, PHOTO])
    assert [photo.side for photo in sent] == [None, 640, 224, None]
    sizes = []
    for photo in sent:
        [entry] = json.loads(photo.body)
        sizes.append(Image.open(io.BytesIO(base64.b64decode(entry["image_in_base64"]))).size)
    assert sizes == [(1200, 900), (640, 480), (224, 168), (40, 30)]


def test_sends_one_photo_in_all_sizes():
    assert [photo.side for photo in photos_to_send(PHOTO, [64, 32, None])] == [64, 32, None]


def test_sends_a_sample_of_many_photos():
    photos = [np.full((8, 8, 3), value, np.uint8) for value in range(200)]
    assert 40 <= len(photos_to_send(photos)) <= 60


def test_names_a_photo_that_cannot_be_read(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    with pytest.raises(UnreadableImageError, match="broken.jpg"):
        photos_to_send(broken, [64])
    with pytest.raises(ServiceError, match="no photo to send"):
        photos_to_send([])
    with pytest.raises(ServiceError, match="sizes"):
        photos_to_send(PHOTO, [0])


def test_the_warm_up_does_not_count(service):
    begun = time.monotonic()

    def slow_at_first(number):
        if time.monotonic() - begun < 1.5:
            time.sleep(0.3)
        return 200, SCORES

    service.answer = slow_at_first
    result = load_test(service.url, None, PHOTO, users=2, duration=1, warm_up=3, progress=False)
    assert len(service.bodies) > len(result.frame)
    assert result.frame["latency_ms"].max() < 300


def test_an_open_loop_sends_at_its_rate_and_counts_the_wait(service):
    one_at_a_time = threading.Lock()

    def slow(_number):
        with one_at_a_time:
            time.sleep(0.05)
        return 200, SCORES

    service.answer = slow
    result = load_test(
        service.url, None, PHOTO, rate=50, duration=2, warm_up=0, progress=False, timeout=20
    )
    assert 60 <= len(result.frame) <= 140, "50 requests/s for 2 s, at random times"
    assert result.throughput <= 20
    assert result.percentiles[99] > 1000, "they wait for each other, and more come"
    assert "50 requests/s sent for 2 s" in str(result)


def test_a_closed_loop_waits_for_the_answers(service):
    service.answer = lambda _: time.sleep(0.25) or (200, SCORES)
    result = load_test(service.url, None, PHOTO, users=2, **SHORT)
    assert len(result.frame) <= 8
    assert len(result.errors) == 0


def test_tells_errors_by_kind(service):
    answers = [(200, SCORES), (503, b"{}"), (599, b""), None, (200, b'["{\\"error\\": \\"x\\"}"]')]
    service.answer = lambda number: answers[number % len(answers)]
    result = load_test(service.url, None, PHOTO, users=4, duration=2, warm_up=0, progress=False)
    assert set(result.errors) == {
        "503 Service Unavailable",
        "599",
        "connection lost",
        "200, but a photo was not scored",
    }
    scored = len(result.frame) - sum(result.errors.values())
    assert 0 < scored < len(result.frame)
    assert result.over_time["errors"].sum() > 0
    assert "503 Service Unavailable" in str(result)
    assert "503 Service Unavailable" in result._repr_html_()


def test_does_not_wait_for_ever(service):
    service.answer = lambda number: (time.sleep(0.6 if number else 0), (200, SCORES))[1]
    result = load_test(service.url, None, PHOTO, users=1, timeout=0.2, **SHORT)
    assert set(result.errors) == {"no answer in time"}
    assert math.isnan(result.percentiles[50])
    assert result.to_dict()["latency_ms"]["p50"] is None


def test_a_service_that_goes_away_is_an_error_of_each_request(small_model):
    with real_service(small_model(), None) as url:
        run = start_load_test(url, None, PHOTO, users=2, duration=3, warm_up=0)
        while not run.seconds:
            time.sleep(0.05)
    assert run.wait(SECONDS)
    assert run.result is not None
    assert set(run.result.errors) <= {"connection refused", "connection lost"}
    assert run.result.errors["connection refused"] == run.errors["connection refused"]


def test_says_at_once_when_it_cannot_be_scored(small_model):
    with real_service(small_model(), KEY) as url:
        with pytest.raises(ServiceError, match="key"):
            load_test(url, "another", PHOTO)
        with pytest.raises(ServiceError, match="no service"):
            load_test(url.replace("cups", "plates"), KEY, PHOTO)
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/api/v1/service/cups/score"
    with pytest.raises(ServiceError, match="refused"):
        load_test(url, None, PHOTO)


@pytest.mark.parametrize(
    "wrong", [{"users": 0}, {"users": 5000}, {"rate": 0}, {"duration": 0}, {"warm_up": -1}]
)
def test_refuses_values_out_of_range(service, wrong):
    with pytest.raises(ServiceError, match=next(iter(wrong))):
        load_test(service.url, None, PHOTO, **wrong)
    assert service.bodies == []


def test_stops_when_asked_and_keeps_what_it_has_measured(service):
    run = start_load_test(service.url, None, PHOTO, users=2, duration=60, warm_up=0)
    while not run.seconds:
        time.sleep(0.05)
    assert run.state == "running"
    run.stop()
    assert run.wait(SECONDS)
    assert run.state == "stopped"
    assert run.result is not None
    assert 1 <= run.result.duration < 60
    assert run.result.throughput > 0
    assert "stopped" in repr(run)


def test_can_be_stopped_before_anything_is_measured(service):
    run = start_load_test(service.url, None, PHOTO, warm_up=60)
    run.stop()
    assert run.wait(SECONDS)
    assert run.result is not None
    assert (run.result.duration, run.result.throughput, run.result.errors) == (0, 0, {})
    assert len(run.result.frame) == 0
    assert "<table>" in run.result._repr_html_()


def test_an_interruption_ends_it_with_what_was_measured(service, monkeypatch):
    waits = iter([KeyboardInterrupt, None])

    def interrupted(event, timeout=None):
        if next(waits, None):
            while len(service.bodies) < 20:
                time.sleep(0.05)
            time.sleep(1)
            raise KeyboardInterrupt
        return event.wait(timeout)

    monkeypatch.setattr("jupyter_imgcls.kernel.waiting._wait_and_answer", interrupted)
    result = load_test(service.url, None, PHOTO, duration=60, warm_up=0, progress=False)
    assert 0 < result.duration < 60


def test_without_locust_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "locust", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'jupyter_imgcls\[load\]'"):
        load_test("http://127.0.0.1:9/score", None, PHOTO, **SHORT)


def test_a_generator_that_fails_is_told_with_its_log(service, monkeypatch, tmp_path):
    failing = tmp_path / "python"
    failing.write_text("#!/bin/sh\necho 'no locust here' >&2\nexit 1\n")
    failing.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(failing))
    with pytest.raises(ServiceError, match="no locust here"):
        load_test(service.url, None, PHOTO, **SHORT)


def test_a_sweep_compares_numbers_of_users(service):
    sweep = load_sweep(service.url, None, PHOTO, users=[1, 3], **SHORT)
    assert list(sweep.table.index) == [1, 3]
    assert (sweep.table["throughput"] > 0).all()
    assert set(sweep.frame["users"]) == {1, 3}
    throughput, latency = sweep.plot().axes
    assert list(throughput.lines[0].get_xdata()) == [1, 3]
    assert latency.get_xlabel() == "Users"
    assert "<table" in sweep._repr_html_()
    assert "throughput" in str(sweep)
    json.dumps(sweep.to_dict(), allow_nan=False)


def test_from_a_shell(service, photos, tmp_path):
    picture, csv = tmp_path / "load.svg", tmp_path / "load.csv"
    files = ["--picture", str(picture), "--csv", str(csv)]
    command = ["loadtest", service.url, *photos.paths, "--duration", "1", "--warm-up", "0"]
    done = CliRunner().invoke(app, [*command, "--users", "2", "--json", *files])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["users"] == 2
    assert b"<svg" in picture.read_bytes()
    assert csv.read_text().startswith('"due","latency_ms","photo"')
    assert len(sent_photos(service)) > 2

    done = CliRunner().invoke(app, [*command, "--users", "1", "--users", "2", "--quiet"])
    assert done.exit_code == 0, done.output
    assert len(done.stdout.splitlines()) == 4, "a heading of two lines, and a line a test"


def test_from_a_shell_wrong_options_are_told_before_anything_is_sent(service, photos):
    command = ["loadtest", service.url, photos.paths[0], "--users", "2"]
    for wrong, said in (["--rate", "5"], "not both"), (["--picture", "load.doc"], ".png"):
        done = CliRunner().invoke(app, [*command, *wrong])
        assert done.exit_code == 1
        assert said in done.stderr
    assert service.bodies == []
