"""Texts of lines: templates, phrase lists, corpus files and random characters, mixed by weight.

Templates are the forms of linelet_common.grammar. Every piece of one becomes a part of its own, so that a look can draw
a number larger than the unit behind it.
"""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Literal, NamedTuple

from linelet_common.bidi import visual_order
from linelet_common.charset import Charset
from linelet_common.errors import RecipeError, describe_characters
from linelet_common.grammar import Choice, Number, Piece
from linelet_common.moments import Moment
from linelet_common.preprocess import MAX_ASPECT
from linelet_synth.labels import Span
from linelet_synth.rng import Rng
from linelet_synth.shaping import is_complex

Kind = Literal["number", "word", "unit", "mark", "random"]
Split = Literal["all", "train", "validation"]

# How many texts are drawn to estimate a mixture's character frequencies: shares of 0.1 % come out within a third.
ESTIMATE = 6000
# In em, roughly: a line is as high as an em or less.
_WIDEST = MAX_ASPECT
# A split that gets no text in so many draws is taken to be empty.
_TRIES = 2000


class Part(NamedTuple):
    """A piece of a line that is drawn in one style."""

    text: str
    kind: Kind


class Text(NamedTuple):
    """What a line says, piece by piece, and the role that decides its weight and colour.

    spans: its label, where that is not what is drawn; their places are in what is seen. smallest: pixels per em below
    which people would need to guess. family: names the fonts that it is set in, where they are not the recipe's.
    folded: the label, where characters of what is drawn are written as their equivalents.
    """

    parts: tuple[Part, ...]
    role: str
    spans: tuple[Span, ...] | None = None
    smallest: float = 0.0
    family: str = ""
    folded: str = ""

    @property
    def drawn(self) -> str:
        """All that is drawn."""
        parts = self.parts
        return parts[0].text if len(parts) == 1 else "".join([part.text for part in parts])

    @property
    def text(self) -> str:
        """The label."""
        return self.folded or self.drawn if self.spans is None else "".join([span.character for span in self.spans])


def spans_seen(text: Text) -> tuple[Span, ...]:
    """The label of a text from right to left, each character with its place among those seen from left to right."""
    if text.spans is not None:
        return text.spans
    places = {k: place for place, k in enumerate(visual_order(text.drawn))}
    return tuple(Span(character, places[k], places[k] + 1) for k, character in enumerate(text.text))


def _kind_of(piece: Piece, before: Piece | None) -> Kind:
    if isinstance(piece, Number):
        return "number"
    if isinstance(piece, Moment):
        return "number" if all(isinstance(token, str) or len(token) == 1 for token in piece.tokens) else "word"
    if isinstance(piece, tuple) and not isinstance(piece, Choice):
        return "word"
    characters = "".join(piece)
    if isinstance(before, Number | Moment):
        # Letters and signs behind a number are its unit; a point, colon or slash joins two numbers.
        return "unit" if any(c.isalpha() or c in "%‰°" for c in characters) else "mark"
    return "word" if any(c.isalpha() for c in characters) else "mark"


def draw_piece(piece: Piece, rng: Rng) -> str:
    """A text of the piece: each number of a range, its limits included, and each word equally likely."""
    if isinstance(piece, str):
        return piece
    if isinstance(piece, Number):
        low, high = piece.low, piece.high
        return piece.text(_draw_whole(int(low), int(high), rng) if piece.whole else rng.uniform(low, high))
    if isinstance(piece, Moment):
        return piece.text(rng.integer(piece.low, piece.high), rng.integer(0, 59) if "%S" in piece.tokens else 0)
    return rng.choice(piece)


def _draw_whole(low: int, high: int, rng: Rng) -> int:
    if high - low < 2**32:
        return rng.integer(low, high)
    # A draw has 32 bits: the last nine digits of a longer number have one of their own.
    head = rng.integer(low // 10**9, high // 10**9)
    return min(max(head * 10**9 + rng.integer(0, 10**9 - 1), low), high)


class Forms:
    """Texts from templates."""

    def __init__(self, forms: Sequence[list[Piece]], role: str, family: str = "") -> None:
        self._role, self._family = role, family
        self._forms = [
            [(piece, _kind_of(piece, form[k - 1] if k else None)) for k, piece in enumerate(form)] for form in forms
        ]

    def draw(self, rng: Rng) -> Text:
        """A text from one of the templates."""
        parts = []
        for piece, kind in rng.choice(self._forms):
            text = draw_piece(piece, rng)
            if text:  # an optional part may be none
                parts.append(Part(text, kind))
        return Text(tuple(parts), self._role, None, 0.0, self._family)


class Phrases:
    """Texts from a list."""

    def __init__(self, phrases: Sequence[str], role: str, family: str = "") -> None:
        self._texts = [Text((Part(phrase, "word"),), role, None, 0.0, family) for phrase in phrases]

    def draw(self, rng: Rng) -> Text:
        """One of the phrases."""
        return rng.choice(self._texts)


class Random:
    """Strings of random tokens: single characters and groups that belong together, like BMI."""

    def __init__(
        self, tokens: Sequence[str], weights: Sequence[float], length: tuple[int, int], role: str, family: str = ""
    ) -> None:
        total = sum(weights)
        self._tokens = list(tokens)
        self._cumulative = list(accumulate(w / total for w in weights))
        self._cumulative[-1] = 1.0
        self._length, self._role, self._family = length, role, family
        self._marks = any(unicodedata.category(c)[0] == "M" for token in tokens for c in token)

    def draw(self, rng: Rng) -> Text:
        """Random tokens, cut to the longest length; a mark is left out where no letter bears it."""
        low, high = self._length
        count = rng.integer(low, high)
        text = ""
        while not text:
            tokens = [rng.choice_weighted(self._tokens, self._cumulative) for _ in range(count)]
            # Nobody sees a space at an end, or counts those between two words.
            text = " ".join("".join(tokens)[:high].split())
            if self._marks:
                text = _borne(text)
        return Text((Part(text, "random"),), self._role, None, 0.0, self._family)


def _borne(text: str) -> str:
    """A text without marks that follow no letter, which fonts draw on a dotted circle."""
    kept = ""
    for character in text:
        if unicodedata.category(character)[0] != "M" or (kept and kept[-1].isalpha() and is_complex(kept[-1])):
            kept += character
    return kept


class Folded:
    """The texts of a drawer, their labels in the charset where they hold equivalents of its characters."""

    def __init__(self, drawer: Forms | Phrases, folding: Mapping[int, str]) -> None:
        self._drawer, self._folding = drawer, folding

    def draw(self, rng: Rng) -> Text:
        """A text of the drawer."""
        text = self._drawer.draw(rng)
        return text._replace(folded=text.drawn.translate(self._folding))


Drawer = Forms | Phrases | Random | Folded


def side(text: str, validation: float) -> Split:
    """The side of the split that a text is on, whatever drew it: a hash of the text decides."""
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
    return "validation" if number < validation * 2**64 else "train"


class Mixture:
    """Texts of several drawers by weight, restricted to one side of the split."""

    def __init__(self, drawers: Sequence[Drawer], weights: Sequence[float], split: str, validation: float) -> None:
        total = sum(weights)
        self._drawers = list(drawers)
        self._cumulative = [*accumulate(w / total for w in weights)]
        self._cumulative[-1] = 1.0
        self._split, self._validation = split, validation

    def draw(self, rng: Rng) -> Text:
        """A text of the mixture. RecipeError if its side of the split has none."""
        for _ in range(_TRIES):
            text = rng.choice_weighted(self._drawers, self._cumulative).draw(rng)
            if self._split == "all" or side(text.text, self._validation) == self._split:
                return text
        raise RecipeError(
            f"no text for the {self._split} side in {_TRIES} draws; add phrases to the recipe or change 'validation'"
        )


def frequencies(mixture: Mixture, charset: Charset, draws: int = ESTIMATE) -> dict[str, float]:
    """Share of a mixture's lines that hold each character, estimated from a fixed set of draws."""
    rng = Rng(b"frequencies", 0)
    counts: Counter[str] = Counter()
    for i in range(draws):
        rng.seek(i)
        counts.update(set(mixture.draw(rng).text))
    return {c: counts[c] / draws for c in charset}


# Texts named in one message, and characters shown of each.
_NAMED, _LONGEST = 20, 80


class Refusals:
    """Texts with characters that the charset lacks, so that all are named at once."""

    def __init__(self, charset: Charset) -> None:
        self._charset = charset
        self._found: list[tuple[str, str, str]] = []

    def note(self, text: str, where: str, form: str = "") -> None:
        """Look at a text, or at all that a form writes. RecipeError for a text that is too long for a line."""
        em = sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.5 for c in text)
        if em > _WIDEST and not form:
            raise RecipeError(
                f"{where} holds a text of {len(text)} characters, {text[:20]!r}…, which no reader takes as one line "
                f"(it would be over {MAX_ASPECT} times as wide as high); split it",
                value=text,
                place=where,
            )
        missing = self._charset.missing(text)
        if missing:
            shown = form or text
            self._found.append((shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…", where, missing))

    def end(self) -> None:
        """RecipeError naming the characters that are missing, and the texts with them."""
        if not self._found:
            return
        size = len(self._charset)
        text, where, missing = self._found[0]
        if len(self._found) == 1:
            raise RecipeError(
                f"{where} holds {text!r} with {describe_characters(missing)}, not in the charset ({size} characters); "
                "add them to the charset or drop it",
                value=text,
                place=where,
            )
        every = "".join(dict.fromkeys("".join(missing for _, _, missing in self._found)))
        texts = "; ".join(f"{where.rstrip(',')}: {text!r}" for text, where, _ in self._found[:_NAMED])
        more = f" and {len(self._found) - _NAMED} more" if len(self._found) > _NAMED else ""
        raise RecipeError(
            f"{len(self._found)} texts hold {describe_characters(every)}, not in the charset ({size} characters); add "
            f"them to the charset or drop these: {texts}{more}",
            value=text,
            place=where,
        )
