"""The module of 2018 for object detection: its names can be imported, and explain themselves."""

from __future__ import annotations

from ..other_tasks import OtherTask


def __getattr__(name: str) -> OtherTask:
    if name.startswith("_"):
        raise AttributeError(name)
    return OtherTask(f"detection_utils.{name}", "object detection")
