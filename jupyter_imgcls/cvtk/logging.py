"""The names of 2018 for logging, over Python's `logging`."""

from __future__ import annotations

import logging

__all__ = ["RunLogger", "ToolkitLogger", "get_azureml_logger"]

_PACKAGE = logging.getLogger("jupyter_imgcls")


class ToolkitLogger:
    """Switches the log lines of this package off and on."""

    _instance: ToolkitLogger | None = None

    @classmethod
    def getInstance(cls) -> ToolkitLogger:  # noqa: N802 - the name of 2018
        """The one logger that there is."""
        if cls._instance is None:
            cls._instance = cls()
        return cls._instance

    def setEnabled(self, enabled: bool) -> None:  # noqa: N802 - the name of 2018
        """Let log lines through, or none at all."""
        _PACKAGE.setLevel(logging.NOTSET if enabled else logging.CRITICAL + 1)


class RunLogger:
    """Logs named values of a run (level INFO)."""

    def log(self, name: str, value: object) -> None:
        """Log one value."""
        _PACKAGE.info("%s: %s", name, value)


def get_azureml_logger() -> RunLogger:
    """A logger for named values."""
    return RunLogger()
