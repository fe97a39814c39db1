"""Downloading one file, from a real server that can fail in the usual ways."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_imgcls.download import download_file, file_digest
from jupyter_imgcls.errors import DownloadError, ImgclsError

from .file_server import FileServer, file_server

BODY = bytes(range(256)) * 1200
SHA1 = hashlib.sha1(BODY).hexdigest()
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # The waits between attempts are real elsewhere; here they would only make the tests slow.
    monkeypatch.setattr("jupyter_imgcls.download.sleep", lambda seconds: None)
    with file_server() as running:
        running.files["/weights.zip"] = BODY
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "weights.zip"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_a_file_is_downloaded_and_nothing_else_is_left(server: FileServer, target: Path) -> None:
    assert download_file(f"{server.url}/weights.zip", target, progress=False) == target
    assert target.read_bytes() == BODY
    assert names(target.parent) == ["weights.zip"]


def test_a_file_of_unknown_length_is_downloaded(server: FileServer, target: Path) -> None:
    server.length = False
    download_file(f"{server.url}/weights.zip", target, sha256=SHA256, progress=False)
    assert target.read_bytes() == BODY


def test_a_progress_bar_names_the_file(
    server: FileServer, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    download_file(f"{server.url}/weights.zip", target)
    assert "weights.zip: 100%" in capsys.readouterr().err


def test_a_right_file_is_not_downloaded_again(server: FileServer, target: Path) -> None:
    for _ in range(2):
        download_file(f"{server.url}/weights.zip", target, sha1=SHA1.upper(), progress=False)
    assert server.gets() == ["/weights.zip"]


def test_a_redirect_is_followed(server: FileServer, target: Path) -> None:
    server.redirects["/old.zip"] = ("/weights.zip", {})
    download_file(f"{server.url}/old.zip", target, sha256=SHA256, progress=False)
    assert target.read_bytes() == BODY


def test_a_cut_connection_is_resumed_where_it_broke(server: FileServer, target: Path) -> None:
    server.cut_after = [100_000, 50_000]
    download_file(f"{server.url}/weights.zip", target, progress=False)
    assert target.read_bytes() == BODY
    assert server.asked_ranges() == [None, "bytes=100000-", "bytes=150000-"]


def test_a_server_without_ranges_starts_over(server: FileServer, target: Path) -> None:
    server.ranges = False
    server.cut_after = [100_000]
    download_file(f"{server.url}/weights.zip", target, sha1=SHA1, progress=False)
    assert target.read_bytes() == BODY


def test_a_file_changed_on_the_server_meanwhile_is_not_mixed_with_the_old_one(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.cut_after = [100_000]
    new_body = b"n" * len(BODY)
    waits = []

    def change_the_file(seconds: float) -> None:
        waits.append(seconds)
        server.files["/weights.zip"] = new_body

    monkeypatch.setattr("jupyter_imgcls.download.sleep", change_the_file)
    download_file(f"{server.url}/weights.zip", target, progress=False)
    assert target.read_bytes() == new_body
    assert waits == [0.5]


def test_without_etag_and_checksum_nothing_is_resumed(server: FileServer, target: Path) -> None:
    server.etags = False
    server.cut_after = [100_000]
    download_file(f"{server.url}/weights.zip", target, progress=False)
    assert target.read_bytes() == BODY
    assert server.asked_ranges() == [None, None]


def test_the_next_call_takes_up_a_checked_download(server: FileServer, target: Path) -> None:
    server.cut_after = [100_000]
    url = f"{server.url}/weights.zip"
    with pytest.raises(DownloadError):
        download_file(url, target, sha256=SHA256, retries=0, progress=False)
    assert names(target.parent) == ["weights.zip.part"]
    download_file(url, target, sha256=SHA256, progress=False)
    assert target.read_bytes() == BODY
    assert server.asked_ranges() == [None, "bytes=100000-"]
    assert names(target.parent) == ["weights.zip"]


def test_an_unchecked_download_that_failed_leaves_nothing(server: FileServer, target: Path) -> None:
    server.cut_after = [100_000]
    with pytest.raises(DownloadError):
        download_file(f"{server.url}/weights.zip", target, retries=0, progress=False)
    assert names(target.parent) == []


@pytest.mark.parametrize(
    "left_behind",
    [BODY, b"x" * 1000, b"x" * len(BODY), BODY + b"and more"],
    ids=["complete", "of another version", "complete but wrong", "too long"],
)
def test_what_a_killed_download_left_is_completed_or_replaced(
    server: FileServer, target: Path, left_behind: bytes
) -> None:
    target.parent.mkdir()
    target.with_name("weights.zip.part").write_bytes(left_behind)
    download_file(f"{server.url}/weights.zip", target, sha256=SHA256, progress=False)
    assert target.read_bytes() == BODY
    assert names(target.parent) == ["weights.zip"]
    if left_behind == BODY:
        assert server.gets() == []


def test_a_wrong_checksum_keeps_the_old_file(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"old")
    with pytest.raises(DownloadError, match=f"sha1 checksum is {SHA1}, expected 0000"):
        download_file(f"{server.url}/weights.zip", target, sha1="0" * 40, progress=False)
    assert target.read_bytes() == b"old"
    assert names(target.parent) == ["weights.zip"]


def test_a_missing_file_is_not_tried_again(server: FileServer, target: Path) -> None:
    with pytest.raises(DownloadError, match=r"nowhere\.zip: the server answers 404 Not Found"):
        download_file(f"{server.url}/nowhere.zip", target, progress=False)
    assert server.gets() == ["/nowhere.zip"]


def test_a_busy_server_is_tried_again(server: FileServer, target: Path) -> None:
    server.statuses = [503, 429]
    download_file(f"{server.url}/weights.zip", target, progress=False)
    assert target.read_bytes() == BODY


def test_a_server_that_stays_busy_is_given_up(server: FileServer, target: Path) -> None:
    server.statuses = [503] * 3
    with pytest.raises(DownloadError, match="503 Service Unavailable"):
        download_file(f"{server.url}/weights.zip", target, retries=2, progress=False)
    assert len(server.gets()) == 3


def test_a_silent_server_times_out(server: FileServer, target: Path) -> None:
    server.stall = 0.5
    with pytest.raises(DownloadError, match="timed out"):
        download_file(f"{server.url}/weights.zip", target, timeout=0.1, retries=0, progress=False)


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_over_the_limit_is_refused(
    server: FileServer, target: Path, announced: bool
) -> None:
    server.length = announced
    with pytest.raises(DownloadError, match="larger than 1,000 bytes"):
        download_file(
            f"{server.url}/weights.zip", target, sha1=SHA1, max_bytes=1000, progress=False
        )
    assert names(target.parent) == []


def test_a_compressed_answer_is_refused(server: FileServer, target: Path) -> None:
    server.headers["/weights.zip"] = {"Content-Encoding": "gzip"}
    with pytest.raises(DownloadError, match="compressed"):
        download_file(f"{server.url}/weights.zip", target, progress=False)


def test_another_range_than_asked_for_is_not_appended(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("weights.zip.part").write_bytes(BODY[:1000])
    server.headers["/weights.zip"] = {"Content-Range": "bytes 5-9/10"}
    server.statuses = [206]
    download_file(f"{server.url}/weights.zip", target, sha1=SHA1, progress=False)
    assert target.read_bytes() == BODY


def test_offline_is_said_at_once(target: Path) -> None:
    with file_server() as gone:
        url = f"{gone.url}/weights.zip"
    with pytest.raises(DownloadError, match=r"Cannot download http://127\.0\.0\.1"):
        download_file(url, target, sha1=SHA1, progress=False)


def test_a_server_that_goes_away_during_the_download_is_reported(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.cut_after = [100_000]
    monkeypatch.setattr("jupyter_imgcls.download.sleep", lambda seconds: server.stop())
    with pytest.raises(DownloadError, match="lost and did not come back"):
        download_file(f"{server.url}/weights.zip", target, sha1=SHA1, retries=1, progress=False)
    assert names(target.parent) == ["weights.zip.part"]


@pytest.mark.parametrize("url", ["ftp://example.org/a", "no address at all", "http://[/"])
def test_an_impossible_address_is_an_error_of_the_package(url: str, target: Path) -> None:
    with pytest.raises(DownloadError, match="Cannot download"):
        download_file(url, target, progress=False)
    assert issubclass(DownloadError, (ImgclsError, OSError))


def test_a_folder_that_cannot_be_made_is_named(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "occupied").write_bytes(b"")
    with pytest.raises(DownloadError, match=r"Cannot write .*occupied"):
        download_file(f"{server.url}/weights.zip", tmp_path / "occupied" / "a", progress=False)


def test_a_checksum_is_as_hashlib_says(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(BODY)
    assert (file_digest(file, "sha1"), file_digest(file, "sha256")) == (SHA1, SHA256)
