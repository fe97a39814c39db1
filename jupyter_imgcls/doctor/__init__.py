"""What is installed, whether it works, and what to do: for ``imgcls doctor``."""

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
    """Look at this Python, at Jupyter and at the machine, in some seconds; changes nothing.

    Returns
    -------
    str
        The findings in columns, with colours for a terminal.
    dict
        ``"problems"``, their number, and ``"findings"``, each with ``group``, ``name``, ``state``
        (``"ok"``, ``"note"`` or ``"problem"``), ``text`` and ``to_do``.
    """
    # All that takes time begins at once.
    libraries, hosts, gpus = LibraryProbes(), HostProbes(), gpu_probe()
    parts: dict[str, Callable[[], Iterable[Finding]]] = {
        "Machine": examine_machine,
        "Jupyter": lambda: examine_hosts(hosts),
        "Python": lambda: examine_libraries(libraries),
        "GPU": lambda: [examine_gpu(gpus, libraries.mxnet)],
        "Optional": examine_extras,
    }
    looked = {title: _looked_at(title, look) for title, look in parts.items()}
    groups = {title: looked[title] for title in ("Python", "Jupyter", "Machine", "Optional")}
    groups["Machine"] += looked["GPU"]
    findings = [
        {"group": title, **asdict(finding)} for title, found in groups.items() for finding in found
    ]
    problems = sum(finding["state"] == "problem" for finding in findings)
    return to_text(groups), {"problems": problems, "findings": findings}


def _looked_at(title: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What is found, and also that the look itself failed: the other parts go on."""
    findings = []
    try:
        for finding in look():
            findings.append(finding)  # what came before an error is kept
    except Exception as error:  # noqa: BLE001 - shown
        words = f"cannot be looked at: {type(error).__name__}: {error}"
        findings.append(
            problem(title, words, "report this with the output of imgcls doctor --json")
        )
    return findings
