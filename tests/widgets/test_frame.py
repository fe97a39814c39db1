"""Frame: keys, clicks on ticks and a height, as they come from the page."""

from __future__ import annotations

import pytest
import traitlets

from jupyter_imgcls.widgets.base.frame import Frame, Key


def test_what_the_page_sends_is_handed_on():
    seen: list[object] = []
    frame = Frame("Results", [], seen.append, on_tick=lambda *tick: seen.append(tick))

    frame._receive(None, {"kind": "key", "key": "Control+z"}, [])
    frame._receive(None, {"kind": "tick", "side": "row", "text": "cup"}, [])

    assert seen == ["Control+z", ("row", "cup")]


def test_keys_travel_as_lists_of_words():
    frame = Frame("Results", [Key("ArrowLeft ArrowRight", "← →", "previous / next photo")], print)

    keys = [["ArrowLeft ArrowRight", "← →", "previous / next photo"]]
    assert frame.get_state()["key_list"] == keys


def test_a_height_that_a_screen_has_no_room_for_is_refused():
    frame = Frame("Results", [], print, height=400)

    assert frame.height == 400
    with pytest.raises(traitlets.TraitError, match="height"):
        frame.height = 20
