"""Training in bfloat16 without touching what else runs in the process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import TrainingError
from ..mxnet_runtime import import_mxnet

__all__ = ["bf16_copy"]

mx = import_mxnet()


def bf16_copy(body: Any, contexts: Sequence[Any]) -> Any:
    """Convert a block's graph to mixed precision; float32 weights are shared with the original.

    ``mxnet.contrib.amp.init`` would patch MXNet's operators for every network in the process.
    Converting the graph instead puts casts around the convolutions and dense layers of this copy
    only.

    Parameters
    ----------
    body : mxnet.gluon.HybridBlock
        Initialized; stays as it is.
    contexts : sequence of mxnet.Context
        Where it will run.

    Returns
    -------
    mxnet.gluon.SymbolBlock
        Takes and returns float32.

    Raises
    ------
    TrainingError
        On a GPU, where MXNet 1.9 has no bfloat16, or on a CPU that cannot compute in it.
    """
    if any(context.device_type != "cpu" for context in contexts):
        raise TrainingError("precision='bf16' works on CPUs only. Use precision='fp32' on a GPU.")
    # By way of a graph: where NumPy knows no bfloat16, MXNet's own operators do not take it.
    convolution = mx.sym.Convolution(
        mx.sym.var("image"), mx.sym.var("weight"), kernel=(3, 3), num_filter=1, no_bias=True
    )
    probe = mx.contrib.amp.convert_symbol(convolution, target_dtype="bfloat16")
    pixels = mx.nd.zeros((1, 1, 3, 3))
    try:
        probe.eval(mx.cpu(), image=pixels, weight=pixels)[0].wait_to_read()
    except mx.MXNetError as error:
        raise TrainingError(
            "This CPU cannot compute in bfloat16 (it has no AVX-512). Use precision='fp32'."
        ) from error
    graph = mx.contrib.amp.convert_symbol(body(mx.sym.var("images")), target_dtype="bfloat16")
    images = mx.sym.var("images", dtype="float32")
    return mx.gluon.SymbolBlock(graph, images, params=body.collect_params())
