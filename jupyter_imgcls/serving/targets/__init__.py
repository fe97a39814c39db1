"""Where a service runs."""

from .base import Target
from .cluster import ClusterTarget
from .local import LocalTarget

__all__ = ["TARGETS", "Target"]

TARGETS: dict[str, Target] = {"local": LocalTarget(), "cluster": ClusterTarget()}
