"""Compiled forms hold what the forms say, and their JSON what they hold."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linelet_common.automata import VERSION, automata_json, field_forms
from linelet_common.errors import RecipeError
from linelet_common.fields import Field
from linelet_common.grammar import Grammar
from linelet_common.spec import ReaderSpec

WORDS = st.lists(st.text("ab体𠮷", min_size=1, max_size=5), min_size=1, max_size=6)


def accepts(states: list[Any], text: str) -> bool:
    """By the JSON alone."""
    state = 0
    for character in text:
        behind = [to for characters, to in states[state][1].items() if character in characters]
        if not behind:
            return False
        (state,) = behind
    return states[state][0] == 1


@given(WORDS, st.text("ab体𠮷", max_size=6))
def test_the_json_accepts_the_grammars_texts_and_no_others(words: list[str], other: str) -> None:
    spec = ReaderSpec(charset="ab", grammar=Grammar(forms=("{x}{x}",), vocabulary={"x": tuple(words)}))
    states = json.loads(automata_json(spec))["grammar"]
    assert all(accepts(states, a + b) for a in words for b in words)
    assert accepts(states, other) == spec.automaton.accepts(other)


FORMATS = st.sampled_from(["", ":.1f", ":03d", ":,d"])


@given(st.integers(-400, 1500), st.integers(0, 900), FORMATS, st.integers(-900, 3000))
def test_a_fields_json_accepts_its_numbers(low: int, more: int, form: str, value: int) -> None:
    spec = ReaderSpec(charset="0", fields={"n": Field(name="0", form=f"{{{low}..{low + more}{form}}} 公斤")})
    states = json.loads(automata_json(spec))["fields"]["n"]["automaton"]
    text = format(value, form[1:]) + "公斤"
    assert accepts(states, text) == (low <= value <= low + more)


def test_expressions_take_the_numbers_out() -> None:
    found = field_forms(("{0..300}/{0..200} mmHg", "not measured", "{0..99999 as 1.234,5} [kg]", "{low|high}"))
    pressure, fixed, grouped, choice = found.forms
    assert re.fullmatch(pressure.expression, "120/80mmHg").groups() == ("120", "80")  # type: ignore[union-attr]
    assert pressure.marks == ((",", "."), (",", "."))
    assert (fixed.marks, fixed.written) == ((), "not measured")
    assert re.fullmatch(grouped.expression, "12.345,6[kg]").groups() == ("12.345,6",)  # type: ignore[union-attr]
    assert grouped.marks == ((".", ","),)
    assert (choice.marks, choice.written) == ((), None)


def test_a_reader_without_forms_has_none() -> None:
    assert json.loads(automata_json(ReaderSpec(charset="0"))) == {"version": VERSION, "fields": {}}


def test_formats_that_cannot_be_listed_are_refused() -> None:
    with pytest.raises(RecipeError, match="read without the grammar"):
        field_forms(("{0..5:e}",))
