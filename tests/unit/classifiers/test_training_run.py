"""A training under way, without a network: its thread, its state, those who listen and wait."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import threading

import pytest

from jupyter_imgcls.classifiers import EpochRecord, TrainingListener, TrainingRun
from jupyter_imgcls.classifiers.listeners import EpochLogger, follow
from jupyter_imgcls.errors import TrainingError

LONG = 30  # seconds; reached only when something hangs


def record(epoch=1, epochs=3, train_error=0.25, eval_error=None, **values):
    return EpochRecord(
        epoch=epoch,
        epochs=epochs,
        loss=values.get("loss", 0.5),
        train_error=train_error,
        eval_error=eval_error,
        eval_loss=None if eval_error is None else values.get("eval_loss", 0.75),
        learning_rate=0.05,
        samples=40,
        eval_samples=0 if eval_error is None else 10,
        seconds=values.get("seconds", 2.0),
    )


def count_epochs(run, batches=2):
    """Work that goes through its epochs and does nothing in them."""
    for epoch in range(len(run.history) + 1, run.epochs + 1):
        for batch in range(1, batches + 1):
            run.check_stop()
            run.add_batch(batch, batches, loss=1.0)
        run.add_epoch(record(epoch, run.epochs))


class Diary(TrainingListener):
    def __init__(self):
        self.entries = []

    def on_start(self, run):
        self.entries.append("start")

    def on_batch(self, run, loss):
        self.entries.append(run.epochs_done)

    def on_epoch(self, run, record):
        assert record is run.history[-1]
        self.entries.append(f"epoch {record.epoch}")

    def on_end(self, run):
        self.entries.append(run.state)


def started(work, epochs=2, *listeners):
    run = TrainingRun(work, epochs)
    for listener in listeners:
        run.add_listener(listener)
    return run.start()


def endless(entered):
    def work(run):
        entered.set()
        while True:
            run.check_stop()

    return work


# -- state --------------------------------------------------------------------------------------


def test_a_run_goes_from_waiting_to_finished_and_keeps_its_history():
    go_on = threading.Event()

    def work(run):
        go_on.wait(LONG)
        count_epochs(run)

    run = TrainingRun(work, 2)
    assert run.state == "waiting"
    run.start()
    assert run.state == "running"
    assert not run.wait(0)
    go_on.set()
    assert run.wait(LONG)
    assert run.state == "finished"
    assert [epoch.epoch for epoch in run.history] == [1, 2]
    assert run.error is None


def test_a_run_starts_once():
    run = started(count_epochs)
    with pytest.raises(TrainingError, match=r"call train\(\) again"):
        run.start()


def test_stop_leaves_the_work_at_its_next_breath():
    entered = threading.Event()
    run = started(endless(entered))
    entered.wait(LONG)
    run.stop()
    assert run.wait(LONG)
    assert run.state == "stopped"
    assert run.error is None


def test_a_paused_run_does_nothing_until_it_is_resumed():
    breaths = []
    first, second = threading.Event(), threading.Event()

    def work(run):
        run.check_stop()
        first.set()
        second.wait(LONG)
        run.check_stop()
        breaths.append("after the pause")

    run = started(work)
    first.wait(LONG)
    run.pause()
    assert run.state == "paused"
    second.set()
    assert not run.wait(0.1)
    assert breaths == []
    run.resume()
    assert run.wait(LONG)
    assert breaths == ["after the pause"]


def test_a_paused_run_can_be_stopped():
    entered = threading.Event()
    run = started(endless(entered))
    run.pause()
    run.stop()
    assert run.state in ("stopping", "stopped")
    assert run.wait(LONG)
    assert run.state == "stopped"


def test_wait_raises_what_made_the_training_fail():
    def work(run):
        run.add_epoch(record())
        raise TrainingError("The photos are gone.")

    run = started(work)
    for _ in range(2):
        with pytest.raises(TrainingError, match="The photos are gone"):
            run.wait(LONG)
    assert run.state == "failed"
    assert isinstance(run.error, TrainingError)
    assert len(run.history) == 1


def test_a_run_says_in_one_line_where_it_stands():
    run = started(count_epochs, 2)
    run.wait(LONG)
    assert repr(run).startswith("<TrainingRun finished, 2 of 2 epochs: Finished epoch 2 of 2")


# -- listeners ----------------------------------------------------------------------------------


def test_listeners_are_told_of_everything_in_order():
    diary = Diary()
    started(count_epochs, 2, diary).wait(LONG)
    assert diary.entries == [
        "start", 0.5, 1.0, "epoch 1", 1.5, 2.0, "epoch 2", "finished",
    ]  # fmt: skip


@pytest.mark.parametrize("outcome", ["failed", "stopped"])
def test_listeners_learn_how_the_training_ended(outcome):
    def work(run):
        if outcome == "failed":
            raise ValueError
        run.stop()
        run.check_stop()

    diary = Diary()
    run = TrainingRun(work, 1)
    run.add_listener(diary)
    run.start()
    run._ended.wait(LONG)
    assert diary.entries == ["start", outcome]


def test_a_listener_that_raises_is_dropped_and_logged_and_the_others_stay(caplog):
    class Broken(TrainingListener):
        told = 0

        def on_batch(self, run, loss):
            self.told += 1
            raise ZeroDivisionError("in the listener")

    broken, diary = Broken(), Diary()
    run = started(count_epochs, 2, broken, diary)
    assert run.wait(LONG)
    assert run.state == "finished"
    assert broken.told == 1
    assert diary.entries[-1] == "finished"
    (logged,) = caplog.records
    assert "is dropped from the training's listeners" in logged.getMessage()
    assert "in the listener" in logged.exc_text


def test_a_removed_listener_is_told_no_more():
    diary = Diary()
    run = TrainingRun(count_epochs, 1)
    run.add_listener(diary)
    run.remove_listener(diary)
    run.remove_listener(diary)
    run.start().wait(LONG)
    assert diary.entries == []


def test_not_even_an_exit_in_a_listener_keeps_others_waiting():
    class Exits(TrainingListener):
        def on_end(self, run):
            raise SystemExit

    assert started(count_epochs, 1, Exits()).wait(LONG)


# -- epochs -------------------------------------------------------------------------------------


def test_the_best_epoch_is_the_earliest_of_lowest_evaluation_error():
    run = TrainingRun(count_epochs, 3)
    assert run.best is None
    errors = [(0.5, 0.3), (0.4, 0.2), (0.1, 0.2)]
    for epoch, (train_error, eval_error) in enumerate(errors, start=1):
        run.add_epoch(record(epoch, train_error=train_error, eval_error=eval_error))
    assert run.best.epoch == 2


def test_without_evaluation_the_best_epoch_is_that_of_lowest_training_error():
    run = TrainingRun(count_epochs, 3, [record(1, train_error=0.2), record(2, train_error=0.1)])
    assert run.best.epoch == 2
    assert run.epochs_done == 2.0


def test_of_epochs_with_equal_errors_that_of_the_lowest_loss_is_best():
    losses = [0.7, 0.3, 0.3]
    epochs = [record(n, eval_error=0.1, eval_loss=loss) for n, loss in enumerate(losses, start=1)]
    assert TrainingRun(count_epochs, 3, epochs).best.epoch == 2
    epochs = [record(n, loss=loss) for n, loss in enumerate(losses, start=1)]
    assert TrainingRun(count_epochs, 3, epochs).best.epoch == 2


@pytest.mark.parametrize(
    ("keep", "eval_errors", "kept"),
    [
        (
            "best",
            [0.2, 0.1, 0.3],
            "Epoch 2 of 3 is kept, with the lowest evaluation error: 10.00%.",
        ),
        ("best", [None, None], "Epoch 1 of 3 is kept, with the lowest training error: 25.00%."),
        ("last", [0.2, 0.1, 0.3], "Epoch 3 of 3 is kept, the last one."),
        ("best", [], "No epoch is done: the network stays as it was."),
    ],
)
def test_a_run_says_which_epoch_it_keeps(keep, eval_errors, kept, caplog):
    caplog.set_level(logging.INFO)
    epochs = [record(n, eval_error=error) for n, error in enumerate(eval_errors, start=1)]
    run = TrainingRun(lambda run: None, 3, epochs, keep)
    assert run.describe_kept() == kept
    assert (kept in repr(run)) == bool(epochs)
    follow(run, progress=False)
    assert caplog.messages == [kept]


def test_the_line_of_an_epoch_says_errors_of_the_photos_they_were_counted_on():
    assert str(record(2, eval_error=0.1)) == (
        "Finished epoch 2 of 3: loss 0.500000, training error 25.00% of 40, "
        "evaluation error 10.00% of 10, 2.0 s (20.0 samples/s)"
    )
    assert "evaluation" not in str(record(2))
    assert record(seconds=0.0).samples_per_second == float("inf")


def test_an_epoch_survives_json():
    epoch = record(eval_error=0.1)
    assert EpochRecord.from_dict(json.loads(json.dumps(epoch.to_dict()))) == epoch


@pytest.mark.parametrize(
    "values",
    [
        "an epoch",
        {},
        record().to_dict() | {"loss": "<b>high</b>"},
        record().to_dict() | {"loss": None},
    ],
)
def test_what_is_no_epoch_is_refused(values):
    with pytest.raises(ValueError, match="epoch"):
        EpochRecord.from_dict(values)


# -- waiting with a progress bar ----------------------------------------------------------------


def test_following_a_run_logs_each_epoch_once_and_prints_nothing(caplog, capsys):
    caplog.set_level(logging.INFO)
    run = TrainingRun(count_epochs, 3)
    follow(run, progress=False)
    assert run.state == "finished"
    assert [message.split(":")[0] for message in caplog.messages] == [
        *(f"Finished epoch {epoch} of 3" for epoch in (1, 2, 3)),
        "Epoch 1 of 3 is kept, with the lowest training error",
    ]
    assert capsys.readouterr() == ("", "")


def test_the_progress_bar_never_goes_back(capsys):
    def slowly(run):
        def check_stop():
            threading.Event().wait(0.01)

        run.check_stop = check_stop
        count_epochs(run, batches=20)

    follow(TrainingRun(slowly, 3), progress=True)
    out, bar = capsys.readouterr()
    shown = [float(number) for number in re.findall(r"([\d.]+)/3 epochs", bar)]
    assert out == ""
    assert len(shown) > 3
    assert shown == sorted(shown)
    assert shown[-1] == 3.0
    assert "loss=0.5000, error=25.0%" in bar


def test_the_bar_of_a_resumed_run_begins_where_it_was(capsys, caplog):
    caplog.set_level(logging.INFO)
    follow(TrainingRun(count_epochs, 3, [record(1), record(2)]), progress=True)
    shown = re.findall(r"([\d.]+)/3 epochs", capsys.readouterr().err)
    assert float(shown[0]) == 2.0
    assert [message[:16] for message in caplog.messages[:-1]] == ["Finished epoch 3"]


def test_epochs_done_just_before_a_failure_are_logged_too(caplog):
    caplog.set_level(logging.INFO)

    def work(run):
        run.add_epoch(record())
        raise TrainingError("The photos are gone.")

    with pytest.raises(TrainingError, match="gone"):
        follow(TrainingRun(work, 3), progress=False)
    assert [text[:12] for text in caplog.messages] == ["Finished epo", "Epoch 1 of 3"]


def test_in_the_background_epochs_and_failures_are_logged(caplog):
    caplog.set_level(logging.INFO)

    def work(run):
        run.add_epoch(record())
        raise TrainingError("The photos are gone.")

    with pytest.raises(TrainingError):
        started(work, 3, EpochLogger()).wait(LONG)
    assert [(entry.levelname, entry.getMessage()[:25]) for entry in caplog.records] == [
        ("INFO", "Finished epoch 1 of 3: lo"),
        ("ERROR", "Training failed: The phot"),
        ("INFO", "Epoch 1 of 3 is kept, wit"),
    ]


@pytest.fixture
def interrupt():
    """Press Ctrl-C, also where the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: os.kill(os.getpid(), signal.SIGINT)
    signal.signal(signal.SIGINT, before)


def test_an_interruption_stops_the_run_and_returns(caplog, interrupt):
    def work(run):
        run.add_epoch(record())
        interrupt()
        while True:
            run.check_stop()

    run = TrainingRun(work, 3)
    follow(run, progress=False)
    assert run.state == "stopped"
    assert len(run.history) == 1
    assert "the best epoch so far is kept" in caplog.text


def test_a_second_interruption_is_raised(interrupt):
    told_to_stop = threading.Event()
    leave = threading.Event()

    def work(run):
        interrupt()
        while not run._stop_asked.wait(0.01):
            pass
        told_to_stop.set()
        interrupt()
        leave.wait(LONG)
        run.check_stop()

    run = TrainingRun(work, 3)
    with pytest.raises(KeyboardInterrupt):
        follow(run, progress=False)
    assert told_to_stop.is_set()
    assert run.state == "stopping"
    leave.set()
    assert run.wait(LONG)
    assert run.state == "stopped"
