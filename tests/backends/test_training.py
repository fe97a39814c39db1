"""Refining a small network: errors, divergence, stopping, going on, what is beside a training."""

from __future__ import annotations

import logging
import os
import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from jupyter_imgcls.classifiers import TrainingListener, TransferLearningModel
from jupyter_imgcls.errors import MissingExtraError, StorageError, TrainingError

from ..conftest import save_photo

try:
    import resource
except ImportError:  # Windows
    resource = None


@pytest.fixture
def train(photos):
    """Train a model for two epochs, with other settings where they are given."""

    def run(model, train_set=photos, **options):
        return model.train(
            train_set, **{"learning_rate": 0.01, "num_epochs": 2, "progress": False} | options
        )

    return run


class Do(TrainingListener):
    """Do something after an epoch or a minibatch."""

    def __init__(self, after_epoch=None, after_batch=None):
        self.after_epoch = after_epoch
        self.after_batch = after_batch

    def on_epoch(self, run, record):
        if self.after_epoch:
            self.after_epoch(run)

    def on_batch(self, run, loss):
        if self.after_batch:
            self.after_batch(run)


def weights(model):
    return model.copy()._get_snapshot().weights


def same(left, right):
    assert left.keys() == right.keys()
    return all(np.array_equal(left[name], right[name]) for name in left)


# -- training -----------------------------------------------------------------------------------


def test_training_lowers_the_error_and_keeps_a_history(small_model, photos, train, capsys):
    model = small_model()
    run = train(model, num_epochs=5, learning_rate=0.02, batch_size=5, eval_dataset=photos)
    assert run.state == "finished"
    assert model.history == run.history
    first, last = run.history[0], run.history[-1]
    assert [record.epoch for record in run.history] == list(range(1, 6))
    assert (last.samples, last.eval_samples, last.epochs) == (10, 10, 5)
    assert last.eval_loss < first.eval_loss
    assert last.learning_rate == 0.02
    assert last.seconds > 0
    assert capsys.readouterr() == ("", "")

    train_accuracies, eval_accuracies, epochs = model.train_eval_accs
    assert epochs == list(range(1, 6))
    assert train_accuracies == [1 - record.train_error for record in run.history]
    assert eval_accuracies == [1 - record.eval_error for record in run.history]


def test_the_evaluation_error_is_a_share_of_the_evaluation_set(small_model, photos, train):
    model = small_model()
    few = photos.take([0, 1, 5])
    run = train(model, eval_dataset=few, keep="last")
    wrong = sum(
        predicted != image.labels[0].name
        for predicted, image in zip(model.predict(few), few.images, strict=True)
    )
    assert run.history[-1].eval_error == wrong / 3
    scores = model.score(few)
    loss = -np.log(scores[[0, 1, 2], [0, 0, 1]]).mean()
    assert run.history[-1].eval_loss == pytest.approx(loss, rel=1e-4)


def test_fewer_photos_than_a_minibatch_are_one_minibatch(small_model, photos, train):
    run = train(small_model(), photos.take([0, 5]), batch_size=32)
    assert run.history[-1].samples == 2


def test_photos_of_one_class_cannot_be_trained_on(small_model, photos, train):
    model = small_model()
    with pytest.raises(TrainingError, match="are of one class: there is nothing to tell apart"):
        train(model, photos.take(range(5)))
    assert model.history == []


def test_a_photo_deleted_while_training_is_left_out(small_model, photos, train):
    def delete(run):
        if len(run.history) == 1:
            os.remove(photos.paths[0])

    run = train(small_model(), num_epochs=3, callbacks=[Do(delete)])
    assert [record.samples for record in run.history] == [10, 9, 9]
    assert [problem.path for problem in photos.problems] == [photos.paths[0]]


def test_when_all_photos_are_deleted_the_weights_of_the_best_epoch_stay(small_model, photos, train):
    kept = []
    model = small_model()

    def delete(run):
        kept.append(run.history[-1])
        for path in photos.paths:
            os.remove(path)

    other = save_photo(Path(photos.paths[0]).parents[1] / "other.png")
    with pytest.raises(TrainingError, match="No photo of the training set can be read any more"):
        train(model, callbacks=[Do(delete)])
    assert model.history == kept
    assert len(photos.problems) == 10
    assert np.isfinite(model.score(other)).all()


@pytest.mark.parametrize("batches", [1, 5])
def test_divergence_is_an_error_and_leaves_the_model_as_it_was(small_model, photos, train, batches):
    """The loss of the next minibatch shows it, or after the last one a prediction."""
    model = small_model()
    before, scores = weights(model), model.score(photos)
    with pytest.raises(TrainingError, match=r"diverged in epoch 1.*10000\.0.*before the training"):
        train(model, learning_rate=1e4, batch_size=10 // batches)
    assert same(weights(model), before)
    assert np.array_equal(model.score(photos), scores)
    assert model.history == []


def test_divergence_after_some_epochs_leaves_the_best_of_them(small_model, photos, train):
    model = small_model()
    best = small_model()
    train(best, learning_rate=0.01, num_epochs=1)
    with pytest.raises(TrainingError, match="diverged in epoch 2.*those of epoch 1"):
        train(model, learning_rate=[0.01, 1e30])
    assert same(weights(model), weights(best))
    assert len(model.history) == 1
    assert same(weights(TransferLearningModel.from_artifact(model.to_artifact())), weights(best))


def no_folder(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("not a folder")
    return folder.unlink


def no_space(_folder):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("fail", [no_folder, no_space])
@pytest.mark.parametrize("epochs", [0, 1])
def test_a_checkpoint_that_cannot_be_written_leaves_the_epochs_before(
    small_model, train, context, fail, epochs
):
    """The network that the next training starts from, too, is that of the history."""
    if fail is no_space and resource is None:
        pytest.skip("Windows cannot limit the size of a file")
    restore = []

    def fail_later(run):
        if len(run.history) == epochs and not restore:
            restore.append(fail(context.storage.outputs_path / "checkpoints"))

    expected, model = small_model(), small_model()
    if epochs:
        train(expected, num_epochs=epochs)
    try:
        with pytest.raises(StorageError, match="checkpoint .* cannot be written"):
            train(model, callbacks=[Do(after_batch=fail_later)])
    finally:
        restore.pop()()
    assert len(model.history) == epochs
    assert same(weights(model), weights(expected))
    train(model)
    train(expected)
    assert same(weights(model), weights(expected))


def test_a_callback_that_fails_between_epochs_does_not_hurt_the_training(
    small_model, train, caplog
):
    def fail(run):
        raise OSError("the callback's disk is full")

    expected, model = small_model(), small_model()
    train(expected)
    run = train(model, callbacks=[Do(after_epoch=fail)])
    assert "the callback's disk is full" in caplog.text
    assert run.state == "finished" and len(model.history) == 2
    assert same(weights(model), weights(expected))


# -- stopping and going on ----------------------------------------------------------------------


@pytest.mark.parametrize("keep", ["best", "last"])
@pytest.mark.parametrize("evaluated", [True, False])
def test_a_finished_training_keeps_the_best_epoch_or_the_last(
    small_model, photos, train, tmp_path, keep, evaluated
):
    """The last epoch, at a high learning rate, is worse."""
    model, after_epoch = small_model(), []
    run = train(
        model,
        learning_rate=[0.02, 0.02, 0.5],
        num_epochs=3,
        batch_size=5,
        eval_dataset=photos if evaluated else None,
        callbacks=[Do(lambda _: after_epoch.append(model._state.network.get_weights()))],
        keep=keep,
    )
    assert run.state == "finished" and run.best.epoch < 3
    kept = run.best if keep == "best" else run.history[-1]
    assert run.kept == model.kept == kept
    assert same(weights(model), after_epoch[kept.epoch - 1])
    loaded = TransferLearningModel.deserialize(model.serialize(tmp_path / "a.model"))
    assert loaded.kept == kept and f"trained for 3 epochs, epoch {kept.epoch} kept" in repr(loaded)
    assert same(weights(loaded), weights(model))


def test_stopping_keeps_the_best_epoch(small_model, photos, train, context):
    model = small_model()
    after_epoch = []

    def look(run):
        after_epoch.append(model._state.network.get_weights())
        if len(run.history) == 4:
            run.stop()

    run = train(model, num_epochs=50, learning_rate=0.05, batch_size=4, callbacks=[Do(look)])
    assert run.state == "stopped"
    assert len(run.history) == 4
    assert same(weights(model), after_epoch[run.best.epoch - 1])
    (saved,) = (context.storage.outputs_path / "model_trained").iterdir()
    assert saved.name == "photos-squeezenet1.1.model"
    assert same(weights(TransferLearningModel.deserialize(saved)), weights(model))


def test_stopping_in_the_first_epoch_leaves_the_model_as_it_was(small_model, train, context):
    model = small_model()
    before = weights(model)
    run = train(model, batch_size=2, callbacks=[Do(after_batch=lambda run: run.stop())])
    assert run.state == "stopped"
    assert same(weights(model), before)
    assert not (context.storage.outputs_path / "model_trained").exists()


class Crash(BaseException):
    """Ends the work in the middle of it, like a crash that leaves only what is on disk."""


def crash_after(epochs):
    """Ends a training after an epoch as a crash does, for the price of an exception."""

    def crash(run):
        if len(run.history) == epochs:
            run.check_stop = raise_crash

    return Do(crash)


def raise_crash():
    raise Crash


def checkpoints(context):
    return sorted((context.storage.outputs_path / "checkpoints").glob("*"))


def test_a_training_that_was_cut_off_comes_to_the_same_when_it_is_resumed(
    small_model, photos, train, context, caplog
):
    """SqueezeNet has dropout; the order of the photos and momentum matter too."""
    options = {
        "num_epochs": 3,
        "batch_size": 4,
        "learning_rate": [0.01, 0.005],
        "eval_dataset": photos,
    }
    whole, cut_off, resumed = small_model(), small_model(), small_model()
    train(whole, **options)
    assert checkpoints(context) == []
    with pytest.raises(Crash):
        train(cut_off, callbacks=[crash_after(2)], **options)
    assert len(checkpoints(context)) == 1
    caplog.set_level(logging.INFO)
    run = train(resumed, resume=True, **options)
    assert "Going on after epoch 2" in caplog.messages
    assert same(weights(resumed), weights(whole))
    assert [record.epoch for record in run.history] == [1, 2, 3]
    for record, expected in zip(run.history, whole.history, strict=True):
        assert (record.loss, record.eval_loss) == (expected.loss, expected.eval_loss)
    assert checkpoints(context) == []


def test_a_training_with_other_settings_does_not_go_on_from_it(small_model, train, caplog):
    with pytest.raises(Crash):
        train(small_model(), callbacks=[crash_after(1)], num_epochs=3)
    caplog.set_level(logging.INFO)
    run = train(small_model(), resume=True, num_epochs=1)
    assert len(run.history) == 1
    assert "No training with these data and settings was cut off: starting anew" in caplog.messages


def test_a_damaged_checkpoint_is_not_trained_on(small_model, train, context):
    model = small_model()
    with pytest.raises(Crash):
        train(small_model(), callbacks=[crash_after(1)])
    (file,) = checkpoints(context)
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(TrainingError, match="damaged .*: delete it, or train with resume=False"):
        train(model, resume=True)
    train(model)
    assert len(model.history) == 2


# -- beside a training --------------------------------------------------------------------------


def test_a_model_trained_in_the_background_scores_and_is_saved_as_it_was(
    small_model, photos, train, tmp_path, caplog
):
    caplog.set_level(logging.INFO)
    model = small_model()
    before = small_model().score(photos)
    run = train(model, background=True, num_epochs=3, callbacks=[Do(lambda run: run.pause())])
    while not run.history:
        run.wait(0.01)
    assert run.state == "paused"
    assert np.array_equal(model.score(photos), before)
    saved = TransferLearningModel.deserialize(model.serialize(tmp_path / "a.model"))
    assert saved.history == model.history == []
    assert np.array_equal(saved.score(photos), before)
    with pytest.raises(TrainingError, match="is being trained: wait for it, or stop"):
        train(model)
    while not run.wait(0.01):
        run.resume()
    assert run.state == "finished"
    assert not np.array_equal(model.score(photos), before)
    assert caplog.text.count("Finished epoch") == 3
    assert len(train(model).history) == 2


def test_a_failure_in_the_background_is_kept_for_whoever_waits(small_model, train, caplog):
    run = train(small_model(), learning_rate=1e30, background=True)
    with pytest.raises(TrainingError, match="diverged"):
        run.wait(30)
    assert run.state == "failed"
    assert "Training failed: Training diverged" in caplog.text


# -- TensorBoard --------------------------------------------------------------------------------


def read_events(logdir):
    """Scalars by tag and step, from the event files' own format: length, sum, event, sum."""
    from tensorboardX.proto.event_pb2 import Event

    scalars = {}
    for file in Path(logdir).glob("events*"):
        content = file.read_bytes()
        while content:
            (length,) = struct.unpack_from("<Q", content)
            event = Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]
            for value in event.summary.value:
                scalars[value.tag, event.step] = value.simple_value
    return scalars


def test_tensorboard_gets_the_values_of_each_epoch(small_model, photos, train, tmp_path):
    run = train(small_model(), eval_dataset=photos, tensorboard_logdir=tmp_path / "logs")
    scalars = read_events(tmp_path / "logs")
    assert len(scalars) == 6 * 2
    for record in run.history:
        step = record.epoch
        for tag, value in {
            "loss/training": record.loss,
            "loss/evaluation": record.eval_loss,
            "error/training": record.train_error,
            "error/evaluation": record.eval_error,
            "learning_rate": 0.01,
            "samples_per_second": record.samples_per_second,
        }.items():
            assert scalars[tag, step] == pytest.approx(value, rel=1e-6)


def test_a_folder_for_tensorboard_that_cannot_be_made_is_named(small_model, train, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="TensorBoard events to .*file.*tensorboard_logdir"):
        train(small_model(), tensorboard_logdir=tmp_path / "file" / "logs")


def test_without_tensorboardx_it_says_what_to_install(small_model, train, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'jupyter_imgcls\[tensorboard\]'"):
        train(small_model(), tensorboard_logdir=tmp_path)
