"""Names that NumPy removed are there again once a library that needs them is imported."""

import subprocess
import sys

import numpy as np
import pytest

import jupyter_imgcls  # noqa: F401 -- sees what is imported from now on


@pytest.fixture(scope="module", autouse=True)
def imported():
    import imgaug  # noqa: F401


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("float", float),
        ("bool", np.bool_),
        ("Inf", float("inf")),
        ("NINF", float("-inf")),
        ("float_", np.float64),
    ],
)
def test_a_name_has_the_meaning_that_it_had(name, meaning):
    assert vars(np)[name] is meaning or vars(np)[name] == meaning


def test_kinds_of_numbers_are_listed():
    kinds = vars(np)["sctypes"]
    assert {np.int8, np.int64} <= set(kinds["int"])
    assert np.float16 in kinds["float"]
    assert np.uint32 in kinds["uint"]


def test_without_such_a_library_numpy_stays_as_it_is():
    code = (
        "import numpy, jupyter_imgcls.data, jupyter_imgcls.classifiers;"
        "print({'int', 'PZERO', 'npv'} & vars(numpy).keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() in (["set()"], ["{'PZERO'}"]), "which NumPy 1 has"
