"""The whole workflow as one page, for someone who never sees code."""

from __future__ import annotations

from .page import Dashboard

__all__ = ["Dashboard"]
