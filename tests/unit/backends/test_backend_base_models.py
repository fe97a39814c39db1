"""Base models are found by name, by their name of 2018, in any case; never replaced silently."""

import pytest

from jupyter_imgcls.backends.base_models import BASE_MODELS, DEFAULT_BASE_MODEL, get_base_model
from jupyter_imgcls.errors import UnknownBaseModelError

FEATURE_SIZES = {
    "efficientnet_lite0": 1280,
    "alexnet": 4096,
    "resnet18": 512,
    "resnet34": 512,
    "resnet50": 2048,
    "resnet101": 2048,
    "resnet152": 2048,
    "squeezenet1.1": 512,
    "mobilenetv2": 1280,
}


def test_the_nine_base_models_state_their_feature_size():
    assert {name: model.feature_size for name, model in BASE_MODELS.items()} == FEATURE_SIZES


def test_the_default_is_the_one_that_needs_no_download():
    assert DEFAULT_BASE_MODEL == "efficientnet_lite0"
    assert "no download" in BASE_MODELS[DEFAULT_BASE_MODEL].weights


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("resnet18", "resnet18"),
        (" ResNet18 ", "resnet18"),
        ("ResNet18_ImageNet_CNTK", "resnet18"),
        ("RESNET50_IMAGENET_CNTK", "resnet50"),
        ("ResNet152_ImageNet_CNTK", "resnet152"),
        ("AlexNet_ImageNet_CNTK", "alexnet"),
    ],
)
def test_names_of_2018_and_any_case_are_understood(asked, found):
    assert get_base_model(asked).name == found


def test_every_entry_says_where_weights_come_from_and_under_which_licence():
    for model in BASE_MODELS.values():
        assert model.weights
        assert model.licence
        assert model.reference
        assert get_base_model(model.name) is model


def test_an_unknown_name_lists_the_base_models_and_the_closest_one():
    with pytest.raises(UnknownBaseModelError, match=r"Did you mean 'resnet18'\?.*squeezenet1\.1"):
        get_base_model("resnet-18")
    with pytest.raises(UnknownBaseModelError) as nothing_close:
        get_base_model("vgg")
    assert "Did you mean" not in str(nothing_close.value)
