"""The threads behind the service, without HTTP."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from jupyter_imgcls.serving.limits import Limits
from jupyter_imgcls.serving.service.batching import Batcher
from jupyter_imgcls.serving.service.model import ServedModel
from jupyter_imgcls.serving.service.requests import OverloadedError

from .running import picture, wait_until

pytestmark = pytest.mark.xdist_group("service")

PHOTO = picture()


class WatchedModel(ServedModel):
    """Notes what it is given, and scores when it is allowed to."""

    def __init__(self, classifier, cores):
        super().__init__(classifier, cores)
        self.gate = threading.Event()
        self.batches = []

    def raw_scores(self, images, alone=True):
        self.batches.append((len(images), alone))
        assert self.gate.wait(60)
        return super().raw_scores(images, alone)


@pytest.fixture
def make(small_model):
    """Make a started batcher: ``make(cores=2, batch_photos=4)``; it is closed after the test."""
    made = []

    def make(cores=1, image_dims=(3, 64, 64), **limits):
        model = WatchedModel(small_model(image_dims=image_dims), cores)
        batcher = Batcher(model, Limits(**limits))
        batcher.start()
        made.append((model, batcher))
        return model, batcher

    yield make
    for model, batcher in made:
        model.gate.set()
        batcher.close()


def submit(batcher, count):
    done = threading.Event()
    return batcher.submit([PHOTO] * count, done.set), done


def test_photos_that_arrive_while_the_network_is_busy_go_through_it_together(make):
    model, batcher = make(batch_photos=4)
    first, first_done = submit(batcher, 1)
    wait_until(lambda: model.batches)
    rest = [submit(batcher, 1) for _ in range(6)]
    wait_until(lambda: len(batcher._ready) == 6)
    model.gate.set()
    assert all(done.wait(60) for _, done in [(first, first_done), *rest])
    assert [size for size, _ in model.batches] == [1, 4, 2]
    for job, _ in rest:
        assert np.allclose(job.results[0], first.results[0], atol=1e-5)


def test_a_lone_photo_gets_all_cores_and_others_share_them(make):
    model, batcher = make(cores=2)
    assert model.workers == 2
    submit(batcher, 1)
    wait_until(lambda: len(model.batches) == 1)
    submit(batcher, 1)
    wait_until(lambda: len(model.batches) == 2)
    assert model.batches == [(1, True), (1, False)]


def test_no_more_is_decoded_ahead_than_memory_was_meant_for(make):
    model, batcher = make(cores=2, batch_photos=2)
    submit(batcher, 100)
    wait_until(lambda: len(batcher._ready) == 8)
    assert sum(size for size, _ in model.batches) <= 4
    assert batcher._decoding == 0
    assert batcher._waiting >= 100 - 8 - 4


def test_batches_of_large_photos_are_small(make):
    _, batcher = make(image_dims=(3, 512, 512))
    assert batcher._batch_photos == 2**25 // (4 * 3 * 512 * 512) == 10


def test_closing_finishes_what_was_submitted(make):
    for cores in (1, 2, 3):
        model, batcher = make(cores=cores, batch_photos=3)
        jobs = [submit(batcher, count) for count in (1, 30, 7)]
        jobs.append((batcher.submit([b"no photo"] * 5, (done := threading.Event()).set), done))
        assert batcher.alive
        model.gate.set()
        batcher.close()
        assert not batcher.alive
        assert all(done.is_set() for _, done in jobs)
        assert not any(thread.is_alive() for thread in batcher._threads)


def test_a_cancelled_job_gives_its_place_to_others(make):
    _, batcher = make(photos_a_request=30, waiting_photos=30, batch_photos=1)
    job, done = submit(batcher, 30)
    wait_until(lambda: job.waiting < 30)
    with pytest.raises(OverloadedError) as refused:
        submit(batcher, 30)
    assert 1 <= refused.value.seconds <= 30
    batcher.cancel(job)
    batcher.cancel(job)
    assert batcher._waiting == 0
    submit(batcher, 30)
    assert not done.is_set()
