"""Thumbnails: made in threads, newest request first, kept within a limit of bytes."""

import io
import queue
import threading

import pytest
from PIL import Image

from jupyter_imgcls.widgets.base import thumbnails
from jupyter_imgcls.widgets.base.thumbnails import ThumbnailPool

from ..conftest import save_photo


@pytest.fixture
def pool():
    pool = ThumbnailPool(workers=2)
    yield pool
    pool.close()


def ask(pool, paths, size=64):
    answers = queue.Queue()
    pool.request("request", list(map(str, paths)), size, answers.put)
    return answers.get(timeout=30)


def opened(thumbnail):
    return Image.open(io.BytesIO(thumbnail.jpeg))


def test_a_thumbnail_is_a_small_jpeg_of_the_same_proportions(pool, tmp_path):
    photo = save_photo(tmp_path / "photo.png", size=(400, 200))

    [thumbnail] = ask(pool, [photo])

    assert opened(thumbnail).format == "JPEG"
    assert opened(thumbnail).size == (64, 32)
    assert thumbnail.reason is None


@pytest.mark.parametrize(
    ("photo", "orientation", "thumbnail"),
    [
        ((640, 480), 1, (160, 120)),
        ((480, 640), 1, (120, 160)),
        ((640, 480), 6, (120, 160)),
        ((480, 640), 6, (160, 120)),
        ((1000, 10), 1, (160, 2)),
        ((3000, 3), 1, (160, 1)),
        ((100, 80), 1, (100, 80)),
    ],
)
def test_the_longer_side_fits_whatever_the_shape(pool, tmp_path, photo, orientation, thumbnail):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.linear_gradient("L").resize(photo).save(tmp_path / "photo.jpg", exif=exif)

    [made] = ask(pool, [tmp_path / "photo.jpg"], size=160)

    assert opened(made).size == thumbnail


def test_a_photo_that_lies_on_its_side_is_turned_upright(pool, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (400, 200), "red").save(tmp_path / "turned.jpg", exif=exif)

    [thumbnail] = ask(pool, [tmp_path / "turned.jpg"])

    assert opened(thumbnail).size == (32, 64)


def test_a_broken_photo_gets_its_reason_and_the_others_their_pictures(pool, tmp_path):
    good = save_photo(tmp_path / "good.png")
    (tmp_path / "empty.jpg").touch()

    first, empty, missing, last = ask(
        pool, [good, tmp_path / "empty.jpg", tmp_path / "missing.jpg", good]
    )

    assert first.jpeg == last.jpeg is not None
    assert (empty.jpeg, empty.reason) == (None, "the file is empty")
    assert (missing.jpeg, missing.reason) == (None, "the file does not exist")


class Workshop:
    """Stands before the decoder: a test says when a photo may go on, and sees the order."""

    def __init__(self, monkeypatch):
        self.begun = queue.Queue()
        self.open = threading.Semaphore(0)
        self.make = thumbnails.make_jpeg
        monkeypatch.setattr(thumbnails, "make_jpeg", self)

    def __call__(self, path, size):
        self.begun.put(path)
        assert self.open.acquire(timeout=30)
        return self.make(path, size)


def test_the_newest_request_is_served_first_and_a_cancelled_one_not_at_all(monkeypatch, tmp_path):
    workshop = Workshop(monkeypatch)
    pool = ThumbnailPool(workers=1)
    answers = queue.Queue()
    paths = {name: str(save_photo(tmp_path / f"{name}.png")) for name in ("a", "b", "c", "d")}

    pool.request("a", [paths["a"]], 64, lambda _: answers.put("a"))
    assert workshop.begun.get(timeout=30) == paths["a"]  # the only thread is busy with it
    for name in "bcd":
        pool.request(name, [paths[name]], 64, lambda _, name=name: answers.put(name))
    pool.cancel(["c"])
    for _ in range(4):
        workshop.open.release()

    assert [answers.get(timeout=30) for _ in range(3)] == ["a", "d", "b"]
    pool.close()
    assert answers.empty()
    assert workshop.begun.get() == paths["d"]
    assert workshop.begun.get() == paths["b"]
    assert workshop.begun.empty()


def test_a_request_that_is_cancelled_half_way_is_not_answered(monkeypatch, tmp_path):
    workshop = Workshop(monkeypatch)
    pool = ThumbnailPool(workers=1)
    answers = queue.Queue()
    photo = str(save_photo(tmp_path / "photo.png"))

    pool.request("a", [photo, photo], 64, answers.put)
    workshop.begun.get(timeout=30)
    pool.cancel(["a"])
    workshop.open.release()
    pool.close()

    assert answers.empty()
    assert workshop.begun.empty()


def test_a_thumbnail_is_made_once(monkeypatch, pool, tmp_path):
    workshop = Workshop(monkeypatch)
    photo = save_photo(tmp_path / "photo.png")
    workshop.open.release()

    first, second = ask(pool, [photo]), ask(pool, [photo])

    assert first == second
    assert workshop.begun.qsize() == 1


def test_what_is_kept_stays_below_the_limit_of_bytes(tmp_path):
    photos = [save_photo(tmp_path / f"{i}.png", seed=i, size=(64, 64)) for i in range(10)]
    pool = ThumbnailPool(workers=1, cache_bytes=5000)

    made = ask(pool, photos)

    assert sum(len(thumbnail.jpeg) for thumbnail in made) > 5000
    assert 0 < pool.cached_bytes <= 5000
    pool.close()


def test_large_pictures_do_not_push_thumbnails_out(pool, tmp_path):
    photo = save_photo(tmp_path / "photo.png", size=(900, 900))

    [picture] = ask(pool, [photo], size=800)

    assert opened(picture).size == (800, 800)
    assert pool.cached_bytes == 0


def test_a_receiver_that_fails_does_not_stop_the_others(caplog, tmp_path):
    pool = ThumbnailPool(workers=1)
    photo = save_photo(tmp_path / "photo.png")

    def closed(_thumbnails):
        raise OSError("the page is gone")

    pool.request("lost", [str(photo)], 64, closed)

    assert ask(pool, [photo])[0].jpeg
    pool.close()
    assert "the page is gone" in caplog.text
