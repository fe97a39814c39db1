"""Create a dataset from a folder of a million files: seconds and memory, beside plain os.walk.

    python -m benchmarks.dataset [--files 1000000] [--classes 10]

The files are empty and are not opened (``check="none"``). Each way runs in a process of its own,
so that its peak memory is its own; both read the same folder, once before the measurement.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OURS = """
import resource, sys, time, timeit
started = time.perf_counter()
from jupyter_imgcls.data import ClassificationDataset
imported = time.perf_counter()
dataset = ClassificationDataset.create_from_dir("million", sys.argv[1], check="none")
created = time.perf_counter()
images = dataset.images
access = timeit.timeit(lambda: images[len(images) // 2].name, number=10000) / 10000
print(len(dataset), created - imported, access * 1e6,
      resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
WALK = """
import os, resource, sys, time
started = time.perf_counter()
paths = [os.path.join(folder, name) for folder, _, names in os.walk(sys.argv[1]) for name in names]
paths.sort()
print(len(paths), time.perf_counter() - started, 0,
      resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def measure(code: str, root: str) -> tuple[float, float, float, float]:
    """(files, seconds, microseconds an access, peak MB) of a program, run on its own."""
    done = subprocess.run(
        [sys.executable, "-c", code, root], capture_output=True, text=True, check=True
    )
    files, seconds, access, peak = map(float, done.stdout.split())
    return files, seconds, access, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--classes", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        started = time.perf_counter()
        for number in range(options.classes):
            folder = Path(root, f"class {number}")
            folder.mkdir()
            for i in range(number, options.files, options.classes):
                os.close(os.open(f"{folder}/IMG_{i:07d}.jpg", os.O_CREAT))
        print(f"made {options.files:,} files in {time.perf_counter() - started:.0f} s")
        measure(WALK, root)
        _, walk_seconds, _, walk_peak = measure(WALK, root)
        files, seconds, access, peak = measure(OURS, root)
    print(f"{'':24}{'seconds':>9}{'peak MB':>9}")
    print(f"{'os.walk, sorted paths':24}{walk_seconds:>9.1f}{walk_peak:>9.0f}")
    print(f"{'create_from_dir':24}{seconds:>9.1f}{peak:>9.0f}")
    print(f"ratio of seconds {seconds / walk_seconds:.2f}, of memory {peak / walk_peak:.2f}")
    print(f"dataset.images[i].name: {access:.1f} µs; {files:,.0f} photos")


if __name__ == "__main__":
    main()
