"""Einsum: sums of products over named axes, as one batched matrix product for each two operands."""

import numpy as np

from linelet_convert.operators.reduction import reduce
from linelet_convert.operators.shaping import broadcast_to
from linelet_convert.registry import converter
from linelet_convert.tfgraph import Shape, Tensor
from linelet_convert.values import Emitter, OnnxNode, Value


@converter("Einsum", since=12, restrictions="a letter twice in one operand (a diagonal); integers")
def _einsum(node: OnnxNode, g: Emitter) -> Value:
    values = [node.input(i) for i in range(len(node.inputs))]
    operands, result = _letters(node, [v.rank for v in values])
    if any(v.dtype != "float32" for v in values):
        node.refuse("sums products of integers; cast to float32 before")
    lengths: dict[str, Shape] = {}
    for letters, value in zip(operands, values, strict=True):
        for axis, letter in enumerate(letters):
            lengths[letter] = np.maximum(lengths.get(letter, np.ones(g.probes, dtype=np.int64)), value.shape[:, axis])
    parts = [(letters, g.stored(v)) for letters, v in zip(operands, values, strict=True)]
    while len(parts) > 1:
        (left, a), (right, b), *others = parts
        kept = [x for x in dict.fromkeys(left + right) if x in result or any(x in letters for letters, _ in others)]
        parts = [_product(g, left, a, right, b, kept, lengths), *others]
    ((letters, tensor),) = parts
    letters, tensor = _summed(g, letters, tensor, result)
    # The letters' axes may be stored in any order: the value says which is which.
    out = g.value(tensor, [result.index(x) for x in letters])
    return Value(out.shape, "float32", tensor=tensor, order=out.order)


def _letters(node: OnnxNode, ranks: list[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result; what '...' stands for is named by capitals of Greek."""
    equation = node.attribute("equation").replace(" ", "")
    left, arrow, result = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        node.refuse(f"equation {equation!r} has {len(terms)} operands, not {len(ranks)}; export again")
    most = max(
        (rank - len(t.replace("...", "")) for t, rank in zip(terms, ranks, strict=True) if "..." in t), default=0
    )
    dots = "".join(chr(0x391 + i) for i in range(most))
    if not arrow:
        named = "".join(terms).replace("...", "")
        result = ("..." if "..." in left else "") + "".join(sorted(x for x in set(named) if named.count(x) == 1))
    operands = []
    for term, rank in zip(terms, ranks, strict=True):
        extra = rank - len(term.replace("...", ""))
        full = term.replace("...", dots[most - extra :] if extra else "")
        if len(full) != rank:
            node.refuse(f"equation {equation!r} does not fit operands of ranks {ranks}; export again")
        if len(set(full)) != rank:
            node.refuse(f"equation {equation!r} takes a diagonal; export without")
        operands.append(full)
    return operands, result.replace("...", dots)


def _summed(g: Emitter, letters: str, x: Tensor, kept: str | list[str]) -> tuple[str, Tensor]:
    """The tensor summed over the letters that are not kept."""
    gone = [axis for axis, letter in enumerate(letters) if letter not in kept]
    if not gone:
        return letters, x
    total = reduce(g, "Sum", x, gone)
    return "".join(x for x in letters if x in kept), g.reshape(total, np.delete(total.shape, gone, axis=1))


def _product(
    g: Emitter, left: str, a: Tensor, right: str, b: Tensor, kept: list[str], lengths: dict[str, Shape]
) -> tuple[str, Tensor]:
    """Two operands multiplied and summed over the letters that both have and nobody keeps."""
    left, a = _summed(g, left, a, [*kept, *right])
    right, b = _summed(g, right, b, [*kept, *left])
    batch = [x for x in left if x in right and x in kept]
    inner = [x for x in left if x in right and x not in kept]
    rows, columns = [x for x in left if x not in right], [x for x in right if x not in left]

    def flat(x: Tensor, letters: str, *groups: list[str]) -> Tensor:
        order = [letters.index(letter) for group in groups for letter in group]
        moved = g.transpose(x, order)
        full = (
            np.stack([lengths[letter] for group in groups for letter in group] or [], axis=1) if order else moved.shape
        )
        moved = broadcast_to(g, moved, full)
        sizes = [np.prod([lengths[x] for x in group], axis=0, dtype=np.int64) * np.ones(g.probes, np.int64)
                 for group in groups]  # fmt: skip
        return g.reshape(moved, np.stack(sizes, axis=1))

    product = g.matmul(flat(a, left, batch, rows, inner), flat(b, right, batch, inner, columns))
    letters = [*batch, *rows, *columns]
    shape = np.stack([lengths[x] for x in letters], axis=1) if letters else g.rows([])
    return "".join(letters), g.reshape(product, shape)
