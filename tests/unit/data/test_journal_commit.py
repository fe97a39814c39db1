"""Writing labels into class folders or a CSV file: nothing is overwritten or deleted."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.data.journal import Journal
from jupyter_imgcls.errors import DatasetError, StorageError
from jupyter_imgcls.files import is_folder_name, move_file


@pytest.fixture
def root(class_folders) -> Path:
    return class_folders(cup=3, plate=2)


@pytest.fixture
def journal(root):
    with Journal.open(ClassificationDataset.create_from_dir("photos", root)) as journal:
        yield journal


def files(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def labels(dataset):
    return {image.name: [str(label) for label in image.labels] for image in dataset.images}


def test_a_dry_run_lists_the_moves_and_makes_none(journal, root):
    journal.edit(journal.dataset.images[:1], "bowl")
    journal.edit(journal.dataset.images[1:2], [])
    journal.edit(journal.dataset.images[2:3], ["cup", "plate"])
    journal.exclude(journal.dataset.images[3:4])
    before = files(root.parent)

    plan = journal.commit(root)

    assert [str(move) for move in plan.moves] == [
        f"{root}/cup/cup1.png → {root}/bowl/cup1.png",
        f"{root}/plate/plate1.png → {root}-excluded/plate1.png",
    ]
    assert str(plan).splitlines()[0] == "2 photos are moved"
    assert f"  {root}/cup/cup2.png stays: it has no label" in str(plan).splitlines()
    assert "several classes" in plan.staying[f"{root}/cup/cup3.png"]
    assert files(root.parent) == before and journal.unfinished == []


def test_photos_are_moved_and_the_dataset_follows(journal, root):
    journal.edit(journal.dataset.images[:1], "bowl")
    journal.exclude(journal.dataset.images[3:4])
    contents = sorted(files(root.parent).values())

    plan = journal.commit(root, dry_run=False)

    assert len(plan.moves) == 2
    assert journal.dataset.images[0].storage_path == f"{root}/bowl/cup1.png"
    assert Path(journal.dataset.images[3].storage_path).parent == Path(f"{root}-excluded")
    assert sorted(files(root.parent).values()) == contents
    assert journal.commit(root).moves == ()

    journal.close()
    anew = ClassificationDataset.create_from_dir("photos", root)
    assert labels(anew)["cup1.png"] == ["bowl"] and len(anew) == 4
    with Journal.open(anew) as again:
        assert len(again.history(anew.images[0])) == 1


def test_another_kernel_follows_the_moves(journal, root):
    with Journal.open(ClassificationDataset.create_from_dir("photos", root)) as other:
        journal.edit(journal.dataset.images[:1], "bowl")
        journal.commit(root, dry_run=False)
        other.refresh()

        assert list(other.dataset.paths) == list(journal.dataset.paths)
        other.edit(other.dataset.images[:1], "plate")
        assert len(journal.history(journal.dataset.images[0])) == 2


def test_a_label_that_is_undone_moves_back(journal, root):
    before = files(root)
    journal.edit(journal.dataset.images[:1], "bowl")
    journal.commit(root, dry_run=False)
    journal.undo()
    journal.commit(root, dry_run=False)

    assert files(root) == before


def test_a_name_that_is_taken_gets_a_number(journal, root):
    shutil.copy(root / "cup" / "cup2.png", root / "plate" / "cup1.png")
    (root / "plate" / "cup1-2.png").write_bytes(b"not in the dataset")
    before = files(root)
    journal.edit(journal.dataset.images[:1], "plate")
    journal.commit(root, dry_run=False)

    assert files(root)["plate/cup1-3.png"] == before.pop("cup/cup1.png")
    assert before.items() <= files(root).items()


def test_two_photos_may_change_places(journal, root):
    (root / "plate" / "plate1.png").rename(root / "plate" / "cup1.png")
    before = sorted(files(root).values())
    journal.close()
    dataset = ClassificationDataset.create_from_dir("photos", root)
    with Journal.open(dataset) as again:
        again.edit(dataset.images[:1], "plate")
        again.edit(dataset.images[3:4], "cup")
        again.commit(root, dry_run=False)

    assert sorted(files(root).values()) == before
    assert sorted(os.listdir(root / "cup")) == ["cup1-2.png", "cup2.png", "cup3.png"]


def test_a_name_that_is_taken_between_plan_and_move_gets_a_number(journal, root, monkeypatch):
    from jupyter_imgcls.data.journal import journal as journal_module

    def somebody_else_is_faster(source, target):
        if target.name == "cup1.png":
            target.parent.mkdir()
            target.write_bytes(b"somebody else's")
            monkeypatch.undo()
        return move_file(source, target)

    monkeypatch.setattr(journal_module, "move_file", somebody_else_is_faster)
    photo = (root / "cup" / "cup1.png").read_bytes()
    journal.edit(journal.dataset.images[:2], "bowl")
    journal.commit(root, dry_run=False)

    assert files(root)["bowl/cup1.png"] == b"somebody else's"
    assert files(root)["bowl/cup1-2.png"] == photo
    assert journal.dataset.images[0].storage_path == f"{root}/bowl/cup1-2.png"


def test_photos_of_a_split_stay_on_their_side(class_folders, tmp_path):
    root = tmp_path / "parts"
    class_folders(root / "train", cup=2, plate=1)
    class_folders(root / "test", cup=1, plate=1)
    dataset = ClassificationDataset.create_from_dir("parts", root)
    with Journal.open(dataset) as journal:
        journal.edit([dataset.images[0]], "plate")
        (move,) = journal.commit(root, dry_run=False).moves

    assert move.source == f"{root}/test/cup/cup1.png"
    assert move.target == f"{root}/test/plate/cup1.png"


def test_a_class_that_cannot_be_a_folder_moves_nothing(journal, root):
    before = files(root)
    journal.edit(journal.dataset.images[:1], "plate")
    for name in ("a/b", "..", ".hidden"):
        journal.edit(journal.dataset.images[1:2], name)
        with pytest.raises(DatasetError, match="rename the class"):
            journal.commit(root, dry_run=False)
    assert files(root) == before and journal.unfinished == []


def test_moves_that_fail_are_finished_when_the_cause_is_mended(journal, root):
    (root / "bowl").write_text("a file where the class folder should be")
    before = sorted(files(root).values())
    journal.edit(journal.dataset.images[3:4], "cup")
    journal.edit(journal.dataset.images[:2], "bowl")
    with pytest.raises(StorageError, match=r"is a file, not a folder.*resume"):
        journal.commit(root, dry_run=False)
    assert sorted(files(root).values()) == before
    assert len(journal.unfinished) == 3

    (root / "bowl").rename(root / "was-in-the-way")
    journal.resume()
    assert sorted(files(root).values()) == before
    assert sorted(os.listdir(root / "bowl")) == ["cup1.png", "cup2.png"]
    assert journal.unfinished == []


def test_a_photo_that_is_gone_does_not_stop_the_others(journal, root):
    journal.edit(journal.dataset.images[:2], "bowl")
    (root / "cup" / "cup1.png").unlink()
    journal.commit(root, dry_run=False)

    assert os.listdir(root / "bowl") == ["cup2.png"]
    assert [problem.path for problem in journal.dataset.problems] == [f"{root}/cup/cup1.png"]


def test_a_csv_file_holds_the_labels_and_overwrites_none(journal, tmp_path):
    journal.edit(journal.dataset.images[:1], ["plate", "cup"])
    journal.exclude(journal.dataset.images[1:2])
    target = tmp_path / "labels.csv"
    target.write_text("the user's")

    assert journal.commit(target).file == tmp_path / "labels-2.csv"
    assert not (tmp_path / "labels-2.csv").exists()
    written = journal.commit(target, dry_run=False).file

    assert target.read_text() == "the user's"
    anew = ClassificationDataset.create_from_csv("photos", written)
    assert labels(anew)["cup1.png"] == ["plate", "cup"] and len(anew) == 4
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == ["labels-2.csv", "labels.csv"]


def test_a_json_file_lists_the_photos_of_each_class(journal, tmp_path):
    journal.edit(journal.dataset.images[:1], ["plate", "cup"])
    journal.exclude(journal.dataset.images[1:2])
    journal.edit(journal.dataset.images[2:3], [])
    journal.add_class("bowl")
    target = tmp_path / "labels.json"

    plan = journal.commit(target)
    assert str(plan).splitlines() == [
        f"The labels are written to {target}; no photo is moved.",
        f"  {journal.dataset.paths[2]} is not in it: it has no label; a CSV file can hold it",
    ]
    assert not target.exists()
    assert journal.commit(target, dry_run=False).file == target
    assert journal.commit(target).file == tmp_path / "labels-2.json"

    anew = ClassificationDataset.create_from_json("photos", target)
    assert [label.name for label in anew.labels] == ["cup", "plate", "bowl"]
    assert labels(anew) == {
        "cup1.png": ["cup", "plate"],
        "plate1.png": ["plate"],
        "plate2.png": ["plate"],
    }


# -- moving one file --------------------------------------------------------------------------


def test_a_link_still_leads_to_its_photo_after_it_was_moved(tmp_path):
    (tmp_path / "photo").write_bytes(b"photo")
    (tmp_path / "cup").mkdir()
    (tmp_path / "cup" / "link").symlink_to("../photo")

    assert move_file(tmp_path / "cup" / "link", tmp_path / "deep" / "er" / "link")
    assert (tmp_path / "deep" / "er" / "link").read_bytes() == b"photo"
    assert not os.path.lexists(tmp_path / "cup" / "link")


def test_a_link_to_a_photo_does_not_count_as_that_photo_moved(tmp_path):
    (tmp_path / "photo").write_bytes(b"photo")
    (tmp_path / "link").symlink_to("photo")

    with pytest.raises(FileExistsError):
        move_file(tmp_path / "photo", tmp_path / "link")
    assert (tmp_path / "photo").read_bytes() == b"photo"


def test_photos_move_to_another_disk(tmp_path):
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other disk here")
    source = tmp_path / "photo"
    source.write_bytes(b"photo")
    os.utime(source, (1e9, 1e9))
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        taken, target = Path(folder, "taken"), Path(folder, "cup", "photo")
        taken.write_bytes(b"another")
        with pytest.raises(FileExistsError):
            move_file(source, taken)
        assert (taken.read_bytes(), source.read_bytes()) == (b"another", b"photo")

        assert move_file(source, target)
        assert target.read_bytes() == b"photo" and target.stat().st_mtime == 1e9
        assert sorted(os.listdir(folder)) == ["cup", "taken"]
        assert not source.exists() and move_file(source, target)


def test_photos_move_where_there_are_no_hard_links(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError("hard links are not supported")

    monkeypatch.setattr(os, "link", refuse)
    source, taken, target = (tmp_path / name for name in ("photo", "taken", "target"))
    source.write_bytes(b"photo")
    taken.write_bytes(b"another")
    with pytest.raises(FileExistsError):
        move_file(source, taken)
    assert move_file(source, target)

    assert taken.read_bytes() == b"another" and target.read_bytes() == b"photo"
    assert sorted(os.listdir(tmp_path)) == ["taken", "target"]


def test_files_without_numbers_are_told_apart_by_their_content(tmp_path, monkeypatch):
    lstat = Path.lstat

    def without_number(path):
        return os.stat_result([lstat(path).st_mode, *[0] * 9])

    monkeypatch.setattr(Path, "lstat", without_number)
    source, taken = tmp_path / "photo", tmp_path / "taken"
    source.write_bytes(b"photo")
    taken.write_bytes(b"other")
    with pytest.raises(FileExistsError):
        move_file(source, taken)

    assert source.read_bytes() == b"photo" and taken.read_bytes() == b"other"


@pytest.mark.parametrize("name", ["", ".", "..", ".cup", "a/b", "a\0b"])
def test_names_that_no_class_folder_can_have(name):
    assert not is_folder_name(name)


@pytest.mark.parametrize("name", ["cup ", "cup.", "a:b", "what?", "con", "Nul.txt", "COM1"])
def test_names_that_no_class_folder_can_have_on_windows(name):
    assert is_folder_name(name, windows=False) and not is_folder_name(name, windows=True)
    assert is_folder_name("concert", windows=True)


def test_a_move_that_is_cut_off_on_another_disk_is_finished(tmp_path):
    source, target = tmp_path / "photo", tmp_path / "cup" / "photo"
    source.write_bytes(b"photo")
    target.parent.mkdir()
    target.write_bytes(b"photo")

    assert move_file(source, target)
    assert not source.exists() and target.read_bytes() == b"photo"


def test_a_class_that_was_renamed_is_in_its_new_folder_afterwards(journal, root):
    journal.rename_class("cup", "mug")
    assert len(journal.commit(root, dry_run=False).moves) == 3
    journal.close()

    with pytest.warns(UserWarning, match="No photos in class cup"):
        anew = ClassificationDataset.create_from_dir("photos", root)
    with Journal.open(anew) as again:
        assert anew.count_labels() == {"mug": 3, "plate": 2}
        again.undo()
        assert anew.count_labels() == {"cup": 3, "plate": 2}


def test_a_renamed_class_takes_along_photos_that_came_since(journal, root):
    journal.rename_class("cup", "mug")
    (root / "cup" / "cup1.png").rename(root / "cup" / "late.png")
    journal.add_class("bowl")
    journal.close()
    (root / "mug").mkdir()
    (root / "cup" / "cup2.png").rename(root / "mug" / "cup2.png")

    anew = ClassificationDataset.create_from_dir("photos", root)
    with Journal.open(anew):
        assert anew.count_labels() == {"mug": 3, "plate": 2, "bowl": 0}


def test_file_names_that_are_no_unicode_are_labelled_and_moved(root):
    odd = os.fsencode(root / "cup") + b"/caf\xe9.png"
    os.rename(root / "cup" / "cup1.png", odd)
    for label in ("bowl", "plate"):
        dataset = ClassificationDataset.create_from_dir("photos", root)
        with Journal.open(dataset) as journal:
            (image,) = (image for image in dataset.images if "caf" in image.name)
            journal.edit([image], label)
            journal.commit(root, dry_run=False)
            assert journal.history(image)[-1].path == os.fsencode(image.storage_path)

    assert os.listdir(os.fsencode(root / "bowl")) == []
    assert b"caf\xe9.png" in os.listdir(os.fsencode(root / "plate"))
