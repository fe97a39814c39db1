"""What a training is given: settings, photos as minibatches, the name of its checkpoint."""

from __future__ import annotations

import dataclasses
import math
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from jupyter_imgcls.classifiers.training import (
    LEARNING_RATE,
    PhotoSet,
    TrainingSettings,
    configuration_key,
)
from jupyter_imgcls.data import ClassificationDataset, Label
from jupyter_imgcls.errors import TrainingError
from jupyter_imgcls.scoring import Preprocessing

from ...conftest import save_photo

SMALL = Preprocessing(height=64, width=64, mean=(127, 127, 127), std=(128, 128, 128))


# -- settings -----------------------------------------------------------------------------------


def make_settings(**options):
    usual = {"learning_rate": 0.01, "batch_size": 32, "num_epochs": 2, "trainable": "all"}
    usual |= {"precision": "fp32", "seed": 0, "keep": "best"}
    return TrainingSettings.create(**usual | options)


def rates(learning_rate, num_epochs=None):
    return make_settings(learning_rate=learning_rate, num_epochs=num_epochs).learning_rates


def test_learning_rates_are_one_or_one_an_epoch_and_the_last_goes_on():
    assert rates(0.05) == (0.05,)
    assert rates(0.05, 3) == (0.05, 0.05, 0.05)
    assert rates([0.05] * 2 + [0.005]) == (0.05, 0.05, 0.005)
    assert rates([0.05, 0.005], 4) == (0.05, 0.005, 0.005, 0.005)
    assert rates([0.05, 0.005, 0.0005], 2) == (0.05, 0.005)
    assert rates(np.float32(0.5), np.int64(2)) == (0.5, 0.5)
    assert rates(1) == (1.0,)
    assert len(rates(LEARNING_RATE)) == 15


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": []}, r"learning_rate is \[\]"),
        ({"learning_rate": [0.1, -0.1]}, "learning_rate is .* of 0 or more"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'"),
        ({"learning_rate": [[0.1]]}, "learning_rate is"),
        ({"num_epochs": 0}, "num_epochs is 0: give a whole number of at least 1"),
        ({"num_epochs": 2.5}, "num_epochs is 2.5"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": "32"}, "batch_size is '32'"),
        ({"seed": -1}, "seed is -1: give a whole number of at least 0"),
        ({"trainable": "tail"}, "trainable is 'tail': choose 'all' or 'head'"),
        ({"precision": "fp8"}, "precision is 'fp8': choose 'fp32' or 'bf16'"),
        ({"keep": "first"}, "keep is 'first': choose 'best' or 'last'"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(options, message):
    with pytest.raises(TrainingError, match=message):
        make_settings(**options)


# -- photos as minibatches ----------------------------------------------------------------------


def photo_set(dataset, labels=None, purpose="training"):
    return PhotoSet(dataset, labels or dataset.labels, SMALL, purpose)


@pytest.mark.parametrize(
    ("batch_size", "sizes"), [(4, [4, 3, 3]), (10, [10]), (32, [10]), (9, [5, 5])]
)
def test_minibatches_are_of_about_the_same_size(photos, batch_size, sizes):
    count, batches = photo_set(photos).batches(batch_size)
    shapes = [images.shape for images, _ in batches]
    assert shapes == [(size, 3, 64, 64) for size in sizes]
    assert count == len(sizes)


def test_minibatches_hold_the_photos_in_the_order_asked_for(photos):
    order = np.arange(10)[::-1]
    _, batches = photo_set(photos).batches(4, order)
    images, columns = zip(*batches, strict=True)
    assert np.concatenate(columns).tolist() == [1] * 5 + [0] * 5
    expected = np.stack([SMALL(photos.paths[i]) for i in order])
    assert np.array_equal(np.concatenate(images), expected)


def test_columns_are_those_of_the_model_whatever_the_order_of_the_datasets_classes(photos):
    labels = [Label("plate"), Label("saucer"), Label("cup")]
    _, batches = photo_set(photos, labels).batches(10)
    assert next(batches)[1].tolist() == [2] * 5 + [0] * 5


def test_photos_without_a_label_are_not_used(photos, caplog):
    photos.change_label_for_image(photos.images[0], [])
    assert len(photo_set(photos)) == 9
    assert caplog.messages == ["1 photos of the training set have no label: not used"]


def test_a_class_that_the_model_does_not_know_is_named(photos):
    with pytest.raises(TrainingError, match="evaluation set has photos of plate, which the model"):
        photo_set(photos, [Label("cup"), Label("bowl")], "evaluation")


def test_a_set_without_any_label_is_refused(photos):
    bare = ClassificationDataset("bare", ["cup"])
    with pytest.raises(TrainingError, match="No photo of the training set has a label"):
        photo_set(bare)
    bare.add_image(photos.paths[0], [])
    with pytest.raises(TrainingError, match="No photo of the training set has a label"):
        photo_set(bare)


def test_leaving_minibatches_early_ends_the_decoding_threads(photos):
    _, batches = photo_set(photos).batches(2)
    next(batches)
    assert any(thread.name.startswith("decode") for thread in threading.enumerate())
    batches.close()
    assert not any(thread.name.startswith("decode") for thread in threading.enumerate())


def test_a_photo_that_is_deleted_is_left_out_from_then_on(photos):
    training = photo_set(photos)
    os.remove(photos.paths[3])
    _, batches = training.batches(4)
    assert sum(len(columns) for _, columns in batches) == 9
    assert len(training) == 9
    assert [problem.path for problem in photos.problems] == [photos.paths[3]]


def test_when_a_whole_minibatch_is_deleted_the_others_go_on(photos):
    training = photo_set(photos)
    for path in photos.paths[:5]:
        os.remove(path)
    _, batches = training.batches(5)
    assert [columns.tolist() for _, columns in batches] == [[1] * 5]
    with pytest.raises(TrainingError, match="of one class"):
        training.require_two_classes()


# -- checkpoints --------------------------------------------------------------------------------


def test_a_checkpoint_is_that_of_one_training_only(photos):
    """Its name changes with the data, the settings, and the network at the start."""
    start = {"head.bias": np.zeros(2, np.float32)}
    keys = []

    def note(
        train_set=photos, labels=None, preprocessing=SMALL, eval_set=None, at=start, **options
    ):
        sets = [
            data and PhotoSet(data, labels or data.labels, preprocessing, "training")
            for data in (train_set, eval_set)
        ]
        keys.append(configuration_key(make_settings(**options), *sets, at))

    note()
    note()
    assert keys.pop() == keys[0]
    note(seed=1)
    note(learning_rate=0.02)
    note(num_epochs=3)
    note(batch_size=5)
    note(trainable="head")
    note(precision="bf16")
    note(keep="last")
    note(eval_set=photos)
    note(at={"head.bias": np.ones(2, np.float32)})
    note(preprocessing=dataclasses.replace(SMALL, width=80))
    note(labels=photos.labels[::-1])
    note(photos.take(range(9)))
    note(photos.take(range(9, -1, -1)))
    relabelled = photos.take(range(10))
    relabelled.change_label_for_image(relabelled.images[0], "plate")
    note(relabelled)
    save_photo(Path(photos.paths[0]), size=(40, 40))
    note()
    os.remove(photos.paths[0])
    note()
    assert len(set(keys)) == len(keys) == 17
