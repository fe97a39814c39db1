"""The storage context: where files go."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_imgcls.context import Context
from jupyter_imgcls.errors import StorageError


def test_create_makes_the_folders_and_becomes_the_global_context(tmp_path):
    context = Context.create(tmp_path / "out", str(tmp_path / "keep"), tmp_path / "tmp")

    assert Context.get_global_context() is context
    assert context.storage.outputs_path == tmp_path / "out"
    assert context.storage.persistent_path.is_dir()
    assert context.storage.temp_path.is_dir()


def test_a_context_prints_as_the_paths_that_were_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    context = Context.create("out", "out", "out")

    assert json.loads(repr(context)) == {
        "storage": {"outputs_path": "out", "persistent_path": "out", "temp_path": "out"}
    }


def test_folders_stay_the_same_when_the_working_directory_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    context = Context.create("out", "out", "out")
    monkeypatch.chdir("/")

    assert context.storage.outputs_path == tmp_path / "out"


def test_without_create_the_users_own_folders_are_used(tmp_path):
    code = (
        "from jupyter_imgcls.context import Context; "
        "print(Context.get_global_context().storage.outputs_path)"
    )
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": "", "XDG_CACHE_HOME": ""}
    shown = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **home}, capture_output=True, check=True
    )

    outputs = Path(shown.stdout.decode().strip())
    assert outputs.is_relative_to(tmp_path)
    assert outputs.is_dir()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    before = Context.get_global_context()

    with pytest.raises(StorageError, match=r"outputs folder .*file/out.*Choose another"):
        Context.create(tmp_path / "file" / "out", tmp_path, tmp_path)

    assert Context.get_global_context() is before
