"""GRU, LSTM and RNN, unrolled: TensorFlow.js runs a chain of small kernels a step, without control flow.

The input's share of all gates is one product for all steps. What a step costs is mostly the number of its kernels, and
cutting a large tensor copies all of it (the wasm backend reads a tensor whole to slice it): hence ``unstack``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linelet_convert.emitter import Emitter, OnnxNode, Value
from linelet_convert.operators.convolution import fused_conv
from linelet_convert.registry import converter
from linelet_convert.tfgraph import Array, Tensor, static

_ACTIVATIONS = {"GRU": ["sigmoid", "tanh"], "LSTM": ["sigmoid", "tanh", "tanh"], "RNN": ["tanh"]}
_GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}


@dataclass(frozen=True)
class Direction:
    """One direction's weights: w (K, D), r (K, H), biases wb and rb (K,), K = gates * H, and its initial states.

    A state is None where it is zero, else a tensor (N, H) or (1, H).
    """

    w: Array
    r: Array
    wb: Array
    rb: Array
    reverse: bool
    h: Tensor | None
    c: Tensor | None


def unstack(g: Emitter, x: Tensor) -> list[Tensor]:
    """The T tensors (N, K) of a tensor (T, N, K), cut in two levels so that no step copies the whole."""
    steps = int(x.shape[0, 0])
    size = max(1, round(steps**0.5))
    sizes = [min(size, steps - start) for start in range(0, steps, size)]
    parts = []
    for chunk, count in zip(g.split(x, sizes, 0), sizes, strict=True):
        shapes = [chunk.shape[:, 1:]] * count
        parts += g.nodes_of("Unpack", [chunk], shapes, x.dtype, num=count, axis=0)
    return parts


def project(g: Emitter, x: Tensor, weights: Array, bias: Array) -> Tensor:
    """x (T, N, D) @ weights' (K, D) + bias (K,) -> (T, N, K), one product for all steps."""
    flat = np.insert(x.shape, 1, 1, axis=1)
    filters = weights.T.astype(np.float32)[None, None]
    out = fused_conv(g, g.reshape(x, flat), filters, bias.astype(np.float32), [1, 1], [(0, 0), (0, 0)], [1, 1])
    return g.reshape(out, np.delete(out.shape, 1, axis=1))


def stack(g: Emitter, steps: Sequence[Tensor]) -> Tensor:
    """T tensors (N, H) -> (T, N, H)."""
    joined = g.concat(steps, 0)
    n, h = steps[0].shape.T
    return g.reshape(joined, np.stack([np.full_like(n, len(steps)), n, h], axis=1))


def _directions(node: OnnxNode, g: Emitter, x: Value) -> list[Direction]:
    kind = node.proto.op_type
    gates = _GATES[kind]
    w, r = node.constant(1, "W"), node.constant(2, "R")
    bias = node.constant(3, "B") if node.optional(3) else np.zeros((w.shape[0], 2 * w.shape[1]), np.float32)
    hidden = node.attribute("hidden_size", r.shape[2] if r.ndim == 3 else 0)
    which = node.attribute("direction", "forward")
    count = 2 if which == "bidirectional" else 1
    fits = w.shape == (count, gates * hidden, int(x.shape[0, 2])) and r.shape == (count, gates * hidden, hidden)
    if not fits or bias.shape != (count, 2 * gates * hidden):
        node.refuse(f"weights of shape {w.shape}, {r.shape}, {bias.shape} do not fit the input; export again")
    given = [a.lower() for a in node.attribute("activations") or _ACTIVATIONS[kind] * count]
    if given != _ACTIVATIONS[kind] * count:
        node.refuse(f"activations {given} are not {_ACTIVATIONS[kind]}; export with the usual ones")
    if node.attribute("clip") is not None or node.attribute("input_forget", 0):
        node.refuse("clips its gates or couples them (input_forget); export without")
    lengths = node.optional(4)
    if lengths is not None:
        steps = x.shape[:, 0]
        if lengths.known is None or any((k != s).any() for k, s in zip(lengths.known, steps, strict=True)):
            node.refuse("has sequence_lens; every line has all of the picture's steps, export without")
    if kind == "LSTM" and node.optional(7) is not None and node.constant(7, "P").any():
        node.refuse("has peepholes; export without")
    h = _initial(node, g, 5, count)
    c = _initial(node, g, 6, count) if kind == "LSTM" else [None] * count
    half = gates * hidden
    return [
        Direction(w[i], r[i], bias[i, :half], bias[i, half:], which == "reverse" or i == 1, h[i], c[i])
        for i in range(count)
    ]


def _initial(node: OnnxNode, g: Emitter, index: int, count: int) -> list[Tensor | None]:
    """The initial state of each direction; (directions, N, H), or (N, directions, H) with layout 1."""
    value = node.optional(index)
    if value is None:
        return [None] * count
    axis = 1 if node.attribute("layout", 0) else 0
    if value.known is not None:
        if all(not k.any() for k in value.known):
            return [None] * count
        rows = [k.take([0], axis=1 - axis) for k in value.known]
        if all(
            np.array_equal(np.broadcast_to(r, k.shape), k) and np.array_equal(r, rows[0])
            for r, k in zip(rows, value.known, strict=True)
        ):
            return [g.constant(rows[0].take(i, axis=axis)) for i in range(count)]
    order = (1, 0, 2) if axis else (0, 1, 2)
    parts = g.split(g.stored(value, order), [1] * count, 0)
    return [g.reshape(p, p.shape[:, 1:]) for p in parts]


def _input(node: OnnxNode, g: Emitter) -> tuple[Value, Tensor]:
    """The input with logical axes (T, N, D), and its tensor (T, N, D)."""
    x = node.input(0)
    if x.rank != 3:
        node.refuse(f"input has {x.rank} axes instead of 3; export again")
    if node.attribute("layout", 0):
        x = Value(x.shape[:, [1, 0, 2]], x.dtype, x.known, x.tensor, tuple((1, 0, 2)[a] for a in x.order))
    if not static(x.shape[:, :1]):
        node.refuse("is unrolled and needs the input's width fixed; name one or several with --width 200,400")
    return x, g.stored(x)


def _outputs(node: OnnxNode, g: Emitter, runs: list[Tensor], lasts: list[list[Tensor]]) -> list[Value]:
    """Y from each direction's hidden states (T, N, H) in the order of the picture, then Y_h (and Y_c) from the last."""
    steps, n, hidden = runs[0].shape.T
    joined = g.concat(runs, 2)  # (T, N, directions * H)
    shape = np.stack([steps, n, np.full_like(n, len(runs)), hidden], axis=1)
    y = g.reshape(joined, shape)
    layout = node.attribute("layout", 0)
    # Logically (T, directions, N, H), or (N, T, directions, H) with layout 1.
    values = [g.value(y, (1, 0, 2, 3) if layout else (0, 2, 1, 3))]
    for states in lasts:
        last = g.concat([g.reshape(s, np.insert(s.shape, 0, 1, axis=1)) for s in states], 0)  # (directions, N, H)
        values.append(g.value(last, (1, 0, 2) if layout else (0, 1, 2)))
    return values[: max(1, node.outputs)]


def _times(direction: Direction, steps: int) -> list[int]:
    return list(range(steps))[::-1] if direction.reverse else list(range(steps))


@converter("GRU", since=7, restrictions="activations but the usual, clip, sequence_lens, weights computed at run time")
def _gru(node: OnnxNode, g: Emitter) -> list[Value]:
    x, stored = _input(node, g)
    before = bool(node.attribute("linear_before_reset", 0))
    directions = _directions(node, g, x)
    if before and len(directions) == 2 and all(d.h is None for d in directions):
        both, last = _gru_both(g, stored, directions)
        return _outputs(node, g, both, [last])
    runs, lasts = [], []
    for d in directions:
        run = _gru_run(g, stored, d, before)
        runs.append(stack(g, run))
        lasts.append(run[0] if d.reverse else run[-1])
    return _outputs(node, g, runs, [lasts])


def _gru_run(g: Emitter, x: Tensor, d: Direction, before: bool) -> list[Tensor]:
    """The hidden states (N, H) of one direction, in the order of the picture."""
    size = d.r.shape[1]
    w, wb, r, rb = d.w, d.wb, d.r.T.astype(np.float32), d.rb
    gx = unstack(g, project(g, x, w[: 2 * size], (wb + rb)[: 2 * size]))
    # The candidate's recurrent bias goes inside the reset gate's product or beside it.
    inner = rb[2 * size :].astype(np.float32)
    nx = unstack(g, project(g, x, w[2 * size :], wb[2 * size :] + (0 if before else inner)))
    gates, candidate = g.constant(r[:, : 2 * size]), g.constant(r[:, 2 * size :])
    h = d.h
    run: dict[int, Tensor] = {}
    for t in _times(d, len(gx)):
        h = _gru_step(g, h, gx[t], nx[t], gates, candidate, inner, before)
        run[t] = h
    return [run[t] for t in range(len(gx))]


def _gru_step(
    g: Emitter, h: Tensor | None, gx: Tensor, nx: Tensor, gates: Tensor, candidate: Tensor, inner: Array, before: bool
) -> Tensor:
    """The next hidden state (N, H) from this one (None: zero) and the input's share of gates and candidate."""
    if h is not None:
        gx = g.binary("AddV2", gx, g.matmul(h, gates))
    half = int(gx.shape[0, 1]) // 2
    update, reset = g.split(g.unary("Sigmoid", gx), [half, half], 1)
    if before:
        recurrent = g.constant(inner[None]) if h is None else g.matmul_bias(h, candidate, inner)
        nx = g.binary("AddV2", nx, g.binary("Mul", reset, recurrent))
    elif h is not None:
        nx = g.binary("AddV2", nx, g.matmul(g.binary("Mul", reset, h), candidate))
    new = g.unary("Tanh", nx)
    if h is None:
        return g.binary("Sub", new, g.binary("Mul", update, new))
    return g.binary("AddV2", new, g.binary("Mul", update, g.binary("Sub", h, new)))


def _gru_both(g: Emitter, x: Tensor, directions: list[Direction]) -> tuple[list[Tensor], list[Tensor]]:
    """Hidden states (T, N, H) and last states (N, H) of both directions, run as one chain of states (N, 2 H).

    Half the kernels for twice the products, half of them with zeros.

    At batch 1 a third faster than two chains (kernels cost more than products), at batch 16 a tenth slower.
    """
    size = directions[0].r.shape[1]
    sources = [x, g.node("ReverseV2", [x, g.ints([0])], x.shape)]

    def share(gate: int) -> Tensor:
        """The input's share of a gate for both directions, (T, N, 2 H)."""
        rows = slice(gate * size, (gate + 1) * size)
        return g.concat(
            [
                project(g, source, d.w[rows], d.wb[rows] + (d.rb[rows] if gate < 2 else 0))
                for d, source in zip(directions, sources, strict=True)
            ],
            2,
        )

    def weights(gate: int) -> Array:
        """Both directions' recurrent weights of a gate on a diagonal, (2 H, 2 H)."""
        block = np.zeros((2 * size, 2 * size), np.float32)
        for i, d in enumerate(directions):
            own = slice(i * size, (i + 1) * size)
            block[own, own] = d.r[gate * size : (gate + 1) * size].T
        return block

    gx = unstack(g, g.concat([share(0), share(1)], 2))
    nx = unstack(g, share(2))
    gates, candidate = g.constant(np.concatenate([weights(0), weights(1)], axis=1)), g.constant(weights(2))
    inner = np.concatenate([d.rb[2 * size :] for d in directions]).astype(np.float32)
    h: Tensor | None = None
    run = []
    for own_gx, own_nx in zip(gx, nx, strict=True):
        h = _gru_step(g, h, own_gx, own_nx, gates, candidate, inner, before=True)
        run.append(h)
    forward, turned = g.split(stack(g, run), [size, size], 2)
    return [forward, g.node("ReverseV2", [turned, g.ints([0])], turned.shape)], g.split(run[-1], [size, size], 1)


@converter("LSTM", since=7, restrictions="activations but the usual, clip, peepholes, sequence_lens, input_forget")
def _lstm(node: OnnxNode, g: Emitter) -> list[Value]:
    x, stored = _input(node, g)
    runs, last_h, last_c = [], [], []
    for d in _directions(node, g, x):
        size = d.r.shape[1]
        steps = unstack(g, project(g, stored, d.w, d.wb + d.rb))  # input, output, forget, cell
        r = g.constant(d.r.T.astype(np.float32))
        h, c = d.h, d.c
        run: dict[int, Tensor] = {}
        for t in _times(d, len(steps)):
            gates = steps[t] if h is None else g.binary("AddV2", steps[t], g.matmul(h, r))
            gates, new = g.split(gates, [3 * size, size], 1)
            put, out, keep = g.split(g.unary("Sigmoid", gates), [size] * 3, 1)
            new = g.binary("Mul", put, g.unary("Tanh", new))
            c = new if c is None else g.binary("AddV2", new, g.binary("Mul", keep, c))
            h = g.binary("Mul", out, g.unary("Tanh", c))
            run[t] = h
        assert h is not None
        assert c is not None
        runs.append(stack(g, [run[t] for t in range(len(steps))]))
        last_h.append(h)
        last_c.append(c)
    return _outputs(node, g, runs, [last_h, last_c])


@converter("RNN", since=7, restrictions="activations but tanh, clip, sequence_lens")
def _rnn(node: OnnxNode, g: Emitter) -> list[Value]:
    x, stored = _input(node, g)
    runs, lasts = [], []
    for d in _directions(node, g, x):
        steps = unstack(g, project(g, stored, d.w, d.wb + d.rb))
        r = g.constant(d.r.T.astype(np.float32))
        h = d.h
        run: dict[int, Tensor] = {}
        for t in _times(d, len(steps)):
            h = g.unary("Tanh", steps[t] if h is None else g.binary("AddV2", steps[t], g.matmul(h, r)))
            run[t] = h
        assert h is not None
        runs.append(stack(g, [run[t] for t in range(len(steps))]))
        lasts.append(h)
    return _outputs(node, g, runs, [lasts])
