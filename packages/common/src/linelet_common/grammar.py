"""Grammars: what the lines of an app can say, as forms, and the automaton that accepts exactly these texts.

A form is a template: ``{field}`` is a word of that vocabulary, ``{40..110:.1f}`` a number of that range in Python's
format, ``{{`` and ``}}`` braces, the rest stands for itself. Recipes draw texts from forms; readers may read by them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, NamedTuple, Self

import pydantic

from linelet_common.errors import RecipeError
from linelet_common.schema import Checked

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[^{}]+|[{}]")
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)(?::([^{}]*))?")
# The number formats whose texts can be listed: sign, zeros, width, thousands, decimals.
_FORMAT = re.compile(
    r"(?P<sign>[+ -]?)(?P<zeros>0?)(?P<width>\d*)(?P<comma>,?)(?:(?:\.(?P<places>\d+))?(?P<point>f)|d)?"
)
_DIGITS = "0123456789"
# Bounds on numbers, and on the automaton: what an app says stays far below. Places are the work of building it, some
# seconds at most.
_MOST_DIGITS, _WIDEST = 15, 40
_MOST_STATES, _MOST_PLACES = 100_000, 1_000_000

# A form with more characters is prose; the automaton is built by a recursion as deep as its longest text.
LONGEST_FORM = 200

# A text position by position: the characters that may stand at each.
Pattern = tuple[str, ...]


class Number(NamedTuple):
    """A number in low..high, formatted."""

    low: float
    high: float
    whole: bool
    spec: str

    def characters(self) -> str:
        """Every character that it may draw."""
        if self.whole and self.high - self.low < 1000:
            return "".join(format(v, self.spec) for v in range(int(self.low), int(self.high) + 1))
        return "0123456789" + format(self.low, self.spec) + format(self.high, self.spec)

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
        low, high = (int(format(limit, f".{places}f").replace(".", "")) for limit in (self.low, self.high))
        if self.low < 0:  # a fraction that rounds to nothing keeps its sign: -0.0
            yield from _signed("-", max(int(self.whole), -high), -low, places, found)
        if self.high >= 0:
            yield from _signed(found["sign"].strip("-"), max(0, low), high, places, found)


def _signed(sign: str, low: int, high: int, places: int, form: re.Match[str]) -> Iterator[Pattern]:
    width = int(form["width"] or 0)
    least = max(places + 1, width - len(sign) - bool(places)) if form["zeros"] else places + 1
    for digits in _digits(low, high, least):
        whole, fraction = digits[: len(digits) - places], digits[len(digits) - places :]
        if form["comma"]:
            whole = tuple(
                c for i, d in enumerate(whole) for c in ((",", d) if i and (len(whole) - i) % 3 == 0 else (d,))
            )
        number = (*sign, *whole, *(".", *fraction)[: places + 1 if places else 0])
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


Piece = str | Number | tuple[str, ...]


def parse_form(form: str, vocabulary: Mapping[str, tuple[str, ...]], where: str) -> list[Piece]:
    """Pieces of a template. RecipeError for an unknown vocabulary, an impossible range or a lone brace."""
    pieces: list[Piece] = []
    for match in _PIECE.finditer(form):
        whole, inside = match.group(0), match.group(1)
        if inside is None:
            if whole in "{}":
                raise RecipeError(
                    f"{where}: {form!r} has a lone {whole!r}; write it twice to draw it", value=form, place=where
                )
            literal = whole if whole not in ("{{", "}}") else whole[0]
            if pieces and isinstance(pieces[-1], str):
                pieces[-1] += literal
            else:
                pieces.append(literal)
        elif number := _NUMBER.fullmatch(inside):
            pieces.append(_number(number, f"{where}: {form!r}"))
        elif inside in vocabulary:
            pieces.append(vocabulary[inside])
        else:
            known = ", ".join(vocabulary) or "none"
            raise RecipeError(
                f"{where}: {form!r} asks for {inside!r}, neither a vocabulary (known: {known}) nor a number like "
                "{40..110:.1f}; correct it or add the list to [vocabulary]",
                value=form,
                place=where,
            )
    if not pieces:
        raise RecipeError(f"{where}: a form is empty; write a template or remove it", place=where)
    return pieces


def _number(match: re.Match[str], where: str) -> Number:
    low, high, spec = match.group(1), match.group(2), match.group(3) or ""
    longest = max(len(part) for limit in (low, high) for part in limit.lstrip("-").split("."))
    sizes = [int(size[:9]) for size in re.findall(r"\d+", spec)]
    if longest > _MOST_DIGITS or max(sizes, default=0) > _WIDEST:
        raise RecipeError(
            f"{where}: {match.group(0)[:60]!r} is no number that a line shows; write at most {_MOST_DIGITS} digits, a "
            f"width and decimals of at most {_WIDEST}",
            value=match.group(0)[:60],
            place=where,
        )
    whole = "." not in low and "." not in high and (not spec or spec[-1] in "dn,_" or spec[-1].isdigit())
    number = Number(float(low), float(high), whole, spec)
    if number.low > number.high:
        raise RecipeError(
            f"{where}: the range {low}..{high} runs backwards; write the smaller number first", place=where
        )
    try:
        format(int(number.low) if whole else number.low, spec)
    except ValueError as failure:
        raise RecipeError(
            f"{where}: format {spec!r} is not Python's ({failure}); write e.g. .1f or 02d", value=spec, place=where
        ) from None
    return number


def literal_form(text: str) -> str:
    """The form that draws just this text."""
    return text.replace("{", "{{").replace("}", "}}")


class Grammar(Checked):
    """What lines can say: forms, and the words that they name."""

    vocabulary: dict[str, tuple[str, ...]] = pydantic.Field(default={})
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

    def automaton(self) -> "Automaton":
        """The automaton of its texts. RecipeError for a number format whose texts cannot be listed."""
        return _Compiler([parse_form(form, self.vocabulary, "grammar") for form in self.forms]).automaton()


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

    def __init__(self, forms: list[list[Piece]]) -> None:
        self._forms = [[_patterns(piece) for piece in form] for form in forms]
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
        return [(form, piece, k, 0) for k in range(len(self._forms[form][piece]))]

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


def _patterns(piece: Piece) -> list[Pattern]:
    if isinstance(piece, Number):
        return list(piece.patterns())
    return [tuple(word) for word in ([piece] if isinstance(piece, str) else piece)]
