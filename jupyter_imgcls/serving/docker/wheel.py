"""The package as a wheel that needs nothing but what a service needs."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from importlib.metadata import metadata, version
from pathlib import Path

from ...files import replacing

__all__ = ["write_wheel"]

_PACKAGE = Path(__file__).parents[2]
# The front end is megabytes, and no service has one.
_LEFT_OUT = ("static", "__pycache__")
_WHEEL = "Wheel-Version: 1.0\nGenerator: jupyter_imgcls\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write_wheel(folder: Path, requires: Sequence[str]) -> Path:
    """Write the package as it is installed here, so that an image has the very same code.

    The published one would install the training framework and Jupyter, too.

    Parameters
    ----------
    folder : Path
        To write it to.
    requires : sequence of str
        Names of the packages that it shall need.

    Returns
    -------
    Path
        The wheel (PyPA's binary distribution format).
    """
    number = version("jupyter_imgcls")
    info = f"jupyter_imgcls-{number}.dist-info"
    header = {
        "Metadata-Version": "2.1",
        "Name": "jupyter_imgcls",
        "Version": number,
        "Summary": "What a service of jupyter_imgcls needs of it",
        "Requires-Python": metadata("jupyter_imgcls")["Requires-Python"],
    }
    lines = [f"{name}: {value}" for name, value in header.items()]
    lines += [f"Requires-Dist: {name}" for name in requires]
    contents = {
        **dict(_package_files()),
        f"{info}/METADATA": ("\n".join(lines) + "\n").encode(),
        f"{info}/WHEEL": _WHEEL.encode(),
    }
    record = [f"{name},{_digest(content)},{len(content)}" for name, content in contents.items()]
    contents[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    wheel = folder / f"jupyter_imgcls-{number}-py3-none-any.whl"
    with replacing(wheel) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            # Without the time, so that the same code gives the same file, and Docker's cache holds.
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return wheel


def _package_files() -> Iterator[tuple[str, bytes]]:
    for file in sorted(_PACKAGE.rglob("*")):
        inside = file.relative_to(_PACKAGE.parent)
        if file.is_file() and not set(inside.parts) & set(_LEFT_OUT):
            yield inside.as_posix(), file.read_bytes()


def _digest(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    return "sha256=" + digest.rstrip(b"=").decode()
