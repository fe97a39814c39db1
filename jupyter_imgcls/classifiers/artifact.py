"""A saved classifier: one zip file of plain data, nothing in it that is run when it is read.

Entries: ``manifest.json`` (versions, classes, preprocessing, training history, and the SHA-256 of
each other entry), ``manifest.sha256``, ``model.onnx``, ``weights.safetensors``, and for a
scikit-learn classifier ``head.skops``.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..errors import ArtifactError, StorageError
from ..files import replacing
from ..validation import validated

__all__ = ["Artifact"]

_FORMAT = "jupyter_imgcls classifier"
_FORMAT_VERSION = 2
_MANIFEST = "manifest.json"
_CHECKSUM = "manifest.sha256"
_ENTRIES = frozenset({"model.onnx", "weights.safetensors", "head.skops"})
_MAX_MANIFEST_BYTES = 64 * 2**20
_MAX_ENTRY_BYTES = 2**31
# What `zipfile` raises when it meets damage.
_ZIP_ERRORS = (zipfile.BadZipFile, OSError, EOFError, RuntimeError, ValueError, struct.error)


@dataclass(frozen=True)
class _Header:
    """What the manifest of each kind of classifier says."""

    package_version: str
    kind: str
    sha256: dict[str, str]


@dataclass(frozen=True)
class Artifact:
    """What a classifier writes into its file.

    Parameters
    ----------
    kind : str
        Of classifier: a name of the format, which no code may change.
    manifest : mapping
        What it says of itself, as JSON types.
    entries : mapping of str to bytes
        Contents by name.
    """

    kind: str
    manifest: Mapping[str, Any]
    entries: Mapping[str, bytes]

    def write(self, file: str | os.PathLike[str]) -> Path:
        """Write the file, in place of an earlier one only when it is whole.

        Raises
        ------
        StorageError
            If it cannot be written there.
        """
        manifest = {
            "format": _FORMAT,
            "format_version": _FORMAT_VERSION,
            "package_version": version("jupyter_imgcls"),
            "kind": self.kind,
            **self.manifest,
            "sha256": {name: _sha256(content) for name, content in self.entries.items()},
        }
        target = Path(file)
        try:
            with replacing(target) as beside, zipfile.ZipFile(beside, "w") as archive:
                text = json.dumps(manifest, indent=1, allow_nan=False).encode()
                archive.writestr(_MANIFEST, text)
                archive.writestr(_CHECKSUM, _sha256(text))
                for name, content in self.entries.items():
                    archive.writestr(name, content)
        except OSError as error:
            raise StorageError(
                f"The classifier cannot be saved as {target}: {error.strerror or error}"
            ) from error
        return target

    @classmethod
    def read(cls, file: str | os.PathLike[str], *kinds: str) -> Artifact:
        """Read and verify a file that `write` wrote, of one of `kinds`.

        Raises
        ------
        ArtifactError
            If there is no such file, or it is damaged, of another program, of another kind, or of
            a newer version.
        """
        path = Path(file)
        try:
            with zipfile.ZipFile(path) as archive:
                manifest = _read_manifest(path, archive)
                header = _read_header(path, manifest)
                if header.kind not in kinds:
                    raise ArtifactError(
                        f"{path} holds a classifier of the kind {header.kind!r}, not "
                        f"{' or '.join(map(repr, kinds))}."
                    )
                sums = header.sha256
                entries = {name: _read(path, archive, name, _MAX_ENTRY_BYTES) for name in sums}
        except FileNotFoundError as error:
            raise ArtifactError(f"There is no file {path}.") from error
        except ArtifactError:
            raise
        except _ZIP_ERRORS as error:
            raise ArtifactError(
                f"{path} is not a saved classifier, or it is damaged ({error})."
            ) from error
        for name, content in entries.items():
            if _sha256(content) != sums[name]:
                raise ArtifactError(f"{path} is damaged: {name} is not what was saved.")
        return cls(header.kind, manifest, entries)

    def entry(self, name: str) -> bytes:
        """Content of an entry.

        Raises
        ------
        ArtifactError
            If it is missing.
        """
        if name not in self.entries:
            raise ArtifactError(f"The saved classifier is damaged: it has no {name}.")
        return self.entries[name]


def _read_manifest(path: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    if _MANIFEST not in archive.namelist():
        raise ArtifactError(f"{path} is not a saved classifier of this package.")
    content = _read(path, archive, _MANIFEST, _MAX_MANIFEST_BYTES)
    try:
        manifest = json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} is damaged: its manifest is not JSON.") from error
    if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT:
        raise ArtifactError(f"{path} is not a saved classifier of this package.")
    found = manifest.get("format_version")
    if type(found) is not int or found < 1:
        raise ArtifactError(f"{path} is damaged: it does not say its version.")
    if found > _FORMAT_VERSION:
        raise ArtifactError(
            f"{path} was saved by jupyter_imgcls {manifest.get('package_version')}, in a newer "
            "format than this version reads: upgrade with pip install -U jupyter_imgcls."
        )
    if found < _FORMAT_VERSION:
        raise ArtifactError(
            f"{path} was saved before version 0.1.0, in a format that is no longer read: train "
            "and save the classifier again."
        )
    if _read(path, archive, _CHECKSUM, 64) != _sha256(content).encode():
        raise ArtifactError(f"{path} is damaged: {_MANIFEST} is not what was saved.")
    return manifest


def _read_header(path: Path, manifest: dict[str, Any]) -> _Header:
    try:
        header = validated(_Header, manifest)
    except ValueError as error:
        raise ArtifactError(f"{path} is damaged: its manifest is not valid ({error}).") from error
    if not set(header.sha256) <= _ENTRIES:
        raise ArtifactError(f"{path} is damaged: its list of contents is not valid.")
    return header


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _read(path: Path, archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """An entry's content; entries are stored as they are, so none can grow when it is read."""
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise ArtifactError(f"{path} is damaged: it has no {name}.") from error
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > limit:
        raise ArtifactError(f"{path} is refused: {name} is compressed, or larger than allowed.")
    return archive.read(info)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
