"""The most probable text of a grammar under CTC, where the network finds one plausible: prefix search, best first.

Graves et al., "Connectionist Temporal Classification", ICML 2006, section 3.2 (prefix search decoding). A prefix is
ranked by the probability of all the grammar's texts that begin with it, which a backward pass over the automaton gives;
so no prefix leads nowhere, and the first whole text that comes out is the best one.
"""

import heapq
import math
from collections import Counter
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from linelet_common.codec import UNKNOWN, Character, Codec, Floats, Reading
from linelet_common.grammar import Automaton

# Prefixes of one length that are followed. Only where more of them are likelier than the best text, which takes a
# picture that hardly shows one, may the search miss that text.
BEAM = 64
# Greedy readings of this confidence stay, whatever the grammar says.
SURE = 0.9
# The grammar's best text takes the place of a greedy one if it has this share of its probability at least: the network
# itself must find it likely.
PLAUSIBLE = 0.02

Doubles = NDArray[np.float64]


class GrammarSearch:
    """Finds the best text of an automaton. CharsetError if the codec lacks a character of it."""

    def __init__(self, automaton: Automaton, codec: Codec) -> None:
        self._automaton, self._codec = automaton, codec
        # A node is a state as one character leads to it; node 0 stands for the beginning, before any character.
        places = {(0, ""): 0}
        for edges in automaton.edges:
            for character, state in edges.items():
                places.setdefault((state, character), len(places))
        self._classes = codec.encode("".join(character for _, character in places))  # one less than nodes
        self._ends = np.array([automaton.accepting[state] for state, _ in places])
        self._next = [[places[s, c] for c, s in automaton.edges[state].items()] for state, _ in places]
        # For a sum over what may follow: without and with the node's own character, which only a blank may divide.
        different = [[n for n in nodes if self._class(n) != self._class(k)] for k, nodes in enumerate(self._next)]
        self._different, self._any = _Sums(different), _Sums(self._next)

    def _class(self, node: int) -> int:
        return int(self._classes[node - 1]) if node else -1

    def readings(self, log_probs: Floats, greedy: list[Reading]) -> list[Reading]:
        """The best texts for log-probabilities float32 (N, T, C), given what greedy decoding made of them."""
        return [self._reading(line, reading) for line, reading in zip(log_probs, greedy, strict=True)]

    def _reading(self, log_probs: Floats, greedy: Reading) -> Reading:
        accepted = self._automaton.accepts(greedy.text)
        if accepted and greedy.confidence > 0.5:
            return replace(greedy, in_grammar=True)  # whatever else there is shares the rest of the probability
        # What the reader is sure of, or knows not to know, is not replaced by what the grammar would rather have.
        if greedy.confidence >= SURE or UNKNOWN in greedy.text:
            return replace(greedy, in_grammar=accepted)
        line = log_probs.astype(np.float64)
        classes, probability = self._best(line)
        if not classes or math.exp(min(0.0, probability)) < PLAUSIBLE * greedy.confidence:
            return replace(greedy, in_grammar=accepted)
        characters = tuple(
            Character(self._codec.text_of(c), math.exp(line[start:end, c].max()), start, end)
            for c, (start, end) in zip(classes, align(line, classes, self._codec.blank), strict=True)
        )
        text = "".join(character.text for character in characters)
        return Reading(text, math.exp(min(0.0, probability)), characters, in_grammar=True)

    def _best(self, line: Doubles) -> tuple[list[int], float]:
        """Classes and log-probability of the best text for log-probabilities (T, C); none where none fits."""
        frames, blank = len(line), self._codec.blank
        after = self._after(line)
        total = np.vstack([np.zeros(line.shape[1]), np.cumsum(line, axis=0)])  # (T + 1, C) of the first t frames
        never = np.full(frames + 1, -np.inf)
        order = 0
        # Entries: what the prefix's texts share of the probability, negative; order of arrival; classes; node; the
        # chance to begin its last character at each frame. A whole text has node 0.
        queue: list[tuple[float, int, list[int], int, Doubles]] = []
        followed: Counter[int] = Counter()

        def extend(classes: list[int], node: int, in_character: Doubles, in_blank: Doubles) -> None:
            nonlocal order
            nodes = self._next[node]
            if not nodes:
                return
            k = self._classes[np.array(nodes) - 1]
            either = np.logaddexp(in_character, in_blank)[:-1]
            begin = np.where((k == self._class(node))[:, None], in_blank[:-1], either)  # (nodes, T)
            shares = np.logaddexp.reduce(begin + line[:, k].T + after[:, nodes].T, axis=1)
            for i, n in enumerate(nodes):
                order += 1
                if shares[i] > -np.inf:
                    heapq.heappush(queue, (-float(shares[i]), order, [*classes, int(k[i])], n, begin[i]))

        extend([], 0, never, total[:, blank])
        while queue:
            share, _, classes, node, begin = heapq.heappop(queue)
            if not node:
                return classes, -share
            if followed[len(classes)] == BEAM:
                continue
            followed[len(classes)] += 1
            # The forward variables of the prefix after t frames, their recursions solved by cumulated sums.
            k = classes[-1]
            in_character, in_blank = never.copy(), never.copy()
            in_character[1:] = total[1:, k] + np.logaddexp.accumulate(begin - total[:-1, k])
            in_blank[1:] = total[1:, blank] + np.logaddexp.accumulate(in_character[:-1] - total[:-1, blank])
            if self._ends[node]:
                order += 1
                whole = float(np.logaddexp(in_character[-1], in_blank[-1]))
                heapq.heappush(queue, (-whole, order, classes, 0, begin))
            extend(classes, node, in_character, in_blank)
        return [], -math.inf

    def _after(self, line: Doubles) -> Doubles:
        """Log-probability (T, nodes) of all ways to end a text behind frame t, whose class was the node's."""
        blank = self._codec.blank
        in_character = np.where(self._ends, 0.0, -np.inf)
        in_blank = in_character.copy()
        after = np.empty((len(line), len(in_character)))
        after[-1] = in_character
        for t in range(len(line) - 1, 0, -1):
            stay = np.concatenate([[-np.inf], in_character[1:] + line[t, self._classes]])
            rest = in_blank + line[t, blank]
            in_character = np.logaddexp(np.logaddexp(stay, rest), self._different(stay))
            in_blank = np.logaddexp(rest, self._any(stay))
            after[t - 1] = in_character
        return after


class _Sums:
    """Sums of probabilities, given as logarithms, over lists of nodes; some of the lists are empty."""

    def __init__(self, lists: list[list[int]]) -> None:
        self._full = np.array([bool(nodes) for nodes in lists])
        self._nodes = np.array([n for nodes in lists for n in nodes], dtype=np.int64)
        lengths = np.array([len(nodes) for nodes in lists if nodes])
        self._starts = np.cumsum(lengths) - lengths

    def __call__(self, values: Doubles) -> Doubles:
        sums = np.full(len(self._full), -np.inf)
        sums[self._full] = np.logaddexp.reduceat(values[self._nodes], self._starts)
        return sums


def align(log_probs: Doubles, classes: list[int], blank: int) -> list[tuple[int, int]]:
    """Frames [start, end) of each character on the most probable way (Viterbi) to write a text in frames (T, C)."""
    states = 2 * len(classes) + 1
    target = np.full(states, blank)
    target[1::2] = classes
    skip = np.full(states, -np.inf)
    skip[2:][(target[2:] != blank) & (target[2:] != target[:-2])] = 0.0
    emit = log_probs[:, target]
    best = np.full(states, -np.inf)
    best[:2] = emit[0, :2]
    came = np.zeros(emit.shape, dtype=np.int64)  # states that the best way moved on at this frame
    for t in range(1, len(emit)):
        ways = np.full((3, states), -np.inf)
        ways[0], ways[1, 1:], ways[2, 2:] = best, best[:-1], best[:-2] + skip[2:]
        came[t] = ways.argmax(axis=0)
        best = ways.max(axis=0) + emit[t]
    state = states - 1 if best[-1] > best[-2] else states - 2
    runs = [[len(emit), 0] for _ in classes]
    for t in range(len(emit) - 1, -1, -1):
        if state % 2:
            runs[state // 2] = [t, max(runs[state // 2][1], t + 1)]
        state -= int(came[t, state])
    return [(start, end) for start, end in runs]
