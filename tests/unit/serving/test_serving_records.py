"""What is kept of a deployment, and where it is found again."""

from __future__ import annotations

import stat
from dataclasses import replace

import pytest

from jupyter_imgcls.context import Context
from jupyter_imgcls.errors import DeploymentError, StorageError
from jupyter_imgcls.serving import records
from jupyter_imgcls.serving.records import Record

RECORD = Record("cups", "local", "a1b2c3", "http://127.0.0.1:8000/x", port=8000, created=1.5)


@pytest.fixture(autouse=True)
def user_folder(tmp_path, monkeypatch):
    """The user's own folder, where other storage contexts are noted."""
    folder = tmp_path / "user"
    monkeypatch.setattr(records.platformdirs, "user_data_path", lambda _: folder)
    return folder


@pytest.mark.parametrize("record", [RECORD, replace(RECORD, autoscaling=(1, 4), address="ray:1")])
def test_a_record_is_read_as_it_was_written(record):
    folder = records.folder_of("cups")
    with records.claimed(folder):
        assert records.read_record(folder) is None
        records.write_record(folder, record)
        assert records.read_record(folder) == record


@pytest.mark.parametrize("name", ["", "../cups", "a b", "a/b", "-a", "a-", ".a", "ä", "a" * 51, 5])
def test_names_that_cannot_be_part_of_a_url_are_refused(name):
    with pytest.raises(DeploymentError, match="letters"):
        records.folder_of(name)


def test_a_name_is_taken_once():
    folder = records.folder_of("cups")
    with records.claimed(folder):
        pass
    with pytest.raises(FileExistsError), records.claimed(folder):
        pass
    records.remove(folder)
    with records.claimed(folder):
        pass


def test_an_error_gives_the_name_back_and_leaves_nothing(user_folder):
    folder = records.folder_of("cups")
    with pytest.raises(KeyboardInterrupt), records.claimed(folder):
        records.write_record(folder, RECORD)
        raise KeyboardInterrupt
    assert list(folder.parent.iterdir()) == []
    assert not list(user_folder.rglob("*"))[2:]  # but for two empty folders


def test_only_its_owner_reads_the_key_and_it_is_in_no_other_file():
    folder = records.folder_of("cups")
    with records.claimed(folder):
        assert records.read_key(folder) is None
        file = records.new_key(folder, "s3cret")
        records.write_record(folder, RECORD)

    assert records.read_key(folder) == (file, "s3cret")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir() if "s3cret" in path.read_text()] == [file.name]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 1, "name": "cups"}', "{" * 9])
def test_a_damaged_record_is_called_so(content):
    folder = records.folder_of("cups")
    with records.claimed(folder):
        (folder / "record.json").write_text(content)
    with pytest.raises(DeploymentError, match=r"record\.json is damaged"):
        records.read_record(folder)


def test_a_record_of_a_newer_version_says_what_to_do():
    folder = records.folder_of("cups")
    with records.claimed(folder):
        (folder / "record.json").write_text('{"format": 2}')
    with pytest.raises(DeploymentError, match="pip install -U"):
        records.read_record(folder)


def test_deployments_of_other_storage_contexts_are_found_until_they_are_removed(tmp_path):
    first = records.folder_of("cups")
    with records.claimed(first):
        pass
    Context.create(tmp_path / "b", tmp_path / "b", tmp_path / "b")
    second = records.folder_of("cups")
    with records.claimed(second):
        pass

    assert first != second
    assert records.folders_here() == [second]
    assert sorted(records.folders_everywhere()) == sorted([first, second])
    records.remove(first)
    assert records.folders_everywhere() == [second]
    records.remove(second)
    records.remove(second)  # another kernel was faster
    assert records.folders_everywhere() == []


def test_a_user_folder_that_cannot_be_written_costs_only_the_note(user_folder, caplog):
    user_folder.write_text("a file is in its place")
    with records.claimed(records.folder_of("cups")):
        pass
    assert "will not find this deployment" in caplog.text
    assert len(records.folders_here()) == 1


def test_a_storage_context_that_cannot_be_written_is_named(context):
    (context.storage.persistent_path / "deployments").write_text("a file is in its place")
    with (
        pytest.raises(StorageError, match="deployments"),
        records.claimed(records.folder_of("cups")),
    ):
        pass
