"""The sample set: tableware drawn by the program."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jupyter_imgcls.data.decoding.decode import decode_rgb
from jupyter_imgcls.data.sample import tableware
from jupyter_imgcls.errors import DatasetError


@pytest.fixture(scope="module")
def sample_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sample") / "tableware"
    tableware(n=8, root=root)
    return root


def contents(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*.jpg"))
    }


def test_photos_lie_in_class_folders(sample_root: Path) -> None:
    dataset = tableware(n=8, root=sample_root)
    assert dataset.name == "tableware"
    assert dataset.count_labels() == {"bowl": 1, "cup": 2, "cutlery": 2, "plate": 3}
    assert dataset.problems == []
    assert dataset.images[0].storage_path == str(sample_root / "bowl" / "bowl_000.jpg")
    assert decode_rgb(dataset.paths[0]).shape == (480, 640, 3)


def test_another_process_draws_the_same_bytes(sample_root: Path, tmp_path: Path) -> None:
    code = f"from jupyter_imgcls.data.sample import tableware; tableware(8, 0, {str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert contents(tmp_path) == contents(sample_root)
    assert len(contents(tmp_path)) == 8


def test_another_seed_draws_other_photos(sample_root: Path, tmp_path: Path) -> None:
    other = tableware(n=4, seed=1, root=tmp_path)
    shared = sample_root / "cup" / "cup_000.jpg"
    difference = decode_rgb(other.paths[1]).astype(int) - decode_rgb(shared)
    assert np.abs(difference).mean() > 5


def test_a_larger_sample_holds_the_smaller_one(sample_root: Path, tmp_path: Path) -> None:
    tableware(n=4, root=tmp_path)
    small, large = contents(tmp_path), contents(sample_root)
    assert small.items() <= large.items()


def test_photos_are_not_drawn_again(sample_root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in sample_root.rglob("*.jpg")}
    tableware(n=8, root=sample_root)
    assert {path: path.stat().st_mtime_ns for path in sample_root.rglob("*.jpg")} == before


def test_a_deleted_photo_comes_back_the_same(sample_root: Path) -> None:
    before = contents(sample_root)
    (sample_root / "cup" / "cup_001.jpg").unlink()
    tableware(n=8, root=sample_root)
    assert contents(sample_root) == before


def test_photos_go_to_the_outputs_of_the_context(tmp_path: Path) -> None:
    from jupyter_imgcls.context import Context

    Context.create(tmp_path, tmp_path, tmp_path)
    dataset = tableware(n=4, seed=7)
    folder = tmp_path / "samples" / "tableware-4-7"
    assert Path(dataset.paths[0]).parent.parent == folder
    assert [path.name for path in folder.parent.iterdir()] == ["tableware-4-7"]
    assert json.loads((folder / ".tableware.json").read_text()) == {
        "sample": "tableware", "n": 4, "seed": 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("n", "bowls", "cups", "cutlery", "plates"),
    [(4, 1, 1, 1, 1), (5, 1, 1, 1, 2), (63, 11, 17, 14, 21), (630, 110, 170, 140, 210)],
)
def test_shares_of_the_classes(n: int, bowls: int, cups: int, cutlery: int, plates: int) -> None:
    from jupyter_imgcls.data.sample.tableware import class_counts

    assert list(class_counts(n).values()) == [bowls, cups, cutlery, plates]


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(DatasetError, match="contains something other"):
        tableware(n=4, root=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(("n", "seed", "said"), [(3, 0, "at least 4"), (4, -1, "0 or more")])
def test_numbers_out_of_range(n: int, seed: int, said: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=said):
        tableware(n, seed, tmp_path)


def test_what_lies_outside_the_picture_is_not_drawn() -> None:
    from jupyter_imgcls.data.sample.drawing.dishes import plate
    from jupyter_imgcls.data.sample.drawing.scene import CANVAS, Camera, Light, Photo

    light = Light(np.array([0, 0.6, 0.8], np.float32), ambient=0.5, softness=5)
    table = np.full((CANVAS[1], CANVAS[0], 3), 0.5, np.float32)
    photo = Photo(Camera(elevation=0.9, distance=4, roll=0), light, table.copy())
    (far_off,) = plate(np.random.default_rng(2), (20.0, 0.0), 1.0)
    photo.draw(far_off)
    assert np.array_equal(photo.pixels, table)
    (in_sight,) = plate(np.random.default_rng(2), (0.0, 0.0), 1.0)
    photo.draw(in_sight)
    changed = (photo.pixels != table).any(axis=2)
    assert changed[CANVAS[1] // 2, CANVAS[0] // 2]
    assert 0.1 < changed.mean() < 0.5


@pytest.mark.parametrize("kind", ["wood", "linen", "tiles", "stone", "paint"])
def test_every_table_top_has_structure_and_colours_in_range(kind: str) -> None:
    from jupyter_imgcls.data.sample.drawing import tables

    for seed in range(2):
        texture = getattr(tables, kind)(np.random.default_rng(seed))
        assert texture.shape == (720, 720, 3)
        assert texture.dtype == np.float32
        assert texture.std() > 0.005
        assert 0 < texture.mean() < 1


@pytest.mark.parametrize("material", ["metal", "plastic", "wood"])
def test_cutlery_of_every_material_shines(material: str) -> None:
    from jupyter_imgcls.data.sample.drawing import cutlery

    for seed, piece in enumerate((cutlery.fork, cutlery.knife, cutlery.spoon)):
        rng = np.random.default_rng(seed)
        mask, extra = piece(rng)
        towards = np.array([0.3, 0.3, 0.9], np.float32)
        colours = cutlery.shade(rng, mask, extra, material, towards)[mask > 200]
        assert np.isfinite(colours).all()
        assert colours.std() > 0.02
