"""The names of 2018 for the parameters of a scoring request."""

__all__ = ["ClassificationRESTApiParamters"]


class ClassificationRESTApiParamters:  # the spelling of 2018
    """Keys of the parameters that a scoring request may carry."""

    ADD_SOFTMAX = "addSoftmax"
