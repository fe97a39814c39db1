"""The file of a saved classifier: written whole or not at all, read with suspicion."""

from __future__ import annotations

import contextlib
import json
import resource
import struct
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_imgcls.classifiers.artifact import Artifact
from jupyter_imgcls.errors import ArtifactError, StorageError

from . import changed_file

ENTRIES = {"model.onnx": b"a network" * 20, "weights.safetensors": bytes(range(256))}
ARTIFACT = Artifact("Model", {"class_map": ["cup", "plate"], "name": "Täßchen"}, ENTRIES)


@pytest.fixture
def file(tmp_path):
    return ARTIFACT.write(tmp_path / "cups.model")


def rewrite(file, change=lambda manifest: None, entries=None, compression=zipfile.ZIP_STORED):
    """Write the file anew with another manifest or other entries; sums are made to fit."""
    manifest, _ = changed_file.read(file)
    entries = ENTRIES if entries is None else entries
    manifest["sha256"] = changed_file.sums(entries)
    changed_file.write(file, change(manifest) or manifest, entries, compression)


def change(**values):
    return lambda manifest: manifest.update(values)


# -- what is written is read --------------------------------------------------------------------


def test_a_file_comes_back_as_it_was(file):
    artifact = Artifact.read(file, "Model")
    assert artifact.kind == "Model"
    assert dict(artifact.entries) == ENTRIES
    assert artifact.entry("model.onnx") == ENTRIES["model.onnx"]
    assert artifact.manifest["class_map"] == ["cup", "plate"]
    assert artifact.manifest["name"] == "Täßchen"


def test_the_manifest_says_which_version_wrote_it(file):
    manifest = Artifact.read(file, "Model").manifest
    assert manifest["format"] == "jupyter_imgcls classifier"
    assert manifest["format_version"] == 2
    assert manifest["package_version"].count(".") >= 2


def test_an_entry_that_is_missing_is_named(file):
    with pytest.raises(ArtifactError, match=r"has no head\.skops"):
        Artifact.read(file, "Model").entry("head.skops")


# -- writing ------------------------------------------------------------------------------------


@contextlib.contextmanager
def full_disk(free_bytes):
    """No file can grow beyond `free_bytes`, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_when_the_disk_is_full_the_old_file_stays(file):
    before = file.read_bytes()
    large = Artifact("Model", {}, {"model.onnx": bytes(2**20)})
    with full_disk(2**16), pytest.raises(StorageError, match=r"cannot be saved as .*cups\.model"):
        large.write(file)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_folder_that_cannot_be_made_is_named(file):
    with pytest.raises(StorageError, match=r"cups\.model"):
        ARTIFACT.write(file / "below.model")


def test_a_folder_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="folder"):
        ARTIFACT.write(tmp_path / "folder")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


# -- reading what is damaged or foreign ---------------------------------------------------------


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ArtifactError, match=r"There is no file .*none\.model"):
        Artifact.read(tmp_path / "none.model", "Model")


def test_a_folder_is_no_classifier(tmp_path):
    with pytest.raises(ArtifactError, match="is not a saved classifier"):
        Artifact.read(tmp_path, "Model")


def test_a_file_cut_off_anywhere_is_refused(file):
    content = file.read_bytes()
    for length in range(0, len(content), 7):
        file.write_bytes(content[:length])
        with pytest.raises(ArtifactError):
            Artifact.read(file, "Model")


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100
)
@given(changes=st.lists(st.tuples(st.integers(0), st.integers(1, 255)), min_size=1, max_size=4))
def test_a_file_with_changed_bytes_is_refused_or_still_says_the_same(tmp_path, changes):
    file = ARTIFACT.write(tmp_path / "cups.model")
    content = bytearray(file.read_bytes())
    for position, value in changes:
        content[position % len(content)] ^= value
    file.write_bytes(content)
    try:
        artifact = Artifact.read(file, "Model")
    except ArtifactError:
        return
    assert dict(artifact.entries) == ENTRIES


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=200))
def test_any_other_file_is_refused(tmp_path, content):
    (tmp_path / "any").write_bytes(content)
    with pytest.raises(ArtifactError, match="any is not a saved classifier"):
        Artifact.read(tmp_path / "any", "Model")


def test_another_programs_zip_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("letter.txt", "Dear Sir")
    with pytest.raises(ArtifactError, match="not a saved classifier of this package"):
        Artifact.read(tmp_path / "a.zip", "Model")


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (change(format="other"), "not a saved classifier of this package"),
        (lambda _: [1, 2], "not a saved classifier of this package"),
        (change(format_version="1"), "does not say its version"),
        (change(format_version=True), "does not say its version"),
        (change(format_version=-1), "does not say its version"),
        (change(format_version=1), "saved before version 0.1.0"),
        (change(package_version=None), r"manifest is not valid \(package_version"),
        (change(kind=None), r"manifest is not valid \(kind"),
        (change(kind=["Model"]), r"manifest is not valid \(kind"),
        (change(kind="Tree"), "of the kind 'Tree', not 'Model' or 'Scikit'"),
        (change(sha256=None), r"manifest is not valid \(sha256"),
        (change(sha256=["model.onnx"]), r"manifest is not valid \(sha256"),
        (change(sha256={"../../.bashrc": ""}), "list of contents is not valid"),
        (change(sha256={"model.onnx": 5}), r"manifest is not valid \(sha256\.model\.onnx"),
        (change(sha256={"model.onnx": "5"}), "model.onnx is not what was saved"),
        (change(loss=float("nan")), "its manifest is not JSON"),
        (change(sha256={"head.skops": ""}), "has no head.skops"),
    ],
)
def test_a_manifest_of_other_values_is_refused(file, manifest, message):
    rewrite(file, manifest)
    with pytest.raises(ArtifactError, match=message):
        Artifact.read(file, "Model", "Scikit")


def test_a_manifest_that_was_changed_alone_is_refused(file):
    manifest, entries = changed_file.read(file)
    text = json.dumps(manifest | {"class_map": ["plate", "cup"]})
    with zipfile.ZipFile(file) as archive:
        sealed = archive.read("manifest.sha256")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("manifest.json", text)
        archive.writestr("manifest.sha256", sealed)
        for name, entry in entries.items():
            archive.writestr(name, entry)
    with pytest.raises(ArtifactError, match=r"manifest\.json is not what was saved"):
        Artifact.read(file, "Model")


def test_a_manifest_nested_too_deep_is_refused(file):
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("manifest.json", "[" * 100_000)
    with pytest.raises(ArtifactError, match="its manifest is not JSON"):
        Artifact.read(file, "Model")


def test_a_newer_format_asks_for_an_upgrade(file):
    rewrite(file, change(format_version=3, package_version="9.1.0"))
    with pytest.raises(ArtifactError, match=r"saved by jupyter_imgcls 9\.1\.0.*pip install -U"):
        Artifact.read(file, "Model")


def test_entries_that_grow_when_they_are_read_are_refused(file):
    entries = {"model.onnx": bytes(50_000_000)}
    rewrite(file, entries=entries, compression=zipfile.ZIP_DEFLATED)
    assert file.stat().st_size < 100_000
    with pytest.raises(ArtifactError, match="is compressed, or larger than allowed"):
        Artifact.read(file, "Model")


def test_an_entry_that_claims_a_great_size_is_refused_before_it_is_read(file):
    content = bytearray(file.read_bytes())
    # In the directory at the end of a zip file, sizes are at byte 20 of each entry's record.
    place = content.rindex(b"PK\x01\x02", 0, content.rindex(b"model.onnx"))
    struct.pack_into("<II", content, place + 20, 2**32 - 2, 2**32 - 2)
    file.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"model\.onnx is compressed, or larger than allowed"):
        Artifact.read(file, "Model")


def test_names_that_lead_elsewhere_write_nothing(file, tmp_path):
    rewrite(file)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("../outside", b"x")
        archive.writestr("/tmp/absolute", b"x")
    before = sorted(tmp_path.parent.rglob("*"))
    assert dict(Artifact.read(file, "Model").entries) == ENTRIES
    assert sorted(tmp_path.parent.rglob("*")) == before
