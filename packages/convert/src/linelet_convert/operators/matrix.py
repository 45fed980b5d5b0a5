"""Matrix products. With constant weights they are 1 x 1 convolutions: any rank and width, fused bias and activation."""

import numpy as np

from linelet_convert.operators.convolution import fused_conv
from linelet_convert.operators.shaping import broadcast_to
from linelet_convert.registry import converter
from linelet_convert.tfgraph import Array, Tensor
from linelet_convert.values import Emitter, OnnxNode, Value


def linear(g: Emitter, x: Value, weights: Array, bias: Array | None = None) -> Value:
    """x @ weights (K, M) + bias over x's last logical axis, with the axes before it stored in x's order."""
    order = [*(a for a in x.order if a != x.rank - 1), x.rank - 1]
    tensor = g.stored(x, order)
    lead = tensor.shape[:, :-1]
    if lead.shape[1] > 3:
        lead = np.concatenate([lead[:, :-2].prod(axis=1, keepdims=True), lead[:, -2:]], axis=1)
    ones = np.ones((g.probes, 3 - lead.shape[1]), dtype=np.int64)
    # (N, 1, T, K) rather than (1, N, T, K): convolutions want the batch in front.
    flat = np.concatenate([lead[:, :1], ones, lead[:, 1:], tensor.shape[:, -1:]], axis=1)
    out = fused_conv(
        g, g.reshape(tensor, flat), weights.astype(np.float32)[None, None], bias, [1, 1], [(0, 0), (0, 0)], [1, 1]
    )
    shape = tensor.shape.copy()
    shape[:, -1] = weights.shape[1]
    value = g.value(g.reshape(out, shape), order)
    value.source = out.node
    return value


@converter("MatMul", since=1)
def _mat_mul(node: OnnxNode, g: Emitter) -> Value:
    a, b = node.input(0), node.input(1)
    inner = b.shape[:, -2 if b.rank > 1 else -1]
    if a.rank < 1 or b.rank < 1 or not np.array_equal(a.shape[:, -1], inner):
        node.refuse(f"shapes {a.shape[0].tolist()} and {b.shape[0].tolist()} do not fit; export again")
    if b.constant is not None and b.rank == 2 and a.rank > 1 and a.tensor is not None:
        return linear(g, a, b.constant)
    if a.constant is not None and a.rank == 2 and b.rank > 1 and b.tensor is not None:
        # W x is (x' W')': the axes are only renamed.
        turned = linear(g, _turned(b), a.constant.T)
        out = _turned(turned)
        out.source = None  # its channels are no longer the last logical axis, but still the last stored one
        return out
    left = g.expand(a, 2) if a.rank == 1 else a
    right = b
    if b.rank == 1:
        right = Value(
            np.stack([b.shape[:, 0], np.ones_like(b.shape[:, 0])], axis=1),
            b.dtype,
            tensor=g.reshape(g.stored(b), np.pad(b.shape, ((0, 0), (0, 1)), constant_values=1)),
            order=(0, 1),
        )
    product = _product(g, left, right)
    gone = ([product.rank - 2] if a.rank == 1 else []) + ([product.rank - 1] if b.rank == 1 else [])
    if gone:
        return g.value(g.reshape(product, np.delete(product.shape, gone, axis=1)))
    return g.value(product)


def _turned(x: Value) -> Value:
    """The value with its last two logical axes exchanged."""
    last, swapped = x.rank - 1, x.rank - 2
    order = tuple({last: swapped, swapped: last}.get(a, a) for a in x.order)
    shape = x.shape[:, [*range(swapped), last, swapped]]
    return Value(shape, x.dtype, tensor=x.tensor, order=order)


def _product(g: Emitter, a: Value, b: Value) -> Tensor:
    rank = max(a.rank, b.rank)
    a, b = g.expand(a, rank), g.expand(b, rank)
    left = g.stored(a)
    # Where b is stored with its last two axes exchanged, the kernel can read it that way.
    turned = rank > 2 and b.order == (*range(rank - 2), rank - 1, rank - 2)
    right = b.tensor if turned and b.tensor is not None else g.stored(b)
    lead = np.maximum(left.shape[:, :-2], right.shape[:, :-2])
    # The wasm backend broadcasts a whole batch or nothing.
    left, right = (broadcast_to(g, t, np.concatenate([lead, t.shape[:, -2:]], axis=1)) for t in (left, right))
    return g.matmul(left, right, transpose_b=turned)


@converter("Gemm", since=7)
def _gemm(node: OnnxNode, g: Emitter) -> Value:
    a, b, c = node.input(0), node.input(1), node.optional(2)
    alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    a = _turned(a) if node.attribute("transA", 0) and a.tensor is not None else a
    weights, bias = b.constant, None if c is None else c.constant
    if a.tensor is not None and weights is not None and (c is None or _is_row(bias)):
        weights = weights.T if node.attribute("transB", 0) else weights
        if a.rank != 2 or weights.ndim != 2 or weights.shape[0] != int(a.shape[0, 1]):
            node.refuse(f"shapes {a.shape[0].tolist()} and {weights.shape} do not fit; export again")
        row = None if bias is None else np.broadcast_to(bias.reshape(-1) * beta, (weights.shape[1],)).astype(np.float32)
        return linear(g, a, weights * alpha, row)
    if a.tensor is None:
        left = g.constant(np.asarray(a.constant).T if node.attribute("transA", 0) else np.asarray(a.constant))
    else:
        left = g.stored(a)
    right = g.stored(b, (1, 0)) if node.attribute("transB", 0) else g.stored(b)
    out = g.matmul(left, right)
    if alpha != 1:
        out = g.binary("Mul", out, g.scalar(alpha, "float32"))
    if c is not None and beta:
        summand = g.stored(c)
        out = g.binary("AddV2", out, summand if beta == 1 else g.binary("Mul", summand, g.scalar(beta, "float32")))
    return g.value(out)


def _is_row(bias: Array | None) -> bool:
    """Whether a summand is the same for every row: one number, or one a column."""
    return bias is not None and bias.size == (bias.shape[-1] if bias.ndim else 1)
