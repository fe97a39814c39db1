"""Whose storage it is, and which folders may be seen."""

from __future__ import annotations

import os

import pytest

from jupyter_imgcls.dashboard.storage import (
    SHARED,
    STORAGE,
    Kept,
    asks_visitor,
    below,
    own_context,
    personal_context,
)
from jupyter_imgcls.errors import ImgclsError


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights than modes")
def test_each_visitor_has_a_folder_that_nobody_else_can_look_into(tmp_path, monkeypatch):
    monkeypatch.setenv(STORAGE, str(tmp_path))
    (tmp_path / "people").mkdir(mode=0o755)
    mine, yours = personal_context("a" * 32), personal_context("b" * 32)
    folders = [context.storage.persistent_path for context in (mine, yours)]
    assert len(set(folders)) == 2
    for folder in (tmp_path / "people", *folders):
        assert folder.stat().st_mode & 0o077 == 0
    again = personal_context("a" * 32)
    assert again.storage == mine.storage


def test_the_number_of_a_visitor_is_in_no_path(tmp_path, monkeypatch):
    monkeypatch.setenv(STORAGE, str(tmp_path))
    personal_context("0123456789abcdef" * 2)
    assert not [path for path in tmp_path.rglob("*") if "0123456789abcdef" in str(path)]


@pytest.mark.parametrize(
    "sent", ["", "a" * 31, "A" * 32, "../" * 10 + "ab", "a" * 32 + "\n", None, 5, ["a" * 32]]
)
def test_what_is_no_number_of_a_browser_is_refused(sent, tmp_path, monkeypatch):
    monkeypatch.setenv(STORAGE, str(tmp_path))
    with pytest.raises(ImgclsError, match="load the page again"):
        personal_context(sent)
    assert list(tmp_path.iterdir()) == []


def test_only_a_shared_page_in_voila_asks_who_is_there(monkeypatch):
    monkeypatch.delenv("SERVER_SOFTWARE", raising=False)
    assert not asks_visitor()
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    assert asks_visitor()  # somebody's own voila: it is not known who may see it
    monkeypatch.setenv(SHARED, "1")
    assert asks_visitor()
    monkeypatch.setenv(SHARED, "0")
    assert not asks_visitor()


def test_the_storage_of_an_own_page_is_that_of_notebooks(context, tmp_path, monkeypatch):
    monkeypatch.delenv(STORAGE, raising=False)
    assert own_context() is context
    monkeypatch.setenv(STORAGE, str(tmp_path))
    assert own_context().storage.persistent_path == tmp_path


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
