"""The label journal: edits on disk, undo and redo, moved photos, several kernels, bad files."""

import gc
import os
import queue
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_imgcls.context import Context
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.data.journal import Journal
from jupyter_imgcls.data.journal.file import open_file
from jupyter_imgcls.errors import DatasetError, StorageError
from tests.conftest import save_photo


@pytest.fixture
def root(class_folders) -> Path:
    return class_folders(cup=3, plate=2)


@pytest.fixture
def open_journal(root) -> Iterator:
    """Open a journal as a new kernel would: the photos read anew, the journal closed at the end."""
    with ExitStack() as stack:

        def new_kernel(root: Path = root, name: str = "photos") -> Journal:
            dataset = ClassificationDataset.create_from_dir(name, root)
            return stack.enter_context(Journal.open(dataset))

        yield new_kernel


def state(journal):
    """What a person sees: classes, and labels of each photo that is not excluded."""
    dataset = journal.dataset
    excluded = set(journal.excluded.tolist())
    return (
        [label.name for label in dataset.labels],
        [[label.name for label in image.labels] for image in dataset.images],
        excluded,
    )


def label_of(journal, name):
    return {image.name: [label.name for label in image.labels] for image in journal.dataset.images}[
        name
    ]


# -- keeping ----------------------------------------------------------------------------------


def test_labels_come_back_when_the_dataset_is_opened_again(open_journal):
    journal = open_journal()
    images = journal.dataset.images

    journal.dataset.change_label_for_image(images[0], "bowl")
    journal.dataset.change_label_for_image(images[1], ["plate", "cup"])
    journal.dataset.change_label_for_image(images[2], [])
    journal.exclude([images[3]])

    classes, labels, excluded = state(open_journal())
    assert classes == ["cup", "plate", "bowl"]
    assert labels == [["bowl"], ["plate", "cup"], [], ["plate"], ["plate"]]
    assert excluded == {3}


def test_no_file_is_made_for_a_dataset_without_a_journal(root, context):
    dataset = ClassificationDataset.create_from_dir("photos", root)
    dataset.change_label_for_image(dataset.images[0], "plate")

    assert list(context.storage.persistent_path.iterdir()) == []


def test_only_photos_that_are_edited_are_read(open_journal):
    journal = open_journal()
    journal.edit(journal.dataset.images[:2], "plate")

    with sqlite3.connect(journal.file) as file:
        assert file.execute("SELECT count(*) FROM photo").fetchone() == (2,)
    file.close()


def reopened(journal: Journal) -> tuple[Journal, sqlite3.Connection]:
    """The journal on a connection whose settings a test can read and change."""
    journal.close()
    connection = open_file(journal.file, journal.dataset.source)
    again = Journal(journal.dataset, journal.file, connection)
    again.refresh()
    return again, connection


def test_the_journal_waits_for_the_disk_at_each_edit(open_journal):
    _, connection = reopened(open_journal())

    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_datasets_of_one_name_do_not_mix(open_journal, class_folders, tmp_path):
    other_root = class_folders(tmp_path / "other", cup=3, plate=2)
    journal, other = open_journal(), open_journal(other_root)

    journal.edit(journal.dataset.images[:1], "plate")

    assert journal.file != other.file
    other.refresh()
    assert label_of(other, "cup1.png") == ["cup"]


def test_the_parts_of_a_dataset_share_its_journal(open_journal):
    journal = open_journal()
    part = journal.dataset.take([4, 0], "part")
    with Journal.open(part) as in_part:
        in_part.edit([part.images[1]], "bowl")
        journal.edit([journal.dataset.images[2]], "plate")
        in_part.refresh()

        assert label_of(journal, "cup1.png") == ["bowl"]
        assert [[str(label) for label in image.labels] for image in part.images] == [
            ["plate"],
            ["bowl"],
        ]


def test_opening_twice_gives_the_same_journal(open_journal, tmp_path):
    journal = open_journal()
    elsewhere = Context.create(tmp_path, tmp_path, tmp_path)

    with pytest.raises(DatasetError, match="close"):
        Journal.open(journal.dataset, elsewhere)
    journal.close()
    with Journal.open(journal.dataset, elsewhere) as second:
        assert Journal.open(journal.dataset) is second


def test_after_closing_changes_are_no_longer_written(open_journal):
    journal = open_journal()
    journal.close()
    journal.dataset.change_label_for_image(journal.dataset.images[0], "plate")

    assert label_of(open_journal(), "cup1.png") == ["cup"]
    with pytest.raises(StorageError, match="was closed"):
        journal.undo()


# -- undoing ----------------------------------------------------------------------------------


def test_undo_and_redo_work_across_sessions(open_journal):
    first = open_journal()
    first.edit(first.dataset.images[:3], "bowl")
    first.exclude(first.dataset.images[:1])
    first.close()

    second = open_journal()
    second.undo()
    (*_, undone) = second.undo()
    assert undone.kind == "class" and undone.after is None
    assert state(second)[0] == ["cup", "plate"]
    assert label_of(second, "cup1.png") == ["cup"]
    assert not second.can_undo and second.undo() == []
    second.close()

    third = open_journal()
    assert [edit.after for edit in third.redo()][1:] == [["bowl"]] * 3
    third.redo()
    assert state(third) == (
        ["cup", "plate", "bowl"], [["bowl"]] * 3 + [["plate"]] * 2, {0},
    )  # fmt: skip
    assert not third.can_redo and third.redo() == []


def test_what_is_changed_in_a_batch_is_undone_together(open_journal):
    journal = open_journal()
    before = state(journal)
    with journal.batch():
        journal.dataset.change_label_for_image(journal.dataset.images[0], "plate")
        journal.exclude(journal.dataset.images[1:2])
        journal.merge_classes("cup", "plate")
    assert state(journal) == (["plate"], [["plate"]] * 5, {1})

    journal.undo()
    assert state(journal) == before == state(open_journal())


def test_a_batch_that_fails_changes_nothing(open_journal):
    journal = open_journal()
    before = state(journal)

    def fail_half_way():
        with journal.batch():
            journal.edit(journal.dataset.images[:2], "bowl")
            journal.rename_class("plate", "saucer")
            raise FileNotFoundError("of the user's own")

    with pytest.raises(FileNotFoundError, match="own"):
        fail_half_way()

    assert state(journal) == before == state(open_journal())
    journal.edit(journal.dataset.images[:1], "plate")
    assert label_of(open_journal(), "cup1.png") == ["plate"]


def test_undo_within_a_batch_is_refused(open_journal):
    journal = open_journal()
    with journal.batch(), pytest.raises(DatasetError, match="batch"):
        journal.undo()


def test_classes_are_renamed_merged_and_added(open_journal):
    journal = open_journal()
    journal.rename_class("cup", "mug")
    journal.add_class("bowl")
    journal.edit(journal.dataset.images[:1], ["mug", "plate"])
    journal.merge_classes("mug", "plate")

    assert state(journal) == state(open_journal())
    assert state(journal)[:2] == (["plate", "bowl"], [["plate"]] * 5)
    for _ in range(4):
        journal.undo()
    assert state(journal)[:2] == (["cup", "plate"], [["cup"]] * 3 + [["plate"]] * 2)
    assert state(journal) == state(open_journal())


def test_classes_that_do_not_fit_are_refused(open_journal):
    journal = open_journal()
    before = state(journal)
    for refused in (
        lambda: journal.rename_class("glass", "mug"),
        lambda: journal.rename_class("cup", "plate"),
        lambda: journal.rename_class("cup", " "),
        lambda: journal.add_class(""),
        lambda: journal.merge_classes("cup", "cup"),
        lambda: journal.merge_classes("cup", "glass"),
    ):
        with pytest.raises(DatasetError):
            refused()
    assert state(journal) == before and not journal.can_undo


names = st.sampled_from(["cup", "plate", "bowl", "a 'quoted' <b>"])
rows = st.lists(st.integers(0, 4), unique=True)
actions = st.one_of(
    st.tuples(st.just("edit"), rows, st.lists(names, max_size=2)),
    st.tuples(st.just("exclude"), rows, st.booleans()),
    st.tuples(st.sampled_from(["rename_class", "merge_classes"]), names, names),
    st.tuples(st.sampled_from(["undo", "redo", "add_class"])),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(actions, max_size=12))
def test_any_edits_undone_and_redone_are_as_if_states_were_kept(sequence):
    """The model keeps every state; the journal must agree, here and when it is opened again."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        for number in range(5):
            save_photo(Path(folder, "photos", "cup" if number < 3 else "plate", f"{number}.png"))
        context = Context.create(folder, folder, folder)

        def open_anew():
            dataset = ClassificationDataset.create_from_dir("photos", Path(folder, "photos"))
            return stack.enter_context(Journal.open(dataset, context))

        journal = open_anew()
        past, future = [state(journal)], []
        for action, *arguments in sequence:
            if action == "undo" and len(past) > 1:
                future.append(past.pop())
            elif action == "redo" and future:
                past.append(future.pop())
            if action in ("edit", "exclude"):
                images = [journal.dataset.images[row] for row in arguments[0]]
                getattr(journal, action)(images, arguments[1])
            elif action == "add_class":
                journal.add_class("new")
            else:
                try:
                    getattr(journal, action)(*arguments)
                except DatasetError:
                    continue
            if action not in ("undo", "redo") and state(journal) != past[-1]:
                past.append(state(journal))
                future.clear()
            assert state(journal) == past[-1]
        assert state(open_anew()) == past[-1]


# -- looking ----------------------------------------------------------------------------------


def test_history_says_what_was_done_to_a_photo_when_and_by_whom(open_journal, monkeypatch):
    monkeypatch.setenv("LOGNAME", "ada")
    journal = open_journal()
    image = journal.dataset.images[0]
    journal.edit([image], "plate")
    journal.exclude([image])
    journal.undo()

    history = open_journal().history(image)
    assert [(e.action, e.kind, e.before, e.after) for e in history] == [
        ("edit", "labels", ["cup"], ["plate"]),
        ("edit", "excluded", False, True),
        ("undo", "excluded", True, False),
    ]
    assert {e.who for e in history} == {"ada"}
    assert history[0].path == os.fsencode(image.storage_path)
    assert abs(datetime.now(timezone.utc) - history[0].time) < timedelta(minutes=5)
    assert journal.history(journal.dataset.images[1]) == []


def test_changed_since_lists_photos_edited_from_then_on(open_journal):
    journal = open_journal()
    journal.edit([journal.dataset.images[3]], "cup")
    between = datetime.now(timezone.utc)
    journal.edit([journal.dataset.images[4]], "cup")
    journal.edit([journal.dataset.images[0]], "plate")

    assert [image.row for image in journal.changed_since(between)] == [0, 4]
    assert [image.row for image in journal.changed_since(datetime(2020, 1, 1))] == [0, 3, 4]


def test_edited_are_the_photos_that_are_not_as_before(open_journal):
    journal = open_journal()
    images = journal.dataset.images
    journal.edit([images[0], images[4]], "new")
    journal.exclude([images[0], images[3]])
    journal.edit([images[4]], [])
    assert journal.edited.tolist() == [0, 3, 4]

    journal.exclude([images[3]], False)
    assert journal.edited.tolist() == [0, 4]
    for _ in range(4):
        journal.undo()
    assert journal.edited.tolist() == []
    journal.redo()
    assert journal.edited.tolist() == [0, 4]


def test_included_leaves_excluded_photos_out(open_journal):
    journal = open_journal()
    journal.exclude(journal.dataset.images[1:3])
    journal.exclude(journal.dataset.images[2:3], False)

    np.testing.assert_array_equal(journal.excluded, [1])
    assert journal.is_excluded(journal.dataset.images[1])
    assert [image.name for image in journal.included().images] == [
        "cup1.png", "cup3.png", "plate1.png", "plate2.png",
    ]  # fmt: skip


def test_listeners_hear_of_edits_made_here_and_elsewhere(open_journal):
    here, elsewhere = open_journal(), open_journal()
    heard = []
    elsewhere.listeners.append(heard.append)

    here.edit(here.dataset.images[1:3], "plate")
    elsewhere.refresh()
    elsewhere.undo()
    elsewhere.add_class("bowl")

    assert heard == [{1, 2}, {1, 2}, None]
    assert label_of(here, "cup2.png") == ["plate"]
    here.refresh()
    assert state(here) == state(elsewhere)


# -- photos that were moved -------------------------------------------------------------------


def test_a_photo_that_was_moved_or_renamed_keeps_its_labels(open_journal, root):
    journal = open_journal()
    journal.edit(journal.dataset.images[:2], "bowl")
    journal.close()
    (root / "cup" / "cup1.png").rename(root / "plate" / "zebra.png")

    for _ in range(2):
        again = open_journal()
        assert label_of(again, "zebra.png") == ["bowl"]
        assert len(again.history(again.dataset.images[4])) == 1
        again.close()


def test_photos_that_changed_names_keep_their_own_labels(open_journal, root):
    journal = open_journal()
    journal.edit(journal.dataset.images[:1], "bowl")
    journal.close()
    one, two = root / "cup" / "cup1.png", root / "cup" / "cup2.png"
    one.rename(root / "x.png")
    two.rename(one)
    (root / "x.png").rename(two)

    again = open_journal()
    assert label_of(again, "cup1.png") == ["cup"]
    assert label_of(again, "cup2.png") == ["bowl"]


def test_a_photo_whose_date_changed_is_still_itself(open_journal, root):
    journal = open_journal()
    journal.edit(journal.dataset.images[:1], "bowl")
    journal.close()
    os.utime(root / "cup" / "cup1.png", (1e9, 1e9))

    for _ in range(2):
        again = open_journal()
        assert label_of(again, "cup1.png") == ["bowl"]
        again.close()


def test_a_photo_with_other_content_is_another_photo(open_journal, root):
    journal = open_journal()
    journal.edit(journal.dataset.images[:1], "bowl")
    journal.close()
    save_photo(root / "cup" / "cup1.png", seed=77)

    assert label_of(open_journal(), "cup1.png") == ["cup"]


def test_a_copy_of_a_labelled_photo_is_another_photo(open_journal, root):
    journal = open_journal()
    journal.edit(journal.dataset.images[:1], "bowl")
    journal.close()
    shutil.copy(root / "cup" / "cup1.png", root / "plate" / "copy.png")

    again = open_journal()
    assert label_of(again, "cup1.png") == ["bowl"]
    assert label_of(again, "copy.png") == ["plate"]


def test_labels_of_a_photo_that_is_gone_wait_for_its_return(open_journal, root, caplog):
    journal = open_journal()
    journal.edit(journal.dataset.images[:1], "bowl")
    journal.close()
    (root / "cup" / "cup1.png").rename(root.parent / "away.png")
    open_journal().close()
    assert "1 labelled photo was not found" in caplog.text
    (root.parent / "away.png").rename(root / "cup" / "back.png")

    assert label_of(open_journal(), "back.png") == ["bowl"]


def test_labels_come_along_when_the_whole_folder_is_moved(open_journal, root, tmp_path):
    journal = open_journal()
    journal.edit(journal.dataset.images[:1], "bowl")
    journal.close()
    root.rename(tmp_path / "elsewhere")

    moved = open_journal(tmp_path / "elsewhere")
    assert label_of(moved, "cup1.png") == ["bowl"]
    assert moved.file != journal.file and journal.file.exists()
    moved.undo()
    moved.close()
    assert label_of(open_journal(tmp_path / "elsewhere"), "cup1.png") == ["cup"]


def test_another_dataset_does_not_inherit_from_a_folder_that_is_gone(
    open_journal, root, class_folders, tmp_path
):
    journal = open_journal()
    journal.rename_class("cup", "mug")
    journal.edit(journal.dataset.images[:1], "bowl")
    journal.close()
    shutil.rmtree(root)
    for number in range(3):
        save_photo(tmp_path / "new" / "cup" / f"cup{number}.png", seed=99 + number)

    assert state(open_journal(tmp_path / "new"))[0] == ["cup"]


def test_a_photo_that_cannot_be_read_cannot_be_labelled(open_journal, root):
    journal = open_journal()
    (root / "cup" / "cup1.png").unlink()

    with pytest.raises(StorageError, match=r"Cannot read .*cup1\.png"):
        journal.edit(journal.dataset.images[:2], "bowl")
    assert state(journal) == (["cup", "plate"], [["cup"]] * 3 + [["plate"]] * 2, set())


# -- files that are not as they should be -----------------------------------------------------


def test_a_database_of_another_program_is_refused_and_left_alone(open_journal):
    journal = open_journal()
    journal.close()
    journal.file.unlink()
    with sqlite3.connect(journal.file) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    before = journal.file.read_bytes()

    with pytest.raises(StorageError, match="another program"):
        open_journal()
    assert journal.file.read_bytes() == before


def test_a_journal_of_a_newer_version_is_refused(open_journal):
    journal, connection = reopened(open_journal())
    connection.execute("PRAGMA user_version = 2")
    journal.close()

    with pytest.raises(StorageError, match="newer jupyter_imgcls"):
        open_journal()


def test_a_full_disk_changes_nothing(open_journal):
    journal, connection = reopened(open_journal())
    journal.edit(journal.dataset.images[:1], "plate")
    before = state(journal)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(StorageError, match="No disk space"):
        journal.edit(journal.dataset.images[1:], [f"{'long ' * 2000}{i}" for i in range(5)])
    assert state(journal) == before == state(open_journal())

    connection.execute("PRAGMA max_page_count = 100000")
    journal.edit(journal.dataset.images[1:2], "plate")
    assert label_of(open_journal(), "cup2.png") == ["plate"]


def test_a_journal_that_another_program_keeps_busy_says_so(open_journal):
    journal, connection = reopened(open_journal())
    connection.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(journal.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StorageError, match="try again"):
        journal.edit(journal.dataset.images[:1], "bowl")
    other.execute("ROLLBACK")
    other.close()
    assert state(journal)[0] == ["cup", "plate"]
    journal.edit(journal.dataset.images[:1], "bowl")
    assert label_of(open_journal(), "cup1.png") == ["bowl"]


def test_a_journal_that_cannot_be_written_says_so(open_journal, context):
    (context.storage.persistent_path / "journals").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="permissions"):
        open_journal()


@pytest.mark.skipif(not hasattr(os, "seteuid") or os.geteuid() != 0, reason="root changes user")
def test_a_folder_of_another_user_says_so():
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        root = save_photo(Path(folder, "photos", "cup", "cup1.png")).parents[1]
        context = Context.create(folder, folder, folder)
        dataset = ClassificationDataset.create_from_dir("photos", root)
        with Journal.open(dataset, context) as journal:
            file = journal.file
        for path in (Path(folder), root, root / "cup", file.parent):
            path.chmod(0o755)
        os.seteuid(65534)
        try:
            with pytest.raises(StorageError, match="permissions"):
                Journal.open(dataset, context)
        finally:
            os.seteuid(0)
    assert dataset.journal is None


def test_many_paths_are_found_as_few_are(tmp_path):
    dataset = ClassificationDataset("photos")
    for folder in ("a", "b"):
        dataset.add_folder(str(tmp_path / folder), [f"{n}.jpg" for n in range(100)], "cup")
    paths = list(dataset.paths)
    absent = {str(tmp_path / "a" / "100.jpg"), str(tmp_path / "c" / "1.jpg")}

    assert dataset.paths.find(set(paths) | absent) == {path: i for i, path in enumerate(paths)}
    assert dataset.paths.find({paths[150]} | absent) == {paths[150]: 150}
    dataset.paths.move(150, str(tmp_path / "c" / "1.jpg"))
    assert dataset.paths.find({paths[150]} | absent) == {str(tmp_path / "c" / "1.jpg"): 150}
    assert dataset.paths[149] == paths[149] and dataset.paths[151] == paths[151]


# -- watching ---------------------------------------------------------------------------------

ANOTHER_KERNEL = """
import sys
from jupyter_imgcls.context import Context
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.data.journal import Journal

root, place = sys.argv[1:]
dataset = ClassificationDataset.create_from_dir("photos", root)
with Journal.open(dataset, Context.create(place, place, place)) as journal:
    print("ready", flush=True)
    sys.stdin.readline()
    journal.edit(dataset.images[:1], "bowl")
    print("edited", flush=True)
"""


def watching_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("watch-photos")]


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_watched_journal_tells_of_the_edits_of_another_process(root, tmp_path):
    place = tmp_path / "context"
    dataset = ClassificationDataset.create_from_dir("photos", root)
    told = queue.Queue()
    with (
        Journal.open(dataset, Context.create(place, place, place)) as journal,
        subprocess.Popen(
            [sys.executable, "-c", ANOTHER_KERNEL, root, place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as other,
    ):
        journal.listeners.append(told.put)
        journal.watch(0.05)
        journal.watch(0.05)
        assert len(watching_threads()) == 1
        assert other.stdout.readline() == "ready\n"
        other.communicate("go on\n")

        assert told.get(timeout=20) is None  # a class came
        assert label_of(journal, "cup1.png") == ["bowl"]
    wait_until(lambda: not watching_threads())


def test_a_watched_journal_that_nobody_needs_goes_away(root):
    journal = Journal.open(ClassificationDataset.create_from_dir("photos", root))
    journal.watch(0.01)
    assert watching_threads()
    alive = weakref.ref(journal)
    del journal
    gc.collect()

    wait_until(lambda: alive() is None and not watching_threads())


def test_a_process_that_watches_a_journal_can_end(root, tmp_path):
    opening, _, rest = ANOTHER_KERNEL.partition("with ")
    code = f"{opening}journal = {rest.partition(' as journal')[0]}\njournal.watch(0.01)"

    subprocess.run([sys.executable, "-c", code, root, tmp_path / "context"], check=True, timeout=60)


def test_what_hinders_watching_is_told_until_it_is_mended(open_journal, caplog):
    journal, other = open_journal(), open_journal()
    hindered = [True]

    def listener(_rows):
        if hindered:
            raise OSError("the page is gone")

    journal.listeners.append(listener)
    journal.watch(0.01)
    other.edit(other.dataset.images[:1], "plate")
    wait_until(lambda: journal.watch_error is not None)
    assert str(journal.watch_error) == "the page is gone"
    assert "Could not load the edits of other kernels" in caplog.text

    hindered.clear()
    wait_until(lambda: journal.watch_error is None)


def test_a_closed_journal_cannot_be_watched(open_journal):
    journal = open_journal()
    journal.close()

    with pytest.raises(StorageError, match="was closed"):
        journal.watch()
