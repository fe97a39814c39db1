"""Exceptions, whose messages say what to do next.

Each is an `ImgclsError`, and also the built-in exception that a caller would expect, so
``except ValueError`` and ``except ImgclsError`` both work.
"""

from __future__ import annotations

from importlib.util import find_spec

__all__ = [
    "ArtifactError",
    "BackendUnavailableError",
    "CollectError",
    "DatasetError",
    "DeploymentError",
    "DownloadError",
    "EvaluationError",
    "ImgclsError",
    "MissingExtraError",
    "ServiceError",
    "StorageError",
    "TrainingError",
    "UnknownBaseModelError",
    "UnreadableImageError",
    "WeightsError",
    "require_extra",
]


class ImgclsError(Exception):
    """Base of all exceptions that this package raises on purpose."""


class OtherTaskError(ImgclsError, NotImplementedError):
    """A name of 2018 that is not about image classification was used."""


class MissingExtraError(ImgclsError, ImportError):
    """A feature needs packages that are not installed; the message names the extra to install."""


def require_extra(extra: str, module: str, need: str) -> None:
    """Check that an optional package is installed.

    Parameters
    ----------
    extra : str
        Extra of this package that installs it, such as ``"load"``.
    module : str
        Module to look for; it is not imported.
    need : str
        What needs which package, in words: ``"Load tests need Locust"``.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    if find_spec(module) is None:
        raise MissingExtraError(f"{need}: pip install 'jupyter_imgcls[{extra}]'")


class StorageError(ImgclsError, OSError):
    """A folder or file of the storage context cannot be created or written."""


class DatasetError(ImgclsError, ValueError):
    """A dataset cannot be created from the given data, or does not support an operation."""


class UnreadableImageError(ImgclsError, ValueError):
    """One image file cannot be read.

    Parameters
    ----------
    source : str
        The path, or a description such as ``"uploaded bytes"``.
    reason : str
        Why, without the path; `ClassificationDataset.problems` shows it.
    """

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason


class CollectError(ImgclsError, RuntimeError):
    """Images of a URL or a text query cannot be downloaded."""


class DownloadError(ImgclsError, OSError):
    """A file cannot be downloaded, or fails verification."""


class BackendUnavailableError(ImgclsError, ImportError):
    """The training framework is not installed, or does not run on this machine."""


class UnknownBaseModelError(ImgclsError, ValueError):
    """There is no base model of that name."""


class WeightsError(ImgclsError, RuntimeError):
    """Pretrained weights cannot be found, downloaded, verified or fitted to the network."""


class TrainingError(ImgclsError, RuntimeError):
    """Training cannot start or continue."""


class EvaluationError(ImgclsError, ValueError):
    """A metric is undefined for the data given."""


class ArtifactError(ImgclsError, ValueError):
    """A saved model file is damaged, foreign, too new, or refused for safety."""


class DeploymentError(ImgclsError, RuntimeError):
    """A service cannot be started, found, stopped or packed."""


class ServiceError(ImgclsError, RuntimeError):
    """A service cannot be reached, refuses a request, or could not score a photo."""
