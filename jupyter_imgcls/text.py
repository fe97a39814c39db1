"""Text for people: numbers with nouns, and names that are safe to show."""

from __future__ import annotations

__all__ = ["as_text", "counted", "shown_name"]


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


def as_text(name: str) -> str:
    """A file name as valid Unicode: bytes that are not UTF-8 become question marks."""
    return name.encode("utf-8", "replace").decode("utf-8")
