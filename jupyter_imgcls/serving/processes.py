"""Processes that a kernel starts and that do not depend on it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

__all__ = ["DETACHED"]

DETACHED: dict[str, Any]
"""Options of `subprocess.Popen` for a process that gets no Ctrl-C and survives its parent."""

if sys.platform == "win32":
    DETACHED = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
else:
    DETACHED = {"start_new_session": True}
