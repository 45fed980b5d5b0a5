"""What a face's outlines say that its table of characters does not: what it draws nothing for, and what it draws alike.

A font may map a character to an empty glyph, or to the sign that it has for missing ones; one of LED digits, or of
capitals only, may draw several characters by one outline, and then nobody can tell them apart.
"""

import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.ttLib import TTFont

# A longer charstring of CFF has ink.
_SHORT = 12
# Bundled faces that draw some characters alike; what all of them map, they draw. A test holds both.
BUNDLED_ALIKE = frozenset({"bebas-neue-400.ttf"})


class Outlines(NamedTuple):
    """Of some characters of a face: those it draws nothing for, and groups of those that it draws alike."""

    blank: frozenset[str]
    alike: tuple[str, ...]


@lru_cache(maxsize=1024)
def read_outlines(path: str, index: int, characters: str) -> Outlines:
    """Judge the characters that a face maps, spaces left out."""
    with TTFont(path, fontNumber=index, lazy=True) as font:
        cmap, drawn = font.getBestCmap(), font.getGlyphSet()
        missing = font.getGlyphOrder()[0]
        names = {c: cmap[ord(c)] for c in characters if ord(c) in cmap and not c.isspace()}
        likely = _sketches(font, [missing, *names.values()])  # before any is drawn: drawing replaces the raw bytes

        def outline(name: str) -> str:
            pen = DecomposingRecordingPen(drawn)
            drawn[name].draw(pen)
            return str([step for step in pen.value if step[1] or step[0] not in ("endPath", "closePath")])

        groups: dict[object, list[str]] = {likely[missing]: [""]}
        for character, name in names.items():
            groups.setdefault(likely[name], []).append(character)
        blank: set[str] = set()
        alike: list[str] = []
        for sketch, group in groups.items():
            if len(group) == 1 and not _may_be_empty(sketch):
                continue
            same: dict[str, list[str]] = {}
            for character in group:
                same.setdefault(outline(names[character] if character else missing), []).append(character)
            for shape, members in same.items():
                if shape == "[]" or "" in members:
                    blank.update(members)
                elif len(members) > 1:
                    alike.append("".join(members))
    return Outlines(frozenset(blank - {""}), tuple(alike))


def _sketches(font: TTFont, names: Iterable[str]) -> dict[str, object]:
    """What glyphs of the same outline have in common, at little cost: the box around it, or its program."""
    if "glyf" in font:
        glyphs: Any = font["glyf"].glyphs
        return {name: _box(glyphs[name]) for name in names}
    programs: Any = font["CFF2" if "CFF2" in font else "CFF "].cff.topDictIndex[0].CharStrings
    return {name: bytes(programs[name].bytecode) for name in names}


def _box(glyph: Any) -> tuple[int, ...]:
    """The box around a glyph of TrueType outlines; nothing where it has none. WOFF2 has them unpacked, TTF does not."""
    if hasattr(glyph, "data"):
        return struct.unpack(">4h", glyph.data[2:10]) if glyph.data else ()
    return (glyph.xMin, glyph.yMin, glyph.xMax, glyph.yMax) if glyph.numberOfContours else ()


def _may_be_empty(sketch: object) -> bool:
    return not sketch or (isinstance(sketch, bytes) and len(sketch) < _SHORT)
