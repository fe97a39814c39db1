"""The names of 2018 for classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...backends.base import ImageDims
from ...classifiers import ScikitClassifier, TrainingRun, TransferLearningModel
from ...classifiers.training import LEARNING_RATE
from ...data import ClassificationDataset, Label

__all__ = ["CNTKTLModel", "ScikitClassifier"]


class CNTKTLModel(TransferLearningModel):
    """`TransferLearningModel` with the keywords and the default base model of 2018.

    Parameters
    ----------
    labels, image_dims, class_map
        See `TransferLearningModel`.
    base_model_name : str
        Its `base_model`; the names of 2018 (``"ResNet50_ImageNet_CNTK"``) are understood.
    """

    def __init__(
        self,
        labels: Sequence[Label | str],
        base_model_name: str = "ResNet18_ImageNet_CNTK",
        image_dims: ImageDims = (3, 224, 224),
        class_map: Mapping[int, str] | None = None,
    ) -> None:
        super().__init__(labels, base_model_name, image_dims, class_map=class_map)

    def train(  # type: ignore[override]
        self,
        train_set: ClassificationDataset,
        lr_per_mb: float | Sequence[float] = LEARNING_RATE,
        mb_size: int = 32,
        num_epochs: int | None = None,
        eval_dataset: ClassificationDataset | None = None,
        **options: Any,
    ) -> TrainingRun:
        """Refine the network; see `TransferLearningModel.train`.

        Parameters
        ----------
        lr_per_mb, mb_size
            Its `learning_rate` and `batch_size`.
        """
        return super().train(train_set, lr_per_mb, mb_size, num_epochs, eval_dataset, **options)
