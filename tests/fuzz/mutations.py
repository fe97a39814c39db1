"""Change good files with hypothesis."""

from __future__ import annotations

import time

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from .targets import TARGETS, set_limits


@st.composite
def changed(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A seed with bytes replaced, cut out, put in and repeated, or cut off."""
    content = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        # Most of a format's fields are at its start and its end.
        near = draw(st.integers(0, min(len(content), 200)))
        anywhere = draw(st.integers(0, len(content)))
        place = draw(st.sampled_from([near, len(content) - near, anywhere]))
        piece = draw(st.binary(max_size=8))
        how = draw(st.sampled_from(["replace", "insert", "delete", "repeat", "cut"]))
        if how == "replace":
            content[place : place + len(piece)] = piece
        elif how == "insert":
            content[place:place] = piece
        elif how == "delete":
            del content[place : place + draw(st.integers(1, 64))]
        elif how == "repeat":
            content[place:place] = content[place : place + 64] * draw(st.integers(1, 50))
        else:
            del content[place:]
    return bytes(content)


def search(name: str, seconds: float) -> None:
    """Check changed files for so long; raises what is found."""
    target = TARGETS[name]
    set_limits()
    end = time.monotonic() + seconds
    while time.monotonic() < end:

        @settings(
            max_examples=200,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(changed(target.seeds()))
        def check(content: bytes) -> None:
            target.check(content)

        check()
