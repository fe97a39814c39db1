"""Collect photos from the web: from image URLs, and from image searches for text queries."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anyio import to_thread
from anyio.from_thread import start_blocking_portal
from tqdm.auto import tqdm

from ..errors import CollectError, StorageError
from ..files import write_whole
from .decoding.decode import check_image
from .decoding.formats import open_image
from .fetch import Limits, RefusedError, fetch, web_client, without_credentials
from .search import SearchProvider

__all__ = ["Collected", "Failure", "collect"]

_log = logging.getLogger(__name__)

_URL = re.compile("[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_SUFFIXES = {"JPEG": ".jpg", "TIFF": ".tif", "JPEG2000": ".jp2"}
_INDEX = "sources.jsonl"


@dataclass(frozen=True)
class Failure:
    """A URL or text query that returned no photo.

    Parameters
    ----------
    label : str
        The class it was meant for.
    source : str
        The URL, without user name and password, or the query.
    reason : str
        Why, in plain words.
    """

    label: str
    source: str
    reason: str

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"


@dataclass
class Collected:
    """The result of `collect`.

    Attributes
    ----------
    files : dict of str to list of Path
        The photos of each class, in the requested order; a photo found at two URLs appears once.
    sources : dict of Path to str
        The URL of each file, without user name and password.
    failures : list of Failure
        URLs and queries that returned no photo.
    """

    files: dict[str, list[Path]] = field(default_factory=dict)
    sources: dict[Path, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class _Wanted:
    label: str
    url: str
    trusted: bool  # written by the user; else found by a search


def collect(
    requests: Mapping[str, Sequence[str]],
    folder: Path,
    *,
    provider: SearchProvider | None = None,
    images_per_query: int = 50,
    max_bytes: int = 25_000_000,
    timeout: float = 60.0,
    retries: int = 2,
    workers: int = 8,
    allow_private_addresses: bool = False,
    progress: bool = True,
) -> Collected:
    """Download photos into class folders.

    Files are named by their content. ``<folder>/sources.jsonl`` lists where each came from. A
    second run repeats only what failed, as long as the files exist.

    Parameters
    ----------
    requests : mapping of str to sequence of str
        For each class, image URLs (``http://``, ``https://``) and text queries.
    folder : Path
        Photos go to ``<folder>/<class>/``.
    provider : SearchProvider, optional
        Answers text queries. Without one, queries fail, and URLs still load.
    images_per_query : int
        Number of search results to fetch per query.
    max_bytes : int
        Larger files are rejected.
    timeout : float
        Seconds for one photo, from the host lookup to the last byte.
    retries : int
        Number of retries when the server is busy or the connection breaks, after 0.5, 1, 2, ...
        seconds (or what the server asks for, at most 30).
    workers : int
        Number of parallel downloads.
    allow_private_addresses : bool
        Whether redirects and search results may use addresses outside the public internet (this
        machine, the local network). URLs in `requests` always may.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    StorageError
        If the folder cannot be written.
    """
    index = _Index(folder)
    collected = Collected(files={label: [] for label in requests})
    wanted = _expand(requests, index, provider, images_per_query, collected.failures)
    missing = [item for item in wanted if index.file(item) is None]
    limits = Limits(max_bytes, timeout, retries, allow_private_addresses)
    reasons: dict[_Wanted, str] = {}
    if missing:
        # A thread with its own event loop: in a notebook, the main thread's is in use.
        # After an interrupt, leaving the block cancels the downloads.
        with start_blocking_portal() as portal:
            reasons = portal.call(_download, missing, index, limits, workers, progress)
    for item in wanted:
        file = index.file(item)
        if file is None:
            shown = without_credentials(item.url)
            collected.failures.append(Failure(item.label, shown, reasons[item]))
        elif file not in collected.sources:
            collected.files[item.label].append(file)
            collected.sources[file] = without_credentials(item.url)
    if collected.failures:
        _log.warning("%d URLs or queries returned no photo", len(collected.failures))
    return collected


def _expand(
    requests: Mapping[str, Sequence[str]],
    index: _Index,
    provider: SearchProvider | None,
    count: int,
    failures: list[Failure],
) -> list[_Wanted]:
    """The URLs to fetch, each once per class: those in `requests`, and search results."""
    wanted: dict[tuple[str, str], _Wanted] = {}
    for label, entries in requests.items():
        for entry in entries:
            is_url = _URL.match(entry) is not None
            try:
                urls = [entry] if is_url else _search(entry, index, provider, count)
            except CollectError as error:
                failures.append(Failure(label, entry, str(error)))
                continue
            for url in urls:
                wanted.setdefault((label, url), _Wanted(label, url, trusted=is_url))
    return list(wanted.values())


def _search(query: str, index: _Index, provider: SearchProvider | None, count: int) -> list[str]:
    if provider is None:
        raise CollectError(
            "no search provider was given: pass provider=HttpSearchProvider(endpoint=..., key=...)"
        )
    known = index.searches.get((provider.name, query, count))
    if known is not None:
        return known
    found = provider.search(query, count)
    if not found:
        raise CollectError(f"{provider.name} found no images")
    index.add_search(provider.name, query, count, found)
    return found


async def _download(
    missing: list[_Wanted], index: _Index, limits: Limits, workers: int, progress: bool
) -> dict[_Wanted, str]:
    """Download all; return the reasons of failures."""
    reasons: dict[_Wanted, str] = {}
    waiting = iter(missing)

    async def work() -> None:
        for item in waiting:
            try:
                content = await fetch(client, item.url, limits, trusted=item.trusted)
                file = await to_thread.run_sync(_store, content, index.class_folder(item.label))
                index.add_file(item, file)
            except RefusedError as error:
                reasons[item] = str(error)
            bar.update()

    async with web_client(workers) as client:
        with tqdm(
            total=len(missing), unit=" photos", desc="Collecting", disable=not progress
        ) as bar:
            tasks = [asyncio.ensure_future(work()) for _ in range(workers)]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
    return reasons


def _store(content: bytes, folder: Path) -> Path:
    reason = check_image(content, "full")
    if reason is not None:
        raise RefusedError(reason)
    kind = open_image(io.BytesIO(content)).format or ""
    suffix = _SUFFIXES.get(kind, f".{kind.lower()}")
    file = folder / f"{hashlib.sha256(content).hexdigest()[:16]}{suffix}"
    write_whole(file, content)
    return file


class _Index:
    """The earlier downloads and searches: one line of JSON each, appended immediately."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / _INDEX
        self._files: dict[tuple[str, str], str] = {}
        self.searches: dict[tuple[str, str, int], list[str]] = {}
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        # A killed run may have left half a line; its photo is fetched again.
        self._separator = "" if text.endswith("\n") or not text else "\n"
        for line in _parsed_lines(text):
            if "file" in line:
                self._files[line["class"], line["url"]] = Path(line["file"]).name
            else:
                self.searches[line["provider"], line["query"], line["count"]] = line["urls"]

    def class_folder(self, label: str) -> Path:
        """Folder of a class; characters that are invalid in file names become %XX."""
        unsafe = r'[<>:"/\\|?*%\x00-\x1f]|^\.|[. ]$'
        return self._folder / re.sub(unsafe, lambda m: f"%{ord(m[0]):02X}", label or "%")

    def file(self, item: _Wanted) -> Path | None:
        name = self._files.get((item.label, without_credentials(item.url)))
        file = self.class_folder(item.label) / name if name else None
        return file if file is not None and file.is_file() else None

    def add_file(self, item: _Wanted, file: Path) -> None:
        url = without_credentials(item.url)
        self._files[item.label, url] = file.name
        relative = file.relative_to(self._folder).as_posix()
        self._append({"class": item.label, "url": url, "file": relative})

    def add_search(self, provider: str, query: str, count: int, urls: list[str]) -> None:
        self.searches[provider, query, count] = urls
        self._append({"provider": provider, "query": query, "count": count, "urls": urls})

    def _append(self, line: dict[str, object]) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{self._separator}{json.dumps(line, ensure_ascii=False)}\n")
            self._separator = ""
        except OSError as error:
            raise StorageError(f"Cannot write {self._path}: {error.strerror or error}.") from error


def _parsed_lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        with suppress(ValueError):
            yield json.loads(line)
