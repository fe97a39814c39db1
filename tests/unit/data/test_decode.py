"""What a photo may be, what comes out, and what is said about files that are no photos."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import PIL
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin

from jupyter_imgcls.data import set_max_pixels
from jupyter_imgcls.data.decoding.decode import (
    check_image,
    decode_rgb,
    image_size,
    set_value_range,
)
from jupyter_imgcls.data.decoding.limits import DEFAULT_MAX_PIXELS
from jupyter_imgcls.errors import UnreadableImageError
from tests.conftest import encoded

OPEN_FILES = Path("/proc/self/fd")


def gradient(width: int = 64, height: int = 48) -> Image.Image:
    """Red grows to the right, green grows downwards: no two corners are alike."""
    y, x = np.mgrid[0:height, 0:width]
    blue = np.full_like(x, 60)
    pixels = np.stack([x * 255 // (width - 1), y * 255 // (height - 1), blue], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def reason(data: bytes | str | Path) -> str:
    with pytest.raises(UnreadableImageError) as caught:
        decode_rgb(data)
    return caught.value.reason


@pytest.fixture
def restore_limit() -> Iterator[None]:
    yield
    set_max_pixels(DEFAULT_MAX_PIXELS)


class TestFormats:
    @pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "PPM", "JPEG2000"])
    def test_lossless_formats_give_the_same_pixels(self, format: str) -> None:
        pixels = decode_rgb(encoded(gradient(), format))
        assert pixels.dtype == np.uint8
        assert pixels.flags.c_contiguous
        assert pixels.flags.writeable
        np.testing.assert_array_equal(pixels, np.asarray(gradient()))

    @pytest.mark.parametrize("format", ["JPEG", "WEBP"])
    def test_lossy_formats_give_nearly_the_same_pixels(self, format: str) -> None:
        pixels = decode_rgb(encoded(gradient(), format, quality=95))
        assert np.abs(pixels.astype(int) - np.asarray(gradient())).mean() < 4

    def test_avif(self) -> None:
        pytest.importorskip("PIL.AvifImagePlugin", reason="Pillow before 11.3 has no AVIF")
        assert decode_rgb(encoded(gradient(), "AVIF")).shape == (48, 64, 3)

    def test_avif_with_an_older_pillow_says_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "PIL.AvifImagePlugin", None)
        monkeypatch.delattr("PIL.AvifImagePlugin", raising=False)
        assert "pip install -U pillow" in reason(b"\0\0\0\x1cftypavif" + bytes(40))

    @pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
    def test_an_animation_gives_its_first_frame(self, format: str) -> None:
        frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "blue")]
        lossless = {"lossless": True} if format == "WEBP" else {}
        data = encoded(frames[0], format, save_all=True, append_images=frames[1:], **lossless)
        np.testing.assert_array_equal(decode_rgb(data), np.asarray(frames[0]))

    def test_path_and_bytes_give_the_same(self, tmp_path: Path) -> None:
        path = tmp_path / "a photo\nwith ünicode.jpg"
        path.write_bytes(encoded(gradient(), "JPEG"))
        from_bytes = decode_rgb(path.read_bytes())
        np.testing.assert_array_equal(decode_rgb(path), from_bytes)
        np.testing.assert_array_equal(decode_rgb(str(path)), from_bytes)

    @pytest.mark.parametrize("format", ["TGA", "DIB"])
    @pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
    def test_tga_and_dib(self, format: str, mode: str) -> None:
        if format == "DIB" and mode == "RGBA":
            pytest.skip("Pillow writes no such file")
        picture = gradient().convert(mode)
        pixels = decode_rgb(encoded(picture, format))
        np.testing.assert_array_equal(pixels, np.asarray(picture.convert("RGB")))

    def test_a_compressed_tga(self) -> None:
        pixels = decode_rgb(encoded(gradient(), "TGA", compression="tga_rle"))
        np.testing.assert_array_equal(pixels, np.asarray(gradient()))

    def test_the_extension_does_not_matter(self, tmp_path: Path) -> None:
        path = tmp_path / "really-a-png.jpg"
        path.write_bytes(encoded(gradient(), "PNG"))
        assert decode_rgb(path).shape == (48, 64, 3)


class TestColours:
    def test_grey(self) -> None:
        pixels = decode_rgb(encoded(gradient().convert("L"), "PNG"))
        np.testing.assert_array_equal(pixels, np.asarray(gradient().convert("L").convert("RGB")))

    def test_black_and_white(self) -> None:
        pixels = decode_rgb(encoded(gradient().convert("1"), "PNG"))
        assert set(np.unique(pixels)) == {0, 255}

    def test_cmyk_jpeg_is_not_inverted(self) -> None:
        red = Image.new("RGB", (16, 16), (230, 20, 20))
        pixels = decode_rgb(encoded(red.convert("CMYK"), "JPEG"))
        np.testing.assert_allclose(pixels.mean(axis=(0, 1)), (230, 20, 20), atol=4)

    @pytest.mark.parametrize("format", ["PNG", "TIFF"])
    def test_16_bits_are_scaled_not_clipped(self, format: str) -> None:
        values = np.linspace(0, 65535, 64 * 4).astype(np.uint16).reshape(4, 64)
        pixels = decode_rgb(encoded(Image.fromarray(values), format))
        expected = np.rint(values / 257).astype(np.uint8)
        for channel in range(3):
            np.testing.assert_array_equal(pixels[:, :, channel], expected)

    @pytest.mark.parametrize("format", ["PNG", "TIFF"])
    @pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
    def test_greys_are_scaled_by_the_bits_in_use(self, bits: int, format: str) -> None:
        most = 2**bits - 1
        values = np.array([[0, most // 2, most]], np.uint16)
        pixels = decode_rgb(encoded(Image.fromarray(values), format))
        assert pixels[0, :, 0].tolist() == [0, 127, 255]

    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    @pytest.mark.parametrize("alpha", [False, True])
    @pytest.mark.parametrize("compression", [1, 5])
    def test_colours_are_scaled_by_the_bits_in_use(
        self, suffix: str, alpha: bool, compression: int
    ) -> None:
        values = np.array([[[0, 1000, 4095], [4095, 2048, 16]]], np.uint16)
        bgr = values[..., ::-1]
        if alpha:
            bgr = np.dstack([bgr, np.full((1, 2), 65535, np.uint16)])
        options = [cv2.IMWRITE_TIFF_COMPRESSION, compression] if suffix == ".tif" else []
        _, data = cv2.imencode(suffix, bgr, options)
        pixels = decode_rgb(data.tobytes())
        assert pixels[0].tolist() == [[0, 62, 255], [255, 128, 1]]
        in_range = decode_rgb(data.tobytes(), value_range=(0, 65535))
        assert in_range[0].tolist() == [[0, 4, 16], [16, 8, 0]]

    def test_bright_colours_of_16_bits_are_as_pillow_reads_them(self) -> None:
        values = np.array([[[0, 1000, 65535]]], np.uint16)
        _, data = cv2.imencode(".png", values[..., ::-1])
        assert decode_rgb(data.tobytes())[0].tolist() == [[0, 3, 255]]

    def test_the_range_of_values_can_be_given_for_one_photo_and_for_all(self) -> None:
        data = encoded(Image.fromarray(np.array([[0, 1000, 2000, 9000]], np.uint16)), "TIFF")
        assert decode_rgb(data, value_range=(1000, 3000))[0, :, 0].tolist() == [0, 0, 128, 255]
        assert set_value_range((0, 65535)) is None
        try:
            assert decode_rgb(data)[0, :, 0].tolist() == [0, 4, 8, 35]
        finally:
            assert set_value_range(None) == (0, 65535)

    @pytest.mark.parametrize("value_range", [(5, 5), (5, 1), (0, float("nan"))])
    def test_a_range_that_is_none_is_refused(self, value_range: tuple[float, float]) -> None:
        with pytest.raises(ValueError, match="black before white"):
            set_value_range(value_range)
        with pytest.raises(ValueError, match="black before white"):
            decode_rgb(b"", value_range=value_range)

    def test_outliers_do_not_hide_a_floating_point_photo(self) -> None:
        values = np.linspace(0, 1, 10_000, dtype=np.float32).reshape(100, 100)
        values[0, 0], values[99, 99] = -1e30, 1e30
        pixels = decode_rgb(encoded(Image.fromarray(values), "TIFF"))[..., 0]
        assert pixels[50, 0] == pytest.approx(128, abs=2)

    @pytest.mark.parametrize("dtype", [np.int32, np.float32])
    def test_other_greys_are_scaled_to_their_range(self, dtype: type) -> None:
        values = np.array([[-100_000, 0, 100_000]], dtype)
        pixels = decode_rgb(encoded(Image.fromarray(values), "TIFF"))
        assert pixels[0, :, 0].tolist() == [0, 128, 255]

    def test_floating_point_without_a_value_is_black(self) -> None:
        values = np.array([[0, 1, np.nan, np.inf]], np.float32)
        pixels = decode_rgb(encoded(Image.fromarray(values), "TIFF"))
        assert pixels[0, :, 0].tolist() == [0, 255, 0, 0]

    @pytest.mark.parametrize("mode", ["RGBA", "LA"])
    def test_transparent_pixels_are_white(self, mode: str) -> None:
        black = Image.new("L", (3, 1), 0)
        black.putalpha(Image.fromarray(np.array([[0, 51, 255]], np.uint8)))
        pixels = decode_rgb(encoded(black.convert(mode), "PNG"))
        assert pixels[0].tolist() == [[255] * 3, [204] * 3, [0] * 3]

    def test_palette_with_transparency(self) -> None:
        palette = Image.new("P", (2, 1))
        palette.putpalette([10, 20, 30, 40, 50, 60])
        palette.putpixel((1, 0), 1)
        one_colour = decode_rgb(encoded(palette, "PNG", transparency=1))
        assert one_colour[0].tolist() == [[10, 20, 30], [255, 255, 255]]
        alpha_of_each = decode_rgb(encoded(palette, "PNG", transparency=b"\x00\xff"))
        assert alpha_of_each[0].tolist() == [[255, 255, 255], [40, 50, 60]]

    def test_one_transparent_colour_of_an_rgb_png(self) -> None:
        picture = Image.new("RGB", (2, 1), (1, 2, 3))
        picture.putpixel((1, 0), (9, 9, 9))
        pixels = decode_rgb(encoded(picture, "PNG", transparency=(1, 2, 3)))
        assert pixels[0].tolist() == [[255, 255, 255], [9, 9, 9]]


# Where the camera's pixels go for each EXIF orientation.
UPRIGHT = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: np.rot90,
}


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG"])
    def test_exif_orientation_is_applied(self, format: str, orientation: int) -> None:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        upright = UPRIGHT[orientation](decode_rgb(encoded(gradient(), format)))
        pixels = decode_rgb(encoded(gradient(), format, exif=exif))
        np.testing.assert_array_equal(pixels, upright)

    @pytest.mark.parametrize("exif", [b"Exif\0\0" + b"\xff" * 30, b"Exif\0\0II*\0\x08\0\0\0\xff"])
    def test_damaged_exif_data_do_not_matter(self, exif: bytes) -> None:
        assert decode_rgb(encoded(gradient(), "JPEG", exif=exif)).shape == (48, 64, 3)

    def test_damaged_exif_text_of_a_png_does_not_matter(self) -> None:
        text = PngImagePlugin.PngInfo()
        text.add_text("Raw profile type exif", "\nexif\n2\nno hexadecimal digits")
        assert decode_rgb(encoded(gradient(), "PNG", pnginfo=text)).shape == (48, 64, 3)

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("format", ["JPEG", "TIFF"])
    def test_the_size_is_that_of_the_upright_photo(self, format: str, orientation: int) -> None:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        photo = encoded(gradient(), format, exif=exif)
        height, width, _ = decode_rgb(photo).shape
        assert image_size(photo) == (width, height)

    def test_an_orientation_that_does_not_exist_is_ignored(self) -> None:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 99
        assert decode_rgb(encoded(gradient(), "JPEG", exif=exif)).shape == (48, 64, 3)

    def test_an_orientation_that_is_no_number_is_ignored(self) -> None:
        one_entry = b"II*\0\x08\0\0\0\x01\0"
        text = b"\x12\x01\x02\0\x02\0\0\0up\0\0"
        exif = b"Exif\0\0" + one_entry + text + bytes(4)
        assert decode_rgb(encoded(gradient(), "JPEG", exif=exif)).shape == (48, 64, 3)


class TestReducedSize:
    @pytest.mark.parametrize(
        ("min_size", "shape"),
        [
            ((300, 400), (300, 400)),
            ((150, 200), (150, 200)),
            ((151, 200), (300, 400)),
            ((70, 90), (75, 100)),
            ((900, 900), (300, 400)),
        ],
    )
    def test_a_jpeg_is_reduced_but_never_below_min_size(
        self, min_size: tuple[int, int], shape: tuple[int, int]
    ) -> None:
        data = encoded(gradient(400, 300), "JPEG")
        assert decode_rgb(data, min_size=min_size).shape[:2] == shape

    def test_min_size_is_that_of_the_upright_photo(self) -> None:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        data = encoded(gradient(400, 200), "JPEG", exif=exif)
        assert decode_rgb(data, min_size=(200, 100)).shape == (200, 100, 3)
        assert decode_rgb(data, min_size=(100, 200)).shape == (400, 200, 3)

    def test_other_formats_keep_their_size(self) -> None:
        assert decode_rgb(encoded(gradient(), "PNG"), min_size=(1, 1)).shape == (48, 64, 3)


class TestUnreadable:
    def test_missing_file(self, tmp_path: Path) -> None:
        assert reason(tmp_path / "gone.jpg") == "the file does not exist"

    def test_the_error_names_the_file_and_the_reason_does_not(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableImageError, match=r"gone\.jpg: the file does not exist"):
            decode_rgb(tmp_path / "gone.jpg")

    def test_empty(self, tmp_path: Path) -> None:
        empty = tmp_path / "empty.jpg"
        empty.touch()
        assert reason(empty) == "the file is empty"
        assert reason(b"") == "the file is empty"

    def test_folder(self, tmp_path: Path) -> None:
        assert reason(tmp_path) == "it is a folder, not a photo"

    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.jpg")
        assert reason(tmp_path / "pipe.jpg") == "not a regular file"

    def test_a_symlink_to_itself(self, tmp_path: Path) -> None:
        loop = tmp_path / "loop.jpg"
        loop.symlink_to(loop)
        assert reason(loop).startswith("the file cannot be read: ")

    def test_a_path_that_cannot_exist(self) -> None:
        assert reason("a\0b.jpg").startswith("not a valid path")

    def test_no_permission(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        photo = tmp_path / "secret.png"
        photo.write_bytes(encoded(gradient(), "PNG"))
        photo.chmod(0)
        if os.access(photo, os.R_OK):  # the administrator may read everything

            def refuse(*_: object, **__: object) -> None:
                raise PermissionError(13, "Permission denied")

            monkeypatch.setattr("io.FileIO", refuse)
        assert reason(photo) == "no permission to read the file"

    @pytest.mark.parametrize("data", [b"hello", b"<html></html>", bytes(500)])
    def test_no_image(self, data: bytes) -> None:
        assert reason(data) == "not an image that can be read"

    @pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "BMP", "GIF"])
    def test_cut_off(self, format: str) -> None:
        data = encoded(gradient(320, 240), format)
        assert reason(data[: len(data) * 2 // 3]) == "the file is cut off"
        assert check_image(data[: len(data) * 2 // 3], "full") == "the file is cut off"

    @pytest.mark.parametrize("format", ["WEBP", "JPEG2000"])
    def test_cut_off_or_damaged(self, format: str) -> None:
        data = encoded(gradient(), format)
        assert reason(data[: len(data) // 2]) == "the file is cut off or damaged"

    @pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "BMP", "GIF", "WEBP"])
    def test_only_the_first_bytes(self, format: str) -> None:
        assert "the file is cut off" in reason(encoded(gradient(), format)[:14])

    def test_heic_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
        assert reason(b"\0\0\0\x18ftypheic" + bytes(30)) == (
            "HEIC photos need pillow-heif: pip install 'jupyter_imgcls[heic]', or save as JPEG"
        )

    def test_heic_is_read_where_its_reader_is_installed(self) -> None:
        heif = pytest.importorskip("pillow_heif")
        file = io.BytesIO()
        heif.from_pillow(gradient()).save(file)
        assert decode_rgb(file.getvalue()).shape == (48, 64, 3)

    def test_not_enough_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise MemoryError

        data = encoded(gradient().convert("L"), "PNG")
        monkeypatch.setattr(Image.Image, "convert", fail)
        assert reason(data) == "not enough memory to read it"


class TestPixelLimit:
    def test_a_30000_by_30000_png_is_refused_before_it_is_decoded(self) -> None:
        bomb = encoded(Image.new("1", (30_000, 30_000)), "PNG")
        expected = (
            "30000 x 30000 pixels, more than the limit of 178,956,970: raise it with set_max_pixels"
        )
        assert reason(bomb) == check_image(bomb, "header") == expected

    def test_a_photo_that_pillow_would_warn_of_is_read(self) -> None:
        large = encoded(Image.new("1", (10_000, 9_000)), "PNG")
        assert check_image(large, "header") is None

    @pytest.mark.usefixtures("restore_limit")
    def test_the_limit_can_be_set_for_all_and_for_one(self) -> None:
        data = encoded(gradient(64, 48), "PNG")
        set_max_pixels(64 * 48 - 1)
        assert "64 x 48 pixels, more than the limit of 3,071" in reason(data)
        assert decode_rgb(data, max_pixels=64 * 48).shape == (48, 64, 3)
        set_max_pixels(64 * 48)
        assert decode_rgb(data).shape == (48, 64, 3)
        with pytest.raises(UnreadableImageError, match="more than the limit of 10:"):
            decode_rgb(data, max_pixels=10)

    def test_a_limit_below_one_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at least 1"):
            set_max_pixels(0)

    @pytest.mark.skipif(
        int(PIL.__version__.split(".")[0]) < 13, reason="older readers of Pillow have no limit"
    )
    def test_a_reader_that_has_pillows_own_limit_built_in(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        assert "MAX_IMAGE_PIXELS" in reason(encoded(gradient(), "WEBP"))


class TestCheck:
    def test_a_good_photo_has_no_reason(self, tmp_path: Path) -> None:
        photo = tmp_path / "good.jpg"
        gradient().save(photo)
        assert check_image(photo, "header") is None
        assert check_image(photo, "full") is None

    def test_the_header_alone_does_not_show_that_the_end_is_missing(self) -> None:
        data = encoded(gradient(), "JPEG")[:-200]
        assert check_image(data, "header") is None
        assert check_image(data, "full") == "the file is cut off"

    @pytest.mark.skipif(not OPEN_FILES.exists(), reason="needs Linux to see the open files")
    @pytest.mark.parametrize("how", ["header", "full"])
    def test_no_file_stays_open(self, tmp_path: Path, how: Literal["full", "header"]) -> None:
        photo = tmp_path / "cut.jpg"
        photo.write_bytes(encoded(gradient(), "JPEG")[:300])
        before = len(list(OPEN_FILES.iterdir()))
        check_image(photo, how)
        assert len(list(OPEN_FILES.iterdir())) == before


JPEG = encoded(gradient(), "JPEG")
OTHERS = [
    encoded(gradient().convert("P"), "PNG"),
    encoded(gradient(), "TIFF", compression="tiff_lzw"),
    encoded(gradient(), "GIF"),
    encoded(gradient(), "WEBP"),
]


class TestHostileFiles:
    @given(st.binary(max_size=200))
    def test_random_bytes(self, data: bytes) -> None:
        assert check_image(data, "full") is not None

    @settings(deadline=None)
    @given(
        st.sampled_from([JPEG, *OTHERS]),
        st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8),
        st.integers(20, 10_000),
    )
    def test_damaged_files_decode_or_are_unreadable_and_nothing_else(
        self, data: bytes, changes: list[tuple[int, int]], length: int
    ) -> None:
        damaged = bytearray(data)
        for place, value in changes:
            damaged[place % len(damaged)] = value
        try:
            pixels = decode_rgb(bytes(damaged[:length]), max_pixels=1_000_000)
        except UnreadableImageError as error:
            assert error.reason
        else:
            assert pixels.dtype == np.uint8


def test_odd_metadata_that_pillow_warns_of_do_not_spoil_a_photo() -> None:
    # An orientation with two values where EXIF allows one.
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    data = _two_orientations(bytearray(encoded(gradient(), "TIFF", exif=exif)))
    with pytest.warns(UserWarning, match="Metadata Warning"):
        assert decode_rgb(data).ndim == 3


def _two_orientations(tiff: bytearray) -> bytes:
    """Raise the count of the orientation tag from 1 to 2."""
    entry = b"\x12\x01\x03\x00\x01\x00\x00\x00"
    assert tiff.count(entry) == 1
    return bytes(tiff.replace(entry, b"\x12\x01\x03\x00\x02\x00\x00\x00"))
