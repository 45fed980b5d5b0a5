"""Rounding weights to uint8 by what is multiplied with them, after GPTQ (Frantar et al., arXiv:2210.17323).

Rounding each weight to the nearest level makes errors that add up, since the inputs of a convolution are much alike.
What counts is the sum that a network computes, not the single weight. So the weights are rounded one after another, and
those that are left make up for what each was rounded off by. Layer by layer, what a layer is to compute are the sums of
the whole network, from the inputs that it gets in the rounded one: it makes up for the layers before it, too.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from linelet_convert.interpreter import Interpreter, Step, patches
from linelet_convert.tfgraph import Array
from linelet_convert.tfjs import LEVELS, Stored, grid, quantised

# Positions of a picture beside each other say the same: so many of a batch are enough.
_ROWS = 1000
# More inputs a sum would cost minutes, and their products a gigabyte.
_MOST_INPUTS = 2048
# Of the mean square of the inputs: what a few lines never show must not be free to go anywhere.
_DAMPING = 0.01


def round_network(
    model: Path, names: set[str], feeds: Sequence[dict[str, Array]]
) -> tuple[dict[str, Stored], dict[str, Array]]:
    """Weights of convolutions and products as uint8, and the biases that go with them, float32, by name.

    model: a written graph model, float32. names: of the weights wanted; those of other operators, of depthwise
    convolutions, of over 2048 inputs a sum, and those that several nodes share, as the steps of a recurrence do, are
    left out. feeds: inputs by name to learn from, prepared lines of a reader.
    """
    whole, rounded = Interpreter(model), Interpreter(model)
    stored: dict[str, Stored] = {}
    biases: dict[str, Array] = {}
    for wanted, got in zip(whole.walk(feeds), rounded.walk(feeds), strict=True):
        name = wanted.inputs[1] if len(wanted.inputs) > 1 else ""
        if name not in names or whole.readers[name] > 1 or not _sums(wanted):
            continue
        has_bias = "BiasAdd" in wanted.attributes.get("fused_ops", []) and whole.readers[wanted.inputs[2]] == 1
        bias = wanted.arguments[0][2] if has_bias else None
        rows = [np.concatenate([_rows(step, i) for i in range(len(feeds))]) for step in (wanted, got)]
        if not all(np.isfinite(side).all() for side in rows):
            continue  # nothing is learned from what overflows
        stored[name], weights, bias = fit(wanted.arguments[0][1], bias, rows[0], rows[1])
        for arguments in got.arguments:
            arguments[1] = weights
            if bias is not None:
                arguments[2] = biases[wanted.inputs[2]] = bias
    return stored, biases


def _sums(step: Step) -> bool:
    """Whether a node's second input is weights of sums that can be looked at."""
    weights = step.arguments[0][1]
    if step.op == "MatMul":
        transposed = step.attributes["transpose_a"] or step.attributes["transpose_b"]
        return not transposed and len(weights) <= _MOST_INPUTS
    return step.op in ("_FusedConv2D", "Conv2D") and int(np.prod(weights.shape[:3])) <= _MOST_INPUTS


def _rows(step: Step, batch: int) -> Array:
    """Some of what a node multiplies its weights with: (rows, K)."""
    x, weights = step.arguments[batch][:2]
    rows = x if step.op == "MatMul" else patches(step.attributes, x, weights.shape[:2])
    return rows[:: max(1, len(rows) // _ROWS)]


def fit(weights: Array, bias: Array | None, wanted: Array, got: Array) -> tuple[Stored, Array, Array | None]:
    """uint8 weights whose sums over the inputs ``got`` are nearest to those of the weights over ``wanted``.

    weights: float32 (..., M); bias: float32 (M,), None where there is none to adapt; wanted, got: (rows, K), where K is
    all axes of the weights but the last. Returns the levels, the weights that they stand for, and the new bias.
    """
    target: Array = weights.reshape(-1, weights.shape[-1]).astype(np.float64)  # (K, M)
    left: Array = wanted.astype(np.float64)
    right: Array = got.astype(np.float64)
    if bias is not None:
        ones = np.ones((len(right), 1))
        left, right = np.hstack([left, ones]), np.hstack([right, ones])
        target = np.vstack([target, bias])
    products = right.T @ right / len(right)
    damping = max(_DAMPING * float(np.diag(products).mean()), 1e-9)
    damped = products + damping * np.eye(len(products))
    target = np.linalg.solve(damped, right.T @ left / len(right) @ target + damping * target)
    low, scale = grid(target if bias is None else target[:-1])
    if bias is None:
        levels = _levels(target, damped, low, scale)
        new_bias = None
    else:
        # Whatever the rounding adds on an average, the bias takes away again.
        mean = products[:-1, -1]
        levels = _levels(target[:-1], damped[:-1, :-1] - np.outer(mean, mean), low, scale)
        new_bias = (target[-1] + mean @ (target[:-1] - (levels * scale + low))).astype(np.float32)
    rounded = (levels * scale + low).astype(np.float32).reshape(weights.shape)
    return quantised(levels.reshape(weights.shape), low, scale), rounded, new_bias


def _levels(weights: Array, products: Array, low: float, scale: float) -> Array:
    """Weights (K, M) as uint8 levels, with the least error of sums over inputs whose products (K, K) are given."""
    # The strongest inputs first: most are left to make up for them.
    order = np.argsort(-np.diag(products), kind="stable")
    left = weights[order]
    # Row i of this factor says how the weights behind i make up for an error of i.
    shares = np.linalg.cholesky(np.linalg.inv(products[np.ix_(order, order)])).T
    levels = np.empty(left.shape, np.uint8)
    for i in range(len(left)):
        levels[i] = np.clip(np.round((left[i] - low) / scale), 0, LEVELS)
        error = (left[i] - (levels[i] * scale + low)) / shares[i, i]
        left[i + 1 :] -= np.outer(shares[i, i + 1 :], error)
    back = np.empty_like(levels)
    back[order] = levels
    return back
