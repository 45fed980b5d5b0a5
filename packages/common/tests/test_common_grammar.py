"""Forms against Python's own format; the constrained search against all texts of small grammars."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linelet_common import Charset, Codec, ReaderSpec
from linelet_common.codec import log_softmax
from linelet_common.errors import CharsetError, RecipeError, SpecError, UsageError
from linelet_common.grammar import Automaton, Grammar, literal_form
from linelet_common.reader import decode
from linelet_common.search import align


def texts_of(automaton: Automaton, state: int = 0) -> list[str]:
    own = [""] if automaton.accepting[state] else []
    return own + [c + rest for c, next_ in automaton.edges[state].items() for rest in texts_of(automaton, next_)]


def grammar(*forms: str, **vocabulary: tuple[str, ...]) -> Grammar:
    return Grammar(forms=forms, vocabulary=vocabulary)


limits = st.integers(-1200, 12000)


@given(limits, limits, st.sampled_from(["", "d", "02d", "05d", "+d", "4d", " d", "-03d", ",", ",d", "9,d"]))
def test_whole_numbers_are_all_that_python_writes_and_no_others(a, b, spec):
    low, high = sorted((a, b))
    form = f"{{{low}..{high}:{spec}}}" if spec else f"{{{low}..{high}}}"
    assert sorted(texts_of(grammar(form).automaton())) == sorted({format(v, spec) for v in range(low, high + 1)})


@given(
    limits, limits, st.sampled_from([1, 2, 3]), st.sampled_from([".1f", ".2f", ".0f", "06.1f", "+.1f", "8.1f", ",.1f"])
)
def test_decimals_are_all_that_python_writes_and_no_others(a, b, places, spec):
    low, high = (limit / 10**places for limit in sorted((a, b)))
    form = f"{{{low:.{places}f}..{high:.{places}f}:{spec}}}"
    decimals = int(spec.split(".")[1][0])
    scale = 10**decimals
    inner = {v / scale for v in range(int(low * scale) - 2, int(high * scale) + 3) if low <= v / scale <= high}
    # Values that round to nothing keep their sign.
    wanted = {format(v, spec) for v in inner | {low, high} | ({-1e-9} if low <= -1e-9 <= high else set())}
    assert sorted(texts_of(grammar(form).automaton())) == sorted(wanted)


words = st.text("ab{}1", min_size=1, max_size=3)


@given(st.lists(words, min_size=1, max_size=4), st.lists(words, min_size=1, max_size=4), st.text("ab{}1", max_size=5))
def test_forms_join_their_pieces(first, second, other):
    made = grammar("{x}{y}{7..12}", "-{x}", x=tuple(first), y=tuple(second)).automaton()
    wanted = {f"{a}{b}{n}" for a in first for b in second for n in range(7, 13)} | {f"-{a}" for a in first}
    assert set(texts_of(made)) == wanted
    assert len(texts_of(made)) == len(wanted)  # deterministic: each text is there once
    assert made.accepts(other) == (other in wanted)


@given(words)
def test_a_literal_form_draws_its_text_alone(text):
    assert texts_of(grammar(literal_form(text)).automaton()) == [text]


def test_states_with_the_same_future_are_one():
    # None, one or two digits read; all of them, or 0; 公; 斤.
    assert len(grammar("{0..999}公斤").automaton().edges) == 6
    assert len(grammar("{w}x", w=("abc", "bbc", "cbc")).automaton().edges) == 5


@pytest.mark.parametrize(
    ("forms", "words"),
    [
        (("{missing}",), "asks for 'missing', neither a vocabulary"),
        (("{5..1}",), "runs backwards"),
        (("a{",), "lone '{'"),
        ((), "at least 1 item"),
    ],
)
def test_wrong_grammars_are_refused_where_they_are_read(forms, words):
    spec = f'{{"charset": "01", "grammar": {{"forms": {list(forms)}}}}}'.replace("'", '"')
    with pytest.raises(SpecError, match=words):
        ReaderSpec.from_json(spec, "spec.json")


@pytest.mark.parametrize("spec", [".1e", ".1%", ">4", "n", "09,d", "_"])
def test_formats_that_cannot_be_listed_are_named(spec):
    with pytest.raises(RecipeError, match=f"knows no numbers of the format '{spec}'"):
        grammar(f"{{1..9.5:{spec}}}" if spec[-1] in "e%" else f"{{1..9:{spec}}}").automaton()


def logits(rng: np.random.Generator, frames: int, classes: int, scale: float) -> np.ndarray:
    return rng.normal(0, scale, (1, frames, classes)).astype(np.float32)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.floats(0.1, 12), st.booleans())
def test_the_search_finds_the_best_of_all_texts(seed, frames, scale, last):
    rng, dice = np.random.default_rng(seed), random.Random(seed)
    every = ["".join(t) for n in range(1, 5) for t in itertools.product("ab1", repeat=n)]
    phrases = dice.sample(every, dice.randint(1, 40))
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


def test_specs_carry_a_grammar_only_where_there_is_one():
    with_grammar = ReaderSpec(charset="01", grammar=grammar("{x}", x=("0", "1")))
    assert ReaderSpec.from_json(with_grammar.to_json(), "spec.json") == with_grammar
    assert "grammar" not in ReaderSpec(charset="01").to_json()
