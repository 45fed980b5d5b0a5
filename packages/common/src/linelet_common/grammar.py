"""Grammars: what the lines of an app can say, as forms, and the automaton that accepts exactly these texts.

A form is a template, and stands for itself but for what is in braces:

- ``{field}`` a word of that vocabulary, ``{kg|lb}`` one of these texts, ``{ kg|}`` a text or none
- ``{40..110:.1f}`` a number of that range in Python's format
- ``{0..99999 as 1.234,56}`` a number as that app writes 1234.56: ``1 234``, ``+1234,5``, ``12,34,567`` and so on; where
  the sample is ``12.345``, numbers of four digits are not grouped
- ``{2020-01-01..2026-12-31:%d.%m.%Y}``, ``{08:00..17:59:%H:%M}`` days and times: see linelet_common.moments
- ``{{`` and ``}}`` braces

Recipes draw texts from forms; readers may read by them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, NamedTuple, Self

import pydantic

from linelet_common.errors import RecipeError
from linelet_common.moments import Moment, parse_moment
from linelet_common.schema import Checked

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[^{}]+|[{}]")
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)(?::([^{}]*)| as ([^{}]*))?")
# 1234 or so as an app writes it: its sign, what groups thousands and what stands before decimals.
_SAMPLE = re.compile(
    r"(?P<sign>\+?)(?:1(?P<group>[^\d+]?)234|12(?P<late>[^\d+])345|12(?P<lakh>[^\d+])34(?P=lakh)567)"
    r"(?:(?P<point>[^\d+])(?P<decimals>\d+))?"
)
# Longer numbers are no values of an app; decimals with more digits are not exact.
_MOST_DIGITS, _MOST_DECIMAL_DIGITS = 30, 15
# The number formats whose texts can be listed: sign, zeros, width, thousands, decimals.
_FORMAT = re.compile(
    r"(?P<sign>[+ -]?)(?P<zeros>0?)(?P<width>\d*)(?P<comma>,?)(?:(?:\.(?P<places>\d+))?(?P<point>f)|d)?"
)
_DIGITS = "0123456789"
# Bounds on numbers, and on the automaton: what an app says stays far below. Places are the work of building it, some
# seconds at most.
_WIDEST = 40
_MOST_STATES, _MOST_PLACES = 100_000, 1_000_000

# A form with more characters is prose; the automaton is built by a recursion as deep as its longest text.
LONGEST_FORM = 200

# A text position by position: the characters that may stand at each.
Pattern = tuple[str, ...]


class Marks(NamedTuple):
    """What an app writes in a number beside digits and sign.

    grouped: numbers of at least so many digits have ``group`` between thousands. lakh: beyond the last three, digits
    are grouped by two, as in India.
    """

    group: str
    point: str
    grouped: int = 4
    lakh: bool = False

    def stands(self, digits: int, i: int) -> bool:
        """Whether ``group`` stands before digit i of a whole number of so many digits."""
        left = digits - i
        return bool(i and digits >= self.grouped and (left >= 3 and left % 2 if self.lakh else left % 3 == 0))

    def write(self, plain: str) -> str:
        """A number in Python's plain form as the app writes it."""
        sign, whole, fraction = re.fullmatch(r"([+-]?)(\d+)(?:\.(\d+))?", plain).groups("")  # type: ignore[union-attr]
        digits = "".join(self.group * self.stands(len(whole), i) + digit for i, digit in enumerate(whole))
        return sign + digits + (self.point + fraction if fraction else "")


_PYTHONS = Marks(",", ".")


class Number(NamedTuple):
    """A number in low..high, formatted; a whole one has whole limits. marks: the app's, where they aren't Python's."""

    low: float
    high: float
    whole: bool
    spec: str
    marks: Marks | None = None

    def text(self, value: float) -> str:
        """How a number is written."""
        text = format(value, self.spec)
        return self.marks.write(text) if self.marks else text

    def characters(self) -> str:
        """Every character that it may draw."""
        if self.whole and self.high - self.low < 1000:
            return "".join(self.text(v) for v in range(int(self.low), int(self.high) + 1))
        # The longest are the limits; the number nearest to 0 has most padding.
        nearest = min(max(self.low, 0), self.high)
        return "0123456789" + "".join(map(self.text, (self.low, self.high, nearest)))

    def patterns(self) -> Iterator[Pattern]:
        """Every text of it, as few patterns. RecipeError for formats but sign, zeros, width, comma, .Nf and d."""
        found = _FORMAT.fullmatch(self.spec)
        if not found or self.whole == bool(found["point"]) or (found["zeros"] and found["comma"]):
            raise RecipeError(
                f"a grammar knows no numbers of the format {self.spec!r} in {self.low:g}..{self.high:g}; "
                "write e.g. .1f or 02d, or read without the grammar",
                value=self.spec,
            )
        places = int(found["places"] or 6) if found["point"] else 0
        # Rounding keeps order, so the formatted limits bound the formatted numbers.
        low, high = (
            int(limit if self.whole else format(limit, f".{places}f").replace(".", ""))
            for limit in (self.low, self.high)
        )
        marks = self.marks or _PYTHONS._replace(group="," * bool(found["comma"]))
        if self.low < 0:  # a fraction that rounds to nothing keeps its sign: -0.0
            yield from _signed("-", max(int(self.whole), -high), -low, places, found, marks)
        if self.high >= 0:
            yield from _signed(found["sign"].strip("-"), max(0, low), high, places, found, marks)


def _signed(sign: str, low: int, high: int, places: int, form: re.Match[str], marks: Marks) -> Iterator[Pattern]:
    width = int(form["width"] or 0)
    least = max(places + 1, width - len(sign) - bool(places)) if form["zeros"] else places + 1
    for digits in _digits(low, high, least):
        whole, fraction = digits[: len(digits) - places], digits[len(digits) - places :]
        if marks.group:
            whole = tuple(
                c for i, d in enumerate(whole) for c in ((marks.group, d) if marks.stands(len(whole), i) else (d,))
            )
        number = (*sign, *whole, *(marks.point, *fraction)[: places + 1 if places else 0])
        yield (*" " * (width - len(number)), *number)


def _digits(low: int, high: int, least: int) -> Iterator[Pattern]:
    """low..high in at least so many digits, as blocks of tens: 40..110 is [4-9][0-9], 10[0-9], 110."""
    while low <= high:
        length = max(least, len(str(low)))
        free = 0  # last digits that may be any
        while free + 1 < length and low % 10 ** (free + 1) == 0 and low + 10 ** (free + 1) - 1 <= high:
            free += 1
        block = 10**free
        first = low // block % 10
        count = min(10 - first, (high - low + 1) // block)
        yield (*str(low).zfill(length)[: length - free - 1], _DIGITS[first : first + count], *[_DIGITS] * free)
        low += count * block


class Choice(tuple[str, ...]):
    """Texts, one of which is written."""

    __slots__ = ()


Piece = str | Number | Moment | Choice | tuple[str, ...]


def piece_characters(piece: Piece) -> str:
    """Every character that a piece may write."""
    return piece.characters() if isinstance(piece, Number | Moment) else "".join(piece)


def _join(pieces: list[Piece], piece: Piece) -> None:
    last = pieces[-1] if pieces else None
    if isinstance(piece, str) and isinstance(last, str):
        pieces[-1] = last + piece
    else:
        pieces.append(piece)


def parse_form(form: str, vocabulary: Mapping[str, tuple[str, ...]] | None, where: str) -> list[Piece]:
    """Pieces of a template. RecipeError for an unknown vocabulary, an impossible range or a lone brace.

    vocabulary: None for forms that take no words of one, as those of fields.
    """
    known = vocabulary or {}
    pieces: list[Piece] = []
    for match in _PIECE.finditer(form):
        whole, inside = match.group(0), match.group(1)
        if inside is None:
            if whole in "{}":
                raise RecipeError(
                    f"{where}: {form!r} has a lone {whole!r}; write it twice to draw it", value=form, place=where
                )
            _join(pieces, whole if whole not in ("{{", "}}") else whole[0])
        elif number := _NUMBER.fullmatch(inside):
            pieces.append(_number(number, f"{where}: {form!r}"))
        elif inside in known:
            pieces.append(known[inside])
        elif "|" in inside:
            pieces.append(_choice(inside, f"{where}: {form!r}"))
        elif (moment := parse_moment(inside, known, f"{where}: {form!r}")) is not None:
            for piece in moment:
                _join(pieces, piece)
        else:
            listed = f"neither a vocabulary (known: {', '.join(known) or 'none'}) nor"
            remedy = "add the list to [vocabulary]"
            if vocabulary is None:
                listed, remedy = "not", "write words as such a choice"
            raise RecipeError(
                f"{where}: {form!r} asks for {inside!r}, {listed} a number like {{40..110:.1f}}, a day like "
                "{2020-01-01..2026-12-31:%d.%m.%Y %H:%M}, a time like {08:00..17:59:%H:%M} or a choice like {kg|lb}; "
                f"correct it or {remedy}",
                value=form,
                place=where,
            )
    if not pieces:
        raise RecipeError(f"{where}: a form is empty; write a template or remove it", place=where)
    if all(isinstance(piece, Choice) and "" in piece for piece in pieces):
        raise RecipeError(
            f"{where}: {form!r} may write nothing; drop the empty choice of one part", value=form, place=where
        )
    return pieces


def _choice(inside: str, where: str) -> Choice:
    texts = Choice(dict.fromkeys(inside.split("|")))
    if not any(texts):
        raise RecipeError(f"{where}: {{{inside}}} chooses from nothing; write a text beside the |", place=where)
    return texts


def _number(match: re.Match[str], where: str) -> Number:
    low, high, spec, sample = match.groups()
    marks = None
    if sample is not None:
        spec, marks = _sample(sample, where)
    spec = spec or ""
    if max((int(size[:9]) for size in re.findall(r"\d+", spec)), default=0) > _WIDEST:
        raise RecipeError(
            f"{where}: the format {spec[:60]!r} is wider than a line; write a width and decimals of at most {_WIDEST}",
            value=spec[:60],
            place=where,
        )
    whole = "." not in low and "." not in high and (not spec or spec[-1] in "dn,_" or spec[-1].isdigit())
    most = _MOST_DIGITS if whole else _MOST_DECIMAL_DIGITS
    for limit in (low, high):
        if max(map(len, limit.strip("-").split("."))) > most:
            raise RecipeError(
                f"{where}: the limit {limit[:60]} has more than {most} digits; write a smaller one",
                value=limit[:60],
                place=where,
            )
    number = Number(int(low) if whole else float(low), int(high) if whole else float(high), whole, spec, marks)
    if number.low > number.high:
        raise RecipeError(
            f"{where}: the range {low}..{high} runs backwards; write the smaller number first", place=where
        )
    try:
        format(number.low, spec)
    except ValueError as failure:
        raise RecipeError(
            f"{where}: format {spec!r} is not Python's ({failure}); write e.g. .1f or 02d", value=spec, place=where
        ) from None
    return number


def _sample(sample: str, where: str) -> tuple[str, Marks]:
    """Python's plain format, and the marks, of numbers that look like the sample."""
    found = _SAMPLE.fullmatch(sample)
    group = (found["group"] or found["late"] or found["lakh"] or "") if found else ""
    if not found or group == found["point"]:
        raise RecipeError(
            f"{where}: {sample!r} is no sample of a number; write 1234 as the app does, e.g. 1,234, 1.234,56 or 1234,5",
            value=sample,
            place=where,
        )
    spec = f"{found['sign']}.{len(found['decimals'])}f" if found["point"] else f"{found['sign']}d"
    return spec, Marks(group, found["point"] or ".", 5 if found["late"] else 4, bool(found["lakh"]))


def literal_form(text: str) -> str:
    """The form that draws just this text."""
    return text.replace("{", "{{").replace("}", "}}")


class Grammar(Checked):
    """What lines can say: forms, and the words that they name."""

    vocabulary: dict[str, tuple[str, ...]] = pydantic.Field(default={})  # words by name, for {name} in forms
    # What whole lines say.
    forms: tuple[Annotated[str, pydantic.Field(max_length=LONGEST_FORM)], ...] = pydantic.Field(min_length=1)

    @pydantic.model_validator(mode="after")
    def _readable(self) -> Self:
        for name, words in self.vocabulary.items():
            if not words or not all(words):
                raise ValueError(f"vocabulary.{name} is empty or holds an empty word; name at least one")
        try:
            for form in self.forms:
                parse_form(form, self.vocabulary, "forms")
        except RecipeError as failure:
            raise ValueError(str(failure)) from None
        return self

    def automaton(self, spaced: bool = True) -> "Automaton":
        """The automaton of its texts; not ``spaced``: without the spaces that they hold.

        RecipeError for a number format whose texts cannot be listed.
        """
        return _Compiler([parse_form(form, self.vocabulary, "grammar") for form in self.forms], spaced).automaton()


@dataclass(frozen=True)
class Automaton:
    """The smallest deterministic automaton of some texts: state 0 is the first, there are no loops.

    accepting: for each state, whether a text may end there; edges: for each, the state behind each character.
    """

    accepting: tuple[bool, ...]
    edges: tuple[dict[str, int], ...]

    def accepts(self, text: str) -> bool:
        """Whether the text is one of them."""
        state = 0
        for character in text:
            if character not in self.edges[state]:
                return False
            state = self.edges[state][character]
        return self.accepting[state]


# A place within a form: the form, its piece, that piece's pattern, the position there.
_Place = tuple[int, int, int, int]


class _Compiler:
    """Subset construction (Rabin and Scott, 1959); states with the same future become one, as texts have no loops."""

    def __init__(self, forms: list[list[Piece]], spaced: bool) -> None:
        self._forms = [[_patterns(piece, spaced) for piece in form] for form in forms]
        self._states: dict[frozenset[_Place], int] = {}
        self._same: dict[tuple[bool, tuple[tuple[str, int], ...]], int] = {}
        self._work = 0

    def automaton(self) -> Automaton:
        self._state(frozenset(place for f in range(len(self._forms)) for place in self._enter(f, 0)))
        # A state was numbered after those behind it; reversed, the first is state 0.
        last = len(self._same) - 1
        found = list(self._same)[::-1]
        edges = tuple({c: last - state for c, state in behind} for _, behind in found)
        return Automaton(tuple(accepting for accepting, _ in found), edges)

    def _enter(self, form: int, piece: int) -> list[_Place]:
        if piece == len(self._forms[form]):
            return [(form, piece, 0, 0)]
        places: list[_Place] = []
        for k, pattern in enumerate(self._forms[form][piece]):
            places += [(form, piece, k, 0)] if pattern else self._enter(form, piece + 1)
        return places

    def _state(self, places: frozenset[_Place]) -> int:
        if places in self._states:
            return self._states[places]
        self._work += len(places)
        if len(self._states) > _MOST_STATES or self._work > _MOST_PLACES:
            raise RecipeError(
                f"a grammar of {len(self._forms)} forms has an automaton of over {len(self._states)} states; "
                "use fewer forms that begin alike, or read without the grammar"
            )
        accepting = False
        behind: dict[str, set[_Place]] = {}
        for form, piece, k, position in places:
            if piece == len(self._forms[form]):
                accepting = True
                continue
            pattern = self._forms[form][piece][k]
            ended = position + 1 == len(pattern)
            follow = self._enter(form, piece + 1) if ended else [(form, piece, k, position + 1)]
            for character in pattern[position]:
                behind.setdefault(character, set()).update(follow)
        edges = []
        for character in sorted(behind):
            edges.append((character, self._state(frozenset(behind[character]))))
        state = self._same.setdefault((accepting, tuple(edges)), len(self._same))
        self._states[places] = state
        return state


def _patterns(piece: Piece, spaced: bool) -> list[Pattern]:
    if isinstance(piece, Number | Moment):
        patterns = list(piece.patterns())
    else:
        patterns = [tuple(word) for word in ([piece] if isinstance(piece, str) else piece)]
    return patterns if spaced else [tuple(c for c in pattern if not c.isspace()) for pattern in patterns]
