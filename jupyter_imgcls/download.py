"""Download a file: resumed, limited in size, verified, and complete or not there at all."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from pathlib import Path
from time import sleep

import httpx
from tqdm.auto import tqdm

from .errors import DownloadError

__all__ = ["download_file", "file_digest"]

logger = logging.getLogger(__name__)

_CHUNK = 1 << 16
_BUSY_STATUS = {408, 425, 429, 500, 502, 503, 504}


class _RefusedError(Exception):
    """An unusable response; the message is the reason, for the user."""


class _TransientError(_RefusedError):
    """A response after which it is worth trying again."""


def download_file(
    url: str,
    target: str | os.PathLike[str],
    *,
    sha1: str | None = None,
    sha256: str | None = None,
    max_bytes: int = 1 << 30,
    timeout: float = 30.0,
    retries: int = 3,
    progress: bool = True,
) -> Path:
    """Download `url` into the file `target`.

    The bytes go to ``<target>.part`` in the same folder, which is renamed to the target when it is
    complete and its checksum matches. A broken download resumes where it stopped, if the server
    supports that; with a checksum, so does one that an earlier call left behind. Only one caller
    at a time may download to a target.

    Parameters
    ----------
    url : str
        ``http:`` or ``https:``. Redirects are followed.
    target : str or Path
        Its folder is created if needed. With a checksum, a file that matches it is not downloaded
        again; any other file is replaced.
    sha1, sha256 : str, optional
        Expected checksums, hexadecimal.
    max_bytes : int
        Larger files are refused.
    timeout : float
        Seconds to wait for a connection, and for the next bytes.
    retries : int
        How often to try again, after 0.5, 1, 2, … seconds, when the server is busy or the
        connection breaks. There is no second try if the server cannot be reached at all.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    DownloadError
        If the file cannot be downloaded, is too large, has another checksum, or cannot be written;
        `target` then stays as it was.
    """
    target = Path(target)
    checksums = {
        name: value.lower() for name, value in (("sha1", sha1), ("sha256", sha256)) if value
    }
    part = target.with_name(target.name + ".part")
    try:
        if checksums and target.is_file() and not _mismatch(target, checksums):
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        # Only a checksum proves that the rest belongs to the part that is already here.
        resumed = bool(checksums) and part.is_file()
        if not resumed:
            part.unlink(missing_ok=True)
        try:
            if not (resumed and not _mismatch(part, checksums)):
                _fetch(url, part, max_bytes, timeout, retries, progress, bool(checksums))
                if resumed and _mismatch(part, checksums):
                    logger.info("The partial download of %s is outdated: starting over", url)
                    part.unlink()
                    _fetch(url, part, max_bytes, timeout, retries, progress, bool(checksums))
            problem = _mismatch(part, checksums)
            if problem:
                part.unlink()
                raise _RefusedError(problem)
            part.replace(target)
        finally:
            if not checksums:
                part.unlink(missing_ok=True)
    except (httpx.HTTPError, httpx.InvalidURL, _RefusedError) as error:
        reason = str(error) or type(error).__name__
        raise DownloadError(f"Cannot download {url}: {reason}") from error
    except OSError as error:
        raise DownloadError(f"Cannot write the download of {url} to {target}: {error}") from error
    return target


def file_digest(path: Path, algorithm: str) -> str:
    """Checksum of a file, hexadecimal, lower case.

    Parameters
    ----------
    path : Path
        The file.
    algorithm : str
        As in `hashlib.new`.
    """
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _mismatch(path: Path, checksums: dict[str, str]) -> str | None:
    for algorithm, expected in checksums.items():
        actual = file_digest(path, algorithm)
        if actual != expected:
            return f"its {algorithm} checksum is {actual}, expected {expected}"
    return None


def _fetch(
    url: str,
    part: Path,
    max_bytes: int,
    timeout: float,
    retries: int,
    progress: bool,
    checked_later: bool,
) -> None:
    """Append the missing bytes to `part`, with retries."""
    validator: str | None = None
    for attempt in range(retries + 1):
        start = part.stat().st_size if part.is_file() else 0
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if validator:
                headers["If-Range"] = validator
        try:
            with httpx.stream(
                "GET", url, headers=headers, timeout=timeout, follow_redirects=True
            ) as response:
                _check_answer(response, part)
                validator = _validator(response)
                _save(response, part, start, max_bytes, progress)
            return
        except (httpx.ConnectError, httpx.ConnectTimeout):
            # Offline: fail at once.
            if attempt == 0:
                raise
            problem: Exception = _TransientError("the connection was lost and did not come back")
        except (
            httpx.TimeoutException,
            httpx.NetworkError,
            httpx.RemoteProtocolError,
            _TransientError,
        ) as error:
            problem = error
        if attempt == retries:
            raise problem
        pause = 0.5 * 2**attempt
        logger.info("Download of %s failed (%r); trying again in %g s", url, problem, pause)
        sleep(pause)
        if not validator and not checked_later:
            # Nothing proves that a later response continues this one.
            part.unlink(missing_ok=True)


def _check_answer(response: httpx.Response, part: Path) -> None:
    status = response.status_code
    if status in _BUSY_STATUS:
        raise _TransientError(f"the server answers {status} {response.reason_phrase}")
    if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        part.unlink(missing_ok=True)
        raise _TransientError("the server's file is shorter than the partial download")
    if status not in (200, 206):
        raise _RefusedError(f"the server answers {status} {response.reason_phrase}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise _RefusedError("the server sends it compressed, which was not requested")


def _validator(response: httpx.Response) -> str | None:
    """A strong ETag, which identifies this version of the file."""
    etag = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return str(etag)
    return None


def _save(response: httpx.Response, part: Path, start: int, max_bytes: int, progress: bool) -> None:
    if response.status_code == 206:
        found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        if not found or int(found[1]) != start:
            part.unlink(missing_ok=True)
            raise _TransientError("the server sends another range than requested")
    else:
        start = 0
    length = response.headers.get("Content-Length", "")
    total = start + int(length) if length.isdigit() else None
    _check_size(total or 0, max_bytes, part)
    with (
        part.open("ab" if start else "wb") as file,
        tqdm(
            desc=part.name.removesuffix(".part"),
            initial=start,
            total=total,
            unit="B",
            unit_scale=True,
            disable=not progress,
        ) as bar,
    ):
        for chunk in response.iter_raw():
            start += len(chunk)
            _check_size(start, max_bytes, part)
            file.write(chunk)
            bar.update(len(chunk))


def _check_size(size: int, max_bytes: int, part: Path) -> None:
    if size > max_bytes:
        part.unlink(missing_ok=True)
        raise _RefusedError(f"it is larger than {max_bytes:,} bytes")
