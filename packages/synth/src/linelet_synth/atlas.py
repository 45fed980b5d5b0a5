"""Glyphs rasterised once and pasted from then on: 20 times faster than drawing text, and the same pixels.

A strike is a face at one weight and size. Its glyphs are what Pillow's BASIC layout draws: hinted, on whole pixels.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

from linelet_common.bidi import MIRRORED, arrange
from linelet_synth.fonts import Face, is_large
from linelet_synth.shaping import Shaper, is_complex

Mask = NDArray[np.uint8]

# Some 60,000 glyphs of a usual size; beyond that the strikes unused for longest are dropped, so memory stays flat.
_CAPACITY = 64 << 20
# An open font takes more than most strikes' glyphs, and is needed for new ones only. One that is not cut to the charset
# may take 3 MB, those that are 0.1.
_OPEN_FONTS = 1024
_OPEN_WHOLE_FONTS = 64
_WORDS = re.compile(" +|[^ ]+")


# Spaces that few fonts have, and how wide browsers (HarfBuzz) draw them then: times the font's space, its 0, or an em.
SPACES: dict[str, tuple[float, str]] = {
    "\u00a0": (1.0, " "), "\u2007": (1.0, "0"), "\u202f": (0.5, " "), "\u2009": (1 / 5, ""), "\u200a": (1 / 16, ""),
    "\u3000": (1.0, ""),
}  # fmt: skip

# Plain tuples: named ones cost three times as much to take apart, and six times to make.
# Coverage uint8 (H, W), left, top, right, bottom from the pen on the baseline, and the pen's advance. A space has no
# width.
Glyph = tuple[Mask, int, int, int, int, int]
# Coverage, and left, top, right, bottom from where the pen began the line's baseline, in whole pixels.
Placed = tuple[Mask, int, int, int, int]


class Strike:
    """A face at one weight and size in pixels per em."""

    def __init__(
        self,
        size: int,
        kerned: bool,
        font: Callable[[str], ImageFont.FreeTypeFont],
        shaper: Shaper | None = None,
        joining: Callable[[], ImageFont.FreeTypeFont] | None = None,
        lacking: frozenset[str] = frozenset(),
        words: Callable[[], Shaper] | None = None,
    ) -> None:
        """shaper: of a face whose layout tables kern or join letters; joining: its font that joins them.

        lacking: those of SPACES that the font has no glyph of. words: gives what cuts the words of scripts that are
        drawn whole.
        """
        self.size, self.kerned, self.shaper, self._joining = size, kerned and not shaper, shaper, joining
        self._lacking = lacking
        self.bytes = 2000  # its own, then its glyphs'
        self._font = font
        self._glyphs: dict[str, Glyph] = {}
        self._kerning: dict[str, int] = {}
        self._ligatures: dict[str, tuple[list[Glyph], int]] = {}
        self._shaping = words
        self._words: dict[tuple[str, bool], tuple[list[Glyph], int]] = {}

    def glyph(self, character: str) -> Glyph:
        """The glyph of a character, rasterised at its first use."""
        glyph = self._glyphs.get(character)
        if glyph is None:
            glyph = self._glyphs[character] = self._rasterise(character)
            self.bytes += glyph[0].nbytes + 200
        return glyph

    def kerning(self, pair: str) -> int:
        """Pixels between two characters beyond the first one's advance."""
        if not self.kerned:
            return 0
        value = self._kerning.get(pair)
        if value is None:
            length = self._font(pair).getlength
            value = self._kerning[pair] = round(length(pair) - length(pair[0]) - length(pair[1]))
            self.bytes += 200
        return value

    def append_shaped(self, placed: list[Placed], run: str, x: float, y: int, spacing: float = 0.0) -> float:
        """Set a run as its face's layout tables have it, from x on the baseline y on; returns the x of its end.

        A ligature is cut in stretches of equal width, one for each of its characters. spacing: pixels between
        characters; as in browsers, letters are not joined then.
        """
        assert self.shaper
        size, glyphs = self.size, self._glyphs
        for text, kerning in self.shaper.shape(run, not spacing):
            pixel = round(x)
            if len(text) == 1:
                mask, left, top, right, bottom, advance = glyphs.get(text) or self.glyph(text)
                placed.append((mask, pixel + left, y + top, pixel + right, y + bottom))
                x += advance + spacing
            else:
                pieces, advance = self._joined(text)
                placed += [(m, pixel + x0, y + y0, pixel + x1, y + y1) for m, x0, y0, x1, y1, _ in pieces]
                x += advance
            if kerning:
                x += kerning * size
        return x

    def append_words(self, placed: list[Placed], run: str, x: float, y: int, rtl: bool = False) -> float:
        """Set a run of a script that is drawn word by word, or from right to left; returns the x of its end.

        There is one piece for each character, in the order seen: a word is cut between its clusters, and a cluster of
        several characters in stretches of equal width. Letters keep their distances.
        """
        words: Sequence[str] = _WORDS.findall(run)
        for word in reversed(words) if rtl else words:
            pixel = round(x)
            if is_complex(word):
                pieces, advance = self._word(word, rtl)
                placed += [(m, pixel + x0, y + y0, pixel + x1, y + y1) for m, x0, y0, x1, y1, _ in pieces]
                x += advance
                continue
            for character in reversed(word) if rtl else word:
                own = MIRRORED.get(character, character) if rtl else character
                mask, left, top, right, bottom, advance = self.glyph(own)
                pixel = round(x)
                placed.append((mask, pixel + left, y + top, pixel + right, y + bottom))
                x += advance
        return x

    def _word(self, word: str, rtl: bool) -> tuple[list[Glyph], int]:
        found = self._words.get((word, rtl))
        if found is None:
            assert self._joining
            assert self._shaping
            mask, left, top, _, bottom, advance = _drawn(self._joining(), word, "rtl" if rtl else "ltr")
            clusters = self._shaping().cut(word, rtl)
            width, pen = mask.shape[1], 0.0
            cuts = [0]
            for count, own in clusters:
                pen += own * self.size
                end = min(max(round(pen) - left, cuts[-1]), width)
                cuts += [cuts[-1] + round((end - cuts[-1]) * k / count) for k in range(1, count + 1)]
            cuts[-1] = width
            pieces = [
                (np.ascontiguousarray(mask[:, a:b]), left + a, top, left + b, bottom, 0) for a, b in pairwise(cuts)
            ]
            found = self._words[word, rtl] = pieces, advance
            self.bytes += mask.nbytes + 200 * len(word)
        return found

    def _joined(self, text: str) -> tuple[list[Glyph], int]:
        found = self._ligatures.get(text)
        if found is None:
            assert self._joining
            mask, left, top, _, bottom, advance = _drawn(self._joining(), text)
            cuts = [round(mask.shape[1] * k / len(text)) for k in range(len(text) + 1)]
            pieces = [
                (np.ascontiguousarray(mask[:, a:b]), left + a, top, left + b, bottom, 0) for a, b in pairwise(cuts)
            ]
            found = self._ligatures[text] = pieces, advance
            self.bytes += mask.nbytes + 200 * len(text)
        return found

    def _rasterise(self, character: str) -> Glyph:
        if character in self._lacking:
            # Shaping makes of the font's space what it is to be.
            share, of = SPACES[character] if not self.shaper else (1.0, " ")
            wide = self._font(of).getlength(of) if of else self.size
            return np.zeros((0, 0), dtype=np.uint8), 0, 0, 0, 0, round(share * wide)
        return _drawn(self._font(character), character)


def _drawn(font: ImageFont.FreeTypeFont, text: str, direction: str | None = None) -> Glyph:
    advance = round(font.getlength(text, direction=direction))
    # What ImageDraw.text draws, without a canvas to draw it on: less than half the time.
    ink, (x, y) = font.getmask2(text, "L", direction=direction, anchor="ls")
    box = ink.getbbox()
    if box is None:  # a space
        return np.zeros((0, 0), dtype=np.uint8), 0, 0, 0, 0, advance
    left, top, right, bottom = box
    whole = np.frombuffer(bytes(ink), dtype=np.uint8).reshape(ink.size[::-1])
    return whole[top:bottom, left:right].copy(), left + x, top + y, right + x, bottom + y, advance


class Atlas:
    """Strikes by face, weight and size, which cost least for texts of the given characters (none: any)."""

    def __init__(self, characters: str = "", capacity: int = _CAPACITY, open_fonts: int = _OPEN_FONTS) -> None:
        self._characters = characters
        self._known = frozenset(characters)
        self._strikes: OrderedDict[tuple[str, int, int, int], Strike] = OrderedDict()
        self._fonts: OrderedDict[tuple[str, int, int, int], ImageFont.FreeTypeFont] = OrderedDict()
        self._whole_fonts: OrderedDict[tuple[str, int, int, int], ImageFont.FreeTypeFont] = OrderedDict()
        self._joining_fonts: OrderedDict[tuple[str, int, int, int], ImageFont.FreeTypeFont] = OrderedDict()
        self._shapers: dict[tuple[str, int, int], Shaper] = {}
        self._capacity, self._open_fonts = capacity, open_fonts
        self._uses = 0

    def strike(self, face: Face, weight: int, size: int) -> Strike:
        """The strike of a face; drops the ones unused for longest where memory is short."""
        weight = face.nearest(weight)
        key = (face.path, face.index, weight, size)
        strike = self._strikes.get(key)
        if strike is None:
            shaper = self._shaper(face, weight) if face.shaped else None
            font, joining = partial(self._font, face, weight, size), partial(self._joining_font, face, weight, size)
            words = partial(self._shaper, face, weight)
            lacking = frozenset(SPACES) - face.characters
            strike = self._strikes[key] = Strike(size, face.kerned, font, shaper, joining, lacking, words)
        else:
            self._strikes.move_to_end(key)
        self._uses += 1
        if self._uses % 1024 == 0:
            self._trim()
        return strike

    def _font(self, face: Face, weight: int, size: int, text: str) -> ImageFont.FreeTypeFont:
        """A font that has the text: cut to the atlas's characters where that is enough."""
        whole = not self._known.issuperset(text) and is_large(face.path)
        fonts, most = (self._whole_fonts, _OPEN_WHOLE_FONTS) if whole else (self._fonts, self._open_fonts)
        key = (face.path, face.index, weight, size)
        font = fonts.get(key)
        if font is None:
            font = fonts[key] = face.font(weight, size, "" if whole else self._characters)
            if len(fonts) > most:
                fonts.popitem(last=False)
        else:
            fonts.move_to_end(key)
        return font

    def _shaper(self, face: Face, weight: int) -> Shaper:
        key = (face.path, face.index, weight)
        if key not in self._shapers:
            self._shapers[key] = face.shaper(weight)
        return self._shapers[key]

    def _joining_font(self, face: Face, weight: int, size: int) -> ImageFont.FreeTypeFont:
        """A font that joins letters: a whole one, so that few are kept open."""
        key = (face.path, face.index, weight, size)
        font = self._joining_fonts.get(key)
        if font is None:
            font = self._joining_fonts[key] = face.font(weight, size, layout=ImageFont.Layout.RAQM)
            if len(self._joining_fonts) > _OPEN_WHOLE_FONTS:
                self._joining_fonts.popitem(last=False)
        else:
            self._joining_fonts.move_to_end(key)
        return font

    def _trim(self) -> None:
        total = sum(strike.bytes for strike in self._strikes.values())
        while total > self._capacity and len(self._strikes) > 1:
            total -= self._strikes.popitem(last=False)[1].bytes


def set_text(strike: Strike, text: str) -> tuple[list[Placed], int]:
    """The glyphs of a text from x = 0 on the baseline y = 0, and the pen's end."""
    placed: list[Placed] = []
    if is_complex(text):
        return placed, round(strike.append_words(placed, text, 0.0, 0))
    if strike.shaper:
        return placed, round(strike.append_shaped(placed, text, 0.0, 0))
    pen, before, kerned = 0, "", strike.kerned
    for character in text:
        if kerned and before:
            pen += strike.kerning(before + character)
        mask, left, top, right, bottom, advance = strike.glyph(character)
        placed.append((mask, pen + left, top, pen + right, bottom))
        pen += advance
        before = character
    return placed, pen


def set_line(runs: Sequence[tuple[str, Strike]], rtl: bool = False) -> tuple[list[Placed], int]:
    """The glyphs of a line of runs from x = 0 on the baseline y = 0, and the pen's end.

    rtl: the line runs from right to left; its glyphs are in the order seen.
    """
    placed: list[Placed] = []
    pen = 0
    stretches = arrange([text for text, _ in runs]) if rtl else ()
    for stretch in stretches:
        strike = runs[stretch.part][1]
        if stretch.rtl:
            pen = round(strike.append_words(placed, stretch.text, pen, 0, True))
        else:
            glyphs, end = set_text(strike, stretch.text)
            placed += [(mask, x0 + pen, y0, x1 + pen, y1) for mask, x0, y0, x1, y1 in glyphs]
            pen += end
    if rtl:
        return placed, pen
    for text, strike in runs:
        glyphs, end = set_text(strike, text)
        placed += [(mask, x0 + pen, y0, x1 + pen, y1) for mask, x0, y0, x1, y1 in glyphs] if pen else glyphs
        pen += end
    return placed, pen


def ink_box(placed: list[Placed]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of all ink; zeros where there is none."""
    left = top = 1 << 30
    right = bottom = -left
    for _, x0, y0, x1, y1 in placed:
        if x0 < x1:  # comparisons, not min and max: this runs for every glyph of every line
            if x0 < left:
                left = x0
            if y0 < top:
                top = y0
            if x1 > right:
                right = x1
            if y1 > bottom:
                bottom = y1
    return (left, top, right, bottom) if right >= left else (0, 0, 0, 0)


def paste(placed: list[Placed], canvas: Mask, dx: int, dy: int) -> None:
    """Draw glyphs onto an empty coverage canvas, moved by (dx, dy), over each other. Every glyph must lie inside."""
    free = -dx  # the first column that no glyph has touched
    for mask, x0, y0, x1, y1 in placed:
        if x0 >= free:
            canvas[y0 + dy : y1 + dy, x0 + dx : x1 + dx] = mask
        else:
            area = canvas[y0 + dy : y1 + dy, x0 + dx : x1 + dx]
            below = area.astype(np.uint16) * (255 - mask) + 128  # divided by 255 and rounded, as Pillow does
            area[:] = mask + ((below + (below >> 8)) >> 8)
        if x1 > free:
            free = x1
