"""TrainingMonitor: before, during and after a training; its buttons; what it shows of a failure."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

import bqplot
import numpy as np
import pytest
from PIL import Image

from jupyter_imgcls.classifiers.listeners import follow
from jupyter_imgcls.classifiers.run import EpochRecord, TrainingRun
from jupyter_imgcls.errors import TrainingError
from jupyter_imgcls.widgets.base.frame import Frame
from jupyter_imgcls.widgets.base.line_charts import round_ticks
from jupyter_imgcls.widgets.training_monitor import TrainingMonitor
from jupyter_imgcls.widgets.training_monitor import ui as training_monitor
from jupyter_imgcls.widgets.training_monitor.curves import TrainingCurves

from .screen import every, named, one, press, problem, text

EPOCHS, MINIBATCHES = 3, 4
SECONDS = 20


class Gate:
    """A training's work that goes on minibatch by minibatch, when the test lets it."""

    def __init__(self) -> None:
        self._may = threading.Semaphore(0)
        self._did = threading.Semaphore(0)

    def __call__(self, run: TrainingRun) -> None:
        for epoch in range(1, EPOCHS + 1):
            for minibatch in range(1, MINIBATCHES + 1):
                assert self._may.acquire(timeout=SECONDS)
                run.check_stop()
                run.add_batch(minibatch, MINIBATCHES, loss=1 / epoch)
                self._did.release()
            run.add_epoch(record(epoch))

    def let(self, minibatches: int) -> None:
        self._may.release(minibatches)

    def do(self, minibatches: int) -> None:
        self.let(minibatches)
        for _ in range(minibatches):
            assert self._did.acquire(timeout=SECONDS)


def record(epoch: int, *, evaluated: bool = True) -> EpochRecord:
    error, loss = (0.4 / epoch, 1.1 / epoch) if evaluated else (None, None)
    return EpochRecord(epoch, EPOCHS, 1 / epoch, 0.5 / epoch, error, loss, 0.01, 60, 20, 2.0)


def instant(run: TrainingRun) -> None:
    for epoch in range(1, EPOCHS + 1):
        run.check_stop()
        run.add_batch(1, 1, loss=1 / epoch)
        run.add_epoch(record(epoch))


def failing(run: TrainingRun) -> None:
    run.add_epoch(record(1))
    raise TrainingError("<img src=x onerror=alert(1)> went wrong: try $a$ tenth")


def wait_until(true: Callable[[], bool]) -> None:
    """The page is drawn beside the training, a moment later."""
    done = threading.Event()
    for _ in range(SECONDS * 50):
        if true():
            return
        done.wait(0.02)
    raise AssertionError("it did not come true")


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.let(EPOCHS * MINIBATCHES)


def buttons(monitor: TrainingMonitor) -> dict[str, bool]:
    """Which buttons can be pressed."""
    names = ("Pause", "Resume", "Stop")
    return {name: not named(monitor, name).disabled for name in names}


def test_before_a_training_it_says_how_to_watch_one():
    monitor = TrainingMonitor()
    assert (monitor.state, monitor.epochs_done, monitor.history) == ("idle", 0, [])
    assert not any(buttons(monitor).values())
    assert "callbacks=[monitor.listener]" in text(monitor)
    assert "callbacks=[monitor.listener]" in named(monitor, "Stop").tooltip


def test_watches_a_blocking_training_through_its_listener():
    monitor = TrainingMonitor()
    run = TrainingRun(instant, EPOCHS)
    run.add_listener(monitor.listener)  # what train(callbacks=[...]) does
    follow(run, progress=False)
    assert (monitor.state, monitor.epochs_done) == ("finished", EPOCHS)
    assert [values["epoch"] for values in monitor.history] == [1, 2, 3]
    assert "ended" in text(monitor)
    assert "Epoch 3 of 3 · loss 0.3333 · training 83.3% · evaluation 86.7% · 2.0 s" in text(monitor)
    assert "3 (86.7%)" in text(monitor), "the best epoch"
    assert run.kept.epoch == 3 and "epoch 3 of 3 is kept" in text(monitor)
    assert f"Finished. {run.describe_kept()}" in text(monitor)


def test_shows_a_training_that_ended_before():
    run = TrainingRun(instant, EPOCHS).start()
    run.wait()
    assert TrainingMonitor(run).history == [record(e).to_dict() for e in (1, 2, 3)]


def test_follows_a_training_in_the_background(gate: Gate):
    run = TrainingRun(gate, EPOCHS)
    monitor = TrainingMonitor(run)
    assert monitor.state == "waiting"
    run.start()
    gate.do(MINIBATCHES + 2)
    wait_until(lambda: "minibatch 2 of 4" in text(monitor))
    assert "epoch 2 of 3" in text(monitor)
    assert named(monitor, "Epochs").value == pytest.approx(1.5)
    assert (named(monitor, "Minibatches").value, named(monitor, "Minibatches").max) == (
        2,
        MINIBATCHES,
    )
    assert "30" in text(monitor), "photos a second"
    gate.let(EPOCHS * MINIBATCHES)
    run.wait(SECONDS)
    assert monitor.state == "finished"


def test_draws_loss_and_accuracy():
    run = TrainingRun(instant, EPOCHS)
    monitor = TrainingMonitor(run)
    run.start().wait()
    minibatches, loss, _, training, evaluation = every(monitor, bqplot.Lines)
    np.testing.assert_allclose(training.x, [1, 2, 3])
    np.testing.assert_allclose(training.y, [50, 75, 100 - 50 / 3])
    np.testing.assert_allclose(evaluation.y, [60, 80, 100 - 40 / 3])
    np.testing.assert_allclose(loss.y, [1, 1 / 2, 1 / 3])
    np.testing.assert_allclose(minibatches.x, [1, 2, 3])
    assert loss.scales["y"].max >= 1.1


def test_draws_no_evaluation_where_there_is_none():
    def work(run: TrainingRun) -> None:
        run.add_epoch(record(1, evaluated=False))

    run = TrainingRun(work, 1)
    monitor = TrainingMonitor(run)
    run.start().wait()
    assert len(every(monitor, bqplot.Lines)[-1].x) == 0
    assert "1 (50.0%)" in text(monitor)


def test_a_long_training_sends_a_bounded_number_of_points():
    monitor = TrainingMonitor()
    for minibatch in range(50_000):
        one(monitor, TrainingCurves).add_batch(minibatch / 50_000, 1.0)
    one(monitor, TrainingCurves).show([])
    assert 500 < len(one(monitor, bqplot.Lines).x) <= 1000
    assert one(monitor, bqplot.Lines).x[-1] > 0.95


def test_pause_and_resume_answer_at_once(gate: Gate):
    run = TrainingRun(gate, EPOCHS).start()
    monitor, other = TrainingMonitor(run), TrainingMonitor(run)
    assert buttons(monitor) == {"Pause": True, "Resume": False, "Stop": True}
    assert named(monitor, "Resume").tooltip == "It is not paused."
    named(monitor, "Pause").click()
    assert (run.state, monitor.state) == ("paused", "paused")
    assert buttons(monitor) == {"Pause": False, "Resume": True, "Stop": True}
    wait_until(lambda: other.state == "paused")
    run.resume()  # in code, and not by a button
    wait_until(lambda: monitor.state == other.state == "running")


def test_stop_keeps_what_is_done(gate: Gate):
    run = TrainingRun(gate, EPOCHS).start()
    monitor = TrainingMonitor(run)
    gate.do(MINIBATCHES)
    named(monitor, "Stop").click()
    assert monitor.state == "stopping"
    assert not any(buttons(monitor).values())
    gate.let(1)
    assert run.wait(SECONDS)
    assert monitor.state == "stopped"
    assert len(monitor.history) == 1


def test_a_failure_is_shown_as_text():
    run = TrainingRun(failing, EPOCHS)
    monitor = TrainingMonitor(run)
    run.start()
    with pytest.raises(TrainingError):
        run.wait(SECONDS)
    assert monitor.state == "failed"
    assert problem(monitor) != ""
    assert "&lt;img src=x onerror=alert(1)&gt; went wrong" in problem(monitor)
    assert "$a$" not in problem(monitor), "is no formula either"
    assert "<img" not in text(monitor)


def test_what_a_handler_raises_is_shown_and_the_training_goes_on(monkeypatch):
    def broken() -> str:
        raise OSError("no memory is told")

    run = TrainingRun(instant, EPOCHS)
    monitor = TrainingMonitor(run)
    monkeypatch.setattr(training_monitor, "_memory", broken)
    run.start()
    assert run.wait(SECONDS)
    assert run.state == "finished"
    assert "no memory is told" in problem(monitor)


def test_the_next_training_takes_the_place_of_the_last():
    monitor = TrainingMonitor()
    for work, state in [(failing, "failed"), (instant, "finished")]:
        run = TrainingRun(work, EPOCHS)
        run.add_listener(monitor.listener)
        run.start()._thread.join(SECONDS)
        assert monitor.state == state
    assert "Failed" not in text(monitor)
    assert problem(monitor) == ""


def test_a_monitor_that_turned_to_another_training_leaves_the_first_alone(gate: Gate):
    first = TrainingRun(gate, EPOCHS).start()
    monitor = TrainingMonitor(first)
    second = TrainingRun(instant, EPOCHS)
    monitor.attach(second)
    second.start().wait(SECONDS)
    gate.do(MINIBATCHES * EPOCHS)
    first.wait(SECONDS)
    assert len(one(monitor, bqplot.Lines).x) == EPOCHS


def test_a_saved_notebook_has_a_still_picture():
    run = TrainingRun(instant, EPOCHS)
    monitor = TrainingMonitor(run)
    before = monitor._repr_mimebundle_()["image/png"]
    run.start().wait()
    after = monitor._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in after
    assert Image.open(io.BytesIO(after["image/png"])).size == Image.open(io.BytesIO(before)).size
    assert after["image/png"] != before
    assert len(after["image/png"]) < 300_000


@pytest.mark.parametrize(
    ("seconds", "words"), [(3.4, "3 s"), (89, "1 min"), (3700, "1 h 2 min"), (7199, "2 h 0 min")]
)
def test_time_left_is_said_in_round_words(seconds, words):
    assert training_monitor._duration(seconds) == words


@pytest.mark.parametrize("highest", [1e-6, 0.013, 0.99, 1, 1.2, 2.31, 4.4, 9.7, 100, 12345])
def test_the_axis_has_few_round_numbers(highest):
    ticks = round_ticks(highest)
    assert ticks[0] == 0
    assert ticks[-2] < highest <= ticks[-1]
    assert 3 <= len(ticks) <= 6
    assert len(f"{ticks[1]:g}") <= 6


def test_a_key_pauses_and_resumes_and_does_nothing_before_and_after(gate: Gate):
    monitor = TrainingMonitor()
    press(monitor, "p")
    assert monitor.state == "idle"
    run = TrainingRun(gate, EPOCHS)
    monitor.attach(run)
    run.start()
    gate.do(1)
    press(monitor, "p")
    assert run.state == "paused"
    press(monitor, "p")
    assert run.state == "running"
    gate.let(EPOCHS * MINIBATCHES)
    run.wait()
    press(monitor, "p")
    assert monitor.state == "finished"
    assert "imgcls-error" not in problem(monitor)


def test_the_height_of_the_charts_is_a_trait_that_the_page_sets():
    monitor = TrainingMonitor()
    one(monitor, Frame).height = 333
    assert monitor.height == 333
