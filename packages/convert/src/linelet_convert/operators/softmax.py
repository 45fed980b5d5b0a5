"""Softmax and its logarithm."""

import numpy as np

from linelet_convert.operators.reduction import log_sum_exp
from linelet_convert.registry import converter
from linelet_convert.tfgraph import Tensor
from linelet_convert.values import Emitter, OnnxNode, Value


def softmax_last(g: Emitter, x: Tensor) -> Tensor:
    """Softmax over the last axis."""
    return g.unary("Softmax", x)


def log_softmax_last(g: Emitter, x: Tensor) -> Tensor:
    """log(softmax) over the last axis."""
    return g.binary("Sub", x, log_sum_exp(g, x, [x.rank - 1]))


def _convert(node: OnnxNode, g: Emitter) -> Value:
    apply = softmax_last if node.proto.op_type == "Softmax" else log_softmax_last
    x = node.input(0)
    axis = node.axis(node.attribute("axis", -1 if node.opset >= 13 else 1), x.rank)
    if node.opset < 13 and not (x.shape[:, axis + 1 :] == 1).all():
        # Before opset 13 all axes from this one on were one.
        plain = g.stored(x)
        flat = np.stack([x.shape[:, :axis].prod(axis=1), x.shape[:, axis:].prod(axis=1)], axis=1)
        return g.value(g.reshape(apply(g, g.reshape(plain, flat)), x.shape))
    order = [*(a for a in x.order if a != axis), axis]
    return g.value(apply(g, g.stored(x, order)), order)


converter("Softmax", since=1)(_convert)
converter("LogSoftmax", since=1)(_convert)
