"""GRU, LSTM and RNN, unrolled: TensorFlow.js runs a chain of small kernels a step, without control flow.

A step costs by the number of its kernels, and by what they copy. So
- the input's share of each gate is one product for all steps, from which GatherNd takes a step's: the wasm backend
  reads a tensor whole to slice, split or unstack it, and turns one around element by element;
- every gate has a product of its own, since one for all would have to be split;
- products are 1 x 1 convolutions: they take tensors (N, 1, 1, K) as they are, where MatMul looks at them anew;
- batch normalisation multiplies and adds at once, (x - mean) * scale + offset, and takes any tensor for each of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from linelet_convert.operators.convolution import fused_conv
from linelet_convert.registry import converter
from linelet_convert.tfgraph import Array, Tensor, static
from linelet_convert.values import Emitter, OnnxNode, Value

_ACTIVATIONS = {"GRU": ["sigmoid", "tanh"], "LSTM": ["sigmoid", "tanh", "tanh"], "RNN": ["tanh"]}
_GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}


@dataclass(frozen=True)
class Direction:
    """One direction's weights: w (K, D), r (K, H), biases wb and rb (K,), K = gates * H, and its initial states.

    A state is None where it is zero, else a tensor (N, 1, 1, H) or (1, 1, 1, H).
    """

    w: Array
    r: Array
    wb: Array
    rb: Array
    reverse: bool
    h: Tensor | None
    c: Tensor | None


def project(g: Emitter, x: Tensor, weights: Array, bias: Array) -> Tensor:
    """x (T, N, D) @ weights' (K, D) + bias (K,) -> (T, N, K), one product for all steps."""
    flat = np.insert(x.shape, 1, 1, axis=1)
    filters = weights.T.astype(np.float32)[None, None]
    out = fused_conv(g, g.reshape(x, flat), filters, bias.astype(np.float32), [1, 1], [(0, 0), (0, 0)], [1, 1])
    return g.reshape(out, np.delete(out.shape, 1, axis=1))


def turned(g: Emitter, x: Tensor) -> Tensor:
    """A tensor (T, ...), its steps in the opposite order."""
    last = int(x.shape[0, 0]) - 1
    return g.node("GatherNd", [x, g.constant(np.arange(last, -1, -1, dtype=np.int32)[:, None])], x.shape)


def apart(g: Emitter, x: Tensor) -> Tensor:
    """(T, N, K) -> (T, N, 1, 1, K), whose steps are pictures of one pixel."""
    t, n, k = x.shape.T
    one = np.ones_like(n)
    return g.reshape(x, np.stack([t, n, one, one, k], axis=1))


def step(g: Emitter, x: Tensor, t: int) -> Tensor:
    """Step t (N, 1, 1, K) of a tensor (T, N, 1, 1, K)."""
    return g.node("GatherNd", [x, g.ints([t])], x.shape[:, 1:])


def kernel(g: Emitter, r: Array) -> Tensor:
    """Recurrent weights (K, H) as a filter for ``times``."""
    return g.constant(r.T.astype(np.float32)[None, None])


def times(g: Emitter, h: Tensor, filters: Tensor) -> Tensor:
    """A state (N, 1, 1, H) by recurrent weights, (N, 1, 1, K)."""
    shape = h.shape.copy()
    shape[:, 3] = filters.shape[:, 3]
    return g.node(
        "Conv2D",
        [h, filters],
        shape,
        strides=(1, 1, 1, 1),
        padding="VALID",
        explicit_paddings=(),
        dilations=(1, 1, 1, 1),
        data_format="NHWC",
    )


def scaled(g: Emitter, x: Tensor, mean: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """(x - mean) * scale + offset; x, scale and offset of one shape, mean of that or (1, 1, 1, K)."""
    zero = g.constant(np.zeros((1, 1, 1, int(mean.shape[0, 3])), np.float32))
    # An epsilon of 1 and no variance: the root that it divides by is exactly 1.
    return g.node("FusedBatchNormV3", [x, scale, offset, mean, zero], x.shape, epsilon=1.0, is_training=False)


def stack(g: Emitter, steps: Sequence[Tensor]) -> Tensor:
    """T tensors (N, 1, 1, H) -> (T, N, H)."""
    joined = g.concat(steps, 0)
    n, _, _, h = steps[0].shape.T
    return g.reshape(joined, np.stack([np.full_like(n, len(steps)), n, h], axis=1))


def flat(g: Emitter, state: Tensor) -> Tensor:
    """(N, 1, 1, H) -> (N, H)."""
    return g.reshape(state, state.shape[:, [0, 3]])


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
    if given != _ACTIVATIONS[kind] * count and (kind != "RNN" or given != ["relu"] * count):
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
            return [g.constant(rows[0].take(i, axis=axis)[:, None, None]) for i in range(count)]
    states = apart(g, g.stored(value, (1, 0, 2) if axis else (0, 1, 2)))
    return [step(g, states, i) for i in range(count)]


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


def _outputs(node: OnnxNode, g: Emitter, joined: Tensor, *lasts: list[Tensor]) -> list[Value]:
    """Y from the states (T, N, directions * H) in the picture's order, Y_h and Y_c from each direction's last ones."""
    steps, n, width = joined.shape.T
    count = len(lasts[0])
    shape = np.stack([steps, n, np.full_like(n, count), width // count], axis=1)
    y = g.reshape(joined, shape)
    layout = node.attribute("layout", 0)
    # Logically (T, directions, N, H), or (N, T, directions, H) with layout 1.
    values = [g.value(y, (1, 0, 2, 3) if layout else (0, 2, 1, 3))]
    for states in lasts:
        last = g.concat([g.reshape(s, np.insert(s.shape, 0, 1, axis=1)) for s in states], 0)  # (directions, N, H)
        values.append(g.value(last, (1, 0, 2) if layout else (0, 1, 2)))
    return values[: max(1, node.outputs)]


def _run(
    g: Emitter, gates: Sequence[Tensor], reverse: bool, h: Tensor | None, advance: Callable[..., Tensor]
) -> tuple[Tensor, Tensor]:
    """The hidden states (T, N, H) of one direction, in the picture's order, and the last (N, H).

    gates: the input's shares (T, N, K) of them; advance(h, *shares of a step (N, 1, 1, K)) gives the next state.
    """
    steps = int(gates[0].shape[0, 0])
    shares = [apart(g, gate) for gate in gates]
    run: dict[int, Tensor] = {}
    for t in reversed(range(steps)) if reverse else range(steps):
        h = run[t] = advance(h, *(step(g, share, t) for share in shares))
    assert h is not None
    return stack(g, [run[t] for t in range(steps)]), flat(g, h)


@converter("GRU", since=7, restrictions="activations but the usual, clip, sequence_lens, weights computed at run time")
def _gru(node: OnnxNode, g: Emitter) -> list[Value]:
    x, stored = _input(node, g)
    before = bool(node.attribute("linear_before_reset", 0))
    directions = _directions(node, g, x)
    if before and len(directions) == 2 and all(d.h is None for d in directions):
        return _outputs(node, g, *_gru_both(g, stored, directions))
    runs, lasts = [], []
    for d in directions:
        size = d.r.shape[1]
        # Update, reset, candidate. The candidate's recurrent bias goes inside the reset gate's product or beside it.
        inner = d.rb[2 * size :] * (1 if before else 0)
        bias = d.wb + d.rb
        bias[2 * size :] -= inner
        gates = [project(g, stored, d.w[k : k + size], bias[k : k + size]) for k in range(0, 3 * size, size)]
        run, last = _run(g, gates, d.reverse, d.h, _gru_step(g, np.split(d.r, 3), inner if before else None))
        runs.append(run)
        lasts.append(last)
    return _outputs(node, g, g.concat(runs, 2), lasts)


def _gru_step(g: Emitter, weights: Sequence[Array], inner: Array | None) -> Callable[..., Tensor]:
    """The step of a GRU with recurrent weights (K, H) of update, reset and candidate.

    inner: the candidate's recurrent bias (K,), where the reset gate multiplies the product; None where it multiplies
    the state.
    """
    update_weights, reset_weights, candidate_weights = (kernel(g, w) for w in weights)
    if inner is not None:
        negative = g.constant(-inner.astype(np.float32)[None, None, None])
        positive = g.constant(inner.astype(np.float32)[None, None, None])

    def gate(h: Tensor | None, x: Tensor, filters: Tensor) -> Tensor:
        return g.unary("Sigmoid", x if h is None else g.binary("AddV2", x, times(g, h, filters)))

    def advance(h: Tensor | None, update_x: Tensor, reset_x: Tensor, x: Tensor) -> Tensor:
        update, reset = gate(h, update_x, update_weights), gate(h, reset_x, reset_weights)
        if inner is None:
            if h is not None:
                x = g.binary("AddV2", x, times(g, g.binary("Mul", reset, h), candidate_weights))
        elif h is None:
            x = g.binary("AddV2", x, g.binary("Mul", reset, positive))
        elif np.array_equal(h.shape[:, 0], x.shape[:, 0]):
            x = scaled(g, times(g, h, candidate_weights), negative, reset, x)
        else:  # one state for all lines
            product = g.binary("Sub", times(g, h, candidate_weights), negative)
            x = g.binary("AddV2", x, g.binary("Mul", reset, product))
        new = g.unary("Tanh", x)
        if h is None:
            return g.binary("Sub", new, g.binary("Mul", update, new))
        if np.array_equal(h.shape[:, 0], new.shape[:, 0]):
            return scaled(g, h, new, update, new)
        return g.binary("AddV2", new, g.binary("Mul", update, g.binary("Sub", h, new)))

    return advance


def _gru_both(g: Emitter, x: Tensor, directions: list[Direction]) -> tuple[Tensor, list[Tensor]]:
    """Hidden states (T, N, 2 H) in the picture's order and last states (N, H) of both directions.

    They run as one chain of states (N, 1, 1, 2 H): half the kernels for twice the products, half of them with zeros.
    At batch 1 a quarter faster than two chains (kernels cost more than products), at batch 16 the same.
    """
    size = directions[0].r.shape[1]
    sources = [x, turned(g, x)]

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
            block[own, own] = d.r[gate * size : (gate + 1) * size]
        return block

    inner = np.concatenate([d.rb[2 * size :] for d in directions])
    advance = _gru_step(g, [weights(gate) for gate in range(3)], inner)
    run, last = _run(g, [share(gate) for gate in range(3)], False, None, advance)
    # The second half of the channels was read from the end. Cutting the halves apart would copy the whole twice.
    first = np.repeat(np.array([1, 0], np.float32), size)[None, None]
    halves = g.binary("Mul", run, g.constant(first)), g.binary("Mul", turned(g, run), g.constant(1 - first))
    return g.binary("AddV2", *halves), g.split(last, [size, size], 1)


@converter("LSTM", since=7, restrictions="activations but the usual, clip, peepholes, sequence_lens, input_forget")
def _lstm(node: OnnxNode, g: Emitter) -> list[Value]:
    x, stored = _input(node, g)
    directions = _directions(node, g, x)
    runs, last_h, last_c = [], [], []
    for d in directions:
        size = d.r.shape[1]
        # Input, output, forget, cell.
        gates = [project(g, stored, d.w[k : k + size], (d.wb + d.rb)[k : k + size]) for k in range(0, 4 * size, size)]
        advance = LstmStep(g, d)
        run, last = _run(g, gates, d.reverse, d.h, advance)
        runs.append(run)
        last_h.append(last)
        assert advance.c is not None
        last_c.append(flat(g, advance.c))
    return _outputs(node, g, g.concat(runs, 2), last_h, last_c)


class LstmStep:
    """The step of an LSTM; keeps the cell's state ``c`` (N, 1, 1, H)."""

    def __init__(self, g: Emitter, direction: Direction) -> None:
        self.g, self.c = g, direction.c
        self._weights = [kernel(g, w) for w in np.split(direction.r, 4)]
        self._zero = g.constant(np.zeros((1, 1, 1, direction.r.shape[1]), np.float32))

    def __call__(self, h: Tensor | None, *shares: Tensor) -> Tensor:
        """The next hidden state from this one and the input's shares of the gates."""
        g = self.g
        if h is not None:
            shares = tuple(g.binary("AddV2", x, times(g, h, w)) for x, w in zip(shares, self._weights, strict=True))
        put, out, keep = (g.unary("Sigmoid", x) for x in shares[:3])
        new = g.binary("Mul", put, g.unary("Tanh", shares[3]))
        c = self.c
        if c is None:
            self.c = new
        elif np.array_equal(c.shape, new.shape):
            self.c = scaled(g, c, self._zero, keep, new)
        else:  # one state for all lines
            self.c = g.binary("AddV2", new, g.binary("Mul", keep, c))
        return g.binary("Mul", out, g.unary("Tanh", self.c))


@converter("RNN", since=7, restrictions="activations but tanh and relu, clip, sequence_lens")
def _rnn(node: OnnxNode, g: Emitter) -> list[Value]:
    x, stored = _input(node, g)
    runs, lasts = [], []
    activation = (node.attribute("activations") or ["Tanh"])[0].capitalize()
    for d in _directions(node, g, x):
        weights = kernel(g, d.r)

        def advance(h: Tensor | None, x: Tensor, weights: Tensor = weights) -> Tensor:
            return g.unary(activation, x if h is None else g.binary("AddV2", x, times(g, h, weights)))

        run, last = _run(g, [project(g, stored, d.w, d.wb + d.rb)], d.reverse, d.h, advance)
        runs.append(run)
        lasts.append(last)
    return _outputs(node, g, g.concat(runs, 2), lasts)
