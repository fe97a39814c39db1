"""Names for new files."""

from __future__ import annotations

from pathlib import PurePosixPath

from jupyter_imgcls.files import free_name, numbered


def test_the_next_number_is_free_and_found_in_few_tries():
    taken, tries = set(), 0

    def is_taken(path):
        nonlocal tries
        tries += 1
        return path in taken

    for _ in range(2_000):
        taken.add(numbered(PurePosixPath("a.b.jpg"), is_taken))
    assert PurePosixPath("a.b.jpg") in taken
    assert {int(path.stem.rpartition("-")[2]) for path in taken if "-" in path.stem} == set(
        range(2, 2_001)
    )
    assert tries < 50_000


def test_a_gap_is_no_obstacle(tmp_path):
    for name in ("x.jpg", "x-2.jpg", "x-4.jpg", "x-5.jpg"):
        (tmp_path / name).touch()
    assert not free_name(tmp_path / "x.jpg").exists()
    assert free_name(tmp_path / "y.jpg") == tmp_path / "y.jpg"
