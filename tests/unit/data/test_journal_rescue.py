"""Journals whose file is deleted, moved, replaced or damaged, while they are open or before."""

import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from jupyter_imgcls.context import Context
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.data.journal import Journal
from jupyter_imgcls.errors import StorageError

from .test_journal import label_of, open_journal, reopened, root, state, wait_until

__all__ = ["open_journal", "root"]

try:
    import resource
except ImportError:  # Windows
    resource = None

posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows keeps open files in their place")


def labels_on_disk(open_journal) -> list[list[str]]:
    with open_journal() as journal:
        return state(journal)[1]


def fill(journal: Journal) -> None:
    """Some edits of each kind, one of them undone."""
    images = journal.dataset.images
    journal.edit(images[:1], "bowl")
    journal.exclude(images[1:2])
    journal.rename_class("plate", "dish")
    journal.edit(images[2:3], ["cup", "dish"])
    journal.add_class("glass")
    journal.undo()


def junk(file: Path) -> None:
    file.write_bytes(b"no database" * 1000)


def overwrite(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.write(b"\xff" * file.stat().st_size)


def write_foreign(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")


def replace_with(content: bytes) -> Callable[[Path], None]:
    def replace(file: Path) -> None:
        other = file.with_name("other")
        other.write_bytes(content)
        other.replace(file)

    return replace


ACCIDENTS = {
    "deleted": Path.unlink,
    "deleted with its log": lambda file: [p.unlink() for p in file.parent.glob(f"{file.name}*")],
    "renamed": lambda file: file.rename(file.with_name("backup.sqlite")),
    "folder deleted": lambda file: shutil.rmtree(file.parent),
    "folder moved": lambda file: file.parent.rename(file.parent.with_name("moved")),
    "replaced by junk": replace_with(b"junk" * 3000),
    "replaced by nothing": replace_with(b""),
    "emptied": lambda file: os.truncate(file, 0),
    "cut off": lambda file: os.truncate(file, 4096),
    "overwritten": overwrite,
    "overwritten by less": junk,
}


@posix_only
@pytest.mark.parametrize("in_cache", [True, False])
@pytest.mark.parametrize("accident", ACCIDENTS)
def test_no_edit_is_lost_when_the_file_of_an_open_journal_is(
    open_journal, accident, in_cache, caplog
):
    journal = open_journal()
    fill(journal)
    if not in_cache:  # everything is in the file, and nothing in the memory of SQLite
        journal.close()
        journal, connection = reopened(open_journal())
        connection.execute("PRAGMA shrink_memory")
    ACCIDENTS[accident](journal.file)

    for row in (3, 4):
        journal.edit(journal.dataset.images[row:], "glass")
    expected = state(journal)
    assert expected[0] == ["cup", "dish", "bowl", "glass"]
    assert expected[1] == [["bowl"], ["cup"], ["cup", "dish"], ["glass"], ["glass"]]
    assert expected[2] == {1}

    again = open_journal()
    assert state(again) == expected
    problems = journal.problems + again.problems
    assert str(journal.file) in problems[0]
    assert caplog.messages == problems
    again.undo()
    again.edit(again.dataset.images[:1], "cup")
    journal.refresh()
    assert state(journal) == state(again) == state(open_journal())


@posix_only
@pytest.mark.parametrize("accident", ["deleted", "renamed", "folder moved"])
def test_history_and_undo_are_kept_too(open_journal, accident):
    journal = open_journal()
    fill(journal)
    before = journal.history(journal.dataset.images[0])
    ACCIDENTS[accident](journal.file)
    journal.close()

    again = open_journal()
    assert again.history(again.dataset.images[0]) == before
    assert not again.can_redo or again.redo()
    while again.can_undo:
        again.undo()
    assert state(again) == (["cup", "plate"], [["cup"]] * 3 + [["plate"]] * 2, set())


@posix_only
def test_a_renamed_file_has_all_edits_from_before(open_journal):
    journal = open_journal()
    fill(journal)
    expected = state(journal)
    backup = journal.file.with_name("backup.sqlite")
    journal.file.rename(backup)
    journal.edit(journal.dataset.images[4:], "glass")
    journal.close()
    backup.replace(journal.file)

    assert state(open_journal()) == expected


@posix_only
@pytest.mark.parametrize("edits", [0, 2])
def test_a_file_that_is_replaced_by_an_earlier_copy_gets_the_edits_since(
    open_journal, edits, tmp_path
):
    journal = open_journal()
    for row in range(edits):
        journal.edit(journal.dataset.images[row : row + 1], "bowl")
    journal.close()
    copy = shutil.copy(journal.file, tmp_path / "copy")
    journal = open_journal()
    journal.edit(journal.dataset.images[3:], "glass")
    replace_with(copy.read_bytes())(journal.file)

    journal.refresh()
    again = open_journal()
    assert state(again) == state(journal)
    again.undo()
    assert label_of(again, "plate1.png") == ["plate"]


@posix_only
def test_edits_of_two_files_come_together(open_journal):
    """Someone deletes the file, and another kernel begins anew before this one notices."""
    journal = open_journal()
    journal.edit(journal.dataset.images[:2], "bowl")
    for path in journal.file.parent.glob("photos*"):
        path.unlink()
    other = open_journal()
    other.edit(other.dataset.images[1:3], "glass")

    journal.refresh()
    other.refresh()
    assert label_of(other, "cup1.png") == ["bowl"]
    assert label_of(other, "cup2.png") == label_of(other, "cup3.png") == ["glass"], "the newer edit"
    assert state(journal) == state(other) == state(open_journal())


@posix_only
def test_two_kernels_with_a_file_that_was_deleted_go_on_together(open_journal):
    one, two = open_journal(), open_journal()
    one.edit(one.dataset.images[:1], "bowl")
    one.file.unlink()
    two.edit(two.dataset.images[1:2], "glass")
    one.edit(one.dataset.images[2:3], "bowl")
    two.refresh()

    assert state(one) == state(two) == state(open_journal())
    assert [len(journal.problems) for journal in (one, two)] == [0, 1]


@posix_only
def test_a_watched_journal_is_written_again_without_an_edit(open_journal):
    journal = open_journal()
    journal.edit(journal.dataset.images[:1], "bowl")
    heard = []
    journal.listeners.append(heard.append)
    journal.watch(0.01)
    journal.file.unlink()

    wait_until(lambda: heard)
    assert heard[0] is None and len(journal.problems) == 1
    assert label_of(open_journal(), "cup1.png") == ["bowl"]


@posix_only
@pytest.mark.parametrize("hinder", ["folder", "another program"])
def test_while_a_file_cannot_be_written_again_edits_stay_in_memory(open_journal, hinder):
    journal = open_journal()
    fill(journal)
    expected = state(journal)
    if hinder == "folder":
        shutil.rmtree(journal.file.parent)
        in_the_way = journal.file.parent
        in_the_way.write_text("a file where a folder should be")
    else:
        in_the_way = journal.file
        write_foreign(journal.file)
    for _ in range(2):
        with pytest.raises(StorageError, match=r"permissions|another program"):
            journal.edit(journal.dataset.images[4:], "glass")
        with pytest.raises(StorageError, match=r"permissions|another program"):
            journal.close()
        assert state(journal) == expected

    in_the_way.unlink()
    journal.edit(journal.dataset.images[4:], "glass")
    expected = state(journal)
    journal.close()
    assert state(open_journal()) == expected


@posix_only
@pytest.mark.skipif(resource is None, reason="Windows cannot limit the size of a file")
@pytest.mark.parametrize("deleted", [False, True])
def test_on_a_full_disk_edits_stay_in_memory(open_journal, deleted):
    journal = open_journal()
    fill(journal)
    expected = state(journal)
    if deleted:
        journal.file.unlink()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        for _ in range(2):
            with pytest.raises(StorageError, match=r"disk|large"):
                journal.edit(journal.dataset.images[4:], "glass")
            assert state(journal) == expected
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    journal.edit(journal.dataset.images[4:], "glass")
    assert state(open_journal()) == state(journal) != expected


@pytest.mark.skipif(not hasattr(os, "seteuid") or os.geteuid() != 0, reason="root changes user")
def test_in_a_folder_that_becomes_read_only_edits_are_kept(class_folders):
    """Of another user, because root may write everywhere."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        photos = class_folders(Path(folder, "photos"), cup=3, plate=2)
        for path in (Path(folder), *Path(folder).rglob("*")):
            os.chown(path, 65534, 65534)
        os.seteuid(65534)
        try:
            context = Context.create(folder, folder, folder)
            dataset = ClassificationDataset.create_from_dir("photos", photos)
            journal = Journal.open(dataset, context)
            fill(journal)
            journals = journal.file.parent
            journals.chmod(0o500)
            journal.edit(dataset.images[4:], "glass")
            expected = state(journal)
            journals.chmod(0o700)
            journal.file.unlink()
            journals.chmod(0o500)
            with pytest.raises(StorageError, match="permissions"):
                journal.edit(dataset.images[3:], "glass")
            assert state(journal) == expected
            journals.chmod(0o700)
            journal.edit(dataset.images[3:], "glass")
            expected = state(journal)
            journal.close()
            journal.file.chmod(0o400)
            again = ClassificationDataset.create_from_dir("photos", photos)
            with Journal.open(again, context) as opened:
                with pytest.raises(StorageError, match="permissions"):
                    opened.edit(again.images[:1], "cup")
                assert state(opened) == expected
        finally:
            os.seteuid(0)


# -- damaged before it is opened --------------------------------------------------------------


def many_edits(journal: Journal) -> list[list[str]]:
    """So many that each table has several pages."""
    for number in range(60):
        journal.edit(journal.dataset.images, f"class {number:03}")
    journal.edit(journal.dataset.images[:1], "bowl")
    labels = state(journal)[1]
    journal.close()
    return labels


def opened_again(open_journal, file: Path) -> int:
    """Open a damaged journal; what was read of it, so many edits, must be consistent and stay."""
    content = file.read_bytes()
    with open_journal() as journal:
        expected = state(journal)
        if journal.problems:
            (problem,) = journal.problems
            (kept,) = file.parent.glob("*.damaged-*[0-9]")
            assert f"The label journal {file} was damaged" in problem and str(kept) in problem
            assert kept.read_bytes() == content
            kept.unlink()
    with closing(sqlite3.connect(file)) as read:
        (edits,) = read.execute("SELECT count(*) FROM edit").fetchone()
    with open_journal() as again:
        assert again.problems == [] and state(again) == expected
        again.edit(again.dataset.images, "after")
        while again.can_undo:
            again.undo()
        while again.can_redo:
            again.redo()
    return int(edits)


def test_of_a_file_with_a_damaged_page_all_others_are_read(open_journal):
    journal = open_journal()
    many_edits(journal)
    whole = journal.file.read_bytes()
    kept = []
    for start in range(0, len(whole), 4096):
        journal.file.write_bytes(whole[:start] + b"\xff" * 4096 + whole[start + 4096 :])
        kept.append(opened_again(open_journal, journal.file))
    edits_of_a_page = 50
    assert [count for count in kept if count < 362 - edits_of_a_page] == [61], "without photos"


SEEDS = int(os.environ.get("IMGCLS_FUZZ_SEEDS", "10"))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_is_in_a_file_it_is_opened_or_refused(open_journal, seed):
    journal = open_journal()
    many_edits(journal)
    chance = random.Random(seed)
    content = bytearray(journal.file.read_bytes())
    for _ in range(chance.choice([1, 3, 30, 1000])):
        position = chance.randrange(chance.choice([100, len(content), len(content)]))
        content[position : position + chance.choice([1, 1, 1, 4, 100])] = chance.randbytes(1)
    if seed % 5 == 0:
        del content[chance.randrange(len(content)) :]
    journal.file.write_bytes(content)
    try:
        opened_again(open_journal, journal.file)
    except StorageError as error:
        assert "another program" in str(error) or "newer jupyter_imgcls" in str(error)


STATEMENTS = {
    "no JSON": "UPDATE edit SET after = '[' WHERE id = 3",
    "JSON of another kind": "UPDATE edit SET after = '{}' WHERE id = 3",
    "deep JSON": f"UPDATE edit SET after = '{'[' * 100_000}' WHERE id = 3",
    "a big number": "UPDATE edit SET after = '[\"a\", 1e999]' WHERE id = 3",
    "bytes": "UPDATE edit SET after = x'ff00' WHERE id = 3",
    "no UTF-8": "UPDATE edit SET after = CAST(x'ff00' AS TEXT) WHERE id = 3",
    "no UTF-8 in a name": "UPDATE edit SET who = CAST(x'ff' AS TEXT) WHERE id = 3",
    "text for a number": "UPDATE edit SET batch = 'one' WHERE id = 3",
    "no time": "UPDATE edit SET time = 'yesterday' WHERE id = 3",
    "text for a photo": "UPDATE edit SET photo = 'a' WHERE id = 3",
    "path as text": "UPDATE photo SET path = 'a.png' WHERE id = 1",
    "path with a zero": "UPDATE photo SET path = x'6100' WHERE id = 1",
    "size as text": "UPDATE photo SET size = 'big' WHERE id = 1",
    "move to a number": "INSERT INTO move (source, target) VALUES (1, 2)",
    "no table of moves": "DROP TABLE move",
    "no table of photos": "DROP TABLE photo",
    "no table of edits": "DROP TABLE edit",
    "no table at all": "DROP TABLE move; DROP TABLE photo; DROP TABLE edit; DROP TABLE meta",
    "a column less": "ALTER TABLE edit DROP COLUMN who",
    "a column renamed": "ALTER TABLE photo RENAME COLUMN sha256 TO md5",
    "a column more": "ALTER TABLE edit ADD COLUMN color TEXT",
    "undo of nothing": "UPDATE edit SET action = 'undo', target = 99 WHERE id = 3",
}


def change(file: Path, statement: str) -> None:
    """Write to a journal as another program could."""
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA ignore_check_constraints = ON")
        other.executescript(statement)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_what_another_program_wrote_is_left_out(open_journal, statement):
    journal = open_journal()
    fill(journal)
    journal.close()
    change(journal.file, STATEMENTS[statement])
    opened_again(open_journal, journal.file)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_an_open_journal_goes_on_whatever_another_program_writes(open_journal, statement):
    journal = open_journal()
    fill(journal)
    classes, labels, excluded = state(journal)
    change(journal.file, STATEMENTS[statement])
    with open_journal() as other:
        journal.edit(journal.dataset.images[4:], "glass")
        other.refresh()
        assert state(other) == state(journal)
        assert state(journal) == ([*classes, "glass"], [*labels[:4], ["glass"]], excluded)
    assert state(open_journal()) == state(journal)


def test_a_missing_table_is_not_said_to_be_a_matter_of_permissions(open_journal):
    journal = open_journal()
    journal.edit(journal.dataset.images[:1], "bowl")
    with journal.batch():
        journal.edit(journal.dataset.images[1:2], "bowl")
        before = state(journal)
    change(journal.file, "CREATE TRIGGER t AFTER INSERT ON edit BEGIN DELETE FROM missing; END")

    with pytest.raises(StorageError, match="is damaged; the next edit.* recovers") as raised:
        journal.edit(journal.dataset.images[2:3], "bowl")
    assert "permissions" not in str(raised.value) and state(journal) == before
    journal.edit(journal.dataset.images[2:3], "bowl")
    assert label_of(open_journal(), "cup3.png") == ["bowl"]


def test_a_journal_of_a_moved_folder_that_is_damaged_hinders_nothing(
    open_journal, root, tmp_path, caplog
):
    journal = open_journal()
    fill(journal)
    journal.close()
    change(journal.file, "UPDATE meta SET value = '7'")
    root.rename(tmp_path / "elsewhere")

    assert state(open_journal(tmp_path / "elsewhere"))[0] == ["cup", "plate"]
    assert "Skipped the journal of another dataset" in caplog.text


def test_a_folder_in_the_place_of_the_file_is_named(open_journal):
    journal = open_journal()
    journal.close()
    journal.file.unlink()
    journal.file.mkdir()

    with pytest.raises(StorageError, match="is a folder; move it away"):
        open_journal()
