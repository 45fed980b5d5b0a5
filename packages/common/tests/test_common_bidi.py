"""Lines from right to left: the order seen is the Unicode Bidirectional Algorithm's, and the way back undoes it."""

import unicodedata

import bidi
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linelet_common import Charset, Codec
from linelet_common.bidi import MIRRORED, arrange, is_rtl, reading_order, to_logical, to_visual, visual_order
from linelet_common.errors import CharsetError

# As browsers show them in a paragraph from right to left, and as they are read back.
SHOWN = {
    "משקל": "לקשמ",
    "משקל 75.5 kg": "kg 75.5 לקשמ",
    "وزن 75kg": "75kg نزو",
    "نسبة 5%": "%5 ةبسن",
    "נסבה 5%": "5% הבסנ",
    "١٢٫٥ كجم": "مجك ١٢٫٥",
    "السبت 12/05/2024": "12/05/2024 تبسلا",
    "12:30 - 14:00": "14:00 - 12:30",
    "(אב) גד": "דג (בא)",
    "abc (def)": "abc (def)",
    "Hello world.": ".Hello world",
    "COVID-19": "COVID-19",
    "-5": "5-",
    "שָׁלוֹם": "םוֹלשָׁ",
}
anything = st.text(st.sampled_from("אבگاب٣12aK .,-+%$()[]:/\u05b0\u064e\ufffd"), max_size=14)


@pytest.mark.parametrize(("text", "seen"), SHOWN.items())
def test_texts_are_seen_as_browsers_show_them_and_read_back(text: str, seen: str) -> None:
    assert to_visual(text) == seen
    assert to_logical(seen) == text


@given(anything)
def test_the_order_is_that_of_the_unicode_bidirectional_algorithm(text: str) -> None:
    """python-bidi neither mirrors nor keeps marks behind their letters."""

    def bare(seen: str) -> str:
        return "".join(c for c in seen if not unicodedata.combining(c))

    assert bare("".join(text[k] for k in visual_order(text))) == bare(bidi.get_display(text, base_dir="R"))


@given(anything)
def test_every_character_is_seen_and_read_once(text: str) -> None:
    assert sorted(visual_order(text)) == sorted(k for k, _ in reading_order(text)) == list(range(len(text)))


words = st.text(st.sampled_from("אבגדاملگ"), min_size=1, max_size=5)
numbers = st.from_regex(r"\A[1-9][0-9]?([.,:][0-9])?\Z")
units = st.sampled_from(["75kg", "12.5cm", "CO2", "COVID-19", "kcal", "(אב)", "(12)"])


@given(st.lists(st.one_of(words, numbers, units), min_size=1, max_size=6))
def test_what_stands_in_apps_is_read_as_it_is_written(parts: list[str]) -> None:
    """But for a number that a space parts from Latin letters before it: it is read first."""
    text = " ".join(parts)
    latin = [k for k, part in enumerate(parts) if any("A" <= c <= "z" for c in part)]
    ambiguous = any(k + 1 < len(parts) and not is_rtl(parts[k + 1]) for k in latin)
    if not ambiguous:
        assert to_logical(to_visual(text)) == text
    codec = Codec(Charset("אבגדاملگ0123456789.,:-() kgcmCODVIal"), direction="rtl")
    folded = codec.fold(text)
    assert codec.seen(folded) == codec.seen(text)
    assert codec.fold(folded) == folded


def test_look_alikes_are_folded_into_one() -> None:
    codec = Codec(Charset("75kg "), direction="rtl")
    assert codec.fold("kg 75") == codec.fold("75 kg") == "75 kg"


def test_unknown_characters_are_folded_where_they_are_seen() -> None:
    """XY joins 12 in one run from left to right; their U+FFFD alone would not, and stand at the other side of it."""
    codec = Codec(Charset("אב12 "), unknown=True, direction="rtl")
    folded = codec.fold("אב XY12")
    assert codec.seen(folded) == "\ufffd12 בא"
    assert codec.fold(folded) == folded


@given(st.lists(anything, min_size=1, max_size=4))
def test_parts_of_a_line_are_arranged_as_the_whole(parts: list[str]) -> None:
    found = arrange(parts)
    text = "".join(parts)
    assert "".join("".join(s.text[k] for k in visual_order_of(s.text, s.rtl)) for s in found) == "".join(
        text[k] for k in visual_order(text)
    )
    if not any(part and unicodedata.combining(part[0]) for part in parts):  # else a mark goes with its letter
        assert all(stretch.text in parts[stretch.part] for stretch in found)
        assert sorted(s.part for s in found if s.first) == [k for k, part in enumerate(parts) if part]


def visual_order_of(text: str, rtl: bool) -> list[int]:
    """Of a stretch of one direction: its letters with their marks, from the right or the left."""
    units: list[list[int]] = []
    for k, character in enumerate(text):
        if units and unicodedata.category(character)[0] == "M":
            units[-1].append(k)
        else:
            units.append([k])
    return [k for unit in (reversed(units) if rtl else units) for k in unit]


def test_letters_say_where_a_line_begins() -> None:
    assert is_rtl("1 א")
    assert is_rtl("ب")
    assert not is_rtl("a1 (﷼) ٣")


def test_mirrored_signs_come_in_pairs_of_unicode() -> None:
    for sign, other in MIRRORED.items():
        assert MIRRORED[other] == sign
        assert unicodedata.mirrored(sign)
        assert {unicodedata.category(sign), unicodedata.category(other)} in (
            {"Ps", "Pe"}, {"Pi", "Pf"}, {"Sm"}
        )  # fmt: skip


@given(st.text(st.sampled_from("אבגل٣12.% ()kg"), min_size=1, max_size=10), st.data())
def test_a_codec_reads_what_it_encodes(text: str, data: st.DataObject) -> None:
    codec = Codec(Charset("אבגل٣12.% ()kg"), direction="rtl")
    path = [c for k in codec.encode(text) for c in [k, *[0] * data.draw(st.integers(1, 2))]]
    scores = np.full((1, len(path), codec.classes), -9.0, dtype=np.float32)
    scores[0, np.arange(len(path)), path] = 9.0
    [reading] = codec.decode(scores)
    assert reading.text == to_logical(codec.seen(text)) == "".join(c.text for c in reading.characters)
    assert reading.confidence > 0.9
    from_left = sorted(reading.characters, key=lambda c: c.start)
    assert [path[c.start] for c in from_left] == codec.encode(text).tolist()


def test_half_a_pair_of_brackets_is_refused() -> None:
    with pytest.raises(CharsetError, match=r"holds '\(' \(U\+0028\) without what mirrors it.* add '\)' \(U\+0029\)"):
        Codec(Charset("א("), direction="rtl")
    Codec(Charset("א("))
