"""From a network's output to texts: greedily, or by the reader's grammar."""

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linelet_common import reader
from linelet_common.codec import Reading, log_softmax
from linelet_common.errors import UsageError
from linelet_common.spec import ReaderSpec
from linelet_read.search import GrammarSearch

Decoding = Literal["greedy", "grammar"]
DECODINGS: tuple[Decoding, ...] = ("greedy", "grammar")


def decode(output: NDArray[np.float32], spec: ReaderSpec, decoding: Decoding = "greedy") -> list[Reading]:
    """Readings of a network's output, float32 (N, T, C) or (T, N, C) as the spec's layout says.

    decoding: "greedy", or "grammar" for the most probable text of the reader's grammar where the network finds one
    plausible, and the greedy text elsewhere; ``in_grammar`` says which. SpecError if the reader has no grammar.
    """
    if decoding not in DECODINGS:
        raise UsageError(f"unknown decoding {decoding!r}; known are {', '.join(DECODINGS)}", value=decoding)
    readings = reader.decode(output, spec)
    if decoding == "greedy":
        return readings
    scores = reader.logits(output, spec)
    return _search(_Key(spec)).readings(log_softmax(scores / np.float32(spec.temperature)), readings)


class _Key:
    """A spec by its identity: building an automaton costs more than many lines, comparing specs as much."""

    def __init__(self, spec: ReaderSpec) -> None:
        self.spec = spec

    def __hash__(self) -> int:
        return id(self.spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.spec is self.spec


@lru_cache(maxsize=8)
def _search(key: _Key) -> GrammarSearch:
    return GrammarSearch(key.spec.automaton, key.spec.codec)
