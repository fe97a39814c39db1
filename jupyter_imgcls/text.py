"""Text for people: numbers with nouns, and names that are safe to show."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["a_few", "as_text", "counted", "name_folders", "shown_name", "unicode_text"]

# Paths of folders, and what is shown in place of them.
_names: dict[str, str] = {}


def name_folders(names: Mapping[Path, str]) -> None:
    """Show these names in place of the paths of folders, in all that this process shows.

    For a page whose reader is not to know where on the computer the files are. The path of a file
    keeps what comes after its folder: with ``{Path("/home/ann/photos"): "photos"}``,
    ``/home/ann/photos/cup/1.jpg`` is shown as ``photos/cup/1.jpg``.
    """
    known = {form: name for path, name in names.items() for form in (path, path.resolve())}
    _names.update((str(path), name) for path, name in known.items() if path != path.parent)


def _without_folders(words: str) -> str:
    # Looked for only where there may be a path: this is called for every caption.
    if not _names or os.sep not in words:
        return words
    return _pattern(tuple(_names)).sub(lambda found: _names[found[0]], words)


@functools.lru_cache(maxsize=1)
def _pattern(paths: tuple[str, ...]) -> re.Pattern[str]:
    either = "|".join(re.escape(path) for path in sorted(paths, key=len, reverse=True))
    return re.compile(rf"(?<![\w.~-])(?:{either})(?![\w-])")


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun: '1 photo', '2 photos', '1,000 photos'."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def a_few(names: Sequence[str], most: int = 3) -> str:
    """The first names of a list, and how many more there are: 'a, b, c and 4 more'."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def shown_name(name: str, longest: int = 24) -> str:
    """A class name fit for display: printable, on one line, its middle cut out if too long."""
    one_line = " ".join(_without_folders(name).split())
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in one_line)
    if len(shown) <= longest:
        return shown
    half = longest // 2  # long names often differ only at the end
    return shown[: longest - half] + "…" + shown[len(shown) - half + 1 :]


def unicode_text(name: str) -> str:
    r"""A name as valid Unicode, different names differently.

    Bytes of a file name that are not UTF-8, which Python shows as half of a surrogate pair, and
    zeros, at which many programs end a text, are written out: ``\xff``, ``\x00``.

    Examples
    --------
    >>> from jupyter_imgcls.text import unicode_text
    >>> print(unicode_text("na\udcff"))
    na\xff
    """
    name = name.replace("\0", r"\x00")
    try:
        name.encode()
    except UnicodeEncodeError:
        pass
    else:
        return name
    try:
        content = name.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        content = name.encode(errors="surrogatepass")
    return content.decode(errors="backslashreplace")


def as_text(name: str) -> str:
    """A file name to show, as valid Unicode: bytes that are not UTF-8 become question marks."""
    return _without_folders(name).encode("utf-8", "replace").decode("utf-8")
