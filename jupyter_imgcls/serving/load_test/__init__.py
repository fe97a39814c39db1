"""Load tests: how many requests a service answers, and how fast."""

from .report import LoadSweep, LoadTestResult
from .run import LoadState, LoadTestRun, load_sweep, load_test, start_load_test

__all__ = [
    "LoadState",
    "LoadSweep",
    "LoadTestResult",
    "LoadTestRun",
    "load_sweep",
    "load_test",
    "start_load_test",
]
