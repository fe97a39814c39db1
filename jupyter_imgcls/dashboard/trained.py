"""A trained classifier with the photos that it was tested on, kept for the next visit."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..classifiers import Classifier, load_classifier
from ..data import ClassificationDataset
from ..data.journal import Journal
from ..errors import ArtifactError
from ..evaluation import ClassificationEvaluation
from ..files import write_whole

__all__ = ["Trained"]


class Trained:
    """What one training came to.

    Parameters
    ----------
    classifier : Classifier
    test_set : ClassificationDataset
        Photos that it was not trained on.
    scores : ndarray of float32, shape (n, classes)
        Of the test set.
    fingerprint : str
        Of the labels that it was trained with; see `Work.fingerprint`.
    edit : tuple of (str, int)
        The journal's file, and its last edit before the training.
    how : str
        How it was trained, in words.
    missing : sequence of str
        Test photos that are not there any more; they are in neither `test_set` nor `scores`.

    Attributes
    ----------
    names : list of str
        What the classes of the scores are called now; see `follow`.
    """

    def __init__(
        self,
        classifier: Classifier,
        test_set: ClassificationDataset,
        scores: NDArray[np.float32],
        fingerprint: str,
        edit: tuple[str, int],
        how: str,
        missing: Sequence[str] = (),
    ) -> None:
        self.classifier = classifier
        self.test_set = test_set
        self.scores = scores
        self.fingerprint = fingerprint
        self.edit = edit
        self.how = how
        self.missing = missing
        self.file: Path | None = None
        self.names = [label.name for label in classifier.labels]

    def follow(self, journal: Journal) -> None:
        """Call classes that were renamed since the training by their new names."""
        file, edit = self.edit
        names = [label.name for label in self.classifier.labels]
        if file == journal.file.name:
            now = journal.renamed_since(edit, names)
            # Two are called the same where a class was merged, and another got its name.
            names = now if len(set(now)) == len(now) else names
        self.names = names

    def evaluation(self) -> ClassificationEvaluation:
        """The results, by the labels that the test photos have now.

        Raises
        ------
        EvaluationError
            If no test photo has a label of the classifier any more.
        """
        truth = np.maximum(self.test_set.label_columns(self.names), -1)
        return ClassificationEvaluation.from_scores(
            self.scores, truth, self.names, paths=list(self.test_set.paths), name=self.test_set.name
        )

    def save(self, folder: Path) -> None:
        """Write all of it into a folder, in place of an earlier training.

        Raises
        ------
        StorageError
            If it cannot be written; the earlier one may be gone then.
        """
        facts = {"fingerprint": self.fingerprint, "edit": self.edit, "how": self.how}
        buffer = io.BytesIO()
        np.savez(
            buffer,
            scores=self.scores,
            paths=np.array(list(self.test_set.paths)),
            facts=np.array(json.dumps(facts)),
        )
        # The scores last: without them the model of another training is not taken for this one's.
        (folder / "results.npz").unlink(missing_ok=True)
        self.file = self.classifier.serialize(folder / "classifier.model")
        write_whole(folder / "results.npz", buffer.getvalue())

    @staticmethod
    def stamp(folder: Path) -> tuple[int, int] | None:
        """Another one for each training that was saved there; None if there is nothing."""
        try:
            status = (folder / "results.npz").stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino

    @classmethod
    def load(cls, folder: Path, dataset: ClassificationDataset) -> Trained | None:
        """What `save` wrote; None if there is nothing.

        Raises
        ------
        ArtifactError
            If it is damaged, or none of its test photos is in the dataset any more.
        """
        results = folder / "results.npz"
        if not results.is_file():
            return None
        try:
            with np.load(results, allow_pickle=False) as kept:
                scores, paths = kept["scores"].astype(np.float32), kept["paths"].tolist()
                facts = json.loads(str(kept["facts"]))
            row_of = dataset.paths.find(set(paths))
            there = [number for number, path in enumerate(paths) if path in row_of]
            missing = [path for path in paths if path not in row_of]
            rows = [row_of[paths[number]] for number in there]
            test_set = dataset.take(rows, f"{dataset.name}-test")
            classifier = load_classifier(folder / "classifier.model")
            fingerprint, how = str(facts["fingerprint"]), str(facts["how"])
            edit = (str(facts["edit"][0]), int(facts["edit"][1]))
        except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
            raise ArtifactError(f"What is kept in {folder} cannot be used: {error!r}") from error
        if scores.shape != (len(paths), len(classifier.class_map)):
            raise ArtifactError(f"What is kept in {folder} does not fit together.")
        if not there:
            raise ArtifactError("None of the photos that it was tested on is there any more.")
        trained = cls(classifier, test_set, scores[there], fingerprint, edit, how, missing)
        trained.file = folder / "classifier.model"
        return trained
