"""Text for people: numbers with nouns, and names that are safe to show."""

from __future__ import annotations

__all__ = ["as_text", "counted", "shown_name", "unicode_text"]


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun: '1 photo', '2 photos', '1,000 photos'."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def shown_name(name: str, longest: int = 24) -> str:
    """A class name fit for display: printable, on one line, its middle cut out if too long."""
    one_line = " ".join(name.split())
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
    """A file name as valid Unicode: bytes that are not UTF-8 become question marks."""
    return name.encode("utf-8", "replace").decode("utf-8")
