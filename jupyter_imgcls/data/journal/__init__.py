"""The label journal: label edits on disk, with undo and redo."""

from .journal import Journal
from .log import Edit
from .relocate import CommitPlan, Move

__all__ = ["CommitPlan", "Edit", "Journal", "Move"]
