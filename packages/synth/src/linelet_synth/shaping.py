"""Shaping of runs by HarfBuzz, for faces with ligatures or kerning in their layout tables: as browsers set them.

A run becomes clusters: stretches of characters that one glyph draws, each with what kerning adds behind it. Of scripts
whose letters change by their neighbours (Arabic, Devanagari) or bear marks (Hebrew, Thai) whole words are drawn, and
cut where one cluster ends and the next begins.
"""

import re
from collections.abc import Mapping
from typing import Any

from fontTools.ttLib import TTFont
from PIL import features

from linelet_common.errors import RecipeError

# Features of layout tables that browsers use without being asked, as far as they matter here.
_POSITIONS, _LIGATURES = frozenset({"kern"}), frozenset({"liga", "clig", "rlig"})
_NO_LIGATURES = {"liga": False, "clig": False, "dlig": False}
# Runs that are kept shaped: numbers are new each time, names are not.
_KEPT = 20_000


# Characters of a run that one glyph draws, and what kerning adds to its advance, in em. A plain tuple, as glyphs are:
# this is met for each of them.
Cluster = tuple[str, float]

# Scripts that are drawn word by word: Hebrew to Myanmar, Khmer, and Arabic's presentation forms; not their currencies.
_COMPLEX = re.compile(
    "(?![\u09f2\u09f3\u09fb\u0af1\u0bf9\u0e3f\u17db\ufdfc])[\u0590-\u109f\u1780-\u17ff\ufb1d-\ufdff\ufe70-\ufefe]"
)


def is_complex(text: str) -> bool:
    """Whether a text holds letters that are drawn as their neighbours want them."""
    return not text.isascii() and _COMPLEX.search(text) is not None


def has_shapes(font: TTFont) -> bool:
    """Whether a font's layout tables kern, or join letters."""
    return any(
        table in font
        and font[table].table.FeatureList
        and any(record.FeatureTag in wanted for record in font[table].table.FeatureList.FeatureRecord)
        for table, wanted in (("GPOS", _POSITIONS), ("GSUB", _LIGATURES))
    )


class Shaper:
    """Shapes runs in a face, at the place of its axes. RecipeError where Pillow cannot draw ligatures."""

    def __init__(self, place: str, data: bytes, index: int, axes: Mapping[str, float]) -> None:
        import uharfbuzz

        if not features.check("raqm"):
            raise RecipeError(
                f"{place} is shaped, for which Pillow needs Raqm and FriBiDi; install Pillow's wheel from PyPI and "
                "FriBiDi (libfribidi0 in Debian)",
                place=place,
            )
        self._harfbuzz: Any = uharfbuzz
        face = uharfbuzz.Face(data, index)
        self._font = uharfbuzz.Font(face)
        if axes:
            self._font.set_variations(dict(axes))
        self._em = face.upem
        self._advances: dict[int, int] = {}  # by glyph, in units of the font
        self._shaped: dict[tuple[str, bool], tuple[Cluster, ...]] = {}

    def shape(self, run: str, ligatures: bool = True) -> tuple[Cluster, ...]:
        """The clusters of a run, in its order; without ``ligatures`` as browsers set text with letter spacing."""
        found = self._shaped.get((run, ligatures))
        if found is None:
            if len(self._shaped) >= _KEPT:
                self._shaped.clear()
            found = self._shaped[run, ligatures] = self._shape(run, ligatures)
        return found

    def cut(self, word: str, rtl: bool) -> list[tuple[int, float]]:
        """The clusters of a word from left to right: how many characters each is of, and its advance in em."""
        buffer = self._harfbuzz.Buffer()
        buffer.add_str(word)
        buffer.guess_segment_properties()
        buffer.direction = "rtl" if rtl else "ltr"
        self._harfbuzz.shape(self._font, buffer)
        advances: dict[int, int] = {}
        for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
            advances[info.cluster] = advances.get(info.cluster, 0) + position.x_advance
        starts = sorted(advances)
        ends = dict(zip(starts, [*starts[1:], len(word)], strict=True))
        return [(ends[start] - start, advance / self._em) for start, advance in advances.items()]

    def _shape(self, run: str, ligatures: bool) -> tuple[Cluster, ...]:
        buffer = self._harfbuzz.Buffer()
        buffer.add_str(run)
        buffer.guess_segment_properties()
        buffer.direction = "ltr"
        self._harfbuzz.shape(self._font, buffer, {} if ligatures else _NO_LIGATURES)
        starts: list[int] = []
        kerning: list[int] = []
        advances = self._advances
        for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
            glyph, cluster = info.codepoint, info.cluster
            advance = advances.get(glyph)
            if advance is None:
                advance = advances[glyph] = self._font.get_glyph_h_advance(glyph)
            more = position.x_advance - advance
            if starts and starts[-1] == cluster:
                kerning[-1] += more
            else:
                starts.append(cluster)
                kerning.append(more)
        if len(starts) < len(run):
            ends = [*starts[1:], len(run)]
            texts = [run[start:end] for start, end in zip(starts, ends, strict=True)]
        else:
            texts = list(run)
        return tuple([(text, more / self._em) for text, more in zip(texts, kerning, strict=True)])
