"""Watch a load test."""

from .ui import LoadMonitor

__all__ = ["LoadMonitor"]
