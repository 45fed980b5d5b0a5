"""A recipe to start from: commented, or proposed from an app's screenshots instead of a colour picker.

Found in a screenshot are its backgrounds (colours in wide stretches), the colours of text (what stands on one in
narrow strokes, taken where it is furthest from the background: the rest is antialiasing) and the heights of its lines.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from linelet_common.bidi import MIRRORED, is_rtl
from linelet_common.charset import Charset
from linelet_common.codec import EQUIVALENTS
from linelet_common.errors import CharsetError, RecipeError
from linelet_common.files import real
from linelet_common.preprocess import Pixels, load_image
from linelet_synth.colours import Colour, contrast
from linelet_synth.fonts import Entry, find_faces
from linelet_synth.recipe_texts import corpus_phrases

# A background covers at least this share of a screenshot; icons and photos cover less with any one colour.
_BACKGROUND_SHARE = 0.01
# Colours this close (in each channel) are one: JPEG and gradients make many of one.
_NEAR = 12
_MOST = 8
# So many faces for the whole charset need no others beside them, which letters with accents would stand out from.
_ENOUGH = 10


@dataclass(frozen=True)
class Found:
    """What screenshots show. heights: pixels of the text lines' ink, smallest and largest but for outliers."""

    backgrounds: tuple[Colour, ...]
    text: tuple[Colour, ...]
    heights: tuple[int, int] | None


def look_at(paths: Sequence[Path]) -> Found:
    """Backgrounds, text colours and line heights of screenshots. ImageError for one that cannot be read."""
    backgrounds: Counter[Colour] = Counter()
    inks: Counter[Colour] = Counter()
    heights: list[int] = []
    for path in paths:
        picture = load_image(path)
        for background, area in find_backgrounds(picture):
            _count(backgrounds, background, area)
            for ink, weight, found in _text_on(picture, background):
                _count(inks, ink, weight)
                heights += found
    span = None
    if heights:
        low, high = np.percentile(heights, [5, 95])
        span = int(low), int(np.ceil(high))
    return Found(_most(backgrounds), _most(inks), span)


def _count(colours: Counter[Colour], colour: Colour, weight: int) -> None:
    near = next((c for c in colours if max(abs(a - b) for a, b in zip(c, colour, strict=True)) <= _NEAR), colour)
    colours[near] += weight


def _most(colours: Counter[Colour]) -> tuple[Colour, ...]:
    return tuple(colour for colour, _ in colours.most_common(_MOST))


def find_backgrounds(picture: Pixels) -> list[tuple[Colour, int]]:
    """Colours that fill wide stretches, with their areas in pixels, largest first."""
    # Where a pixel equals its neighbours two pixels around, it is inside a plain area.
    spread = cv2.dilate(picture, np.ones((5, 5), np.uint8)) - cv2.erode(picture, np.ones((5, 5), np.uint8))
    plain = picture[spread.max(axis=2) <= 2]
    codes = (plain.astype(np.uint32) @ np.array([65536, 256, 1], dtype=np.uint32)).astype(np.uint32)
    values, counts = np.unique(codes, return_counts=True)
    grouped: Counter[Colour] = Counter()
    for k in np.argsort(counts)[::-1][:200]:
        code = int(values[k])
        _count(grouped, (code >> 16, code >> 8 & 255, code & 255), int(counts[k]))
    least = _BACKGROUND_SHARE * picture.shape[0] * picture.shape[1]
    return [(colour, count) for colour, count in grouped.most_common(_MOST) if count >= least]


def _text_on(picture: Pixels, background: Colour) -> list[tuple[Colour, int, list[int]]]:
    """Lines of text on a background: each one's colour, its pixels, and its height as often as it is wide for it."""
    difference = np.abs(picture.astype(np.int16) - np.array(background, dtype=np.int16)).max(axis=2)
    # Strokes may have a background's colour too, but not its width.
    on_background = cv2.morphologyEx(
        (difference <= _NEAR).astype(np.uint8), cv2.MORPH_OPEN, np.ones((11, 11), np.uint8)
    )
    # What text could be: different, with the background close by on both sides, or above and below.
    around = np.zeros(on_background.shape, dtype=bool)
    for reach in (np.ones((1, 41), np.uint8), np.ones((81, 1), np.uint8)):
        around |= cv2.morphologyEx(on_background, cv2.MORPH_CLOSE, reach) > 0
    ink = ((difference > 40) & around).astype(np.uint8)
    # Letters of a line are closer to each other than lines are.
    joined = cv2.dilate(ink, np.ones((5, 15), np.uint8))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    found = []
    for k in range(1, count):
        x, y, width, height, _ = (int(v) for v in boxes[k])
        if not (12 <= height <= 120 and width >= height):
            continue
        part = (labels[y : y + height, x : x + width] == k) & (ink[y : y + height, x : x + width] > 0)
        share = float(part.mean())
        if not 0.05 <= share <= 0.65:  # rules and icons fill more, specks less
            continue
        colour = _furthest(picture[y : y + height, x : x + width][part], background)
        if contrast(colour, background) >= 1.2:
            # A long line says more about the app than a speck does; the dilation added two pixels at either end.
            found.append((colour, int(part.sum()), [height - 4] * (width // height)))
    return found


def _furthest(colours: NDArray[np.uint8], background: Colour) -> Colour:
    """The middle of the tenth that differs most from the background: strokes' insides, not their edges."""
    distance = np.abs(colours.astype(np.int16) - np.array(background, dtype=np.int16)).sum(axis=1)
    inside = colours[distance >= np.percentile(distance, 90)]
    r, g, b = (int(v) for v in np.median(inside, axis=0))
    return r, g, b


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


_TEMPLATE = """\
# A recipe for linelet: what the text lines of an app look like. Everything not written here keeps its default;
# 'linelet recipe check FILE' validates it, 'linelet preview FILE --out sheet.png' shows it.
name = "my-app"

# Every character that occurs, in the order of the reader's classes. No other character can ever be read.
CHARSET

# Fonts for the whole charset: files ("fonts/App.ttf", "fonts/App.ttc#1"), folders, "bundled", "system".
FONTS
# Fonts for its digits and Latin letters only, to stand beside the others.
COMPANIONS

TEXTS
# Font weights and text colours by role; the first colour with enough contrast is taken.
[roles.field]
weights = [400]

[roles.value]
weights = [400, 700]

[palette]
backgrounds = [BACKGROUNDS]

[palette.text]
COLOURS
# Shares of the two looks: plain is flat and regular, screen has what screenshots have.
[looks.plain]
weight = 0.2

[looks.screen]
weight = 0.8
size = [SIZES]  # pixels per em
"""

_FORMS = """\
# Lists of words for the templates below.
[vocabulary]
field = ["Weight", "BMI"]

# Kinds of text, each with its share. A form is a template: {field} is a word of that list, {40..110:.1f} a number.
[[texts]]
weight = 3
forms = ["{field}"]

[[texts]]
weight = 5
role = "value"
forms = ["{40..110:.1f}kg", "{10..40:.1f}", "{0..100:.1f}%"]

# Random strings let every character be seen often enough, wherever it stands. 'corpus = "texts.txt"' takes a file.
[[texts]]
weight = 2
role = "value"
random = { length = [1, 8], tokens = ["BMI", "kg"] }

"""

_PHRASES = """\
# The app's texts, one a line. Kinds of text have shares.
[[texts]]
weight = 8
CORPUS

# Numbers, days and times as the app writes them. The check names the characters that the charset needs for them.
# [[texts]]
# weight = 8
# role = "value"
# forms = [
#   "{0..999}", "{0..9999.99:,.2f}", "{0..9999.99 as 1.234,56}", "{2020-01-01..2029-12-31:%d.%m.%Y}",
#   "{00:00..23:59:%H:%M}",
# ]

# Random strings let every character be seen often enough, wherever it stands.
[[texts]]
weight = 2
role = "value"
random = { length = [1, 8] }

"""


@dataclass(frozen=True)
class Corpus:
    """An app's texts: their file as the recipe names it, their characters, and fonts that have them all."""

    path: str
    charset: str
    fonts: tuple[Entry, ...]
    companions: bool


def read_corpus(path: Path, folder: Path) -> tuple[Corpus, int]:
    """The charset and fonts that a file of texts needs, for a recipe in ``folder``; how many texts repeat another.

    RecipeError for a file that cannot be read, for invisible characters, and where no font has a character.
    """
    phrases, repeated = corpus_phrases(str(path))
    held = {" " if c.isspace() else c for phrase in phrases for c in phrase}
    held -= {c for own, others in EQUIVALENTS.items() if own in held for c in others}
    if is_rtl("".join(held)):  # where each bracket is drawn as its mirror image too
        held |= {MIRRORED.get(c, c) for c in held}
    charset = "".join(sorted(held))
    try:
        Charset(charset)
    except CharsetError as failure:
        raise RecipeError(f"{path}: {failure}", place=path) from None
    name = os.path.relpath(real(path), real(folder))
    reason = ""
    choices: tuple[tuple[Entry, ...], ...] = (("bundled",), (("bundled",),), (("bundled", "system"),))
    for fonts in choices:
        try:
            faces = find_faces(fonts, charset, alike=False)[0]
            if faces:
                return Corpus(name, charset, fonts, len(faces) < _ENOUGH), repeated
        except RecipeError as failure:
            reason = str(failure)
    raise RecipeError(f"{path}: {reason}", place=path)


def propose(found: Found | None, corpus: Corpus | None = None) -> str:
    """A recipe as TOML, with the colours and sizes found where there are any, and a corpus's characters and texts."""
    backgrounds = found.backgrounds if found and found.backgrounds else ((255, 255, 255), (47, 182, 128))
    text = found.text if found and found.text else ((51, 51, 51), (255, 255, 255))
    # A line's ink is some nine tenths of an em high in Chinese, seven in Latin capitals.
    low, high = 12, 56
    if found and found.heights:
        low, high = max(10, found.heights[0]), min(96, found.heights[1] * 10 // 8)
    names = "".join(f'colour{k} = "{_hex(colour)}"\n' for k, colour in enumerate(text, 1))
    charset, texts = "0123456789.%kgBMIWeiht", _FORMS
    fonts: tuple[Entry, ...] = ("bundled",)
    if corpus:
        charset, fonts = corpus.charset, corpus.fonts
        texts = _PHRASES.replace("CORPUS", _toml("corpus", corpus.path))
    filled = {
        "BACKGROUNDS": ", ".join(f'"{_hex(colour)}"' for colour in backgrounds),
        "SIZES": f"{low}, {max(low + 2, high)}",
        "COLOURS\n": names + "\n",
        "CHARSET": _toml("charset", charset) + ('\ndirection = "rtl"' if is_rtl(charset) else ""),
        "FONTS": _toml("fonts", fonts),
        "COMPANIONS": _toml("companion_fonts", ("bundled",) if not corpus or corpus.companions else ()),
        "TEXTS\n": texts,
    }
    # At once, so that no text of the corpus is taken for one of these.
    return re.sub("|".join(filled), lambda found: filled[found[0]], _TEMPLATE)


def _toml(key: str, value: str | tuple[Entry, ...]) -> str:
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"
