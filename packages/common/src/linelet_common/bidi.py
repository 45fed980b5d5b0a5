"""Lines from right to left: a text in the order it is read, and in the order its characters stand in the picture.

A text becomes what is seen by the Unicode Bidirectional Algorithm (UAX #9) in a paragraph from right to left, as
browsers set ``dir="rtl"``, without embeddings and isolates. A letter's marks stay behind it, and a bracket that is
mirrored is the one that is seen. The characters of a picture from left to right are its visual order.

The way back is a choice, since "75 kg" and "kg 75" look the same: between letters from right to left, one run from left
to right reaches from the first Latin letter or digit to the last Latin letter, and to the digits that no space parts
from it. Numbers to the right of it are runs of their own: what is read is "75 kg". web/reader/bidi.js does the same.
"""

import unicodedata
from collections.abc import Sequence
from typing import Literal, NamedTuple

Direction = Literal["rtl"]

# Pairs of brackets (BidiBrackets.txt), and further signs that are each other's mirror image.
_BRACKETS = "()[]{}⁅⁆⁽⁾₍₎⌈⌉⌊⌋❨❩❪❫❬❭❮❯❰❱❲❳❴❵⟦⟧⟨⟩⟪⟫⟬⟭⟮⟯〈〉《》「」『』【】〔〕〖〗〘〙〚〛（）［］｛｝｟｠｢｣"
_SIGNS = "<>«»‹›≤≥≦≧≪≫≺≻⊂⊃⊆⊇＜＞"
_CLOSING = dict(zip(_BRACKETS[::2], _BRACKETS[1::2], strict=True))
_OPENING = {close: opening for opening, close in _CLOSING.items()}
MIRRORED = {
    a: b
    for pairs in (_BRACKETS, _SIGNS)
    for a, b in zip(pairs, "".join(pairs[k ^ 1] for k in range(len(pairs))), strict=True)
}
# Brackets that are open at once; more are left unpaired (BD16).
_MOST_OPEN = 63
_NEUTRAL = frozenset({"B", "S", "WS", "ON", "BN"})


class Stretch(NamedTuple):
    """Characters of one direction, of one of several parts of a line. first: whether they begin their part."""

    part: int
    text: str
    rtl: bool
    first: bool

    @property
    def seen(self) -> str:
        """Its characters from left to right, brackets as they are written."""
        if not self.rtl:
            return self.text
        return "".join(self.text[k] for unit in reversed(_units(self.text)) for k in unit)


def is_rtl(text: str) -> bool:
    """Whether a text holds letters of a script that is written from right to left; signs of money are none."""
    return any(unicodedata.bidirectional(c) in ("R", "AL") and unicodedata.category(c)[0] == "L" for c in text)


def visual_order(text: str) -> list[int]:
    """The numbers of a text's characters in the order in which they stand in the picture."""
    return [k for stretch in _stretches(text) for k in stretch]


def to_visual(text: str) -> str:
    """The characters of a text as they are seen, from left to right."""
    right = _levels(text)
    return "".join(MIRRORED.get(text[k], text[k]) if right[k] else text[k] for k in visual_order(text))


def arrange(parts: Sequence[str]) -> list[Stretch]:
    """The parts of a line cut where the direction changes, from left to right; their texts in the order of reading."""
    owner = [number for number, part in enumerate(parts) for _ in part]
    text = "".join(parts)
    for unit in _units(text):  # a mark goes with its letter
        for k in unit:
            owner[k] = owner[unit[0]]
    right = _levels(text)
    starts = {sum(map(len, parts[:number])) for number in range(len(parts))}
    found: list[Stretch] = []
    for stretch in _stretches(text):
        rtl = right[stretch[0]]
        numbers = sorted(stretch)
        pieces: list[list[int]] = []
        for k in numbers:
            if pieces and owner[pieces[-1][0]] == owner[k]:
                pieces[-1].append(k)
            else:
                pieces.append([k])
        found += [
            Stretch(owner[piece[0]], "".join(text[k] for k in piece), rtl, piece[0] in starts)
            for piece in (reversed(pieces) if rtl else pieces)
        ]
    return found


def reading_order(visual: str) -> list[tuple[int, bool]]:
    """The way back: numbers of the characters seen, in the order of reading, and whether each is mirrored."""
    units = _units(visual)
    kinds = [_kind(visual[unit[0]]) for unit in units]
    ltr = _runs_back([visual[unit[0]] for unit in units], kinds)
    found: list[tuple[int, bool]] = []
    end = len(units)
    while end > 0:
        start = end - 1
        if ltr[start]:
            while start > 0 and ltr[start - 1]:
                start -= 1
        mirrored = not ltr[start]
        found += [(k, mirrored) for unit in units[start:end] for k in unit]
        end = start
    return found


def to_logical(visual: str) -> str:
    """The text that is read where these characters are seen from left to right."""
    return "".join(
        MIRRORED.get(visual[k], visual[k]) if mirrored else visual[k] for k, mirrored in reading_order(visual)
    )


def _units(text: str) -> list[list[int]]:
    """Numbers of characters, a letter and its marks together."""
    units: list[list[int]] = []
    for k, character in enumerate(text):
        if units and unicodedata.category(character)[0] == "M":
            units[-1].append(k)
        else:
            units.append([k])
    return units


def _stretches(text: str) -> list[list[int]]:
    """Stretches of one direction from left to right, each the numbers of its characters in that order."""
    right = _levels(text)
    stretches: list[list[list[int]]] = []
    for unit in _units(text):
        if stretches and right[stretches[-1][0][0]] == right[unit[0]]:
            stretches[-1].append(unit)
        else:
            stretches.append([unit])
    return [
        [k for unit in (reversed(stretch) if right[stretch[0][0]] else stretch) for k in unit]
        for stretch in reversed(stretches)
    ]


def _levels(text: str) -> list[bool]:
    """For each character whether it runs from right to left (level 1) or from left to right (level 2)."""
    originals = [unicodedata.bidirectional(c) or "L" for c in text]
    types = _resolve_weak(originals)
    _resolve_brackets(text, originals, types)
    _resolve_neutral(types)
    right = [kind == "R" for kind in types]
    for unit in _units(text):
        for k in unit:
            right[k] = right[unit[0]]
    return right


def _resolve_weak(originals: Sequence[str]) -> list[str]:
    """Rules W1 to W7; what comes before a text counts as R."""
    types: list[str] = []
    strong = "R"
    for kind in originals:  # W1, W2
        kind = (types[-1] if types else "R") if kind == "NSM" else kind
        if kind in ("R", "L", "AL"):
            strong = kind
        types.append("AN" if kind == "EN" and strong == "AL" else kind)
    types = ["R" if kind == "AL" else kind for kind in types]  # W3
    for k in range(1, len(types) - 1):  # W4
        before, after = types[k - 1], types[k + 1]
        if before == after and ((types[k] in ("ES", "CS") and before == "EN") or (types[k] == "CS" and before == "AN")):
            types[k] = before
    for k, kind in enumerate(types):  # W5
        if kind == "EN":
            for step in (-1, 1):
                other = k + step
                while 0 <= other < len(types) and types[other] == "ET":
                    types[other] = "EN"
                    other += step
    types = ["ON" if kind in ("ES", "ET", "CS") else kind for kind in types]  # W6
    strong = "R"
    for k, kind in enumerate(types):  # W7
        if kind in ("R", "L"):
            strong = kind
        elif kind == "EN" and strong == "L":
            types[k] = "L"
    return types


def _resolve_brackets(text: str, originals: Sequence[str], types: list[str]) -> None:
    """Rule N0."""
    for opening, closing in _bracket_pairs(text, types):
        inside = {"R" if kind in ("R", "EN", "AN") else kind for kind in types[opening + 1 : closing]}
        if "R" in inside:
            side = "R"
        elif "L" in inside:
            side = next((k for k in reversed(types[:opening]) if k in ("L", "R", "EN", "AN")), "R")
            side = "L" if side == "L" else "R"
        else:
            continue
        for k in (opening, closing):
            types[k] = side
            mark = k + 1
            while mark < len(types) and originals[mark] == "NSM":
                types[mark] = side
                mark += 1


def _bracket_pairs(text: str, types: Sequence[str]) -> list[tuple[int, int]]:
    """Rule BD16: pairs by their opening brackets."""
    opened: list[tuple[str, int]] = []
    pairs: list[tuple[int, int]] = []
    for k, character in enumerate(text):
        if types[k] != "ON":
            continue
        if character in _CLOSING:
            if len(opened) == _MOST_OPEN:
                return []
            opened.append((_CLOSING[character], k))
        elif character in _OPENING:
            for depth in range(len(opened) - 1, -1, -1):
                if opened[depth][0] == character:
                    pairs.append((opened[depth][1], k))
                    del opened[depth:]
                    break
    return sorted(pairs)


def _resolve_neutral(types: list[str]) -> None:
    """Rules N1 and N2: neutrals between two of one direction follow them, all others the line."""
    start = 0
    while start < len(types):
        if types[start] not in _NEUTRAL:
            start += 1
            continue
        end = start
        while end < len(types) and types[end] in _NEUTRAL:
            end += 1
        before = types[start - 1] if start else "R"
        after = types[end] if end < len(types) else "R"
        types[start:end] = ["L" if before == after == "L" else "R"] * (end - start)
        start = end


def _kind(character: str) -> str:
    """A character's class of UAX #9 as far as the way back asks for it, as bidi.js knows it.

    "WS" is every space, "L" every other letter or digit, and "ON" all the rest.
    """
    if character.isspace():
        return "WS"
    kind = unicodedata.bidirectional(character)
    if kind in ("R", "AL", "EN", "AN", "ES", "ET", "CS"):
        return kind
    category = unicodedata.category(character)
    return "L" if category[0] == "L" or category in ("Nd", "Nl") else "ON"


def _runs_back(characters: Sequence[str], kinds: Sequence[str]) -> list[bool]:
    """For each character seen, whether it is of a run from left to right."""
    ltr = [False] * len(kinds)
    strong = "R"  # what is read before a stretch: the letter at its right
    end = len(kinds)
    while end > 0:
        kind = kinds[end - 1]
        if kind in ("R", "AL", "AN"):
            ltr[end - 1] = kind == "AN"
            strong = strong if kind == "AN" else kind
            end -= 1
            continue
        start = end - 1
        while start > 0 and kinds[start - 1] not in ("R", "AL", "AN"):
            start -= 1
        numbers = _numbers(kinds, start, end, strong != "AL")
        ltr[start:end] = numbers
        if "L" in kinds[start:end]:
            after_latin = _numbers(kinds, start, end, True)
            first, last = _latin_run(characters, kinds, (start, end), (numbers, after_latin))
            ltr[start:end] = [first <= k < last or (k >= last and numbers[k - start]) for k in range(start, end)]
            strong = "L"
        end = start
    for k in range(1, len(kinds) - 1):  # a point between Arabic digits is theirs
        if kinds[k] == "CS" and kinds[k - 1] == kinds[k + 1] == "AN":
            ltr[k] = True
    return ltr


def _numbers(kinds: Sequence[str], start: int, end: int, european: bool) -> list[bool]:
    """Which of the characters [start, end) are of numbers. european: signs beside digits belong to them too."""
    found = [kind == "EN" for kind in kinds[start:end]]
    own = ["AN" if kind == "EN" and not european else kind for kind in kinds[start:end]]
    for k in range(1, len(own) - 1):
        before, after = own[k - 1], own[k + 1]
        if before == after and ((own[k] in ("ES", "CS") and before == "EN") or (own[k] == "CS" and before == "AN")):
            found[k], own[k] = True, before
    for step in (-1, 1):
        order = range(len(own)) if step == 1 else range(len(own) - 1, -1, -1)
        for k in order:
            if own[k] == "ET" and 0 <= k - step < len(own) and own[k - step] == "EN":
                found[k], own[k] = True, "EN"
    return found


def _latin_run(
    characters: Sequence[str],
    kinds: Sequence[str],
    stretch: tuple[int, int],
    numbers: tuple[Sequence[bool], Sequence[bool]],
) -> tuple[int, int]:
    """The run [first, last) from left to right of a stretch with Latin letters.

    numbers: which of its characters are of numbers, by what stands before the stretch and behind Latin letters.
    """
    start, end = stretch
    first = next(k for k in range(start, end) if kinds[k] == "L" or numbers[0][k - start])
    last = 1 + max(k for k in range(start, end) if kinds[k] == "L")
    depth = 0
    for k in range(last, end):
        depth += (characters[k] in _CLOSING) - (characters[k] in _OPENING)
        if kinds[k] == "WS" or depth < -_open(characters[first:last]):
            break
        if numbers[1][k - start]:
            last, depth = k + 1, 0
    while last < end and characters[last] in _OPENING and _open(characters[first:last]) > 0:
        last += 1
    while first > start and characters[first - 1] in _CLOSING and _open(characters[first:last]) < 0:
        first -= 1
    return first, last


def _open(characters: Sequence[str]) -> int:
    """Brackets opened, less those closed."""
    return sum((c in _CLOSING) - (c in _OPENING) for c in characters)
