"""What a missing extra says."""

import sys

import pytest

from jupyter_imgcls.errors import ImgclsError, MissingExtraError, require_extra


def test_a_missing_extra_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "locust", None)

    with pytest.raises(MissingExtraError) as missing:
        require_extra("load", "locust", "Load tests need Locust")

    text = "Load tests need Locust: pip install 'jupyter_imgcls[load]'"
    assert str(missing.value) == text
    assert isinstance(missing.value, ImgclsError) and isinstance(missing.value, ImportError)


def test_an_installed_extra_raises_nothing():
    require_extra("load", "json", "Load tests need JSON")
