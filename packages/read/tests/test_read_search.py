"""The constrained search against all texts of small grammars."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linelet_common import Charset, Codec, ReaderSpec
from linelet_common.codec import log_softmax
from linelet_common.errors import CharsetError, SpecError, UsageError
from linelet_common.grammar import Grammar
from linelet_read import decode
from linelet_read.search import align


def grammar(*forms: str, **vocabulary: tuple[str, ...]) -> Grammar:
    return Grammar(forms=forms, vocabulary=vocabulary)


def logits(rng: np.random.Generator, frames: int, classes: int, scale: float) -> np.ndarray:
    return rng.normal(0, scale, (1, frames, classes)).astype(np.float32)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.floats(0.1, 12), st.booleans())
def test_the_search_finds_the_best_of_all_texts(seed, frames, scale, last):
    rng, shuffler = np.random.default_rng(seed), random.Random(seed)
    every = ["".join(t) for n in range(1, 5) for t in itertools.product("ab1", repeat=n)]
    phrases = shuffler.sample(every, shuffler.randint(1, 40))
    blank = 3 if last else 0
    spec = ReaderSpec(charset="ab1", blank=blank, grammar=grammar(*phrases), temperature=1.5)
    scores = logits(rng, frames, 4, scale)
    (reading,) = decode(scores, spec, "grammar")
    codec = Codec(Charset("ab1"), blank)
    log_probs = log_softmax(scores / np.float32(1.5))
    chances = {text: codec.probability(log_probs, [codec.encode(text)])[0] for text in phrases}
    best = max(chances.values())
    if not best:
        assert (reading.text, reading.confidence) == ("", 0.0)
        return
    assert chances[reading.text] == pytest.approx(best, rel=1e-5)
    assert reading.confidence == pytest.approx(best, rel=1e-5)
    assert "".join(c.text for c in reading.characters) == reading.text
    edges = [edge for c in reading.characters for edge in (c.start, c.end)]
    assert edges == sorted(edges)
    assert all(c.start < c.end for c in reading.characters)
    assert edges[-1] <= frames


@given(st.integers(0, 2**32 - 1), st.integers(2, 7))
def test_characters_stand_on_the_likeliest_alignment(seed, frames):
    rng = np.random.default_rng(seed)
    line = log_softmax(logits(rng, frames, 3, 2))[0].astype(float)
    for classes in ([1], [1, 2], [1, 1]):
        paths = [p for p in itertools.product(range(3), repeat=frames) if collapse(p) == classes]
        if not paths:
            continue
        best = max(paths, key=lambda path: sum(line[t, c] for t, c in enumerate(path)))
        runs = align(line, classes, 0)
        path = [0] * frames
        for c, (start, end) in zip(classes, runs, strict=True):
            path[start:end] = [c] * (end - start)
        assert tuple(path) == best


def collapse(path: tuple[int, ...]) -> list[int]:
    return [c for i, c in enumerate(path) if c and (not i or path[i - 1] != c)]


def test_a_text_outside_the_grammar_is_read_as_the_nearest_with_little_confidence():
    spec = ReaderSpec(charset="0123456789.", grammar=grammar("{40..49:.1f}"))
    scores = np.full((1, 8, 12), -4.0, np.float32)
    for frame, c in enumerate(spec.codec.encode("7.7")):
        scores[0, 2 * frame, c], scores[0, 2 * frame + 1, 0] = 8.0, 8.0
    scores[0, 6:, 0] = 8.0
    (reading,) = decode(scores, spec, "grammar")
    assert reading.text == "47.7"
    assert reading.confidence < 1e-4


def test_a_line_too_short_for_every_text_is_empty():
    spec = ReaderSpec(charset="01", grammar=grammar("0000"))
    (reading,) = decode(np.zeros((1, 3, 3), np.float32), spec, "grammar")
    assert (reading.text, reading.confidence, reading.characters) == ("", 0.0, ())


def test_what_cannot_be_decoded_by_a_grammar_is_refused():
    scores = np.zeros((1, 3, 3), np.float32)
    with pytest.raises(SpecError, match="the reader 'reader' has no grammar; decode greedily"):
        decode(scores, ReaderSpec(charset="01"), "grammar")
    with pytest.raises(CharsetError, match="'2'"):
        decode(scores, ReaderSpec(charset="01", grammar=grammar("012")), "grammar")
    with pytest.raises(UsageError, match="unknown decoding 'beam'; known are greedy, grammar"):
        decode(scores, ReaderSpec(charset="01"), "beam")
