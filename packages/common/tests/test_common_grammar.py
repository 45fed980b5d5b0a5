"""Forms against Python's own format."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linelet_common import ReaderSpec
from linelet_common.errors import RecipeError, SpecError
from linelet_common.grammar import Automaton, Grammar, literal_form


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


def test_specs_carry_a_grammar_only_where_there_is_one():
    with_grammar = ReaderSpec(charset="01", grammar=grammar("{x}", x=("0", "1")))
    assert ReaderSpec.from_json(with_grammar.to_json(), "spec.json") == with_grammar
    assert "grammar" not in ReaderSpec(charset="01").to_json()
