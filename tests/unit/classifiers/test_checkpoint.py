"""The file from which a training goes on after a crash."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from jupyter_imgcls.classifiers.checkpoint import Checkpoint, fingerprint
from jupyter_imgcls.errors import StorageError, TrainingError

from .test_training_run import record


def arrays(seed, count=3):
    generator = np.random.default_rng(seed)
    return {f"body.{i}": generator.normal(size=(4, i + 1)).astype(np.float32) for i in range(count)}


def checkpoint(best=True):
    weights = arrays(0)
    history = [record(1, eval_error=0.2), record(2, eval_error=0.1 if best else 0.3)]
    return Checkpoint(history, weights, arrays(1), weights if best else arrays(2))


def assert_same(left, right):
    assert left.history == right.history
    for group in ("weights", "momentum", "kept_weights"):
        expected, got = getattr(left, group), getattr(right, group)
        assert expected.keys() == got.keys()
        for name, value in expected.items():
            assert value.dtype == got[name].dtype
            assert np.array_equal(value, got[name])


@pytest.mark.parametrize("best", [True, False])
def test_a_checkpoint_comes_back_as_it_was(tmp_path, best):
    file = tmp_path / "checkpoints" / "a.safetensors"
    checkpoint(best).save(file)
    assert_same(checkpoint(best), Checkpoint.load(file))
    assert [path.name for path in file.parent.iterdir()] == ["a.safetensors"]


def test_weights_that_are_the_best_are_written_once(tmp_path):
    checkpoint(best=True).save(tmp_path / "once")
    checkpoint(best=False).save(tmp_path / "twice")
    size = sum(array.nbytes for array in arrays(0).values())
    assert (tmp_path / "once").stat().st_size < (tmp_path / "twice").stat().st_size - size


def test_before_the_first_step_there_is_no_momentum(tmp_path):
    Checkpoint([record()], arrays(0), {}, arrays(0)).save(tmp_path / "a")
    assert Checkpoint.load(tmp_path / "a").momentum == {}


def test_whether_there_is_a_checkpoint_is_said(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    assert Checkpoint.find(tmp_path / "a") is None
    checkpoint().save(tmp_path / "a")
    assert_same(checkpoint(), Checkpoint.find(tmp_path / "a"))
    assert caplog.messages == [
        "No training with these data and settings was cut off: starting anew",
        "Going on after epoch 2",
    ]


def test_a_checkpoint_cut_off_anywhere_is_refused_with_advice(tmp_path):
    file = tmp_path / "a"
    checkpoint(best=False).save(file)
    content = file.read_bytes()
    for length in range(0, len(content), 37):
        file.write_bytes(content[:length])
        with pytest.raises(TrainingError, match=r"a is damaged .*: delete it, or .*resume=False"):
            Checkpoint.load(file)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(position=st.integers(0), value=st.integers(1, 255))
def test_a_changed_byte_is_noticed_wherever_it_matters(tmp_path, position, value):
    file = tmp_path / "a"
    checkpoint(best=False).save(file)
    content = bytearray(file.read_bytes())
    content[position % len(content)] ^= value
    file.write_bytes(content)
    try:
        loaded = Checkpoint.load(file)
    except TrainingError:
        return
    assert_same(loaded, checkpoint(best=False))


@pytest.mark.parametrize(
    "metadata",
    [None, {}, {"history": "[", "sha256": ""}, {"history": "[]", "sha256": "0"}],
)
def test_a_file_of_another_program_is_refused(tmp_path, metadata):
    save_file(arrays(0), tmp_path / "a", metadata=metadata)
    with pytest.raises(TrainingError, match="damaged"):
        Checkpoint.load(tmp_path / "a")


def test_a_checkpoint_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="checkpoint .* cannot be written"):
        checkpoint().save(tmp_path / "file" / "a")


def test_the_fingerprint_of_arrays_knows_names_shapes_and_values_but_no_order():
    first = arrays(0)
    assert fingerprint(first) == fingerprint(dict(reversed(first.items())))
    others = [
        arrays(1),
        {name + "x": value for name, value in first.items()},
        {name: value.T for name, value in first.items()},
        {name: value.astype(np.float64) for name, value in first.items()},
        {name: -value for name, value in first.items()},
    ]
    assert len({fingerprint(other) for other in [first, *others]}) == 6
