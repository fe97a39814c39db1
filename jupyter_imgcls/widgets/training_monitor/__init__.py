"""Watch a training."""

from .ui import TrainingMonitor

__all__ = ["TrainingMonitor"]
