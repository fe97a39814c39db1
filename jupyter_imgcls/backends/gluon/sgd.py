"""Stochastic gradient descent with momentum, with access to its state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..mxnet_runtime import import_mxnet
from ..network_weights import check_optimizer_state

__all__ = ["MomentumSgd"]

mx = import_mxnet()


class MomentumSgd:
    """MXNet's ``sgd_mom_update`` over named parameters on one or more devices.

    ``gluon.Trainer`` does the same, but keeps its momentum in a pickle, which is not read from a
    checkpoint here.

    Parameters
    ----------
    parameters : mapping of str to mxnet.gluon.Parameter
        Those to train; each has its gradient.
    contexts : sequence of mxnet.Context
        The devices; gradients are summed over them.
    momentum : float
        In [0, 1).
    l2 : float
        Weight decay of all parameters.
    """

    def __init__(
        self, parameters: Mapping[str, Any], contexts: Sequence[Any], momentum: float, l2: float
    ) -> None:
        self._parameters = parameters
        self._contexts = contexts
        self._options = {"momentum": momentum, "wd": l2}
        self._momenta: dict[str, list[Any]] = {}
        self._store = mx.kv.create("device") if len(contexts) > 1 else None
        if self._store:
            for name, parameter in parameters.items():
                self._store.init(name, parameter.list_data()[0])

    def step(self, learning_rate: float) -> None:
        """Update the parameters, and wait until that is done."""
        if not self._momenta:
            self._momenta = {
                name: [mx.nd.zeros_like(weight) for weight in parameter.list_data()]
                for name, parameter in self._parameters.items()
            }
        for name, parameter in self._parameters.items():
            gradients = parameter.list_grad()
            if self._store:
                self._store.pushpull(name, gradients, out=gradients)
            for weight, gradient, momentum in zip(
                parameter.list_data(), gradients, self._momenta[name], strict=True
            ):
                mx.nd.sgd_mom_update(
                    weight, gradient, momentum, out=weight, lr=learning_rate, **self._options
                )
        for parameter in self._parameters.values():
            for weight in parameter.list_data():
                weight.wait_to_read()

    def get_state(self) -> dict[str, NDArray[np.float32]]:
        """Momentum by parameter name, copied; empty before the first step."""
        return {name: momenta[0].asnumpy() for name, momenta in self._momenta.items()}

    def set_state(self, state: Mapping[str, NDArray[np.float32]]) -> None:
        """Restore what `get_state` returned.

        Raises
        ------
        WeightsError
            If it belongs to other parameters.
        """
        shapes = {name: parameter.shape for name, parameter in self._parameters.items()}
        check_optimizer_state(state, shapes)
        self._momenta = {
            name: [mx.nd.array(value, ctx=context) for context in self._contexts]
            for name, value in state.items()
        }
