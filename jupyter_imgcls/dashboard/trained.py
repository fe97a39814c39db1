"""A trained classifier with the photos that it was tested on, kept for the next visit."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..classifiers import Classifier, load_classifier
from ..data import ClassificationDataset
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
    how : str
        How it was trained, in words.
    """

    def __init__(
        self,
        classifier: Classifier,
        test_set: ClassificationDataset,
        scores: NDArray[np.float32],
        fingerprint: str,
        how: str,
    ) -> None:
        self.classifier = classifier
        self.test_set = test_set
        self.scores = scores
        self.fingerprint = fingerprint
        self.how = how
        self.file: Path | None = None

    def evaluation(self) -> ClassificationEvaluation:
        """The results, by the labels that the test photos have now.

        Raises
        ------
        EvaluationError
            If no test photo has a label of the classifier any more.
        """
        names = [label.name for label in self.classifier.labels]
        column = {name: number for number, name in enumerate(names)}
        known = [column.get(label.name, -1) for label in self.test_set.labels]
        truth = np.array([*known, -1])[self.test_set.label_indices]
        return ClassificationEvaluation.from_scores(
            self.scores, truth, names, paths=list(self.test_set.paths), name=self.test_set.name
        )

    def save(self, folder: Path) -> None:
        """Write all of it into a folder, in place of an earlier training.

        Raises
        ------
        StorageError
            If it cannot be written; the earlier one may be gone then.
        """
        facts = {"fingerprint": self.fingerprint, "how": self.how}
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

    @classmethod
    def load(cls, folder: Path, dataset: ClassificationDataset) -> Trained | None:
        """What `save` wrote; None if there is nothing.

        Raises
        ------
        ArtifactError
            If it is damaged, or its photos are not those of the dataset any more.
        """
        results = folder / "results.npz"
        if not results.is_file():
            return None
        try:
            with np.load(results, allow_pickle=False) as kept:
                scores, paths = kept["scores"].astype(np.float32), kept["paths"].tolist()
                facts = json.loads(str(kept["facts"]))
            row_of = {path: row for row, path in enumerate(dataset.paths)}
            test_set = dataset.take([row_of[path] for path in paths], f"{dataset.name}-test")
            classifier = load_classifier(folder / "classifier.model")
            trained = cls(classifier, test_set, scores, str(facts["fingerprint"]), facts["how"])
        except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
            raise ArtifactError(f"What is kept in {folder} cannot be used: {error!r}") from error
        if scores.shape != (len(paths), len(classifier.class_map)):
            raise ArtifactError(f"What is kept in {folder} does not fit together.")
        trained.file = folder / "classifier.model"
        return trained
