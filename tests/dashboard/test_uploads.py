"""Files that come from the browser piece by piece, and files that go there."""

from __future__ import annotations

import os
import threading

import pytest

from jupyter_imgcls.dashboard.files import downloads, uploads
from jupyter_imgcls.dashboard.files.downloads import Download
from jupyter_imgcls.dashboard.files.uploads import Upload, file_name, size
from jupyter_imgcls.errors import ImgclsError


class Page:
    """The other end of a widget's messages."""

    def __init__(self, widget, monkeypatch):
        self.widget = widget
        self.got = []
        self.came = threading.Event()

        def send(_widget, content, buffers=None):
            self.got.append((content, buffers))
            self.came.set()

        monkeypatch.setattr(type(widget), "send", send)

    def tell(self, *buffers, **content):
        self.got.clear()
        self.came.clear()
        self.widget._receive(self.widget, content, list(buffers))

    @property
    def answer(self):
        assert self.came.wait(20)
        return self.got[-1][0]


def send_files(page, files, piece=7):
    """What the page does, until it is told that all is done."""
    whole = b"".join(files.values())
    page.tell(kind="files", files=[{"name": n, "size": len(c)} for n, c in files.items()])
    while page.answer["kind"] == "more":
        at = page.answer["at"]
        ends = [sum(len(c) for c in list(files.values())[: i + 1]) for i in range(len(files))]
        end = next(end for end in ends if at < end)
        page.tell(whole[at : min(at + piece, end)], kind="piece", at=at)
    return page.answer


@pytest.fixture
def received():
    return {}


@pytest.fixture
def upload(tmp_path, received, monkeypatch):
    def on_files(paths):
        received.update({path.name: path.read_bytes() for path in paths})

    return Page(Upload(on_files, tmp_path / "uploads", largest=100), monkeypatch)


def test_files_arrive_whole_and_the_temporary_folder_goes(upload, received, tmp_path):
    files = {"a.jpg": b"0123456789" * 3, "empty.jpg": b"", "b.jpg": b"xyz"}
    assert send_files(upload, files) == {"kind": "done"}
    assert received == files
    assert list((tmp_path / "uploads").iterdir()) == []


def test_names_are_made_harmless_and_stay_apart(upload, received):
    files = {"../../evil.png": b"1", "C:\\x\\evil.png": b"2", ".hidden": b"3", "con.png": b"4"}
    assert send_files(upload, files)["kind"] == "done"
    assert received == {"evil.png": b"1", "evil2.png": b"2", "hidden": b"3", "con_.png": b"4"} or (
        sorted(received.values()) == [b"1", b"2", b"3", b"4"]
        and not any("/" in name or name.startswith(".") for name in received)
    )


def test_thousands_of_files_of_one_name_are_looked_for_thousands_of_times(
    upload, received, monkeypatch
):
    looks = []
    exists = os.path.lexists
    monkeypatch.setattr(os.path, "lexists", lambda path: looks.append(path) or exists(path))
    upload.tell(kind="files", files=[{"name": "a.jpg", "size": 0}] * 2_000)
    assert upload.answer == {"kind": "done"}
    assert len(received) == 2_000
    assert len(looks) < 50_000


@pytest.mark.parametrize(
    "given", ["../a/b.png", "a\\b.png", "b.png\0", "  .png", "....", "é" * 300]
)
def test_a_name_is_one_of_a_file_in_this_folder(given):
    name = file_name(given)
    assert name and "/" not in name and "\\" not in name and "\0" not in name
    assert not name.startswith(".") and len(name) <= 120


@pytest.mark.parametrize(
    "wrong",
    [
        {"at": 3, "buffers": [b"abc"]},  # a gap
        {"at": 0, "buffers": [b"x" * 11]},  # more than it was to be
        {"at": 0, "buffers": [b""]},
        {"at": -1, "buffers": [b"a"]},
    ],
)
def test_pieces_that_do_not_fit_end_the_upload(wrong, upload, received, tmp_path):
    upload.tell(kind="files", files=[{"name": "a.jpg", "size": 10}])
    upload.tell(*wrong["buffers"], kind="piece", at=wrong["at"])
    assert upload.answer == {"kind": "refused", "words": "The upload was cut off: try again."}
    assert received == {}
    assert list((tmp_path / "uploads").iterdir()) == []


def test_too_much_is_refused_before_it_is_sent(upload, monkeypatch):
    upload.tell(kind="files", files=[{"name": "a.zip", "size": 101}])
    assert upload.answer["words"] == "That is 101 bytes, and at most 100 bytes can be sent."
    monkeypatch.setattr(uploads, "_MOST_FILES", 1)
    upload.tell(kind="files", files=[{"name": "a.jpg", "size": 1}] * 2)
    assert "pack them into a zip" in upload.answer["words"]
    monkeypatch.undo()


def test_a_full_disk_is_said_in_numbers(tmp_path):
    with pytest.raises(ImgclsError, match="there is room for"):
        uploads.require_room(tmp_path, 10**18)
    assert [size(n) for n in (5, 1500, 18_300_000, 2.5e9)] == [
        "5 bytes",
        "1.5 KB",
        "18.3 MB",
        "2.5 GB",
    ]


def test_what_the_files_are_for_may_fail_and_is_said(tmp_path, monkeypatch):
    def refuse(_paths):
        raise ImgclsError("This is no photo.")

    page = Page(Upload(refuse, tmp_path, largest=100), monkeypatch)
    assert send_files(page, {"a.jpg": b"1"}) == {"kind": "refused", "words": "This is no photo."}


def test_a_file_goes_to_the_browser_in_pieces(tmp_path, monkeypatch):
    file = tmp_path / "classifier.model"
    file.write_bytes(b"0123456789")
    monkeypatch.setattr(downloads, "_PIECE", 4)
    page = Page(Download(lambda: (file, "birds.model")), monkeypatch)
    page.tell(kind="make")
    assert page.answer == {"kind": "made", "name": "birds.model", "size": 10}
    fetched = b""
    while len(fetched) < 10:
        page.tell(kind="more", at=len(fetched))
        fetched += page.got[-1][1][0]
    assert fetched == b"0123456789"
    page.tell(kind="more", at=10)
    assert "has changed" in page.answer["words"]


def test_a_file_that_only_passes_is_deleted_when_the_browser_has_it(tmp_path, monkeypatch):
    file = tmp_path / "sorted.zip"
    file.write_bytes(b"0123456789")
    monkeypatch.setattr(downloads, "_PIECE", 5)
    page = Page(Download(lambda: (file, "sorted.zip"), passing=True), monkeypatch)
    page.tell(kind="make")
    assert page.answer["size"] == 10
    for at in (0, 5):
        assert file.exists()
        page.tell(kind="more", at=at)
        assert page.answer == {"kind": "piece"}
    assert not file.exists()


def test_making_a_file_is_told_and_can_be_stopped(tmp_path, monkeypatch):
    told, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def make():
        tell = download.count("Packing")
        try:
            for number in range(3):
                tell(number, 3)
                told.set()
                assert go_on.wait(20)
        finally:
            ended.set()
        return tmp_path / "none", "none"

    download = Download(make)
    page = Page(download, monkeypatch)
    page.tell(kind="make")
    assert told.wait(20)
    assert page.answer == {"kind": "making", "words": "Packing: 0 of 3 photos"}
    page.tell(kind="stop")
    go_on.set()
    assert ended.wait(20)
    assert page.got == []


def test_a_download_that_cannot_be_made_says_why(tmp_path, monkeypatch):
    def fail():
        raise ImgclsError("First train.")

    page = Page(Download(fail), monkeypatch)
    page.tell(kind="make")
    assert page.answer == {"kind": "failed", "words": "First train."}

    (tmp_path / "large").write_bytes(b"123")
    monkeypatch.setattr(downloads, "LARGEST", 2)
    page.widget._make = lambda: (tmp_path / "large", "large")
    page.tell(kind="make")
    assert (
        f"It lies on the computer that runs the page: {tmp_path / 'large'}" in page.answer["words"]
    )
