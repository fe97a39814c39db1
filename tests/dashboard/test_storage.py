"""Whose storage it is, and which folders may be seen."""

from __future__ import annotations

import pytest

from jupyter_imgcls.dashboard.storage import STORAGE, Kept, asks_visitor, below, personal_context
from jupyter_imgcls.errors import ImgclsError


def test_each_visitor_has_a_folder_of_his_own(tmp_path, monkeypatch):
    monkeypatch.setenv(STORAGE, str(tmp_path))
    mine, yours = personal_context("a" * 32), personal_context("b" * 32)
    assert mine.storage.persistent_path == tmp_path / "people" / ("a" * 32)
    assert yours.storage.persistent_path == tmp_path / "people" / ("b" * 32)
    assert (tmp_path / "people" / ("a" * 32)).stat().st_mode & 0o077 == 0
    again = personal_context("a" * 32)
    assert again.storage == mine.storage


@pytest.mark.parametrize(
    "sent", ["", "a" * 31, "A" * 32, "../" * 10 + "ab", "a" * 32 + "\n", None, 5, ["a" * 32]]
)
def test_what_is_no_number_of_a_browser_is_refused(sent, tmp_path, monkeypatch):
    monkeypatch.setenv(STORAGE, str(tmp_path))
    with pytest.raises(ImgclsError, match="load the page again"):
        personal_context(sent)
    assert list(tmp_path.iterdir()) == []


def test_only_voila_shows_a_page_to_several_people(monkeypatch):
    monkeypatch.delenv("SERVER_SOFTWARE", raising=False)
    assert not asks_visitor()
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    assert asks_visitor()


def test_folders_outside_are_refused_by_path_and_by_link(tmp_path):
    root = tmp_path / "root"
    (root / "cups").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (root / "link").symlink_to(tmp_path / "secret")
    assert below(root, root / "cups") == root / "cups"
    for outside in (tmp_path, root / "..", root / "link", root / "cups" / ".." / ".." / "secret"):
        with pytest.raises(ImgclsError, match="not one of the folders"):
            below(root, outside)


def test_what_is_kept_is_there_again_and_damage_is_no_obstacle(context, tmp_path):
    kept = Kept(context, tmp_path / "photos")
    assert kept.read() == {}
    kept.write(photos="/a", threshold=0.5)
    kept.write(threshold=0.7)
    assert Kept(context, tmp_path / "photos").read() == {"photos": "/a", "threshold": 0.7}
    assert Kept(context, tmp_path / "others").read() == {}
    kept._file.write_text("{")
    assert kept.read() == {}
