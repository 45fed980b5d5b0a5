"""Spaces, and characters that labels write as the charset has them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

from linelet_common import Charset, ReaderSpec
from linelet_common.codec import UNKNOWN, Codec
from linelet_common.errors import RecipeError
from linelet_common.learnable import sample_problem
from linelet_synth import Source
from linelet_synth.atlas import SPACES, Atlas, set_text
from linelet_synth.check import check
from linelet_synth.fonts import bundled, read_faces
from linelet_synth.labels import spans
from linelet_synth.recipe import Recipe, parse_recipe


def recipe(charset: str, forms: list[str], more: str = "") -> Recipe:
    head = f'name = "x"\ncharset = {json.dumps(charset)}\n'
    return parse_recipe(f"{head}{more}[[texts]]\nforms = {json.dumps(forms)}\n".encode(), "r.toml", Path())


@given(st.text("ab -−’\u00a0x"))
def test_labels_write_equivalents_as_the_charset_has_them(drawn: str) -> None:
    folding = recipe("ab -'", ["a"]).folding
    found = spans(drawn, "ab -'", folding)
    text = "".join(span.character for span in found)
    plain = drawn.translate(folding)
    assert text == "".join(s.character for s in spans(plain, "ab -'"))
    assert set(text) <= set("ab -'" + UNKNOWN)
    for span in found:
        if span.character != UNKNOWN:
            assert drawn[span.start : span.end].translate(folding) == span.character


def test_what_the_charset_has_itself_stays() -> None:
    assert recipe("ab-−", ["a"]).folding.get(ord("−")) is None
    assert recipe("ab-", ["a"]).folding[ord("−")] == "-"
    assert not recipe("ab", ["a"]).folding
    assert not recipe("ab-", ["a"], "equivalents = {}\n").folding
    with pytest.raises(RecipeError, match="write one character = the others"):
        recipe("ab-", ["a"], 'equivalents = { "--" = "x" }\n')


def test_texts_are_drawn_as_they_are_and_labelled_in_the_charset() -> None:
    made = Source(recipe("0123456789- %", ["−{1..9}\u00a0%"], "unknown = false\n"), 0)
    plain = Source(recipe("0123456789- %", ["-{1..9} %"], "unknown = false\n"), 0)
    assert made.grammar is not None
    assert made.grammar.forms == ("-{1..9} %",)
    widths = []
    for source in (made, plain):
        lines = [line for line in source.lines(range(60)) if line.look == "plain"]
        assert all(line.text[0] == "-" and line.text[2:] == " %" for line in lines)
        assert all(len(line.boxes) == len(line.text) for line in lines)
        widths.append(np.mean([(line.placed[0][3] - line.placed[0][1]) / line.size for line in lines]))
    assert widths[0] > 1.3 * widths[1]  # a minus sign is drawn, no hyphen
    notes = " ".join(check(made.recipe).notes)
    assert "labels write '−' (U+2212) as '-'" in notes


@pytest.mark.parametrize("name", ["lato-400.ttf", "NotoSansSC.ttf"])
def test_spaces_that_a_font_lacks_are_as_wide_as_browsers_have_them(name: str) -> None:
    """HarfBuzz, by which Pillow's Raqm and browsers shape, is the oracle."""
    face = next(read_faces(path)[0] for path in (*bundled(), *bundled("latin")) if path.endswith(name))
    strike = Atlas().strike(face, 400, 64)
    oracle = face.font(400, 64, layout=ImageFont.Layout.RAQM)
    lacking = set(SPACES) - face.characters
    assert "\u202f" in lacking
    for space in lacking:
        placed, end = set_text(strike, f"1{space}2")
        assert len(placed) == 3
        assert placed[1][0].size == 0
        assert abs(end - oracle.getlength(f"1{space}2")) <= 2, hex(ord(space))


def test_a_narrow_space_is_drawn_narrow_and_labelled_as_a_space() -> None:
    gaps = {}
    for space in ("\u202f", "\u00a0", " "):
        lines = [*Source(recipe("12 ", [f"1{space}2"], "unknown = false\n"), 0).lines(range(50))]
        assert {line.text for line in lines} == {"1 2"}
        gaps[space] = np.mean([(line.placed[2][1] - line.placed[0][3]) / line.size for line in lines])
    assert gaps["\u00a0"] == pytest.approx(gaps[" "], rel=0.05)
    assert gaps["\u202f"] < 0.8 * gaps[" "]


@pytest.mark.parametrize("form", ["{1000..99999 as 1\u202f234}", " ".join(["0123456789"] * 6)], ids=["space", "long"])
def test_fragments_of_any_text_can_be_learnt(form: str) -> None:
    """With a space that no font has, or so long that a strip of it is hardly a line."""
    made = recipe("0123456789 ", [form])
    spec = ReaderSpec(charset=made.charset, unknown=True)
    fragments = [line for line in Source(made, 0, "screen").lines(range(1500)) if "fragment" in line.styles]
    assert len(fragments) > 5
    assert [sample_problem(line.picture, line.text, "a sample", spec) for line in fragments] == [None] * len(fragments)


def test_fields_may_hold_what_labels_fold_as_texts_may() -> None:
    more = '[fields]\nsum = { name = "Sum\u00a01", form = "−{0..9999 as 1\u202f234}\u00a0%" }\n'
    made = recipe("0123456789 -%Sum", ["1"], more)
    assert made.fields["sum"].names == ("Sum 1",)
    assert made.fields["sum"].forms == ("-{0..9999 as 1 234} %",)
    two = '[fields]\na = { name = "x", form = "1" }\nb = { name = "y", form = "1" }\n'
    with pytest.raises(RecipeError, match=r"fields\.a, fields\.b need 'x' .*, 'y' .*; add them .* or drop the fields"):
        recipe("0123456789 -%Sum", ["1"], two)


def test_evaluation_takes_any_space_for_the_charsets() -> None:
    for unknown in (False, True):
        assert Codec(Charset("15 %"), unknown=unknown).fold("15\u202f%") == "15 %"
        assert Codec(Charset("15 %\u202f"), unknown=unknown).fold("15\u202f%") == "15\u202f%"
    assert Codec(Charset("15%"), unknown=True).fold("15\u202f%") == "15%"


@pytest.mark.parametrize("unknown", [False, True])
def test_evaluation_takes_signs_as_recipes_label_them(unknown: bool) -> None:
    """Labels of a page's own text hold the minus sign that readers write as a hyphen."""
    assert Codec(Charset("15-'"), unknown=unknown).fold("−15’") == "-15'"
    assert Codec(Charset("15-−"), unknown=unknown).fold("−15") == "−15"
    assert Codec(Charset("15"), unknown=unknown).fold("−15") == (UNKNOWN if unknown else "−") + "15"
    made = recipe("15 -'", ["1"])
    assert Codec(made.characters).fold("−5\u202f’") == "−5\u202f’".translate(made.folding)


def test_a_gap_is_no_space_where_the_charset_has_one() -> None:
    look = "unknown = false\n[looks.plain]\nweight = 0\n[looks.screen]\nweight = 1\ntilted = 0\nneighbours = 0\n"
    made = Source(recipe("0123456789 %kg", ["{0..9}%", "{0..9} %", "{0..9}kg", "{0..9} kg"], look), 0)
    gaps: dict[bool, list[float]] = {True: [], False: []}
    for line in made.lines(range(600)):
        ink = [glyph for glyph in line.placed if glyph[3] > glyph[1]]
        gaps[" " in line.text].append((ink[1][1] - ink[0][3]) * line.affine[0] / line.size)
    assert np.percentile(gaps[False], 95) < np.percentile(gaps[True], 5)


def test_a_corpus_counts_each_text_once_and_without_spaces_at_its_ends(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("  7 kg\u00a0\n7 kg\n8\u00a0kg\nu\u0308\n", encoding="utf-8")
    text = 'name = "x"\nunknown = false\ncharset = "78 kgü"\n[[texts]]\ncorpus = "texts.txt"\n'
    made = parse_recipe(text.encode(), "r.toml", tmp_path)
    assert {label for _, label in Source(made, 0).samples(range(40))} == {"7 kg", "8 kg", "ü"}
    assert any("1 texts are there more than once" in note for note in check(made).notes)
