"""What the steps share: the photos and their labels, the trained classifier, and the threshold."""

from __future__ import annotations

import hashlib
import logging
import shutil
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from ..context import Context
from ..data import ClassificationDataset
from ..data.journal import Journal
from ..data.journal.find import last_name
from ..data.types import NO_LABEL
from ..errors import ImgclsError
from .running import Running
from .storage import Kept
from .trained import Trained

if TYPE_CHECKING:
    from ..classifiers import Classifier

__all__ = ["Work"]

_log = logging.getLogger(__name__)
_FEWEST = 2
_SECONDS_BETWEEN = 1.0


class Work(traitlets.HasTraits):
    """One person's work in one dashboard; the steps observe its traits.

    Parameters
    ----------
    context : Context
        The person's storage.
    root : Path
        The folder of which the photos may be chosen. It is only read.

    Attributes
    ----------
    dataset : ClassificationDataset or None
        Trait: the photos that were chosen, with a journal.
    trained : Trained or None
        Trait: the classifier that was trained last.
    threshold : float
        Trait: a photo whose best score is below it is called 'not sure'.
    edits : int
        Trait: grows with every change of a label, by whomever.
    busy : str
        Trait: what is under way, or ``""``.
    elsewhere : str
        Trait: what another page of this person trains, or ``""``.
    lost : str
        Why the model of an earlier visit is not used, or ``""``.
    """

    dataset: Any = traitlets.Any(allow_none=True)
    trained: Any = traitlets.Any(allow_none=True)
    threshold = traitlets.Float(0.5)
    edits = traitlets.Int(0)
    busy = traitlets.Unicode("")
    elsewhere = traitlets.Unicode("")

    def __init__(self, context: Context, root: Path) -> None:
        super().__init__()
        self.context = context
        self.root = root
        self.kept = Kept(context, root)
        self.folder: Path | None = None
        self.running = Running(self.kept.folder)
        self.lost = ""
        self._stamp: object = None

    # -- photos ---------------------------------------------------------------------------------

    def open(self, dataset: ClassificationDataset, folder: Path) -> None:
        """Work on these photos from now on, with the labels and the model of an earlier visit.

        Raises
        ------
        StorageError
            If what is kept cannot be read or written.
        """
        # A notebook may have given the dataset of this folder another name.
        name, place = dataset.source
        dataset.source = (last_name(place, self.context) or name, place)
        journal = Journal.open(dataset, self.context)
        before = self.dataset
        threshold = self.kept.read().get("threshold")
        self.kept.write(photos=str(folder))
        self.folder = folder
        self.threshold = float(threshold) if isinstance(threshold, float) else 0.5
        self.trained, self.lost = None, ""
        self.dataset = dataset
        if before is not None and before.journal is not None:
            before.journal.close()
        journal.listeners.append(self._on_edits)
        journal.watch()
        self._load_trained()

    def _load_trained(self) -> None:
        assert self.folder is not None
        kept = self.kept.of_photos(self.folder)
        self._stamp = Trained.stamp(kept)
        try:
            trained = Trained.load(kept, self.dataset)
            if trained is not None:
                trained.follow(self.journal)
            self.lost, self.trained = "", trained
        except ImgclsError as error:
            # It can be trained again; the labels are what must not be lost.
            _log.warning("The model of %s is not used: %s", self.folder, error)
            self.lost = f"The model that you trained before cannot be used. {error}"

    def watch(self) -> None:
        """Call `look` every second in a thread, as long as this object is there."""
        threading.Thread(
            target=_look_again, args=(weakref.ref(self),), name="imgcls-dashboard", daemon=True
        ).start()

    def look(self) -> None:
        """See what another page of this person does, and take over a model that it trained."""
        self.elsewhere = self.running.elsewhere()
        if self.folder is not None and self.dataset is not None and not self.busy:
            stamp = Trained.stamp(self.kept.of_photos(self.folder))
            if stamp not in (None, self._stamp):
                self._load_trained()

    def _on_edits(self, rows: frozenset[int] | None) -> None:
        if rows is None and self.trained is not None:
            self.trained.follow(self.journal)
        self.edits += 1

    @property
    def journal(self) -> Journal:
        """The journal of the photos."""
        journal = None if self.dataset is None else Journal.of(self.dataset)
        if journal is None:
            raise ImgclsError("First choose photos.")
        return journal

    # -- labels ---------------------------------------------------------------------------------

    def labelled(self) -> ClassificationDataset:
        """The photos that have a label and are not excluded."""
        return self.dataset.take(np.flatnonzero(self._used() >= 0))  # type: ignore[no-any-return]

    def counts(self) -> dict[str, int]:
        """Photos of each class, without the excluded ones."""
        used = self._used()
        counts = np.bincount(used[used >= 0], minlength=len(self.dataset.labels))
        return {
            label.name: int(count) for label, count in zip(self.dataset.labels, counts, strict=True)
        }

    def unlabelled(self) -> int:
        """How many photos have no label, without the excluded ones."""
        without = self.dataset.label_indices == NO_LABEL
        without[self.journal.excluded] = False
        return int(without.sum())

    def missing(self) -> str:
        """What is missing for a training, or ``""``."""
        if self.dataset is None:
            return "First choose photos"
        counts = self.counts()
        enough = sum(count >= _FEWEST for count in counts.values())
        if enough < 2:
            has = f"there {'is' if enough == 1 else 'are'} {enough or 'none'}"
            return f"2 classes with at least {_FEWEST} labelled photos each are needed; {has}"
        return ""

    def fingerprint(self) -> str:
        """Of which photo has which label: the same for the same labels."""
        used = self._used()
        names = [name for name, count in self.counts().items() if count]
        numbers = np.unique(used[used >= 0])
        digest = hashlib.sha256("\0".join([*names, *map(str, numbers)]).encode())
        digest.update(used.tobytes())
        return digest.hexdigest()

    def last_edit(self) -> tuple[str, int]:
        """The journal's file, and the number of the last edit in it."""
        return self.journal.file.name, self.journal.last_edit

    @property
    def stale(self) -> bool:
        """Whether labels were changed since the training."""
        return self.trained is not None and self.trained.fingerprint != self.fingerprint()

    def _used(self) -> NDArray[np.int32]:
        used: NDArray[np.int32] = self.dataset.label_indices
        used[self.journal.excluded] = NO_LABEL
        return used

    # -- the trained classifier -----------------------------------------------------------------

    def keep_trained(
        self,
        classifier: Classifier,
        test_set: ClassificationDataset,
        scores: NDArray[np.float32],
        fingerprint: str,
        edit: tuple[str, int],
        how: str,
    ) -> None:
        """Keep a classifier and how it did, on disk too.

        Parameters
        ----------
        test_set : ClassificationDataset
            Photos that it was not trained on.
        scores : ndarray of float32, shape (n, classes)
            Of the test set.
        fingerprint : str
            Of the labels that it was trained with.
        edit : tuple of (str, int)
            See `last_edit`.
        how : str
            How it was trained, in words.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        assert self.folder is not None
        trained = Trained(classifier, test_set, scores, fingerprint, edit, how)
        trained.follow(self.journal)
        kept = self.kept.of_photos(self.folder)
        trained.save(kept)
        self._stamp = Trained.stamp(kept)
        self.lost, self.trained = "", trained

    def forget(self) -> None:
        """Delete the models and the uploads, and begin anew; the journal of the labels stays."""
        journal = self.journal
        self.trained = self.dataset = self.folder = None
        journal.close()
        shutil.rmtree(self.kept.folder)

    def choose_threshold(self, threshold: float) -> None:
        """Take another threshold, and remember it."""
        if threshold != self.threshold:
            self.threshold = threshold
            self.kept.write(threshold=threshold)


def _look_again(reference: weakref.ref[Work]) -> None:
    while (work := reference()) is not None:
        try:
            work.look()
        except Exception:  # noqa: BLE001 - logged; the next look may succeed
            _log.exception("The dashboard cannot see what other pages do.")
        del work
        time.sleep(_SECONDS_BETWEEN)
