"""Names of 2018 for tasks that are not image classification."""

from __future__ import annotations

from typing import Any, NoReturn

from ..errors import OtherTaskError

__all__ = ["DetectionEvaluation", "ObjectDetectionDataset", "OtherTask", "TFFasterRCNN"]


class OtherTask:
    """A name that can be imported, and says that it is not here when it is used.

    Parameters
    ----------
    name : str
        The name of 2018.
    task : str
        What it was for.
    """

    def __init__(self, name: str, task: str) -> None:
        self._name, self._task = name, task

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        """Explain."""
        raise OtherTaskError(
            f"{self._name} is for {self._task}, and this package classifies whole images. The "
            "names that it has are listed in its documentation, under 'Coming from cvtk'."
        )

    def __getattr__(self, name: str) -> OtherTask:
        """A function of the class, such as `create_from_dir`."""
        if name.startswith("_"):
            raise AttributeError(name)
        return OtherTask(f"{self._name}.{name}", self._task)

    def __repr__(self) -> str:
        return f"<{self._name}: {self._task}, not in this package>"


_DETECTION = "object detection"
TFFasterRCNN = OtherTask("TFFasterRCNN", _DETECTION)
ObjectDetectionDataset = OtherTask("ObjectDetectionDataset", _DETECTION)
DetectionEvaluation = OtherTask("DetectionEvaluation", _DETECTION)
