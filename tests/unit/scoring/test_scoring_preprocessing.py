"""From a photo to a network's input."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jupyter_imgcls.backends.base_models import get_base_model
from jupyter_imgcls.data import set_value_range
from jupyter_imgcls.errors import ArtifactError, DatasetError, UnreadableImageError
from jupyter_imgcls.scoring import Preprocessing

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
IMAGENET = Preprocessing(height=32, width=32, mean=MEAN, std=STD)
PLAIN = Preprocessing(height=32, width=32, mean=(0, 0, 0), std=(1, 1, 1), crop_fraction=1)


def colours(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth colours, as in a photo out of focus."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def jpeg(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    return file.getvalue()


class TestResult:
    def test_channels_first_float32_contiguous(self) -> None:
        prepared = IMAGENET(colours(60, 80))
        assert prepared.shape == (3, 32, 32)
        assert prepared.dtype == np.float32
        assert prepared.flags.c_contiguous

    def test_normalized_to_the_last_bit(self) -> None:
        pixels = colours(32, 32)
        expected = (pixels - np.array(MEAN)) / np.array(STD)
        prepared = replace(IMAGENET, crop_fraction=1.0)(pixels)
        np.testing.assert_array_equal(prepared, expected.transpose(2, 0, 1).astype(np.float32))

    def test_into_a_row_of_a_batch(self) -> None:
        batch = np.full((3, 3, 32, 32), 7, np.float32)
        IMAGENET.into(colours(60, 80), batch[1])
        np.testing.assert_array_equal(batch[1], IMAGENET(colours(60, 80)))
        assert (batch[[0, 2]] == 7).all()

    def test_path_bytes_and_pixels_of_a_lossless_file_give_the_same(self, tmp_path: Path) -> None:
        pixels = colours(60, 80)
        path = tmp_path / "photo.png"
        Image.fromarray(pixels).save(path)
        for source in (path, str(path), path.read_bytes()):
            np.testing.assert_array_equal(IMAGENET(source), IMAGENET(pixels))

    def test_an_unreadable_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableImageError, match=r"gone\.jpg"):
            IMAGENET(tmp_path / "gone.jpg")


class TestCentre:
    def test_the_middle_of_the_short_side_is_kept(self) -> None:
        pixels = np.zeros((64, 100, 3), np.uint8)
        pixels[16:48, 34:66] = 255  # half of the short side, around the middle
        half = replace(PLAIN, crop_fraction=0.5)
        assert (half(pixels) == 255).all()
        assert half(pixels[:, :80]).min() == 0

    @pytest.mark.parametrize("shape", [(64, 256), (256, 64), (100, 100)])
    def test_a_wide_network_sees_the_widest_box_undistorted(self, shape: tuple[int, int]) -> None:
        height, width = shape
        # As many pixels as they are far from the middle: a distortion would change the slope.
        y, x = np.mgrid[0:height, 0:width]
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[:, :, 0] = np.clip(128 + (x - (width - 1) / 2) / 2, 0, 255)
        pixels[:, :, 1] = np.clip(128 + (y - (height - 1) / 2) / 2, 0, 255)
        wide = replace(PLAIN, height=16, width=32)(pixels)
        scale = min(height / 16, width / 32)
        slope_x = (wide[0, 8, 28] - wide[0, 8, 3]) / 25
        slope_y = (wide[1, 13, 16] - wide[1, 2, 16]) / 11
        assert slope_x == pytest.approx(scale / 2, abs=0.1)
        assert slope_y == pytest.approx(scale / 2, abs=0.1)


class TestScaling:
    @pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
    @pytest.mark.parametrize("side", [20, 32, 33, 50, 64, 65, 200, 333])
    def test_near_to_an_antialiased_bicubic_filter(
        self, interpolation: Literal["bilinear", "bicubic"], side: int
    ) -> None:
        pixels = colours(side, side)
        reference = np.asarray(Image.fromarray(pixels).resize((32, 32), Image.Resampling.BICUBIC))
        prepared = replace(PLAIN, interpolation=interpolation)(pixels).transpose(1, 2, 0)
        assert np.abs(prepared - reference).mean() < 1.5

    @pytest.mark.parametrize("side", [96, 250, 1000])
    def test_fine_patterns_become_grey_and_not_another_pattern(self, side: int) -> None:
        y, x = np.mgrid[0:side, 0:side]
        checks = np.repeat(((x + y) % 2 * 255).astype(np.uint8)[:, :, None], 3, axis=2)
        prepared = PLAIN(checks)
        assert np.abs(prepared - 127.5).max() < 16

    def test_a_large_jpeg_decoded_at_reduced_size_gives_nearly_the_same(self) -> None:
        data = jpeg(colours(480, 640))
        whole = np.asarray(Image.open(io.BytesIO(data)))
        assert np.abs(PLAIN(data) - PLAIN(whole)).mean() < 1

    @settings(deadline=None, max_examples=50)
    @given(
        shape=st.tuples(st.integers(1, 300), st.integers(1, 300)),
        target=st.tuples(st.integers(1, 64), st.integers(1, 64)),
        crop_fraction=st.floats(0.01, 1),
    )
    def test_any_photo_fits_any_network(
        self, shape: tuple[int, int], target: tuple[int, int], crop_fraction: float
    ) -> None:
        height, width = target
        preprocessing = replace(PLAIN, height=height, width=width, crop_fraction=crop_fraction)
        prepared = preprocessing(np.full((*shape, 3), 100, np.uint8))
        assert prepared.shape == (3, height, width)
        assert (prepared == 100).all()


class TestArrays:
    def test_channels_first_as_a_dataset_gives_them(self) -> None:
        pixels = colours(60, 80)
        np.testing.assert_array_equal(IMAGENET(pixels.transpose(2, 0, 1)), IMAGENET(pixels))

    def test_grey(self) -> None:
        grey = colours(60, 80)[:, :, 0]
        np.testing.assert_array_equal(IMAGENET(grey), IMAGENET(np.stack([grey] * 3, axis=2)))

    def test_alpha_is_put_on_white(self) -> None:
        pixels = np.zeros((40, 40, 4), np.uint8)
        pixels[:, :, 3] = 51
        assert (PLAIN(pixels) == 204).all()

    @pytest.mark.parametrize(
        "array",
        [
            np.zeros((8, 8, 3)),
            np.zeros((0, 8, 3), np.uint8),
            np.zeros(8, np.uint8),
            np.zeros((8, 8, 2), np.uint8),
            np.zeros((1, 8, 8, 3), np.uint8),
        ],
    )
    def test_an_array_that_is_no_photo(self, array: np.ndarray) -> None:
        with pytest.raises(DatasetError, match="A photo given as an array must"):
            IMAGENET(array)


class TestSettings:
    def test_from_a_base_model(self) -> None:
        @dataclass(frozen=True)
        class BaseModel:
            mean = MEAN
            std = STD
            interpolation: Literal["bilinear", "bicubic"] = "bicubic"
            crop_fraction: float = 0.9

        made = Preprocessing.for_base_model(BaseModel(), (3, 224, 320))
        assert made == Preprocessing(224, 320, MEAN, STD, "bicubic", 0.9)

    def test_through_json_and_back(self) -> None:
        settings = json.loads(json.dumps(IMAGENET.to_dict()))
        assert Preprocessing.from_dict(settings) == IMAGENET

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"height": 0}, "height must be a whole number"),
            ({"width": 1e9}, "width must be a whole number"),
            ({"width": "224"}, "width must be a whole number"),
            ({"mean": [10**400] * 3}, "mean must be three finite numbers"),
            ({"std": [1e-300] * 3}, "std must be three numbers of at least"),
            ({"mean": [1, 2]}, "mean must be three finite numbers"),
            ({"mean": [1, 2, "x"]}, "mean must be three finite numbers"),
            ({"mean": None}, "damaged"),
            ({"std": [1, 1, 0]}, "std must be three numbers of at least"),
            ({"std": [1, 1, float("nan")]}, "std must be three finite numbers"),
            ({"interpolation": "nearest"}, "interpolation must be 'bilinear' or 'bicubic'"),
            ({"interpolation": []}, "damaged"),
            ({"crop_fraction": 1.1}, "crop_fraction must be above 0 and at most 1"),
            ({"extra": 1}, "must be crop_fraction, height, .*extra"),
        ],
    )
    def test_nonsense_in_a_model_file(self, change: dict[str, Any], message: str) -> None:
        with pytest.raises(ArtifactError, match=message):
            Preprocessing.from_dict({**IMAGENET.to_dict(), **change})

    @pytest.mark.parametrize("settings", [{}, [], None])
    def test_settings_that_are_missing(self, settings: Any) -> None:
        with pytest.raises(ArtifactError, match="the model file has none"):
            Preprocessing.from_dict(settings)


def test_the_range_of_values_is_kept_with_the_settings():
    grey = io.BytesIO()
    Image.fromarray(np.full((8, 8), 1000, np.uint16)).save(grey, "PNG")
    before = set_value_range((0, 4000))
    try:
        base_model = get_base_model("efficientnet_lite0")
        prepare = Preprocessing.for_base_model(base_model, (3, 64, 64))
    finally:
        set_value_range(before)
    again = Preprocessing.from_dict(json.loads(json.dumps(prepare.to_dict())))
    assert again == prepare
    assert again.value_range == (0, 4000)
    np.testing.assert_array_equal(again(grey.getvalue()), again(np.full((8, 8, 3), 64, np.uint8)))


@pytest.mark.parametrize("value_range", [(1, 1), (2, 1), (0,), "ab", (0, float("inf")), (True, 5)])
def test_a_range_that_is_none_is_refused(value_range):
    with pytest.raises(ValueError, match="black before white"):
        Preprocessing(8, 8, (0, 0, 0), (1, 1, 1), value_range=value_range)
