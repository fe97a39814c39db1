"""What a page's process shows is as it was before each test."""

from __future__ import annotations

import pytest

from jupyter_imgcls import text


@pytest.fixture(autouse=True)
def paths_are_shown(monkeypatch):
    monkeypatch.setattr(text, "_names", {})
