"""The names of 2018 for the storage context."""

from ...context import Context, StorageContext

__all__ = ["Context", "StorageContext"]
