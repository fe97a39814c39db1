"""Augmented copies of photos."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jupyter_imgcls.context import Context
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.data.augment import augment_dataset, show_augmentations
from jupyter_imgcls.data.augment.fingerprint import fingerprint
from jupyter_imgcls.data.decoding.decode import decode_rgb
from jupyter_imgcls.errors import DatasetError, StorageError

Folders = Callable[..., Path]


@pytest.fixture
def dataset(class_folders: Folders) -> ClassificationDataset:
    return ClassificationDataset.create_from_dir("my photos", class_folders(cup=3, plate=2))


def mirror(photo: np.ndarray) -> np.ndarray:
    return photo[:, ::-1]


def brighten(photo: np.ndarray) -> np.ndarray:
    photo += 20  # in place: the original must not suffer
    return photo


def add_noise(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.clip(photo + rng.normal(0, 20, photo.shape), 0, 255).astype(np.uint8)


def imgaug_pipeline(crop: float = 0.1):
    from imgaug import augmenters

    # random_order inside Sometimes is what imgaug's own seeding forgets.
    steps = augmenters.Sequential(
        [augmenters.Fliplr(0.5), augmenters.Multiply((0.5, 1.5)), augmenters.Add((-40, 40))],
        random_order=True,
    )
    return augmenters.Sequential(
        [augmenters.Crop(percent=(0, crop)), augmenters.Sometimes(0.9, steps)]
    )


def copies(dataset: ClassificationDataset, originals: int) -> list[bytes]:
    return [Path(image.storage_path).read_bytes() for image in dataset.images[originals:]]


def test_each_pipeline_adds_a_copy_of_every_photo(dataset: ClassificationDataset) -> None:
    augmented = augment_dataset(dataset, [mirror, brighten], progress=False)
    assert len(dataset) == 5
    assert len(augmented) == 15
    assert list(augmented.paths)[:5] == list(dataset.paths)
    for number, image in enumerate(dataset.images):
        mirrored, bright = augmented.images[5 + number], augmented.images[10 + number]
        assert mirrored.labels == bright.labels == image.labels
        assert mirrored.origin_id == bright.origin_id == image.storage_id
        photo = decode_rgb(image.storage_path).astype(int)
        # JPEG changes noise a little.
        assert abs(decode_rgb(mirrored.storage_path) - photo[:, ::-1]).mean() < 12
        assert (decode_rgb(bright.storage_path) - photo).mean() == pytest.approx(20, abs=4)


def test_copies_lie_under_the_outputs(dataset: ClassificationDataset, context: Context) -> None:
    augmented = augment_dataset(dataset, [mirror], progress=False)
    folder = context.storage.outputs_path / "augmented" / "my_photos"
    assert {Path(path) for path in list(augmented.paths)[5:]} == set(folder.iterdir())
    with Image.open(augmented.paths[5]) as copy:
        assert copy.format == "JPEG"


def test_splitting_keeps_a_photo_and_its_copies_together(dataset: ClassificationDataset) -> None:
    augmented = augment_dataset(dataset, [mirror, brighten], progress=False)
    train, test = augmented.split(train_size=0.6)
    assert not set(train.origin_ids) & set(test.origin_ids)
    assert len(train) + len(test) == 15


def test_copies_of_copies_belong_to_the_first_photo(dataset: ClassificationDataset) -> None:
    twice = augment_dataset(augment_dataset(dataset, [mirror]), [brighten], progress=False)
    assert len(twice) == 20
    assert set(twice.origin_ids) == set(dataset.storage_ids)


def test_several_labels_and_the_side_of_a_split_are_carried_over(
    dataset: ClassificationDataset,
) -> None:
    photo = dataset.add_image(dataset.paths[0], ["cup", "plate"], part="test")
    copy = augment_dataset(dataset, [mirror], progress=False).images[-1]
    assert copy.origin_id == photo.storage_id
    assert [label.name for label in copy.labels] == ["cup", "plate"]
    assert augment_dataset(dataset, [mirror], progress=False).parts[-1] == "test"


@pytest.mark.parametrize("make", [imgaug_pipeline, lambda: add_noise], ids=["imgaug", "callable"])
def test_same_seed_same_copies_with_any_number_of_workers(
    dataset: ClassificationDataset, tmp_path: Path, make: Callable[[], Callable[..., np.ndarray]]
) -> None:
    made = []
    for workers in (1, 4):
        outputs = tmp_path / str(workers)
        context = Context.create(outputs, outputs, outputs)
        pipeline = make()
        augmented = augment_dataset(
            dataset, [pipeline, pipeline], seed=3, context=context, workers=workers, progress=False
        )
        made.append(copies(augmented, 5))
    assert made[0] == made[1]
    assert len(set(made[0])) == 10  # photos, and two pipelines that are the same, differ
    other = augment_dataset(dataset, [make()], seed=4, progress=False)
    assert not set(copies(other, 5)) & set(made[0])


def test_random_numbers_of_others_stay_as_they_are(dataset: ClassificationDataset) -> None:
    import imgaug

    pipeline = imgaug_pipeline()
    np.random.seed(1)  # noqa: NPY002
    imgaug.seed(1)
    before = imgaug.random.get_global_rng().state, np.random.get_state()[1].tolist()  # noqa: NPY002
    augment_dataset(dataset, [pipeline], progress=False)
    after = imgaug.random.get_global_rng().state, np.random.get_state()[1].tolist()  # noqa: NPY002
    assert str(after) == str(before)


def test_copies_are_not_made_again(dataset: ClassificationDataset) -> None:
    first = augment_dataset(dataset, [imgaug_pipeline()], progress=False)
    times = [Path(path).stat().st_mtime_ns for path in first.paths]
    again = augment_dataset(dataset, [imgaug_pipeline()], progress=False)
    assert list(again.paths) == list(first.paths)
    assert [Path(path).stat().st_mtime_ns for path in again.paths] == times


@pytest.mark.parametrize("change", ["seed", "pipeline", "photo"])
def test_copies_are_made_again_when_something_changed(
    dataset: ClassificationDataset, change: str
) -> None:
    first = augment_dataset(dataset, [imgaug_pipeline()], progress=False)
    if change == "photo":
        Image.new("RGB", (30, 20), "red").save(dataset.paths[0])
    again = augment_dataset(
        dataset,
        [imgaug_pipeline(crop=0.2 if change == "pipeline" else 0.1)],
        seed=1 if change == "seed" else 0,
        progress=False,
    )
    assert again.paths[5] != first.paths[5]
    assert (again.paths[6] == first.paths[6]) == (change == "photo")


def test_a_function_is_recognized_by_what_it_does() -> None:
    def defined(source: str, cell: str, **names: object) -> Callable[..., object]:
        exec(compile(source, cell, "exec"), names)
        return names["f"]  # type: ignore[return-value]

    source = "f = lambda photo: photo[:, ::-1] if factor else photo"
    same = fingerprint(defined(source, "cell 1", factor=1))
    assert fingerprint(defined(f"\n\n{source}", "cell 2", factor=1)) == same
    assert fingerprint(defined(source, "cell 1", factor=2)) != same
    assert fingerprint(defined(source.replace("-1", "-2"), "cell 1", factor=1)) != same


def test_a_function_of_a_changed_module_counts_as_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_steps.py").write_text("def step(photo): return photo")
    import my_steps  # type: ignore[import-not-found]

    before = fingerprint(my_steps.step)
    assert fingerprint(my_steps.step) == before
    (tmp_path / "my_steps.py").write_text("def step(photo): return photo + 1")
    assert fingerprint(my_steps.step) != before


def test_what_cannot_be_compared_counts_as_changed() -> None:
    lock = threading.Lock()

    def locked(photo: np.ndarray) -> np.ndarray:
        with lock:
            return photo

    assert fingerprint(locked) != fingerprint(locked)


def test_an_unreadable_photo_has_no_copies(
    dataset: ClassificationDataset, caplog: pytest.LogCaptureFixture
) -> None:
    damaged, deleted = Path(dataset.paths[1]), Path(dataset.paths[4])
    damaged.write_bytes(b"no photo")
    deleted.unlink()
    augmented = augment_dataset(dataset, [mirror], progress=False)
    assert len(augmented) == 5 + 3
    assert [Path(problem.path) for problem in augmented.problems] == [damaged, deleted]
    assert "No such file" in augmented.problems[1].reason
    assert [record.message.count("2 files were left out") for record in caplog.records] == [1]


def failing(photo: np.ndarray) -> np.ndarray:
    raise KeyError("wrong")


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        (failing, "failed with KeyError: 'wrong'"),
        (lambda photo: photo / 255, "type float64"),
        (lambda photo: photo[..., 0], r"shape \(24, 32\)"),
        (lambda photo: photo[:0], r"shape \(0, 32, 3\)"),
        (lambda photo: None, "returned NoneType"),
    ],
)
def test_a_pipeline_that_does_not_return_a_photo(
    dataset: ClassificationDataset, context: Context, pipeline: object, said: str
) -> None:
    with pytest.raises(DatasetError, match=rf"Pipeline 2 on .*cup1\.png: it .*{said}"):
        augment_dataset(dataset, [mirror, pipeline], workers=1, progress=False)  # type: ignore[list-item]
    left = [path.name for path in context.storage.outputs_path.rglob("*") if path.is_file()]
    assert all(name.endswith(".jpg") for name in left)


def test_steps_in_one_pipeline_are_not_taken_for_pipelines(dataset: ClassificationDataset) -> None:
    assert len(augment_dataset(dataset, imgaug_pipeline(), progress=False)) == 10


def test_something_else_than_a_pipeline(dataset: ClassificationDataset) -> None:
    with pytest.raises(DatasetError, match="Pipeline 1 is 'flip'"):
        augment_dataset(dataset, ["flip"])  # type: ignore[list-item]


def test_the_size_of_copies_may_differ(dataset: ClassificationDataset) -> None:
    augmented = augment_dataset(dataset, [lambda photo: photo[2:10, :7]], progress=False)
    assert decode_rgb(augmented.paths[5]).shape == (8, 7, 3)


def test_a_folder_that_cannot_be_made(dataset: ClassificationDataset, context: Context) -> None:
    (context.storage.outputs_path / "augmented").write_text("a file in the way")
    with pytest.raises(StorageError, match="Cannot write .*augmented"):
        augment_dataset(dataset, [mirror], progress=False)


def test_stopping_with_the_keyboard_leaves_whole_files(
    dataset: ClassificationDataset, context: Context
) -> None:
    def interrupted(photo: np.ndarray) -> np.ndarray:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        augment_dataset(dataset, [mirror, interrupted], workers=1, progress=False)
    files = list((context.storage.outputs_path / "augmented" / "my_photos").iterdir())
    assert all(file.suffix == ".jpg" for file in files)


def test_originals_are_shown_beside_copies(dataset: ClassificationDataset) -> None:
    dataset.change_label_for_image(dataset.images[0], "$cup_1")
    figure = show_augmentations(dataset, add_noise, n=2, copies=3)
    assert len(figure.axes) == 8
    first = figure.axes[0]
    assert np.array_equal(first.images[0].get_array(), decode_rgb(dataset.paths[0]))
    assert first.get_title() == "$cup_1"
    assert not first.title.get_parse_math()
    shown = [np.asarray(axis.images[0].get_array()) for axis in figure.axes[1:4]]
    assert not np.array_equal(shown[0], shown[1])
    figure.canvas.draw()


def test_show_augmentations_says_what_is_wrong(dataset: ClassificationDataset) -> None:
    with pytest.raises(DatasetError, match=r"The pipeline on .*cup1\.png: it failed"):
        show_augmentations(dataset, failing)
    with pytest.raises(DatasetError, match="Nothing to show"):
        show_augmentations(ClassificationDataset("empty"), mirror)
