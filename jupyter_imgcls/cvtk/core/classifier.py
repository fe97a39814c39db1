"""The names of 2018 for classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...backends.base import ImageDims
from ...classifiers import ScikitClassifier, TransferLearningModel
from ...data import Label

__all__ = ["CNTKTLModel", "ScikitClassifier"]


class CNTKTLModel(TransferLearningModel):
    """`TransferLearningModel` with the keyword and the default base model of 2018.

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
