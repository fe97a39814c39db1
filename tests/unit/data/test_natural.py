"""Natural order of names."""

import natsort
from hypothesis import given
from hypothesis import strategies as st

from jupyter_imgcls.data.natural import natural_sort


def sorted_names(names):
    names = list(names)
    natural_sort(names)
    return names


def test_numbers_sort_by_value_and_letters_without_case():
    assert sorted_names(["img10", "img9", "IMG1", "img 2", "b", "A"]) == [
        "A",
        "b",
        "img 2",
        "IMG1",
        "img9",
        "img10",
    ]


def test_composed_and_decomposed_accents_are_the_same_letter():
    assert sorted_names(["e\u0301b", "éa", "ea"]) == ["ea", "éa", "e\u0301b"]


@given(st.lists(st.text(st.sampled_from("aBc019._- "), min_size=1, max_size=8), max_size=20))
def test_the_order_does_not_depend_on_the_order_before(names):
    assert sorted_names(names) == sorted_names(reversed(names))


@given(st.lists(st.from_regex(r"[a-z]{1,3}[1-9][0-9]{0,4}[a-z]{1,2}", fullmatch=True), max_size=20))
def test_file_names_sort_as_natsort_sorts_them(names):
    assert sorted_names(names) == natsort.natsorted(sorted(names))
