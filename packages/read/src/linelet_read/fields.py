"""Fields: which of a screen's lines are the values of the names that a recipe tells of.

Geometry and grammar decide. A line is a value where its whole text is one that the field's forms can write, and a name
where it is one of the field's names; a value stands right of its name in the same row, below or above it, or in one
line with it. What stands between the two, or nearer to either, speaks against them: a field whose value is not shown,
or not beyond doubt, is absent and never guessed. Spaces do not count: a wide gap and none say the same. The browser's
``fields.js`` decides alike, by the same vectors.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from linelet_common.automata import field_forms
from linelet_common.boxes import Box
from linelet_common.codec import UNKNOWN
from linelet_common.fields import Field

# What a line must be read with to be a name or a value.
LEAST_CONFIDENCE = 0.5
# Lengths below are in heights of the larger line of the two, unless they say otherwise.
_UNIT_GAP = 0.8  # between a number and its unit, where they are boxes of their own
_COLUMN_GAP = 1.6  # between a name and the value below or above it
_PEER = 0.85  # an unknown text of this share of a name's height may be a name of its own
_LATIN = 0.78  # of the height of Chinese characters of the same size: capitals and digits
_CLEARLY = 0.75  # a way from name to value is the nearer one if it is shorter than this share of the other

Value = float | int | str | list[float | int]


@dataclass(frozen=True)
class ScreenText:
    """A line of a screen as it was read."""

    text: str
    confidence: float
    box: Box


@dataclass(frozen=True)
class FieldValue:
    """A field's value: its number, several where its form has several, or its text where it has none, as a day has.

    text, confidence and box are those of the line that says it, or of a number and its unit together.
    """

    value: Value
    text: str
    confidence: float
    box: Box


@dataclass(frozen=True)
class _Candidate:
    """A value that a name may have: the way from one to the other, and how far it is."""

    field: str
    name: int | None  # the name's line; None where the value's line holds the name too
    way: str  # inline, right, below or above
    distance: float
    found: FieldValue
    lines: tuple[int, ...]  # the value's lines
    rival: bool = False  # whether an unknown text, which may be the value's own name, stands nearer to it


def read_fields(lines: Sequence[ScreenText], fields: Mapping[str, Field]) -> dict[str, FieldValue]:
    """The fields that a screen's lines show, in the order of ``fields``; those that it does not show are absent."""
    forms = {key: _form(field.forms) for key, field in fields.items()}
    names = _names(lines, fields)
    candidates: list[_Candidate] = []
    for key in fields:
        candidates += _inline(lines, key, fields[key], forms[key])
        for name in (i for i, owner in names.items() if owner == key):
            candidates += _beside(lines, names, key, name, forms[key])
    chosen: dict[str, list[_Candidate]] = {}
    for candidate in _matched(candidates):
        chosen.setdefault(candidate.field, []).append(candidate)
    # Of several values of one field, the largest is what the screen is about; of equal ones, the first.
    return {
        key: min(chosen[key], key=lambda c: (-c.found.box.height, c.found.box.y, c.found.box.x)).found
        for key in fields
        if key in chosen
    }


class _Form:
    """A field's forms as what accepts a text, and what takes its numbers out."""

    def __init__(self, forms: tuple[str, ...]) -> None:
        compiled = field_forms(forms)
        self._automaton = compiled.automaton
        self._forms = [(re.compile(form.expression), form) for form in compiled.forms]

    def value(self, text: str) -> Value | None:
        """What a text says, the text where it says no number; None where no form can write it."""
        bare = _bare(text)
        if not bare or not self._automaton.accepts(bare):
            return None
        found, form = next((match, form) for pattern, form in self._forms if (match := pattern.fullmatch(bare)))
        numbers = [_number(*pair) for pair in zip(found.groups(), form.marks, strict=True)]
        if not numbers:
            return text.strip() if form.written is None else form.written
        return numbers[0] if len(numbers) == 1 else numbers


@lru_cache(maxsize=256)
def _form(forms: tuple[str, ...]) -> _Form:
    return _Form(forms)


def _bare(text: str) -> str:
    return "".join(text.split())


def _number(text: str, marks: tuple[str, str]) -> float | int:
    group, point = marks
    plain = (text.replace(group, "") if group else text).replace(point, ".")
    return float(plain) if "." in plain else int(plain)


def _names(lines: Sequence[ScreenText], fields: Mapping[str, Field]) -> dict[int, str]:
    """The lines that are names, and whose. A colon or the like behind a name may be unknown to the reader."""
    owners = {_bare(name): key for key, field in fields.items() for name in field.names}
    found = {}
    for i, line in enumerate(lines):
        text = _bare(line.text)
        bare = text.removesuffix(UNKNOWN)
        if bare in owners and (line.confidence >= LEAST_CONFIDENCE or bare != text):
            found[i] = owners[bare]
    return found


def _inline(lines: Sequence[ScreenText], key: str, field: Field, form: _Form) -> Iterator[_Candidate]:
    """Lines that hold a name and its value, the name first or last."""
    names = sorted(map(_bare, field.names), key=len, reverse=True)
    for i, line in enumerate(lines):
        if line.confidence < LEAST_CONFIDENCE:
            continue
        text = _bare(line.text)
        for name in names:
            starts, ends = text.startswith(name), text.endswith(name)
            rest = text.removeprefix(name) if starts else text.removesuffix(name)
            value = form.value(rest.lstrip(":：")) if starts or ends else None
            if value is not None:
                found = FieldValue(value, rest.lstrip(":："), line.confidence, line.box)
                yield _Candidate(key, None, "inline", 0.0, found, (i,))
                break


def _beside(
    lines: Sequence[ScreenText], names: Mapping[int, str], key: str, name: int, form: _Form
) -> Iterator[_Candidate]:
    """The nearest values right of, below and above a name, each where nothing speaks against it."""
    box = lines[name].box
    best: dict[str, _Candidate] = {}
    for found, parts in _values(lines, names, form):
        way, distance = _way(box, found.box)
        if way and (way not in best or distance < best[way].distance):
            best[way] = _Candidate(key, name, way, distance, found, parts)
    for candidate in best.values():
        if not _blocked(lines, names, name, candidate):
            yield replace(candidate, rival=_has_rival(lines, candidate))


def _values(
    lines: Sequence[ScreenText], names: Mapping[int, str], form: _Form
) -> Iterator[tuple[FieldValue, tuple[int, ...]]]:
    """Every line, and every number with the unit behind it, that a form can write. The longer of two goes first."""
    for i, line in enumerate(lines):
        if i in names or line.confidence < LEAST_CONFIDENCE:
            continue
        unit = _unit_of(lines, i)
        if unit is not None and unit not in names:
            text, both = line.text + lines[unit].text, (line, lines[unit])
            value = form.value(text)
            if value is not None:
                confidence = min(part.confidence for part in both)
                yield FieldValue(value, text, confidence, _around(line.box, lines[unit].box)), (i, unit)
                continue
        value = form.value(line.text)
        if value is not None:
            yield FieldValue(value, line.text, line.confidence, line.box), (i,)


def _unit_of(lines: Sequence[ScreenText], i: int) -> int | None:
    """The line that stands right behind another one, lower than it and within its height; None if there is none."""
    a = lines[i].box
    for k, line in enumerate(lines):
        b = line.box
        gap = b.x - (a.x + a.width)
        inside = b.y >= a.y - 0.1 * a.height and b.y + b.height <= a.y + 1.15 * a.height
        if k != i and inside and -0.3 * a.height <= gap <= _UNIT_GAP * a.height and line.confidence >= LEAST_CONFIDENCE:
            return k
    return None


def _way(name: Box, value: Box) -> tuple[str, float]:
    """How a value stands to a name, and how far in heights of the larger; an empty way where it stands nowhere near."""
    height = max(name.height, value.height)
    down = min(name.y + name.height, value.y + value.height) - max(name.y, value.y)
    if 2 * down >= min(name.height, value.height):
        gap = value.x - (name.x + name.width)
        return ("right", max(gap, 0) / height) if gap >= -0.3 * height else ("", 0.0)
    across = min(name.x + name.width, value.x + value.width) - max(name.x, value.x)
    if 2 * across < min(name.width, value.width):
        return "", 0.0
    if value.y > name.y:
        gap = value.y - (name.y + name.height)
        return ("below", max(gap, 0) / height) if gap <= _COLUMN_GAP * height else ("", 0.0)
    gap = name.y - (value.y + value.height)
    return ("above", max(gap, 0) / height) if gap <= _COLUMN_GAP * height else ("", 0.0)


def _blocked(lines: Sequence[ScreenText], names: Mapping[int, str], name: int, candidate: _Candidate) -> bool:
    """Whether another line between a name and a value speaks against them.

    In a column any line does. In a row a status may stand between the two, but no other name, and no unknown text as
    large as the name, which may be one.
    """
    a, b = lines[name].box, candidate.found.box
    # What the unknown text is written in nobody knows: beside "BMI" a small Chinese status is as high as the name.
    least = _PEER * a.height / (_LATIN if lines[name].text.isascii() else 1.0)
    for i, line in enumerate(lines):
        if i == name or i in candidate.lines:
            continue
        other = line.box
        if candidate.way == "right":
            between = a.x + a.width <= other.x + other.width / 2 <= b.x and _rows_meet(a, other)
            if between and (i in names or (UNKNOWN in line.text and other.height >= least)):
                return True
        else:
            low, high = (a, b) if candidate.way == "below" else (b, a)
            middle = other.y + other.height / 2
            if low.y + low.height <= middle <= high.y and _columns_meet(a, other):
                return True
    return False


def _has_rival(lines: Sequence[ScreenText], candidate: _Candidate) -> bool:
    """Whether an unknown text stands nearer to a column's value than its name does, on the other side of it."""
    opposite = {"below": "above", "above": "below"}.get(candidate.way)
    for i, line in enumerate(lines):
        if opposite and i not in candidate.lines and UNKNOWN in line.text:
            # How the value stands to that text is the way that a name there would have.
            way, distance = _way(line.box, candidate.found.box)
            if way == opposite and distance < candidate.distance:
                return True
    return False


def _rows_meet(a: Box, b: Box) -> bool:
    return 2 * (min(a.y + a.height, b.y + b.height) - max(a.y, b.y)) >= min(a.height, b.height)


def _columns_meet(a: Box, b: Box) -> bool:
    return min(a.x + a.width, b.x + b.width) - max(a.x, b.x) > 0


def _matched(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Each name with at most one value and each value with at most one name, nearest first.

    A name with values above and below at about the same distance, or whose value may be another's, takes the way that
    the screen's other names take, or none. A row goes before a column, and a line that holds both before everything.
    """
    by_name: dict[int, list[_Candidate]] = {}
    for candidate in candidates:
        if candidate.name is not None:
            by_name.setdefault(candidate.name, []).append(candidate)
    sure = [c for c in candidates if c.name is None]
    doubtful = []
    for options in by_name.values():
        row = [c for c in options if c.way == "right"]
        column = sorted((c for c in options if c.way != "right"), key=lambda c: c.distance)
        sure += row
        near = len(column) == 2 and column[0].distance >= _CLEARLY * column[1].distance
        if near or any(c.rival for c in column[:1]):
            doubtful.append(column)
        else:
            sure += column[:1]
    ways = [c.way for c in sure]
    common = max(("below", "above"), key=ways.count)
    if ways.count("below") != ways.count("above"):
        sure += [c for column in doubtful for c in column if c.way == common]
    order = {"inline": 0, "right": 1, "below": 2, "above": 2}
    taken_names: set[int] = set()
    taken_lines: set[int] = set()
    chosen = []
    for c in sorted(sure, key=lambda c: (order[c.way], c.distance, c.lines)):
        if c.name in taken_names or taken_lines & set(c.lines):
            continue
        taken_lines |= set(c.lines)
        if c.name is not None:
            taken_names.add(c.name)
        chosen.append(c)
    return chosen


def _around(a: Box, b: Box) -> Box:
    x, y = min(a.x, b.x), min(a.y, b.y)
    return Box(x, y, max(a.x + a.width, b.x + b.width) - x, max(a.y + a.height, b.y + b.height) - y)
