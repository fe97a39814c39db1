"""What can be given to be scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.errors import DatasetError
from jupyter_imgcls.scoring import as_sources

PIXELS = np.zeros((6, 8, 3), np.uint8)


@pytest.fixture
def dataset(tmp_path: Path) -> ClassificationDataset:
    (tmp_path / "cup").mkdir()
    for number in range(3):
        Image.fromarray(PIXELS).save(tmp_path / "cup" / f"{number}.png")
    return ClassificationDataset.create_from_dir("cups", tmp_path)


def test_a_dataset_gives_its_paths_on_demand(dataset: ClassificationDataset) -> None:
    assert as_sources(dataset) is dataset.paths


def test_images_of_a_dataset(dataset: ClassificationDataset) -> None:
    assert list(as_sources(dataset.images)) == list(dataset.paths)
    assert list(as_sources(dataset.images[1])) == [dataset.paths[1]]


@pytest.mark.parametrize("photo", ["a.jpg", Path("a.jpg"), b"\xff\xd8"])
def test_one_photo(photo: str | Path | bytes) -> None:
    assert list(as_sources(photo)) == [photo]


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_other_kinds_of_bytes(kind: type) -> None:
    assert list(as_sources(kind(b"\xff\xd8"))) == [b"\xff\xd8"]


def test_many_photos_of_different_kinds() -> None:
    sources = as_sources(["a.jpg", Path("b.jpg"), b"c", PIXELS])
    assert list(sources[:3]) == ["a.jpg", Path("b.jpg"), b"c"]
    assert sources[3] is PIXELS


def test_paths_from_a_table_a_generator_or_an_array() -> None:
    names = ["a.jpg", "b.jpg"]
    assert list(as_sources(pd.Series(names))) == names
    assert list(as_sources(name for name in names)) == names
    assert list(as_sources(np.array(names, object))) == names


def test_one_array_and_a_batch_of_arrays() -> None:
    assert len(as_sources(PIXELS)) == 1
    assert len(as_sources(np.zeros((6, 8), np.uint8))) == 1
    assert len(as_sources(np.zeros((5, 6, 8, 3), np.uint8))) == 5
    assert len(as_sources(np.zeros((0, 6, 8, 3), np.uint8))) == 0


def test_nothing() -> None:
    assert len(as_sources([])) == 0


@pytest.mark.parametrize("photos", [3, None, [3], ["a.jpg", None]])
def test_something_else(photos: object) -> None:
    with pytest.raises(DatasetError, match="A photo to score is a path, .* not (int|NoneType)"):
        as_sources(photos)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "photos", [np.zeros((2, 8, 8, 3)), np.zeros((2, 3, 4, 8, 8), np.uint8), np.array(["a.jpg"])]
)
def test_an_array_that_is_no_photo(photos: np.ndarray) -> None:
    with pytest.raises(DatasetError, match="A photo given as an array"):
        as_sources(photos)
