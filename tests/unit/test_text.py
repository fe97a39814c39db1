"""What is shown of names and paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_imgcls import text
from jupyter_imgcls.text import as_text, name_folders, shown_name


@pytest.fixture
def named(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "_names", {})
    real, link = tmp_path / "my photos", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    name_folders({tmp_path: "here", link: "birds"})
    name_folders({real / "own": "storage"})
    return real


def test_a_folder_is_shown_by_its_name_and_the_deepest_one_counts(named):
    assert as_text(f"Cannot read {named}/cup/1.jpg.") == "Cannot read birds/cup/1.jpg."
    assert as_text(f"{named.parent}/link") == "birds"
    assert as_text(f"{named}/own/a.sqlite: {named.parent}") == "storage/a.sqlite: here"
    assert shown_name(f"{named}/cup/1.jpg", 100) == "birds/cup/1.jpg"


def test_what_only_begins_or_ends_alike_stays(named):
    for path in (f"{named}-2/1.jpg", f"/mnt{named}/1.jpg"):
        assert "birds" not in as_text(path)
    assert as_text("and/or") == "and/or"


def test_the_top_of_the_disk_has_no_other_name(named):
    name_folders({Path("/"): "top"})
    assert as_text("/etc/hosts") == "/etc/hosts"
