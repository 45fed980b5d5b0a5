"""Reductions over axes: sums, means, extremes."""

from collections.abc import Callable

import numpy as np

from linelet_convert.registry import converter
from linelet_convert.tfgraph import Dtype, Tensor
from linelet_convert.values import Emitter, OnnxNode, Value


def reduce(g: Emitter, op: str, x: Tensor, axes: list[int], dtype: str = "float32") -> Tensor:
    """Reduce axes of a tensor to length 1."""
    shape = x.shape.copy()
    shape[:, axes] = 1
    if op == "Prod":
        # The webgpu backend loses the axes of what comes out as one number, whichever were reduced: the way back from
        # an axis in front restores them.
        full = np.insert(x.shape, 0, 1, axis=1)
        kept = np.insert(shape, 0, 1, axis=1)
        out = g.node(op, [g.reshape(x, full), g.ints([a + 1 for a in axes])], kept, dtype, keep_dims=True)
        return g.reshape(out, shape)
    return g.node(op, [x, g.ints(axes)], shape, dtype, keep_dims=True)


def _finish(node: OnnxNode, g: Emitter, x: Value, tensor: Tensor, axes: list[int], dtype: str) -> Value:
    """The reduced value, its axes of length 1 dropped where keepdims is 0. axes: logical."""
    if node.attribute("keepdims", 1):
        return g.like(tensor, x, dtype)
    gone = [x.order.index(a) for a in axes]
    left = [a for a in x.order if a not in axes]
    order = [sorted(left).index(a) for a in left]
    return g.value(g.reshape(tensor, np.delete(tensor.shape, gone, axis=1)), order, dtype)


_Compute = Callable[[Emitter, Tensor, list[int]], Tensor]

_COMPUTE: dict[str, _Compute] = {
    "ReduceMean": lambda g, x, a: reduce(g, "Mean", x, a),
    "ReduceSum": lambda g, x, a: reduce(g, "Sum", x, a, x.dtype),
    "ReduceMax": lambda g, x, a: reduce(g, "Max", x, a, x.dtype),
    "ReduceMin": lambda g, x, a: reduce(g, "Min", x, a, x.dtype),
    "ReduceProd": lambda g, x, a: reduce(g, "Prod", x, a, x.dtype),
    "ReduceL1": lambda g, x, a: reduce(g, "Sum", g.unary("Abs", x), a),
    "ReduceL2": lambda g, x, a: g.unary("Sqrt", reduce(g, "Sum", g.unary("Square", x), a)),
    "ReduceSumSquare": lambda g, x, a: reduce(g, "Sum", g.unary("Square", x), a),
    "ReduceLogSum": lambda g, x, a: g.unary("Log", reduce(g, "Sum", x, a)),
    "ReduceLogSumExp": lambda g, x, a: log_sum_exp(g, x, a),
}


def log_sum_exp(g: Emitter, x: Tensor, axes: list[int]) -> Tensor:
    """log(sum(exp(x))) without overflow, axes kept."""
    top = reduce(g, "Max", x, axes)
    total = reduce(g, "Sum", g.unary("Exp", g.binary("Sub", x, top)), axes)
    return g.binary("AddV2", g.unary("Log", total), top)


def _register(operator: str, compute: _Compute) -> None:
    @converter(operator, since=1, restrictions="" if operator in ("ReduceSum", "ReduceMax") else "integers")
    def convert(node: OnnxNode, g: Emitter) -> Value:
        x = node.input(0)
        if x.dtype != "float32" and operator not in ("ReduceSum", "ReduceMax"):
            node.refuse(f"reduces {x.dtype}; cast to float32 before")
        axes = node.axes("axes", 1, x.rank)
        if not axes:
            if node.attribute("noop_with_empty_axes", 0):
                return Value(x.shape, x.dtype, x.known, x.tensor, x.order)
            axes = list(range(x.rank))
        physical = sorted(x.order.index(a) for a in axes)
        return _finish(node, g, x, compute(g, g.stored(x, x.order), physical), axes, x.dtype)


for _operator, _compute in _COMPUTE.items():
    _register(_operator, _compute)


def _arg(node: OnnxNode, g: Emitter, op: str) -> Value:
    x = node.input(0)
    if node.attribute("select_last_index", 0):
        node.refuse("picks the last of equals, TensorFlow.js the first; export without select_last_index")
    axis = node.axis(node.attribute("axis", 0), x.rank)
    physical = x.order.index(axis)
    tensor = g.stored(x, x.order)
    kept = tensor.shape.copy()
    kept[:, physical] = 1
    if x.rank == 1:  # as in ``reduce``
        tensor, physical = g.reshape(tensor, np.insert(tensor.shape, 0, 1, axis=1)), 1
    shape = np.delete(tensor.shape, physical, axis=1)
    found = g.node(op, [tensor, g.scalar(physical)], shape, "int32", output_type=Dtype("DT_INT32"))
    return _finish(node, g, x, g.reshape(found, kept), [axis], "int64")


@converter("ArgMax", since=1, restrictions="select_last_index")
def _arg_max(node: OnnxNode, g: Emitter) -> Value:
    return _arg(node, g, "ArgMax")


@converter("ArgMin", since=1, restrictions="select_last_index")
def _arg_min(node: OnnxNode, g: Emitter) -> Value:
    return _arg(node, g, "ArgMin")


@converter("CumSum", since=11, restrictions="an axis computed at run time")
def _cum_sum(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    axis = x.order.index(node.axis(int(node.constant(1, "the axis").reshape(-1)[0]), x.rank))
    tensor = g.stored(x, x.order)
    # The webgpu backend's own reverse counts numbers twice.
    reverse = bool(node.attribute("reverse", 0))
    tensor = g.reverse(tensor, [axis]) if reverse else tensor
    flags = {"exclusive": bool(node.attribute("exclusive", 0)), "reverse": False}
    total = g.node("Cumsum", [tensor, g.scalar(axis)], tensor.shape, tensor.dtype, **flags)
    return g.like(g.reverse(total, [axis]) if reverse else total, x, x.dtype)
