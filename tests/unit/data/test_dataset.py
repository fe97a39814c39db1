"""Creating a dataset, looking at it, changing it, writing it out."""

import csv
import io
import json
import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from jupyter_imgcls.data import ClassificationDataset, Label
from jupyter_imgcls.data.readers.json_form import write_json
from jupyter_imgcls.errors import DatasetError
from jupyter_imgcls.text import unicode_text
from tests.conftest import save_photo


def create(root, **options):
    return ClassificationDataset.create_from_dir("photos", root, **options)


def names(dataset):
    return [image.name for image in dataset.images]


def labels(dataset):
    return [[label.name for label in image.labels] for image in dataset.images]


# -- from folders -----------------------------------------------------------------------------


def test_each_sub_folder_is_a_class(class_folders):
    dataset = create(class_folders(cup=2, bowl=3))

    assert [label.name for label in dataset.labels] == ["bowl", "cup"]
    assert dataset.size() == len(dataset) == len(dataset.images) == 5
    assert dataset.count_labels() == {"bowl": 3, "cup": 2}
    np.testing.assert_array_equal(dataset.label_indices, [0, 0, 0, 1, 1])


def test_classes_and_photos_are_in_natural_order(tmp_path):
    for name in ("img10", "img2", "IMG1", "img010"):
        save_photo(tmp_path / "class 10" / f"{name}.png")
    save_photo(tmp_path / "class 9" / "x.png")

    dataset = create(tmp_path)

    assert [label.name for label in dataset.labels] == ["class 9", "class 10"]
    assert names(dataset)[1:] == ["IMG1.png", "img2.png", "img010.png", "img10.png"]


def test_photos_in_folders_within_a_class_folder_belong_to_the_class(tmp_path):
    save_photo(tmp_path / "cup" / "2024" / "may" / "a.png")
    save_photo(tmp_path / "cup" / "b.png")

    assert names(create(tmp_path)) == ["b.png", "a.png"]


def test_train_and_test_folders_keep_their_split(class_folders, tmp_path):
    class_folders(root=tmp_path / "p" / "train", cup=3, plate=2, bowl=0)
    class_folders(root=tmp_path / "p" / "test", cup=1, plate=2, bowl=1)

    dataset = create(tmp_path / "p")
    train_set, test_set = dataset.split()

    assert [label.name for label in dataset.labels] == ["bowl", "cup", "plate"]
    assert train_set.count_labels() == {"bowl": 0, "cup": 3, "plate": 2}
    assert test_set.count_labels() == {"bowl": 1, "cup": 1, "plate": 2}


def test_a_validation_folder_is_the_test_side_where_there_is_no_test_folder(
    class_folders, tmp_path
):
    class_folders(root=tmp_path / "p" / "train", cup=3)
    class_folders(root=tmp_path / "p" / "val", cup=2)

    train_set, test_set = create(tmp_path / "p").split()

    assert (len(train_set), len(test_set)) == (3, 2)


def test_a_class_may_be_called_train(class_folders):
    dataset = create(class_folders(train=2, bus=2))

    assert [label.name for label in dataset.labels] == ["bus", "train"]


def test_hidden_files_and_those_of_the_operating_system_are_not_the_users(class_folders):
    root = class_folders(cup=2)
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._cup1.png"):
        (root / "cup" / name).write_bytes(b"x")
    (root / ".ipynb_checkpoints").mkdir()

    dataset = create(root)

    assert len(dataset) == 2
    assert dataset.problems == []


@pytest.mark.parametrize(
    "name", ["white space.png", "naïve 碗 😀.png", "new\nline.png", "a,b;'\".png"]
)
def test_any_file_name_is_fine(tmp_path, name):
    file = save_photo(tmp_path / "cup" / name)

    image = create(tmp_path).images[0]

    assert image.name == name
    assert image.storage_path == str(file)
    assert image.as_np_array().shape == (3, 24, 32)


def test_a_file_name_that_is_no_utf8_is_fine_too(tmp_path):
    save_photo(tmp_path / "cup" / "a.png")
    strange = os.fsencode(tmp_path / "cup") + b"/caf\xe9.png"
    os.rename(tmp_path / "cup" / "a.png", strange)

    assert os.fsencode(create(tmp_path).images[0].storage_path) == strange


def test_bad_files_are_left_out_and_listed_with_the_reason(class_folders, caplog):
    root = class_folders(cup=2, plate=2)
    (root / "cup" / "empty.jpg").touch()
    (root / "cup" / "notes.txt").write_text("not a photo")
    whole = save_photo(root / "plate" / "cut.jpg", size=(640, 480)).read_bytes()
    (root / "plate" / "cut.jpg").write_bytes(whole[: len(whole) // 2])

    dataset = create(root, check="full")

    assert len(dataset) == 4
    assert {Path(problem.path).name for problem in dataset.problems} == {
        "empty.jpg",
        "notes.txt",
        "cut.jpg",
    }
    assert all(problem.reason for problem in dataset.problems)
    assert caplog.messages == ["photos: 3 files were left out; dataset.problems says why"]


def test_check_header_does_not_decode_and_check_none_does_not_open(class_folders):
    root = class_folders(cup=1)
    whole = save_photo(root / "cup" / "cut.jpg", size=(640, 480)).read_bytes()
    (root / "cup" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "cup" / "empty.jpg").touch()
    (root / "cup" / "notes.txt").write_text("not a photo")

    assert names(create(root, check="header")) == ["cup1.png", "cut.jpg"]
    assert names(create(root, check="none")) == ["cup1.png", "cut.jpg", "empty.jpg"]
    with pytest.raises(DatasetError, match="'full', 'header' or 'none'"):
        create(root, check="all")


def test_links_are_followed_and_loops_are_not(class_folders, tmp_path):
    root = class_folders(cup=1)
    elsewhere = class_folders(root=tmp_path / "elsewhere", plate=2)
    (root / "plate").symlink_to(elsewhere / "plate")
    (root / "cup" / "up").symlink_to(root / "cup")
    (root / "cup" / "self").symlink_to(root / "cup" / "self")
    (root / "cup" / "gone.png").symlink_to(tmp_path / "nowhere.png")

    dataset = create(root)

    assert names(dataset) == ["cup1.png", "plate1.png", "plate2.png"]
    reasons = {Path(problem.path).name: problem.reason for problem in dataset.problems}
    assert reasons["up"] == "a link to a folder that was already read"
    assert set(reasons) == {"up", "self", "gone.png"}


@contextmanager
def as_nobody(folder):
    """Look with the eyes of an ordinary user, for the superuser may read everything."""
    if os.geteuid() != 0:
        yield
        return
    for parent in folder.parents:
        if parent.is_relative_to(tempfile.gettempdir()) and parent != Path(tempfile.gettempdir()):
            parent.chmod(0o755)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_files_and_folders_that_may_not_be_read_are_left_out(class_folders):
    root = class_folders(cup=2, plate=1)
    (root / "cup" / "cup1.png").chmod(0)
    (root / "plate").chmod(0)
    try:
        with as_nobody(root), pytest.warns(UserWarning, match="No photos in class plate"):
            dataset = create(root)
    finally:
        (root / "plate").chmod(0o755)

    assert names(dataset) == ["cup2.png"]
    reasons = {Path(problem.path).name: problem.reason for problem in dataset.problems}
    assert set(reasons) == {"cup1.png", "plate"}
    assert reasons["plate"] == "the folder cannot be read: Permission denied"


def test_photos_straight_in_the_folder_have_no_label_yet(tmp_path):
    for name in ("img10.png", "img2.png", "cup/cup1.png"):
        save_photo(tmp_path / name)
    (tmp_path / "broken.jpg").write_bytes(b"")
    (tmp_path / "readme.txt").write_text("no photo, and no one's mistake")

    dataset = create(tmp_path)

    assert names(dataset) == ["cup1.png", "img2.png", "img10.png"]
    assert dataset.label_indices.tolist() == [0, -1, -1]
    assert [Path(problem.path).name for problem in dataset.problems] == ["broken.jpg"]
    for name in ("cup/cup1.png", "cup"):
        file = tmp_path / name
        file.rmdir() if file.is_dir() else file.unlink()
    assert [label.name for label in create(tmp_path).labels] == []


def test_a_folder_without_class_folders_says_what_is_expected(tmp_path):
    with pytest.raises(DatasetError, match="sub-folder named after the class"):
        create(tmp_path)
    with pytest.raises(DatasetError, match="There is no folder"):
        create(tmp_path / "missing")
    with pytest.raises(DatasetError, match="is a file"):
        create(save_photo(tmp_path / "photo.png"))


def test_class_folders_without_any_photo_are_an_error_that_shows_what_was_there(tmp_path):
    (tmp_path / "cup").mkdir()
    (tmp_path / "cup" / "notes.txt").write_text("not a photo")

    with pytest.raises(DatasetError, match=r"No photos in .*notes\.txt"):
        create(tmp_path)


def test_a_class_without_photos_stays_a_class_and_is_named(class_folders):
    with pytest.warns(UserWarning, match="No photos in class bowl, vase"):
        dataset = create(class_folders(cup=1, bowl=0, vase=0))

    assert dataset.count_labels() == {"bowl": 0, "cup": 1, "vase": 0}


# -- photos and labels ------------------------------------------------------------------------


def test_an_image_knows_its_file_its_number_and_its_labels(class_folders):
    root = class_folders(bowl=3)
    image = create(root).images[2]

    assert image.name == "bowl3.png"
    assert image.storage_path == str(root / "bowl" / "bowl3.png")
    assert image.storage_id == image._storage_id == 3
    assert image.labels[0].name == image._labels[0].name == "bowl"
    assert repr(image) == "<Image 3 'bowl3.png': bowl>"


def test_pixels_are_channels_first_and_thumbnails_are_small(tmp_path):
    save_photo(tmp_path / "cup" / "a.png", size=(640, 320))
    image = create(tmp_path).images[0]

    assert image.as_np_array().shape == (3, 320, 640)
    assert image.as_np_array().dtype == np.uint8
    assert image.thumbnail(128).size == (128, 64)


def test_images_can_be_indexed_from_the_end_and_sliced(class_folders):
    images = create(class_folders(cup=3)).images

    assert images[-1].name == "cup3.png"
    assert [image.name for image in images[:2]] == ["cup1.png", "cup2.png"]
    assert images[0] == images[0] and images[0] != images[1]
    assert len({*images, *images}) == 3
    with pytest.raises(IndexError, match="There is no photo 3: the dataset has 3 photos"):
        images[3]


def test_labels_can_be_changed_and_new_classes_added(class_folders):
    dataset = create(class_folders(cup=2, plate=1))
    image = dataset.images[0]

    dataset.change_label_for_image(image, "plate")
    dataset.change_label_for_image(dataset.images[1], ["mug", Label("cup")])

    assert dataset.get_labels_for_image(image) == [Label("plate")]
    assert labels(dataset) == [["plate"], ["mug", "cup"], ["plate"]]
    assert dataset.count_labels() == {"cup": 1, "plate": 2, "mug": 1}
    dataset.change_label_for_image(dataset.images[1], [])
    assert labels(dataset)[1] == []
    assert dataset.label_indices[1] == -1


def test_a_photo_of_another_dataset_is_refused(class_folders, tmp_path):
    dataset = create(class_folders(cup=2))
    other = create(class_folders(root=tmp_path / "other", cup=2))

    with pytest.raises(DatasetError, match="is not in dataset 'photos'"):
        dataset.change_label_for_image(other.images[0], "cup")


def test_the_photo_of_a_subset_is_found_in_the_whole(class_folders):
    dataset = create(class_folders(cup=3))
    subset = dataset.take([2])

    dataset.change_label_for_image(subset.images[0], "mug")

    assert labels(dataset) == [["cup"], ["cup"], ["mug"]]
    assert labels(subset) == [["cup"]], "a subset has labels of its own"


def test_photos_can_be_added(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = ClassificationDataset("new", labels=["cup"])

    first = dataset.add_image("a.png", "cup")
    copy = dataset.add_image(tmp_path / "b.png", ["plate", "cup"], origin_id=first.storage_id)

    assert first.storage_path == str(tmp_path / "a.png")
    assert labels(dataset) == [["cup"], ["plate", "cup"]]
    assert copy.origin_id == 1
    np.testing.assert_array_equal(dataset.origin_ids, [1, 1])
    np.testing.assert_array_equal(dataset.storage_ids, [1, 2])


def test_print_info_counts_photos_by_class(class_folders, capsys):
    root = class_folders(cup=2, cutlery=11)
    (root / "cup" / "notes.txt").write_text("not a photo")
    dataset = create(root)
    dataset.add_image("x.png", [])

    dataset.print_info()

    assert capsys.readouterr().out.splitlines() == [
        "Dataset 'photos': 14 photos, 2 classes",
        "  cup       2",
        "  cutlery  11",
        "  1 photo without a label",
        "  1 file left out: see .problems",
    ]
    assert repr(dataset) == "<ClassificationDataset 'photos': 14 photos, 2 classes>"


@pytest.mark.parametrize("test_folder", ["test", "val", "validation"])
def test_a_given_division_is_kept_and_shown(tmp_path, test_folder):
    for part, count in {"train": 3, test_folder: 2}.items():
        for name in ("cup", "plate"):
            for number in range(count):
                save_photo(tmp_path / part / name / f"{number}.png")
    dataset = create(tmp_path)
    test_part = "test" if test_folder == "test" else "validation"

    train_set, test_set = dataset.split()

    assert (len(train_set), len(test_set)) == (6, 4)
    assert {image.path.parts[-3] for image in test_set.images} == {test_folder}
    assert repr(dataset.parts) == f"<Parts: 6 train, 4 {test_part}>"
    assert dataset.parts.counts() == {"train": 6, test_part: 4}
    assert f"which split() keeps: 6 train, 4 {test_part}" in dataset.describe()
    assert repr(dataset) == (
        f"<ClassificationDataset 'photos': 10 photos, 2 classes, 6 train, 4 {test_part}>"
    )


def test_parts_of_photos_that_came_undivided(class_folders):
    dataset = create(class_folders(cup=2))
    assert repr(dataset.parts) == "<Parts: no given split>"
    assert dataset.parts == [None, None]
    assert dataset.images[0].path == Path(dataset.paths[0])


# -- tables -----------------------------------------------------------------------------------


def test_a_csv_file_has_paths_and_labels(tmp_path):
    save_photo(tmp_path / "photos" / "a.png")
    save_photo(tmp_path / "photos" / "b.png")
    (tmp_path / "labels.csv").write_text(
        "path,label\nphotos/b.png,cup\nphotos/a.png,NA\nphotos/b.png,mug\n"
    )

    dataset = ClassificationDataset.create_from_csv("table", tmp_path / "labels.csv")

    assert names(dataset) == ["b.png", "a.png"]
    assert labels(dataset) == [["cup", "mug"], ["NA"]]


def test_what_is_written_as_csv_reads_back_the_same(class_folders, tmp_path):
    dataset = create(class_folders(cup=2, plate=2))
    dataset.change_label_for_image(dataset.images[0], ["plate", "cup"])
    dataset.change_label_for_image(dataset.images[1], [])
    save_photo(tmp_path / "copy.png")
    dataset.add_image(tmp_path / "copy.png", "cup", origin_id=1, part="train")

    dataset.to_csv(tmp_path / "out" / "labels.csv")
    again = ClassificationDataset.create_from_csv("again", tmp_path / "out" / "labels.csv")

    assert list(again.paths) == list(dataset.paths)
    assert labels(again) == labels(dataset)
    assert again.parts == dataset.parts
    np.testing.assert_array_equal(again.origin_ids, dataset.origin_ids)
    assert sorted(os.listdir(tmp_path / "out")) == ["labels.csv"]


HOSTILE = [
    "=cmd|' /C calc'!A0",
    "@SUM(1)",
    "-1+1",
    "+1",
    "\tx",
    "\rx",
    "'=1",
    "''-",
    "a;=1",
    '"',
]


def test_a_spreadsheet_takes_no_label_for_a_formula_and_they_read_back(tmp_path):
    dataset = ClassificationDataset("hostile")
    for number, label in enumerate(HOSTILE):
        save_photo(tmp_path / f"{number}.png")
        dataset.add_image(tmp_path / f"{number}.png", label)
    dataset.to_csv(tmp_path / "labels.csv")

    text = (tmp_path / "labels.csv").read_bytes().decode()
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert not [cell for cell in cells if cell[:1] in set("=+-@\t\r")]
    assert text.count('"a;=1"') == 1, "programs that divide cells at ; do not divide this one"
    again = ClassificationDataset.create_from_csv("again", tmp_path / "labels.csv")
    assert labels(again) == labels(dataset)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_categories=()), min_size=1), min_size=1, max_size=5))
def test_any_label_reads_back_from_csv_and_json(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("labels")
    dataset = ClassificationDataset("any")
    for number, name in enumerate(names):
        save_photo(folder / f"{number}.png")
        dataset.add_image(folder / f"{number}.png", name)
    dataset.to_csv(folder / "labels.csv")
    write_json(dataset.table, folder / "labels.json")
    for again in (
        ClassificationDataset.create_from_csv("csv", folder / "labels.csv"),
        ClassificationDataset.create_from_json("json", folder / "labels.json"),
    ):
        found = {
            image.name: label for image, label in zip(again.images, labels(again), strict=True)
        }
        assert found == {f"{i}.png": [name] for i, name in enumerate(map(unicode_text, names))}


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode on other systems")
@pytest.mark.parametrize("name", [b"na\xff.png", b"a\rb.png", b"=1.png", b'a\nb,".png'])
def test_any_file_name_reads_back_from_csv_and_json(name, tmp_path):
    folder = tmp_path / os.fsdecode(b"cup\xff")
    save_photo(folder / os.fsdecode(name))
    dataset = create(tmp_path)
    assert [label.name for label in dataset.labels] == [r"cup\xff"]
    dataset.to_csv(tmp_path / "labels.csv")
    write_json(dataset.table, tmp_path / "labels.json")
    for again in (
        ClassificationDataset.create_from_csv("csv", tmp_path / "labels.csv"),
        ClassificationDataset.create_from_json("json", tmp_path / "labels.json"),
    ):
        assert list(again.paths) == list(dataset.paths)
        assert labels(again) == [[r"cup\xff"]]


def test_copies_of_a_photo_that_was_left_out_stay_together(tmp_path):
    for name in ("copy1", "copy2", "other"):
        save_photo(tmp_path / f"{name}.png")
    paths = ["copy1.png", "gone.png", "copy2.png", "other.png"]
    frame = pd.DataFrame(
        {"path": paths, "label": "cup", "origin": ["gone.png", "", "gone.png", ""]}
    )

    dataset = ClassificationDataset.create_from_frame("frame", frame, root=tmp_path)

    np.testing.assert_array_equal(dataset.origin_ids, [1, 1, 3])


def test_a_frame_may_have_missing_values_and_a_split(tmp_path):
    for name in "abc":
        save_photo(tmp_path / f"{name}.png")
    frame = pd.DataFrame(
        {
            "path": ["a.png", "b.png", "c.png"],
            "label": ["cup", None, 7],
            "split": ["train", float("nan"), "test"],
        }
    )

    dataset = ClassificationDataset.create_from_frame("frame", frame, root=tmp_path)

    assert labels(dataset) == [["cup"], [], ["7"]]
    assert dataset.parts == ["train", None, "test"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"file": ["a.png"], "label": ["cup"]}, "no column 'path'; the columns are: file, label"),
        ({"path": [""], "label": ["cup"]}, "Row 1 has no path"),
        ({"path": ["a.png"], "label": ["cup"], "split": ["tset"]}, "split 'tset'"),
        (
            {"path": ["a.png"], "label": ["cup"], "origin": ["z.png"]},
            "copy of .*z.png, which has no row",
        ),
        (
            {"path": ["missing.png"], "label": ["cup"]},
            r"No row refers to a usable photo.*missing\.png",
        ),
    ],
)
def test_a_table_that_is_not_understood_says_where(tmp_path, columns, message):
    save_photo(tmp_path / "a.png")

    with pytest.raises(DatasetError, match=message):
        ClassificationDataset.create_from_frame("frame", pd.DataFrame(columns), root=tmp_path)


def test_a_csv_file_that_is_none_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"Cannot read .*missing\.csv as a CSV file"):
        ClassificationDataset.create_from_csv("table", tmp_path / "missing.csv")


def test_class_folders_are_written_as_they_are_read(class_folders, tmp_path):
    dataset = create(class_folders(cup=2, plate=1))
    save_photo(tmp_path / "else" / "cup1.png", seed=77)
    dataset.add_image(tmp_path / "else" / "cup1.png", ["cup", "plate"])

    again = create(dataset.to_class_folders(tmp_path / "out"))

    assert again.count_labels() == {"cup": 3, "plate": 2}
    assert names(again) == ["cup1-2.png", "cup1.png", "cup2.png", "cup1.png", "plate1.png"]
    with pytest.raises(DatasetError, match="already exists"):
        dataset.to_class_folders(tmp_path / "out")


def test_a_class_name_that_leads_out_of_the_folder_is_refused(class_folders, tmp_path):
    dataset = create(class_folders(cup=1))
    dataset.change_label_for_image(dataset.images[0], "../evil")

    with pytest.raises(DatasetError, match="'../evil' is not a valid folder name"):
        dataset.to_class_folders(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert sorted(os.listdir(tmp_path)) == ["photos"]


# -- the article's JSON -----------------------------------------------------------------------


def test_json_names_folders_and_photos_for_each_class(class_folders, tmp_path):
    class_folders(cup=2, plate=1)
    save_photo(tmp_path / "extra" / "p.png")
    (tmp_path / "photos.json").write_text(
        json.dumps({"cup": ["photos/cup"], "plate": ["./photos/plate", "extra/p.png"]})
    )

    dataset = ClassificationDataset.create_from_json("json", tmp_path / "photos.json")

    assert labels(dataset) == [["cup"], ["cup"], ["plate"], ["plate"]]
    assert dataset.problems == []


def test_json_entries_that_lead_nowhere_are_problems_and_the_others_load(class_folders, tmp_path):
    class_folders(cup=2)
    (tmp_path / "photos.json").write_text(
        json.dumps({"cup": ["photos/cup", "../missing/cup", "plastic cup"]})
    )

    dataset = ClassificationDataset.create_from_json(
        "json", tmp_path / "photos.json", progress=False
    )

    assert len(dataset) == 2
    reasons = [problem.reason for problem in dataset.problems]
    assert reasons[0] == "no such folder or photo (class 'cup')"
    assert "provider" in reasons[1]


@pytest.mark.parametrize("content", ["{", "[]", '{"cup": "photos"}', '{"cup": [1]}'])
def test_json_of_another_form_says_what_is_expected(tmp_path, content):
    (tmp_path / "photos.json").write_text(content)

    with pytest.raises(DatasetError, match=r"photos\.json .*list of strings for each class"):
        ClassificationDataset.create_from_json("json", tmp_path / "photos.json")


def test_json_that_is_missing_or_leads_to_no_photo_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match="Cannot read .*: No such file"):
        ClassificationDataset.create_from_json("json", tmp_path / "missing.json")
    (tmp_path / "photos.json").write_text('{"cup": ["./nowhere"]}')
    with pytest.raises(DatasetError, match="No photos found from .*json. Left out: .*nowhere"):
        ClassificationDataset.create_from_json("json", tmp_path / "photos.json")


def test_the_first_frame_is_the_photo(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    (tmp_path / "cup").mkdir()
    frames[0].save(tmp_path / "cup" / "a.gif", save_all=True, append_images=frames[1:])

    assert create(tmp_path).images[0].as_np_array()[:, 0, 0].tolist() == [255, 0, 0]
