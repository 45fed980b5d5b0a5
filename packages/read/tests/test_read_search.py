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
from linelet_read.search import PLAUSIBLE, SURE, align


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
    greedy = codec.decode(scores, 1.5)[0]
    if greedy.confidence >= SURE or (best < PLAUSIBLE * greedy.confidence and greedy.text not in phrases):
        assert (reading.text, reading.in_grammar) == (greedy.text, greedy.text in phrases)
        return
    assert reading.in_grammar == (reading.text in phrases)
    if not best:
        assert reading.text == greedy.text
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


def scores_for(spec: ReaderSpec, text: str, margin: float) -> np.ndarray:
    """Scores whose greedy text is this one, each character with the given margin over all others."""
    scores = np.full((1, 2 * len(text) + 2, spec.classes), -4.0, np.float32)
    scores[0, :, 0] = 8.0
    for k, c in enumerate(spec.codec.encode(text)):
        scores[0, 2 * k] = -4.0
        scores[0, 2 * k, c] = -4.0 + margin
    return scores


DECIMALS = ReaderSpec(charset="0123456789.", grammar=grammar("{40..49:.1f}"))


@pytest.mark.parametrize("text", ["100", "7.7", "1938.14", "08"])
def test_what_the_network_is_sure_of_is_never_replaced(text):
    (reading,) = decode(scores_for(DECIMALS, text, 12.0), DECIMALS, "grammar")
    assert (reading.text, reading.in_grammar) == (text, False)
    assert reading.confidence > 0.9


def test_of_two_readings_that_it_finds_plausible_the_grammars_is_taken():
    scores = scores_for(DECIMALS, "77.7", 12.0)
    scores[0, 0, DECIMALS.codec.encode("4")[0]] = 7.5  # nearly as likely as the 7
    (reading,) = decode(scores, DECIMALS, "grammar")
    assert decode(scores, DECIMALS)[0].text == "77.7"
    assert (reading.text, reading.in_grammar) == ("47.7", True)
    assert 0.3 < reading.confidence < 0.5


def test_where_the_grammars_text_is_implausible_the_greedy_one_stays():
    scores = scores_for(DECIMALS, "77.7", 4.0)  # unsure, but not of that
    (reading,) = decode(scores, DECIMALS, "grammar")
    scores[0, 0, DECIMALS.codec.encode("4")[0]] = -9.0
    (reading,) = decode(scores, DECIMALS, "grammar")
    assert (reading.text, reading.in_grammar) == ("77.7", False)


def test_unknown_characters_are_not_read_as_something_by_the_grammar():
    spec = ReaderSpec(charset="0123456789.", unknown=True, grammar=grammar("{40..49:.1f}"))
    (reading,) = decode(scores_for(spec, "47.7\ufffd", 12.0), spec, "grammar")
    assert (reading.text, reading.in_grammar, reading.confidence) == ("47.7\ufffd", False, 0.0)


def test_a_line_too_short_for_every_text_is_read_greedily():
    spec = ReaderSpec(charset="01", grammar=grammar("0000"))
    (reading,) = decode(np.zeros((1, 3, 3), np.float32), spec, "grammar")
    assert (reading.text, reading.in_grammar) == ("", False)


def test_what_cannot_be_decoded_by_a_grammar_is_refused():
    scores = np.zeros((1, 3, 3), np.float32)
    with pytest.raises(SpecError, match="the reader 'reader' has no grammar; decode greedily"):
        decode(scores, ReaderSpec(charset="01"), "grammar")
    with pytest.raises(CharsetError, match="'2'"):
        decode(scores, ReaderSpec(charset="01", grammar=grammar("012")), "grammar")
    with pytest.raises(UsageError, match="unknown decoding 'beam'; known are greedy, grammar"):
        decode(scores, ReaderSpec(charset="01"), "beam")
