"""Forms against Python's own format."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linelet_common import ReaderSpec
from linelet_common.errors import RecipeError, SpecError
from linelet_common.grammar import Automaton, Grammar, literal_form, parse_form


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


@given(st.integers(-(10**18), 10**18), st.integers(0, 300), st.sampled_from(["d", "", ",d", "020d"]))
def test_whole_numbers_of_any_size_are_exact(low, span, spec):
    form = f"{{{low}..{low + span}{':' if spec else ''}{spec}}}"
    wanted = {format(v, spec) for v in range(low, low + span + 1)}
    assert set(texts_of(grammar(form).automaton())) == wanted
    (number,) = parse_form(form, {}, "here")
    assert set(number.characters()) == set("".join(wanted))


@given(limits, limits, st.sampled_from(["", "d", "05d", "6d", ",d", "+d", "-3d", " d"]))
def test_a_numbers_characters_are_those_of_its_texts(a, b, spec):
    low, high = sorted((a, b))
    (number,) = parse_form(f"{{{low}..{high}{':' if spec else ''}{spec}}}", {}, "here")
    assert set(number.characters()) >= set("".join(format(v, spec) for v in range(low, high + 1)))
    assert set(number.characters()) <= set("".join(format(v, spec) for v in range(low, high + 1))) | set("0123456789")


SAMPLES = {
    "1234": "1234567",
    "1,234": "1,234,567",
    "1.234": "1.234.567",
    "1\u202f234": "1\u202f234\u202f567",
    "12 345": "1 234 567",
    "12,34,567": "12,34,567",
    "+1'234": "+1'234'567",
}


@pytest.mark.parametrize(("sample", "wanted"), SAMPLES.items())
def test_whole_numbers_are_written_like_the_sample(sample, wanted):
    assert texts_of(grammar(f"{{1234567..1234567 as {sample}}}").automaton()) == [wanted]


def test_four_digits_are_grouped_as_the_sample_says():
    assert texts_of(grammar("{1234..1234 as 12 345}").automaton()) == ["1234"]
    assert texts_of(grammar("{1234..1234 as 1 234}").automaton()) == ["1 234"]


@given(limits, limits, st.sampled_from(["1.234,5", "1234,56", "1 234,5", "12.345,6", "+1’234.5", "12,34,567.8"]))
def test_decimals_like_a_sample_are_pythons_with_other_marks(a, b, sample):
    low, high = (limit / 100 for limit in sorted((a, b)))
    (number,) = parse_form(f"{{{low:.2f}..{high:.2f} as {sample}}}", {}, "here")
    written = texts_of(grammar(f"{{{low:.2f}..{high:.2f} as {sample}}}").automaton())
    for value in {low, high, (low + high) / 2}:
        text = number.text(value)
        assert text in written
        point = sample.rstrip("0123456789")[-1]
        plain = "".join("." if c == point else c for c in text if c == point or c.isdigit() or c in "+-")
        assert float(plain) == float(format(value, number.spec))
    assert set("".join(written)) <= set(number.characters())


days = st.dates(date(1999, 1, 1), date(2040, 12, 31))
MONTHS = ("Jan", "Feb", "März", "April", "Mai", "Juni", "Juli", "Aug", "Sept", "Okt", "Nov", "Dez")
WEEKDAYS = ("Mo", "Di", "Mi", "Do", "Fr", "Sa", "So")


@given(
    days, st.integers(0, 800), st.sampled_from(["%Y-%m-%d", "%d.%m.%y", "%-d. %(month) %Y", "%(day), %-d/%-m", "%m%%"])
)
def test_days_are_all_that_the_calendar_has_and_no_others(first, span, form):
    last = first + timedelta(span)
    made = grammar(f"{{{first}..{last}:{form}}}", month=MONTHS, day=WEEKDAYS).automaton()

    def write(day: date) -> str:
        text = form.replace("%(month)", MONTHS[day.month - 1]).replace("%(day)", WEEKDAYS[day.weekday()])
        return day.strftime(text)

    assert sorted(texts_of(made)) == sorted({write(first + timedelta(k)) for k in range(span + 1)})


@given(st.integers(0, 1439), st.integers(0, 1439), st.sampled_from(["%H:%M", "%-I:%M %p", "%-H.%M", "%H h"]))
def test_times_are_all_of_their_range_and_no_others(a, b, form):
    low, high = sorted((a, b))
    made = grammar(f"{{{low // 60:02d}:{low % 60:02d}..{high // 60:02d}:{high % 60:02d}:{form}}}").automaton()
    wanted = {datetime(2020, 1, 1, m // 60, m % 60).strftime(form) for m in range(low, high + 1)}
    assert sorted(texts_of(made)) == sorted(wanted)


def test_a_day_and_a_time_stand_together():
    made = grammar("am {2024-02-28..2024-03-01:%d.%m. um %H:%M:%S} Uhr").automaton()
    assert made.accepts("am 29.02. um 23:59:59 Uhr")
    assert not made.accepts("am 30.02. um 23:59:59 Uhr")
    assert not made.accepts("am 29.02. um 24:00:00 Uhr")
    assert not made.accepts("am 29.02. um 23:60:00 Uhr")


def test_choices_and_optional_parts():
    assert sorted(texts_of(grammar("{+|-|}{1..2}{ kg| lb|}").automaton())) == sorted(
        f"{sign}{n}{unit}" for sign in ("+", "-", "") for n in (1, 2) for unit in (" kg", " lb", "")
    )
    assert sorted(texts_of(grammar("{a|}{b|}c").automaton())) == ["abc", "ac", "bc", "c"]
    assert texts_of(grammar("{ a|} {1..1}").automaton(spaced=False)) == ["1", "a1"]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("{2024-02-30..2024-03-01:%d}", "the calendar has no 2024-02-30"),
        ("{2024-03-01..2024-02-01:%d}", "runs backwards"),
        ("{2024-01-01..2024-02-01:%q}", "unknown directive '%q'"),
        ("{2024-01-01..2024-02-01:%H}", "writes nothing of its limits"),
        ("{2024-01-01..2024-02-01:%d %H %m}", "the day within the time"),
        ("{1923-01-01..2024-02-01:%d}", "over 100 years"),
        ("{2024-01-01..2024-02-01:%(w)}", "needs a vocabulary of 12 words"),
        ("{08:00..24:00:%H}", "no day has 24:00"),
        ("{08:00..12:00:%d}", "has times and asks for days"),
        ("{1..2 as 1..234}", "no sample of a number"),
        ("{1..2 as 1.234.5}", "no sample of a number"),
        ("{a|}{b|}", "may write nothing"),
        ("{|}", "chooses from nothing"),
        (f"{{1..{'9' * 31}}}", "more than 30 digits"),
        (f"{{0.5..{'9' * 16}}}", "more than 15 digits"),
        ("{0..99999:q}", "is not Python's"),
    ],
)
def test_wrong_forms_say_what_is_wrong(form, words):
    with pytest.raises(RecipeError, match=words):
        parse_form(form, {"w": ("a", "b")}, "here")
