"""Checks of the installation, for ``imgcls doctor``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from .finding import Finding, problem, to_text
from .hosts import HostProbes, examine_hosts
from .libraries import LibraryProbes, examine_extras, examine_libraries
from .machine import examine_gpu, examine_machine, gpu_probe

__all__ = ["examine"]


def examine() -> tuple[str, dict[str, Any]]:
    """Check this Python, Jupyter and the machine, in a few seconds; changes nothing.

    Returns
    -------
    str
        The findings in columns, with colours for a terminal.
    dict
        ``"problems"``, their number, and ``"findings"``, each with ``group``, ``name``, ``state``
        (``"ok"``, ``"note"`` or ``"problem"``), ``text`` and ``to_do``.
    """
    # Start everything slow at once.
    libraries, hosts, gpus = LibraryProbes(), HostProbes(), gpu_probe()
    checks: dict[str, Callable[[], Iterable[Finding]]] = {
        "Machine": examine_machine,
        "Jupyter": lambda: examine_hosts(hosts),
        "Python": lambda: examine_libraries(libraries),
        "GPU": lambda: [examine_gpu(gpus, libraries.mxnet)],
        "Optional": examine_extras,
    }
    results = {title: _run(title, check) for title, check in checks.items()}
    groups = {title: results[title] for title in ("Python", "Jupyter", "Machine", "Optional")}
    groups["Machine"] += results["GPU"]
    findings = [
        {"group": title, **asdict(finding)} for title, found in groups.items() for finding in found
    ]
    problems = sum(finding["state"] == "problem" for finding in findings)
    return to_text(groups), {"problems": problems, "findings": findings}


def _run(title: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Findings of a check, and a problem if the check itself fails; the others still run."""
    findings = []
    try:
        for finding in check():
            findings.append(finding)  # keep those before an error
    except Exception as error:  # noqa: BLE001 - shown
        text = f"the check failed: {type(error).__name__}: {error}"
        findings.append(problem(title, text, "report this with the output of imgcls doctor --json"))
    return findings
