"""Days and times of day as forms write them: ``{2020-01-01..2026-12-31:%d.%m.%Y}``, ``{08:00..17:59:%H:%M}``.

The directives are strftime's, ``%-d`` without its zero; ``%(month)`` is a word of that vocabulary: of 12 words the
month's, of 7 the weekday's from Monday on. Only days of the calendar are written. Where a form of days asks for the
time too, it is any of the day; seconds are any.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from linelet_common.errors import RecipeError

_DIGITS = "0123456789"
_LIMITS = re.compile(r"(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d):(.+)|(\d\d):(\d\d)\.\.(\d\d):(\d\d):(.+)", re.DOTALL)
_TOKEN = re.compile(r"%(?:(-?[A-Za-z%])|\(([^()]*)\))|[^%]+|%")
_DAY = ("%Y", "%y", "%m", "%-m", "%d", "%-d")
_TIME = ("%H", "%-H", "%I", "%-I", "%M", "%S", "%p")
# A grammar lists a range's days.
_LONGEST = 100 * 366

# A directive, or the words of a month or a weekday, or literal text (a tuple of one).
Token = str | tuple[str, ...]


class Moment(NamedTuple):
    """A day (of the proleptic Gregorian calendar, 1 is 0001-01-01) or a minute of the day in low..high, as tokens."""

    low: int
    high: int
    is_day: bool
    tokens: tuple[Token, ...]

    def text(self, value: int, second: int = 0) -> str:
        """How a day or a minute is written."""
        return "".join(_write_day(t, value) if self.is_day else _write_time(t, value, second) for t in self.tokens)

    def patterns(self) -> Iterator[tuple[str, ...]]:
        """Every text of it, position by position the characters that may stand there."""
        yield from _merged([self._pattern(value) for value in range(self.low, self.high + 1)])

    def _pattern(self, value: int) -> tuple[str, ...]:
        if self.is_day or "%S" not in self.tokens:
            return tuple(self.text(value))
        parts: list[str] = []
        for token in self.tokens:
            parts += (_DIGITS[:6], _DIGITS) if token == "%S" else _write_time(token, value, 0)
        return tuple(parts)

    def characters(self) -> str:
        """Every character that it may write."""
        return "".join(sorted({c for pattern in self.patterns() for place in pattern for c in place}))

    def expression(self, escape: Callable[[str], str]) -> str:
        """A regular expression that matches its texts, and others; ``escape`` makes one of a literal text."""
        return "".join(_expression(token, escape) for token in self.tokens)


def parse_moment(inside: str, vocabulary: Mapping[str, tuple[str, ...]], where: str) -> list[str | Moment] | None:
    """The pieces of a range of days or times: the day, the time, and what stands between. None for anything else.

    RecipeError for limits that no calendar has, unknown directives, days and times that are mixed.
    """
    match = _LIMITS.fullmatch(inside)
    if not match:
        return None
    first, last, of_days, *clock, of_time = match.groups()
    low, high = (
        (_day(t, where) for t in (first, last)) if first else (_minute(clock[k], clock[k + 1], where) for k in (0, 2))
    )
    if low > high:
        raise RecipeError(
            f"{where}: {inside!r} runs backwards; write the earlier limit first", value=inside, place=where
        )
    if first and high - low >= _LONGEST:
        raise RecipeError(f"{where}: {inside!r} spans over 100 years; narrow it", value=inside, place=where)
    tokens = _tokens(of_days or of_time, vocabulary, where)
    days, times = _span(tokens, _DAY), _span(tokens, _TIME)
    if days and not first:
        raise RecipeError(f"{where}: {inside!r} has times and asks for days; write 2020-01-01..2026-12-31", place=where)
    if not (days if first else times):
        raise RecipeError(
            f"{where}: {inside!r} writes nothing of its limits; write e.g. %d.%m.%Y or %H:%M", place=where
        )
    if days and times and days[0] < times[1] and times[0] < days[1]:
        raise RecipeError(
            f"{where}: {inside!r} has the day within the time or the time within the day; write one after the other",
            value=inside,
            place=where,
        )
    pieces: list[str | Moment] = []
    end = 0
    for start, stop, is_day in sorted((*span, span is days) for span in (days, times) if span):
        pieces += [_literal(token) for token in tokens[end:start]]
        limits = (low, high) if is_day or not first else (0, 24 * 60 - 1)
        pieces.append(Moment(*limits, is_day, tuple(tokens[start:stop])))
        end = stop
    return pieces + [_literal(token) for token in tokens[end:]]


def _merged(patterns: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The same texts as fewer patterns: those that differ in one place become one."""
    for place in reversed(range(max(map(len, patterns)))):
        found: dict[tuple[tuple[str, ...], tuple[str, ...]], set[str]] = {}
        for pattern in patterns:
            if place < len(pattern):
                found.setdefault((pattern[:place], pattern[place + 1 :]), set()).update(pattern[place])
        merged = [(*before, "".join(sorted(own)), *after) for (before, after), own in found.items()]
        patterns = [pattern for pattern in patterns if place >= len(pattern)] + merged
    return patterns


def _tokens(text: str, vocabulary: Mapping[str, tuple[str, ...]], where: str) -> list[Token]:
    tokens: list[Token] = []
    for match in _TOKEN.finditer(text):
        whole, directive, name = match.group(0), match.group(1), match.group(2)
        if name is not None:
            words = vocabulary.get(name, ())
            if len(words) not in (7, 12):
                raise RecipeError(
                    f"{where}: %({name}) needs a vocabulary of 12 words, January first, or of 7, Monday first; "
                    f"it has {len(words)}",
                    value=name,
                    place=where,
                )
            tokens.append(words)
        elif not whole.startswith("%"):
            tokens.append((whole,))
        elif directive == "%":
            tokens.append(("%",))
        elif whole in _DAY or whole in _TIME:
            tokens.append(whole)
        else:
            known = " ".join((*_DAY, *_TIME))
            raise RecipeError(f"{where}: unknown directive {whole!r}; known are {known}", value=whole, place=where)
    return tokens


def _span(tokens: list[Token], directives: tuple[str, ...]) -> tuple[int, int] | None:
    """The first and behind the last of the tokens that are a day's or a time's."""
    has_words = directives is _DAY
    found = [
        k for k, t in enumerate(tokens) if t in directives or (has_words and not isinstance(t, str) and len(t) > 1)
    ]
    return (found[0], found[-1] + 1) if found else None


def _literal(token: Token) -> str:
    assert not isinstance(token, str)
    return token[0]


def _day(text: str, where: str) -> int:
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        raise RecipeError(f"{where}: the calendar has no {text}; correct the day", value=text, place=where) from None


def _minute(hour: str, minute: str, where: str) -> int:
    if int(hour) > 23 or int(minute) > 59:
        raise RecipeError(f"{where}: no day has {hour}:{minute}; write 00:00 to 23:59", place=where)
    return int(hour) * 60 + int(minute)


def _write_day(token: Token, value: int) -> str:
    day = date.fromordinal(value)
    if not isinstance(token, str):
        return token[0] if len(token) == 1 else token[day.month - 1 if len(token) == 12 else day.weekday()]
    number = {"Y": day.year, "y": day.year % 100, "m": day.month, "d": day.day}[token[-1]]
    return str(number) if "-" in token else f"{number:0{4 if token == '%Y' else 2}d}"


def _write_time(token: Token, value: int, second: int) -> str:
    if not isinstance(token, str):
        return token[0]
    hour, minute = divmod(value, 60)
    if token == "%p":
        return "PM" if hour > 11 else "AM"
    number = {"H": hour, "I": hour % 12 or 12, "M": minute, "S": second}[token[-1]]
    return str(number) if "-" in token else f"{number:02d}"


def _expression(token: Token, escape: Callable[[str], str]) -> str:
    if not isinstance(token, str):
        return f"(?:{'|'.join(map(escape, token))})"
    if token == "%p":
        return "(?:AM|PM)"
    return "[0-9]{4}" if token == "%Y" else "[0-9]{1,2}" if "-" in token else "[0-9]{2}"
