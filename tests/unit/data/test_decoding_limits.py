"""Files made to take all memory, or for ever: each is refused with its reason, the others go on."""

from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

from jupyter_imgcls.data import decode_rgb, decoding_limits, set_decoding_limits
from jupyter_imgcls.data.decoding import isolated
from jupyter_imgcls.data.decoding.decode import check_image, image_size
from tests.conftest import encoded

LINUX = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="measures memory as Linux shows it"
)
MEGABYTE = 2**20
TURNED = Image.Exif()
TURNED[ExifTags.Base.Orientation] = 6


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    before = decoding_limits()
    yield
    set_decoding_limits(**vars(before))


def photo(side: int, mode: str = "RGB") -> Image.Image:
    rows = np.arange(side, dtype=np.uint8)[:, None, None]
    columns = np.arange(side, dtype=np.uint8)[None, :, None]
    return Image.fromarray(rows + columns * np.array([1, 2, 3], np.uint8)).convert(mode)


def of_16_bits(side: int, n_channels: int) -> bytes:
    pixels = np.asarray(photo(side, "RGBA"))[..., :n_channels].astype(np.uint16) * 16
    return cv2.imencode(".png", pixels)[1].tobytes()


def scans(side: int, n: int) -> bytes:
    """A small file whose scans go over all pixels so often."""
    content = encoded(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    last = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + last * n + content[-2:]


# In each way of storing pixels that a reader takes another way with.
PHOTOS: dict[str, Callable[[int], bytes]] = {
    "JPEG": lambda side: encoded(photo(side), "JPEG"),
    "JPEG, CMYK in scans, turned": lambda side: encoded(
        photo(side, "CMYK"), "JPEG", progressive=True, exif=TURNED
    ),
    "PNG, turned": lambda side: encoded(photo(side, "RGBA"), "PNG", exif=TURNED),
    "PNG, grey of 16 bits": lambda side: of_16_bits(side, 1),
    "PNG, colours of 16 bits": lambda side: of_16_bits(side, 4),
    "PNG, palette": lambda side: encoded(photo(side, "P"), "PNG", transparency=b"\0\1"),
    "GIF": lambda side: encoded(photo(side), "GIF"),
    "BMP": lambda side: encoded(photo(side), "BMP"),
    "TGA": lambda side: encoded(photo(side, "RGBA"), "TGA", compression="tga_rle"),
    "TIFF, floating point": lambda side: encoded(
        photo(side, "F"), "TIFF", compression="tiff_lzw", exif=TURNED
    ),
    "TIFF, JPEG": lambda side: encoded(photo(side), "TIFF", compression="jpeg"),
    "TIFF, one strip": lambda side: encoded(
        photo(side, "RGBA"), "TIFF", compression="tiff_lzw", tiffinfo={278: side}
    ),
    "WebP": lambda side: encoded(photo(side), "WEBP", method=0),
    "WebP, lossless": lambda side: encoded(
        photo(side, "RGBA"), "WEBP", lossless=True, method=0, exif=TURNED
    ),
    "AVIF": lambda side: encoded(photo(side, "RGBA"), "AVIF", speed=10),
    "JPEG 2000": lambda side: encoded(photo(side), "JPEG2000"),
}

# Its own allocations do not stay with it, so that a peak is that of the file.
DECODE_AND_MEASURE = """
import pathlib, sys
from jupyter_imgcls.data import decode_rgb, set_decoding_limits

def memory(name):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024

file, warm, megabytes = sys.argv[1:]
decode_rgb(warm)
set_decoding_limits(memory=int(megabytes) * 2**20)
pathlib.Path("/proc/self/clear_refs").write_text("5")
before = memory("VmRSS")
decode_rgb(file)
print((memory("VmHWM") - before) / 2**20)
"""


def megabytes_needed(content: bytes) -> int:
    set_decoding_limits(memory=len(content) + 1)
    needed = re.search(r"needs ([\d,]+) MB", check_image(content, "full") or "")
    assert needed is not None
    return int(needed[1].replace(",", ""))


class TestMemory:
    @LINUX
    @pytest.mark.parametrize("name", PHOTOS)
    def test_decoding_takes_no_more_than_it_reserved(self, name: str, tmp_path: Path) -> None:
        file, warm = tmp_path / "photo", tmp_path / "warm"
        file.write_bytes(PHOTOS[name](2000))
        warm.write_bytes(PHOTOS[name](16))
        reserved = megabytes_needed(file.read_bytes())
        ran = subprocess.run(
            [sys.executable, "-c", DECODE_AND_MEASURE, str(file), str(warm), str(reserved)],
            env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        assert float(ran.stdout) <= reserved

    def test_a_photo_that_never_fits_is_refused_and_the_others_go_on(self, tmp_path: Path) -> None:
        bomb = encoded(Image.new("RGB", (6000, 6000)), "WEBP", method=0, quality=1)
        set_decoding_limits(memory=200 * MEGABYTE)
        assert check_image(bomb, "full") == (
            "decoding needs 825 MB of memory, more than the limit of 200 MB: raise it with "
            "set_decoding_limits(memory=...)"
        )
        assert decode_rgb(encoded(photo(100), "WEBP")).shape == (100, 100, 3)

    def test_photos_that_do_not_fit_together_wait_for_one_another(self) -> None:
        data = encoded(photo(1000), "PNG")
        set_decoding_limits(memory=megabytes_needed(data) * MEGABYTE)
        with ThreadPoolExecutor(8) as pool:
            shapes = list(pool.map(lambda _: decode_rgb(data).shape, range(16)))
        assert shapes == [(1000, 1000, 3)] * 16

    def test_a_jpeg_that_is_read_at_an_eighth_needs_little(self) -> None:
        data = encoded(photo(4000), "JPEG")
        set_decoding_limits(memory=20 * MEGABYTE)
        assert decode_rgb(data, min_size=(500, 500)).shape == (500, 500, 3)
        assert "decoding needs" in (check_image(data, "full") or "")


class TestSize:
    @pytest.mark.parametrize("start", [b"\xff\xd8\xff", b"GIF89a", b"P6\n", b"\x89PNG\r\n\x1a\n"])
    def test_a_file_of_gigabytes_is_refused_unread(self, start: bytes, tmp_path: Path) -> None:
        file = tmp_path / "sparse.jpg"
        with file.open("wb") as sparse:
            sparse.write(start)
            sparse.truncate(10 * 2**30)
        assert check_image(file, "header") == (
            "10,737,418,240 bytes, more than the limit of 1,073,741,824: raise it with "
            "set_decoding_limits(file_bytes=...)"
        )

    @pytest.mark.parametrize(
        "start",
        [
            b"\xff\xd8\xff",
            b"GIF89a",
            b"P6\n",
            b"\x89PNG\r\n\x1a\n",
            b"II*\0\x08\0\0\0",
            b"RIFF\0\0\0\0WEBP",
            b"\0\0\0\x20ftypavif",
            b"\0\0\0\x0cjP  \r\n\x87\n",
        ],
    )
    def test_a_header_that_does_not_end_is_given_up(self, start: bytes, tmp_path: Path) -> None:
        file = tmp_path / "sparse.jpg"
        with file.open("wb") as sparse:
            sparse.write(start)
            sparse.truncate(500 * MEGABYTE)
        assert check_image(file, "header") is not None
        assert check_image(file.read_bytes(), "full") is not None

    def test_a_header_of_many_megabytes_is_refused(self) -> None:
        start, rest = encoded(photo(8), "JPEG")[:2], encoded(photo(8), "JPEG")[2:]
        note = b"\xff\xef\xff\xff" + bytes(65533)
        assert check_image(start + note * 600 + rest, "header") == "its header has more than 32 MB"

    def test_tiles_larger_than_the_photo_count(self) -> None:
        # Size, bits, LZW, grey, one channel; the size of a tile, and where the only one is.
        tags = {256: 16, 257: 16, 258: 8, 259: 5, 262: 1, 277: 1}
        tags |= {322: 16_000, 323: 16_000, 324: 8, 325: 64}
        fields = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
        data = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + fields + bytes(4)
        set_decoding_limits(memory=300 * MEGABYTE)
        assert "decoding needs" in (check_image(data, "full") or "")


class TestTime:
    def test_scans_times_pixels_of_a_jpeg_are_limited(self, tmp_path: Path) -> None:
        file = tmp_path / "scans.jpg"
        file.write_bytes(scans(2000, 1000))
        expected = "more than 500 scans, the limit for a JPEG of its size"
        assert check_image(file, "full") == check_image(file.read_bytes(), "full") == expected
        assert check_image(scans(200, 1000), "full") is None
        set_decoding_limits(scan_pixels=10**10)
        assert check_image(file, "full") is None

    def test_a_file_that_is_read_for_too_long_is_refused(self) -> None:
        set_decoding_limits(seconds=1e-9)
        assert check_image(encoded(photo(8), "PNG"), "header") == (
            "decoding takes longer than the limit of 1e-09 s: raise it with "
            "set_decoding_limits(seconds=...)"
        )

    @pytest.mark.parametrize(
        "name", [n for n in PHOTOS if n.startswith(("WebP", "AVIF", "JPEG 2"))]
    )
    def test_what_c_code_may_decode_for_long_is_decoded_in_a_process_of_its_own(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = PHOTOS[name](3000 if name != "JPEG 2000" else 600)
        here = decode_rgb(data) if name != "JPEG 2000" else np.asarray(Image.open(io.BytesIO(data)))
        asked: list[object] = []
        decode = isolated.decode
        monkeypatch.setattr(isolated, "decode", lambda *a: asked.append(a) or decode(*a))
        set_decoding_limits(seconds=1.7)
        file = tmp_path / "photo"
        file.write_bytes(data)
        for source in (file, data):
            np.testing.assert_array_equal(decode_rgb(source), here)
        assert len(asked) == 2

    def test_that_process_is_ended_in_time(self, tmp_path: Path) -> None:
        file = tmp_path / "photo.webp"
        file.write_bytes(PHOTOS["WebP"](3000))
        set_decoding_limits(seconds=0.02)
        assert "decoding takes longer than the limit of 0.02 s" in str(check_image(file, "full"))

    def test_scans_within_a_tiff_are_told_from_its_content(self) -> None:
        # The scans of its only strip, times ten thousand.
        data = encoded(photo(64), "TIFF", compression="jpeg", tiffinfo={278: 64})
        set_decoding_limits(seconds=0.02)
        assert check_image(data, "full") is None
        many = data + b"\xff\xda" * 10_000
        assert "decoding takes longer" in (check_image(many, "full") or "")


class TestSeparateProcess:
    def test_it_tells_why_a_file_is_damaged(self) -> None:
        data = PHOTOS["WebP"](3000)
        set_decoding_limits(seconds=1.7)
        assert check_image(data[: len(data) // 2], "full") == "the file is cut off or damaged"

    @LINUX
    def test_it_cannot_take_more_memory_than_was_reserved(self) -> None:
        data = PHOTOS["JPEG 2000"](1000)
        with pytest.raises(Exception, match="memory|damaged"):
            isolated.decode(data, 5 * MEGABYTE, decoding_limits(), None)
        assert isolated.decode(data, 300 * MEGABYTE, decoding_limits(), None).size == (1000, 1000)

    def test_a_range_of_values_goes_along(self) -> None:
        grey = Image.fromarray(np.full((600, 600), 1000, np.uint16))
        data = encoded(grey, "JPEG2000")
        assert (decode_rgb(data, value_range=(0, 2000)) == 128).all()
        assert (decode_rgb(data, value_range=(0, 4000)) == 64).all()

    def test_sizes_are_read_here(self) -> None:
        set_decoding_limits(seconds=0.5)
        assert image_size(PHOTOS["JPEG 2000"](600)) == (600, 600)


class TestQuiet:
    def test_nothing_is_written_to_stderr(self, tmp_path: Path) -> None:
        good = encoded(photo(64), "TIFF", compression="tiff_lzw")
        for number in range(50):
            damaged = bytearray(good)
            damaged[8 + number * 7 : 8 + number * 7 + 4] = b"\xff\xff\xff\xff"
            (tmp_path / f"{number}.tif").write_bytes(damaged)
        code = (
            "import pathlib, sys, warnings; warnings.simplefilter('ignore');"
            "from jupyter_imgcls.data.decoding.decode import check_image;"
            "reasons = [check_image(p, 'full') for p in pathlib.Path(sys.argv[1]).iterdir()];"
            "print(sum(reason is not None for reason in reasons))"
        )
        ran = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
        )
        assert int(ran.stdout) > 10
        assert ran.stderr == ""


class TestLimits:
    @pytest.mark.parametrize("limit", ["pixels", "file_bytes", "scan_pixels", "seconds", "memory"])
    def test_a_limit_of_zero_is_refused(self, limit: str) -> None:
        with pytest.raises(ValueError, match=f"The limit {limit} must be above 0, not 0"):
            set_decoding_limits(**{limit: 0})  # type: ignore[arg-type]

    def test_what_is_not_given_stays(self) -> None:
        set_decoding_limits(pixels=10, seconds=3)
        set_decoding_limits(pixels=20)
        assert (decoding_limits().pixels, decoding_limits().seconds) == (20, 3)

    def test_who_waits_first_is_served_first(self) -> None:
        large, small = encoded(photo(1200), "PNG"), encoded(photo(300), "PNG")
        set_decoding_limits(memory=megabytes_needed(large) * MEGABYTE)
        order: list[str] = []
        threads = [
            threading.Thread(target=lambda d=data, n=name: (decode_rgb(d), order.append(n)))
            for name, data in [("large", large), ("small", small), ("large", large)]
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(order) == ["large", "large", "small"]
