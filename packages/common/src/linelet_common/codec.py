"""Text <-> CTC classes. Greedy decoding takes the best class of each frame, drops repeats, then drops blanks.

Characters outside the charset may have a class of their own, written U+FFFD, one per run of them: a reader that has it
says where it doesn't know instead of naming the nearest character that it knows.

Where lines run from right to left, classes stand as characters do in the picture, and texts are in the order of
reading: linelet_common.bidi has both ways.

Graves et al., "Connectionist Temporal Classification", ICML 2006: sections 3.2 (best path) and 4.1 (forward algorithm).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from linelet_common.bidi import MIRRORED, Direction, reading_order, to_logical, to_visual
from linelet_common.charset import Charset
from linelet_common.errors import CharsetError, describe_characters

Floats = NDArray[np.float32]

UNKNOWN = "\ufffd"

# What looks the same, or is written so by some, as the one that a charset usually has.
EQUIVALENTS = {" ": "\u00a0\u202f\u2009\u2007\u200a\u3000", "-": "\u2212\u2010\u2011", "'": "’‘", '"': "“”"}


@dataclass(frozen=True, slots=True)
class Character:
    """One character read: its confidence (0-1) and the frames [start, end) in which it was the best class.

    Frames count from the picture's left, also where characters are read from the right.
    """

    text: str
    confidence: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader makes of one line.

    confidence: the probability (0-1) that the network gives to exactly this text, summed over all of its CTC
    alignments; 0 where nothing was read, or where the text holds U+FFFD and so cannot be all that the line says.
    in_grammar: whether the reader's grammar holds the text; None where it was not asked.
    """

    text: str
    confidence: float
    characters: tuple[Character, ...]
    in_grammar: bool | None = None


class Codec:
    """Text <-> classes for a charset whose blank class stands first (0, the default) or last (``len(charset)``).

    unknown: whether there is one class more, the last, for every character outside the charset; the blank is then 0.
    direction: "rtl" where lines run from right to left.
    Raises CharsetError for any other place of the blank, and for a charset from right to left with half a pair of
    brackets, which are seen as each other.
    """

    def __init__(
        self, charset: Charset, blank: int = 0, unknown: bool = False, direction: Direction | None = None
    ) -> None:
        if blank not in (0, len(charset)):
            raise CharsetError(f"blank is class {blank}; it must be the first (0) or the last ({len(charset)})")
        if unknown and blank:
            raise CharsetError(f"blank is class {blank}, but the last class is that of unknown characters; make it 0")
        halves = [c for c in charset if MIRRORED.get(c, c) not in charset] if direction else []
        if halves:
            raise CharsetError(
                f"the charset holds {describe_characters(''.join(halves))} without what mirrors it; from right "
                f"to left each is drawn as the other: add {describe_characters(''.join(MIRRORED[c] for c in halves))}"
            )
        self.charset = charset
        self.direction = direction
        self.blank = blank
        self.unknown = unknown
        self.classes = len(charset) + 1 + unknown
        shift = 1 if blank == 0 else 0
        # Text of every class but the blank, and back.
        self._texts = {i + shift: character for i, character in enumerate(charset)}
        if unknown:
            self._texts[len(charset) + 1] = UNKNOWN
        self._classes = {text: c for c, text in self._texts.items()}
        self._equivalents = {
            ord(other): own
            for own, others in EQUIVALENTS.items()
            if own in charset
            for other in others
            if other not in charset
        }

    def missing(self, text: str) -> str:
        """The characters of ``text`` that have no class, each once, in order of appearance."""
        return "".join(dict.fromkeys(c for c in text if c not in self._classes))

    def fold(self, text: str) -> str:
        """The text as this codec's reader is to write it: one U+FFFD for each run of characters outside the charset.

        No-break, narrow and wide spaces are the charset's space, where it has one: nobody sees which they are; minus
        signs are its hyphen, curly quotes its straight ones, as EQUIVALENTS has them. Spaces outside the charset are
        gaps, and are left out. Characters stay where there is no class for unknown ones. Of texts from right to left
        that look the same, as "75 kg" and "kg 75", it is the one that readers give.
        """
        if not self.direction:
            return self._fold(text)
        # What is folded is what is seen: U+FFFD joins other runs than the characters it stands for.
        seen = self._fold(to_visual(text))
        read = to_logical(seen)
        return read if to_visual(read) == seen else self._fold(text)

    def _fold(self, text: str) -> str:
        text = text.translate(self._equivalents)
        if " " in self.charset:
            text = "".join(" " if c.isspace() and c not in self.charset else c for c in text)
        if not self.unknown:
            return text
        seen = (c for c in text if c in self.charset or not c.isspace())
        runs = itertools.groupby(seen, lambda c: c in self.charset)
        return "".join("".join(run) if known else UNKNOWN for known, run in runs)

    def encode(self, text: str) -> NDArray[np.int64]:
        """Classes of a text, int64 (L,), in the picture's order. CharsetError names characters that have no class."""
        missing = self.missing(text)
        if missing:
            size = len(self.charset)
            raise CharsetError(
                f"{text!r} contains {describe_characters(missing)}, not in the charset ({size} characters); "
                "add it to the charset or leave it out",
                value=text,
            )
        return np.array([self._classes[c] for c in self.seen(text)], dtype=np.int64)

    def seen(self, text: str) -> str:
        """A text's characters as they stand in the picture from left to right: the order of its classes."""
        return to_visual(text) if self.direction else text

    def class_of(self, character: str) -> int:
        """The class of a character, U+FFFD included."""
        return self._classes[character]

    def text_of(self, class_: int) -> str:
        """The character of a class that is not the blank."""
        return self._texts[class_]

    def decode(self, scores: Floats, temperature: float = 1.0) -> list[Reading]:
        """Greedy decoding of scores float32 (N, T, C): logits or log-probabilities, normalised here.

        ``temperature`` divides the scores before the softmax: it changes confidences, never texts.
        """
        log_probs = log_softmax(scores / np.float32(temperature))
        best = scores.argmax(axis=2)  # (N, T)
        paths = [self._collapse(line) for line in best]
        confidences = self.probability(log_probs, [[c for c, _, _ in path] for path in paths])
        readings = []
        for n, path in enumerate(paths):
            characters = tuple(
                Character(self._texts[c], float(np.exp(log_probs[n, start:end, c].max())), start, end)
                for c, start, end in self._merge(path)
            )
            if self.direction:
                characters = _in_reading_order(characters)
            text = "".join(c.text for c in characters)
            sure = bool(text) and UNKNOWN not in text
            readings.append(Reading(text, float(confidences[n]) if sure else 0.0, characters))
        return readings

    def _merge(self, path: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
        """The path with neighbouring unknowns as one, whatever blanks lie between them."""
        merged: list[tuple[int, int, int]] = []
        for c, start, end in path:
            if merged and c == merged[-1][0] and self._texts[c] == UNKNOWN:
                merged[-1] = c, merged[-1][1], end
            else:
                merged.append((c, start, end))
        return merged

    def _collapse(self, best: NDArray[np.int64]) -> list[tuple[int, int, int]]:
        """Runs (class, start, end) of a best path (T,) that are not blank."""
        edges = np.flatnonzero(np.diff(best)) + 1
        starts = [0, *edges.tolist()]
        ends = [*edges.tolist(), len(best)]
        return [(int(best[s]), s, e) for s, e in zip(starts, ends, strict=True) if best[s] != self.blank]

    def probability(self, log_probs: Floats, texts: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """p(text | line) in 0-1, float64 (N,), by the CTC forward algorithm. log_probs: (N, T, C), normalised."""
        n, t, _ = log_probs.shape
        longest = max((len(x) for x in texts), default=0)
        states = 2 * longest + 1
        # The text with a blank before, between and after its characters; shorter texts are filled with blanks, whose
        # states lie behind the text's own last two and so never flow back into them.
        target = np.full((n, states), self.blank)
        for i, x in enumerate(texts):
            target[i, 1 : 2 * len(x) : 2] = x
        emit = np.take_along_axis(log_probs.astype(np.float64), target[:, None, :].repeat(t, axis=1), axis=2)
        skip = np.full((n, states), -np.inf)  # a blank may be skipped between two different characters only
        skip[:, 2:][(target[:, 2:] != self.blank) & (target[:, 2:] != target[:, :-2])] = 0.0
        alpha = np.full((n, states), -np.inf)
        alpha[:, :2] = emit[:, 0, :2]
        with np.errstate(divide="ignore"):
            for step in range(1, t):
                total = alpha.copy()
                total[:, 1:] = np.logaddexp(total[:, 1:], alpha[:, :-1])
                total[:, 2:] = np.logaddexp(total[:, 2:], alpha[:, :-2] + skip[:, 2:])
                alpha = total + emit[:, step]
        rows = np.arange(n)
        last = 2 * np.array([len(x) for x in texts], dtype=np.int64)
        ends = np.logaddexp(alpha[rows, last], np.where(last > 0, alpha[rows, np.maximum(last - 1, 0)], -np.inf))
        return np.asarray(np.exp(np.minimum(ends, 0.0)))


def _in_reading_order(characters: tuple[Character, ...]) -> tuple[Character, ...]:
    """Characters seen from left to right, as they are read."""
    return tuple(
        replace(characters[k], text=MIRRORED.get(characters[k].text, characters[k].text)) if mirrored else characters[k]
        for k, mirrored in reading_order("".join(c.text for c in characters))
    )


def frames_needed(text: str) -> int:
    """The fewest frames in which CTC can write a text: one a character, one more blank between equal neighbours."""
    return len(text) + sum(a == b for a, b in itertools.pairwise(text))


def log_softmax(scores: Floats) -> Floats:
    """Normalise scores float32 (..., C) to log-probabilities over the last axis."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
