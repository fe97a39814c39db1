"""The names of the 2018 package `cvtk`, so that code written for it runs.

Either its imports change, from ``cvtk`` to ``jupyter_imgcls.cvtk``, or one line before them makes
them work as they are: ``import jupyter_imgcls.cvtk.as_cvtk``.
"""

from . import core
from .core import *  # noqa: F403 -- the names of `core`, as in 2018

__all__ = core.__all__
