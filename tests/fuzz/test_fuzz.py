"""A few seconds of what ``make fuzz`` does for minutes."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_imgcls.data import decoding_limits, set_decoding_limits
from tests.unit.classifiers import changed_file

from . import seeds
from .mutations import changed
from .targets import TARGETS, artifact, set_limits

EXAMPLES = {"photo": 2000, "artifact": 300, "archive": 300, "journal": 60, "request": 500}


@pytest.fixture(autouse=True, scope="module")
def small_limits():
    before = decoding_limits()
    set_limits()
    yield
    set_decoding_limits(**vars(before))


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_good(name):
    for seed in TARGETS[name].seeds():
        TARGETS[name].check(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_changed_files_break_no_promise(name):
    target = TARGETS[name]

    @settings(max_examples=EXAMPLES[name], deadline=None, suppress_health_check=list(HealthCheck))
    @given(changed(target.seeds()))
    def check(content):
        target.check(content)

    check()


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**300, 10**301)
    | st.floats()
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_value_in_the_manifest_is_checked(tmp_path_factory, data):
    """With checksums that fit, as an attacker would write them."""
    file = tmp_path_factory.mktemp("artifact") / "a.model"
    file.write_bytes(seeds.artifact())
    manifest, entries = changed_file.read(file)
    place = manifest
    key = data.draw(st.sampled_from(sorted(set(manifest) - {"sha256"})))
    if key == "preprocessing" and data.draw(st.booleans()):
        place = manifest[key]
        key = data.draw(st.sampled_from(sorted(place)))
    place[key] = data.draw(values)
    changed_file.write(file, manifest, entries)
    artifact(file.read_bytes())
