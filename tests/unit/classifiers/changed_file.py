"""Change the file of a saved classifier so that its checksums fit again, as an attacker would."""

import hashlib
import json
import zipfile


def read(file):
    """The manifest, and the other entries by name."""
    with zipfile.ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    del entries["manifest.sha256"]
    return json.loads(entries.pop("manifest.json")), entries


def sums(entries):
    return {name: hashlib.sha256(content).hexdigest() for name, content in entries.items()}


def write(file, manifest, entries, compression=zipfile.ZIP_STORED):
    """Write a file with the manifest as it is, and its checksum."""
    text = json.dumps(manifest)
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("manifest.json", text)
        archive.writestr("manifest.sha256", hashlib.sha256(text.encode()).hexdigest())
        for name, content in entries.items():
            archive.writestr(name, content)
