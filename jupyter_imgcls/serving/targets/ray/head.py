"""Ray on this machine, as a process of its own: ``python -m …ray_head FOLDER --port PORT``.

It outlives the kernel that started it, and with it end all its processes.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from ....files import write_whole

HEAD = "head.json"
_log = logging.getLogger("jupyter_imgcls.serving")

# For photos on their way to a replica; more than this is kept on the disk.
_OBJECT_STORE_BYTES = 256 * 2**20


def main() -> int:
    """Start Ray and Ray Serve, say so in the folder, and run until SIGTERM."""
    parser = argparse.ArgumentParser(description="Run Ray Serve on this machine.")
    parser.add_argument("folder", type=Path, help="to say in where it runs")
    parser.add_argument("--port", type=int, required=True, help="of the services, on 127.0.0.1")
    parser.add_argument("--cores", type=int, required=True, help="that Ray counts with")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    # Short: Ray makes sockets in it, whose paths may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="imgcls-ray-", dir=_short_folder()))
    try:
        _run(given.folder / HEAD, folder, given.port, given.cores, end)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _run(says: Path, folder: Path, port: int, cores: int, end: threading.Event) -> None:
    try:
        import ray
        from ray import serve
    except ImportError as error:
        sys.exit(f"Ray Serve is not installed: pip install 'jupyter_imgcls[cluster]' ({error})")
    context: Any = ray.init(
        address="local",
        namespace="serve",
        num_cpus=cores,
        object_store_memory=_OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        _temp_dir=str(folder),
    )
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        address = context.address_info["gcs_address"]
        write_whole(says, json.dumps({"address": address, "port": port}).encode())
        _log.info("Ray runs at %s, its services at port %d, its files in %s", address, port, folder)
        end.wait()
        # What was accepted is finished.
        serve.shutdown()  # type: ignore[no-untyped-call]
    finally:
        says.unlink(missing_ok=True)
        ray.shutdown()


def _short_folder() -> str | None:
    return None if len(tempfile.gettempdir()) < 30 else "/tmp"  # noqa: S108 -- mkdtemp is safe there


if __name__ == "__main__":
    sys.exit(main())
