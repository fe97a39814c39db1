"""A service as a Docker image."""

from .image import DockerImage

__all__ = ["DockerImage"]
