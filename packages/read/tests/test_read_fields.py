"""Values by their names: arrangements, what speaks against them, and vectors that the browser must agree with."""

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linelet_common.boxes import Box
from linelet_common.fields import Field
from linelet_read.fields import ScreenText, read_fields

VECTORS = Path(__file__).with_name("fields_vectors.json")
FIELDS = {
    "weight": Field(name=("体重", "测量体重"), form=("{0..150:.1f}公斤", "{0..150:.1f}")),
    "fat": Field(name="体脂率", form="{1..60:.1f}%"),
    "age": Field(name="身体年龄", form="{10..90}"),
    "pressure": Field(name="BP", form="{60..250}/{30..150}"),
    "state": Field(name="体型", form=("标准", "偏胖")),
    "steps": Field(name="活动", form="{0..99999:,}"),
    "rate": Field(
        name=("Exchange rate", "Daily limit"), form=("{0..9:.4f}", "€{0..99999}", "{0..9} of {1..9}", "No limit")
    ),
}


def line(text, x, y, width=None, height=20, confidence=0.99):
    return ScreenText(text, confidence, Box(x, y, width or 12 * len(text), height))


def values(*lines):
    return {key: found.value for key, found in read_fields(lines, FIELDS).items()}


ROW = [line("体重", 10, 100), line("68.5公斤", 300, 98, height=24), line("体脂率", 10, 160), line("21.3%", 300, 160)]
BELOW = [
    line("体重", 10, 100),
    line("体脂率", 200, 100),
    line("68.5", 12, 130, height=40),
    line("21.3%", 200, 130, height=40),
]
ABOVE = [
    line("68.5", 12, 100, height=40),
    line("21.3%", 200, 100, height=40),
    line("体重", 10, 150),
    line("体脂率", 200, 150),
]
GRID = [
    *ABOVE,
    *(
        dataclasses.replace(a, text=t, box=a.box._replace(y=a.box.y + 110))
        for a, t in zip(ABOVE, ("32", "标准", "身体年龄", "体型"), strict=True)
    ),
]
CASES = {
    "right": (ROW, {"weight": 68.5, "fat": 21.3}),
    "below": (BELOW, {"weight": 68.5, "fat": 21.3}),
    "above": (ABOVE, {"weight": 68.5, "fat": 21.3}),
    "grid of values above their names": (GRID, {"weight": 68.5, "fat": 21.3, "age": 32, "state": "标准"}),
    "inline": ([line("体重68.5公斤", 10, 10), line("21.3%体脂率", 10, 60)], {"weight": 68.5, "fat": 21.3}),
    "another name for it": ([line("测量体重", 10, 10), line("70.0", 200, 10)], {"weight": 70.0}),
    "a colon that the reader does not know": (
        [line("体重\ufffd", 10, 10, confidence=0.0), line("70.0", 200, 10)],
        {"weight": 70.0},
    ),
    "number and unit apart": (
        [line("体重", 10, 100), line("68.5", 300, 90, height=40), line("公斤", 352, 108, height=20)],
        {"weight": 68.5},
    ),
    "a status between": (
        [line("体重", 10, 10), line("偏高", 100, 12, height=14), line("68.5公斤", 300, 10)],
        {"weight": 68.5},
    ),
    "an unknown status between": (
        [line("体重", 10, 10), line("\ufffd", 100, 12, height=14, confidence=0.0), line("68.5公斤", 300, 10)],
        {"weight": 68.5},
    ),
    "two columns": ([line("体重", 10, 10), line("体脂率", 300, 10), line("21.3%", 400, 10)], {"fat": 21.3}),
    "an unknown name between": (
        [line("体重", 10, 10), line("\ufffd", 200, 10, confidence=0.0), line("68.5", 300, 10)],
        {},
    ),
    "an unknown status beside a Latin name": (
        [line("BP", 10, 10), line("\ufffd", 60, 10, height=19, confidence=0.0), line("120/80", 300, 10)],
        {"pressure": [120, 80]},
    ),
    "an unknown name beside a Latin one": (
        [line("BP", 10, 10), line("\ufffd", 60, 10, height=24, confidence=0.0), line("120/80", 300, 10)],
        {},
    ),
    "no value": ([line("体重", 10, 10), line("体脂率", 10, 60), line("21.3%", 200, 60)], {"fat": 21.3}),
    "out of range": ([line("体脂率", 10, 10), line("81.3%", 200, 10)], {}),
    "unsure": ([line("体重", 10, 10), line("68.5", 200, 10, confidence=0.4)], {}),
    "a value that may hold more": ([line("体重", 10, 10), line("\ufffd68.5", 200, 10, confidence=0.0)], {}),
    "far below": ([line("体重", 10, 10), line("68.5", 12, 140)], {}),
    "something between in a column": ([line("体重", 10, 10), line("上次", 12, 36), line("68.5", 12, 60)], {}),
    "the value of an unknown name below it": (
        [line("体重", 10, 10), line("\ufffd", 12, 66, confidence=0.0), line("68.5", 12, 44)],
        {},
    ),
    "several numbers": ([line("BP", 10, 10), line("120/80", 200, 10)], {"pressure": [120, 80]}),
    "thousands": ([line("活动", 10, 10), line("12,345", 200, 10)], {"steps": 12345}),
    "the largest of two": (
        [line("体重", 10, 10), line("68.5", 100, 0, height=60), line("体重", 10, 300), line("70.1", 100, 300)],
        {"weight": 68.5},
    ),
    "a name of two words": ([line("Exchange rate", 10, 10), line("0.5433", 300, 10)], {"rate": 0.5433}),
    "a name of two words, its space not read": (
        [line("Exchangerate", 10, 10), line("0.5433", 300, 10)],
        {"rate": 0.5433},
    ),
    "name and value in one line, a space between": ([line("Daily limit €9903", 10, 10)], {"rate": 9903}),
    "spaces in a value": ([line("Daily limit", 10, 10), line("3 of5", 300, 10)], {"rate": [3, 5]}),
    "words with a space": ([line("Daily limit", 10, 10), line("Nolimit", 300, 10)], {"rate": "No limit"}),
    "nothing": ([], {}),
}


@pytest.mark.parametrize("name", CASES)
def test_geometry_and_grammar_decide(name):
    lines, wanted = CASES[name]
    assert values(*lines) == wanted


boxes = st.builds(Box, st.integers(0, 400), st.integers(0, 400), st.integers(5, 200), st.integers(8, 40))
texts = st.sampled_from(
    ["体重", "体脂率", "身体年龄", "68.5公斤", "68.5", "21.3%", "32", "体重70.0", "\ufffd", "偏高", "公斤"]
)
screens = st.lists(st.builds(ScreenText, texts, st.sampled_from([0.0, 0.49, 0.5, 0.99]), boxes), max_size=12)


@given(screens)
def test_what_is_found_is_there_and_nothing_is_found_twice(lines):
    """A value's text is written by one of its field's forms in lines read surely enough, and no line is two values."""
    found = read_fields(lines, FIELDS)
    for key, value in found.items():
        assert value.confidence >= 0.5
        assert any(value.text in line.text or line.text in value.text for line in lines)
        assert (
            read_fields([line(FIELDS[key].names[0], 0, 0), line(value.text, 200, 0)], FIELDS)[key].value == value.value
        )
    places = [(value.box, value.text) for value in found.values()]
    assert len(set(places)) == len(places) or len(lines) > len({(s.box, s.text) for s in lines})


@given(screens, st.integers(0, 300), st.integers(0, 300), st.integers(2, 4))
def test_fields_do_not_depend_on_where_or_how_large_the_screen_is(lines, dx, dy, scale):
    moved = [
        dataclasses.replace(
            s, box=Box(s.box.x * scale + dx, s.box.y * scale + dy, s.box.width * scale, s.box.height * scale)
        )
        for s in lines
    ]
    before, after = read_fields(lines, FIELDS), read_fields(moved, FIELDS)
    assert {k: v.value for k, v in before.items()} == {k: v.value for k, v in after.items()}


def vectors():
    """What the browser is to agree with: every case above, as plain data."""
    fields = {key: field.model_dump(mode="json") for key, field in FIELDS.items()}
    cases = []
    for name, (lines, _) in CASES.items():
        found = {
            key: {"value": v.value, "text": v.text, "confidence": v.confidence, "box": v.box._asdict()}
            for key, v in read_fields(lines, FIELDS).items()
        }
        given_ = [{"text": s.text, "confidence": s.confidence, "box": s.box._asdict()} for s in lines]
        cases.append({"name": name, "lines": given_, "fields": found})
    return {"fields": fields, "cases": cases}


def test_the_browsers_vectors_are_these():
    """Regenerate with: python packages/read/tests/test_read_fields.py"""
    assert json.loads(VECTORS.read_text(encoding="utf-8")) == json.loads(json.dumps(vectors()))


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(vectors(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
