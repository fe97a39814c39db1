"""Zips from anywhere: photos come out of them, and nothing else, nowhere else."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from jupyter_imgcls.dashboard.files import zips
from jupyter_imgcls.dashboard.files.zips import extract_photos
from jupyter_imgcls.errors import DatasetError


def photo() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "PNG")
    return buffer.getvalue()


PHOTO = photo()


def packed(file: Path, entries: dict[str, bytes], **options) -> Path:
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return file


def files_in(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_photos_are_taken_and_the_one_folder_around_them_is_their_root(tmp_path):
    entries = {"birds/tit/1.png": PHOTO, "birds/owl/2.PNG": PHOTO, "birds/notes.txt": b"text"}
    entries |= {"__MACOSX/birds/tit/._1.png": b"", "birds/.DS_Store": b""}
    told = []

    root, left_out = extract_photos(
        packed(tmp_path / "a.zip", entries),
        tmp_path / "new" / "birds",
        lambda *done: told.append(done),
    )

    assert root == tmp_path / "new" / "birds" / "birds"
    assert files_in(root) == ["owl/2.PNG", "tit/1.png"]
    assert [str(problem) for problem in left_out] == ["birds/notes.txt: not a photo by its name"]
    assert told[-1] == (3, 3)


EVIL_NAMES = [
    "../evil.png",
    "a/../../evil.png",
    "/evil.png",
    "C:/evil.png",
    "..\\evil.png",
    "a\\..\\..\\evil.png",
    "a/evil.png:stream.png",
    "con.png",
    "a/aux/evil.png",
    "a./evil.png",
    "a /evil.png",
    "x" * 300 + ".png",
    "あ" * 90 + ".png",
    "あ" * 90 + "/1.png",
    "\x1b[2J.png",
]


@pytest.mark.parametrize("name", EVIL_NAMES)
def test_a_name_that_leads_elsewhere_is_left_out(name, tmp_path):
    file = packed(tmp_path / "a.zip", {name: PHOTO, "cup/good.png": PHOTO})
    before = files_in(tmp_path)
    _, left_out = extract_photos(file, tmp_path / "out" / "photos")
    assert files_in(tmp_path / "out") == ["photos/cup/good.png"]
    assert set(files_in(tmp_path)) - set(before) == {"out/photos/cup/good.png"}
    assert len(left_out) == 1


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.text("ab./\\:\x01 ~é", min_size=1, max_size=12), max_size=6, unique=True))
def test_whatever_the_names_nothing_is_written_outside(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("zip")
    entries = {f"{name}.png": PHOTO for name in names} | {"cup/good.png": PHOTO}
    file = packed(folder / "a.zip", entries)
    extract_photos(file, folder / "in" / "photos")
    assert {path.name for path in folder.iterdir()} == {"a.zip", "in"}
    assert [path.name for path in (folder / "in").iterdir()] == ["photos"]
    assert "photos/cup/good.png" in files_in(folder / "in")
    assert all(path.suffix == ".png" for path in (folder / "in").rglob("*") if path.is_file())


def test_a_link_is_left_out(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("cup/1.png", PHOTO)
    _, left_out = extract_photos(tmp_path / "a.zip", tmp_path / "out")
    assert [problem.reason for problem in left_out] == ["a link and not a file"]
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


def test_a_bomb_is_stopped_by_what_comes_out_and_not_by_what_it_says(tmp_path, monkeypatch):
    monkeypatch.setattr(zips, "LARGEST_PHOTO", 10_000)
    bomb = packed(
        tmp_path / "a.zip",
        {"cup/1.png": PHOTO, "cup/2.png": b"\0" * 1_000_000},
        compression=zipfile.ZIP_DEFLATED,
    )
    # The list says that the photo has 5 bytes.
    content = bytearray(bomb.read_bytes())
    at = content.rindex(b"cup/2.png") - 46
    struct.pack_into("<L", content, at + 24, 5)
    bomb.write_bytes(content)

    _, left_out = extract_photos(bomb, tmp_path / "out")

    assert len(left_out) == 1
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*.png")) < 20_000


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [
        ("MOST_FILES", 2, "3 files, and 2 at most"),
        ("MOST_BYTES", 100, "more than 100 bytes"),
        ("_LARGEST_DIRECTORY", 60, "divide it"),
    ],
)
def test_too_much_is_refused_and_nothing_stays(limit, value, words, tmp_path, monkeypatch):
    monkeypatch.setattr(zips, limit, value)
    file = packed(tmp_path / "a.zip", {f"cup/{i}.png": PHOTO for i in range(3)})
    with pytest.raises(DatasetError, match=words):
        extract_photos(file, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def with_password(file: Path) -> Path:
    packed(file, {"cup/1.png": PHOTO})
    content = bytearray(file.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    file.write_bytes(content)
    return file


def test_what_is_no_zip_of_photos_is_refused_in_plain_words(tmp_path):
    files = {
        "not a zip": tmp_path / "text.zip",
        "empty": tmp_path / "empty.zip",
        "nothing": packed(tmp_path / "none.zip", {}),
        "texts": packed(tmp_path / "texts.zip", {"a.txt": b""}),
        "password": with_password(tmp_path / "secret.zip"),
    }
    files["not a zip"].write_text("hello")
    files["empty"].touch()
    words = {
        "not a zip": "not a zip",
        "empty": "not a zip",
        "nothing": "no photo in the zip",
        "texts": "no photo in the zip. a.txt",
        "password": "has a password",
    }
    for name, file in files.items():
        with pytest.raises(DatasetError, match=words[name]):
            extract_photos(file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_photo_is_left_out_and_the_others_are_taken(tmp_path):
    file = packed(tmp_path / "a.zip", {"cup/1.png": PHOTO, "cup/2.png": PHOTO, "cup": PHOTO})
    content = bytearray(file.read_bytes())
    content[content.index(PHOTO) + 40] ^= 0xFF
    file.write_bytes(content)
    root, left_out = extract_photos(file, tmp_path / "out")
    assert files_in(root) == ["2.png"]
    reasons = {problem.path: problem.reason for problem in left_out}
    assert reasons["cup/1.png"] == (
        "damaged, packed in an unusual way, or with a name that cannot be written here"
    )


def changed(content: bytes, changes: list[tuple[int, int]]) -> bytes:
    damaged = bytearray(content)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    return bytes(damaged)


def two_photos(compression: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name in ("cup/1.png", "あ/2.png"):
            archive.writestr(name, PHOTO)
    return buffer.getvalue()


WAYS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from([two_photos(way) for way in WAYS]),
    st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=6),
    st.integers(0, 20),
)
def test_a_damaged_zip_is_refused_or_its_good_photos_are_taken(
    tmp_path_factory, content, changes, cut
):
    folder = tmp_path_factory.mktemp("damaged")
    content = changed(content, changes)
    (folder / "a.zip").write_bytes(content[: len(content) - cut])
    try:
        extract_photos(folder / "a.zip", folder / "in" / "photos")
    except DatasetError:
        assert not list((folder / "in").glob("*"))
    else:
        assert [path.name for path in (folder / "in").iterdir()] == ["photos"]
    assert {path.name for path in folder.iterdir()} == {"a.zip", "in"}


@pytest.mark.parametrize("part", ["list", "entry"])
@pytest.mark.parametrize(
    ("place", "value"), [(6, 99), (10, 98)], ids=["of a newer program", "packed unusually"]
)
def test_one_exotic_entry_does_not_cost_the_others(part, place, value, tmp_path):
    content = bytearray(two_photos(zipfile.ZIP_STORED))
    start = content.rindex(b"PK\1\2") if part == "list" else content.rindex(b"PK\3\4") - 2
    content[start + place] = value
    (tmp_path / "a.zip").write_bytes(content)
    try:
        root, left_out = extract_photos(tmp_path / "a.zip", tmp_path / "out")
    except DatasetError as error:  # Python reads no list with an entry of a newer program
        assert part == "list" and value == 99 and "can be read" in str(error)
    else:
        assert "1.png" in str(files_in(root))
        assert all("packed" in problem.reason for problem in left_out)


def test_an_entry_with_a_password_does_not_cost_the_others(tmp_path):
    content = bytearray(two_photos(zipfile.ZIP_STORED))
    content[content.rindex(b"PK\1\2") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    root, left_out = extract_photos(tmp_path / "a.zip", tmp_path / "out")
    assert files_in(root) == ["1.png"]
    assert [problem.reason for problem in left_out] == ["it has a password"]
