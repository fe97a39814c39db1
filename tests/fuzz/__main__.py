"""``python -m tests.fuzz [--seconds 60] [target ...]``: look for bytes that break a promise.

atheris (libFuzzer) is led by which code the bytes reach; without it, hypothesis makes the bytes.
Each target runs in a process of its own, which is ended if it hangs or takes too much memory. What
is found is kept in ``build/fuzz``: make a test of it in ``test_fuzz.py``.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

from . import NAMES, SECONDS

FOUND = Path("build/fuzz")
MEGABYTES = 4096


def main() -> int:
    """Run the targets; gives 1 if something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*NAMES, []], help="all by default")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        _fuzz_here(given.targets[0], given.seconds)
        return 0
    FOUND.mkdir(parents=True, exist_ok=True)
    failed = [name for name in given.targets or NAMES if not _run(name, given.seconds)]
    print(f"Found something: {', '.join(failed)}; see {FOUND}/" if failed else "Nothing was found.")
    return 1 if failed else 0


def _run(name: str, seconds: int) -> bool:
    print(f"{name}: {seconds} s", flush=True)
    command = [sys.executable, "-m", __package__, name, "--seconds", str(seconds), "--here"]
    log = FOUND / f"{name}.log"
    with log.open("w") as output:
        try:
            done = subprocess.run(
                command, stdout=output, stderr=output, timeout=seconds + 60, check=False
            )
        except subprocess.TimeoutExpired:
            print(f"  it hangs: see {log}")
            return False
    if done.returncode:
        print(f"  status {done.returncode}: see {log}")
    return done.returncode == 0


def _fuzz_here(name: str, seconds: int) -> None:
    if importlib.util.find_spec("atheris") is None:
        from .mutations import search

        search(name, seconds)
        return
    import atheris

    with atheris.instrument_imports(include=["PIL", "jupyter_imgcls", "zipfile"]):
        from . import targets

    target = targets.TARGETS[name]
    targets.set_limits()
    corpus = FOUND / f"{name}-seeds"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={int(SECONDS * 3 + 1)}",
        f"-rss_limit_mb={MEGABYTES}",
        f"-artifact_prefix={FOUND}/{name}-",
        "-max_len=20000",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], str(corpus), *options], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
