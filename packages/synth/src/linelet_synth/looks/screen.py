"""The screen look: lines as screenshots show them.

A line is set glyph by glyph in several faces, weights and sizes on one baseline. Its mask is thickened, squeezed and
tilted, then laid on a flat, graded or photo-like background, in a pill or a box, beside icons, rules and slices of its
neighbours; the picture is blurred, sharpened, grained and compressed. The probabilities are those of a mixture that
taught a small network to read real screenshots. Each line has a budget of hardness: what would make it unreadable to
people is left out.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from linelet_common.preprocess import MAX_ASPECT
from linelet_synth.atlas import Atlas, ink_box, paste
from linelet_synth.fonts import Face
from linelet_synth.icons import Icons
from linelet_synth.labels import spans
from linelet_synth.line import Line
from linelet_synth.looks.background import Background
from linelet_synth.looks.degradation import degrade
from linelet_synth.looks.draft import Draft
from linelet_synth.looks.geometry import gamma, thicken, trim, warp
from linelet_synth.looks.scheme import Scheme
from linelet_synth.looks.typesetting import Typesetter, choose_size
from linelet_synth.recipe import Recipe
from linelet_synth.recipe_faces import Fallback
from linelet_synth.rng import Rng
from linelet_synth.texts import Part, Text, spans_seen

# Room around the glyphs for what makes them thicker.
_PAD = 2
# Times its height that a fragment is long, a little less than what preprocessing takes for a line.
_LONGEST = 0.9 * MAX_ASPECT
_LESS = 0.7


class Screen:
    """Draws lines of the screen look."""

    def __init__(
        self,
        recipe: Recipe,
        families: Mapping[str, list[Face]],
        companions: list[Face],
        atlas: Atlas,
        rgb: bool,
        fallback: Fallback,
    ) -> None:
        self._look = recipe.looks.screen
        self._type = Typesetter(
            families,
            companions,
            fallback,
            atlas,
            self._look.companions,
            self._look.spaced and " " in recipe.charset,
            recipe.direction == "rtl",
        )
        self._rtl = recipe.direction == "rtl"
        self._scheme = Scheme(recipe)
        self._background = Background(recipe, self._scheme, Icons(atlas), rgb)

    def plan(self, text: Text, rng: Rng) -> Callable[[], Line]:
        """Draw the line at once, since later random choices depend on the pixels so far; returns what hands it over."""
        line = self.draw(text, rng)
        return lambda: line

    def picture(self, text: Text, rng: Rng) -> Callable[[], Line]:
        """A picture that shows no text, with an empty label: icons, pieces of charts, bare backgrounds.

        Beside a text the same things belong to no label either.
        """
        look = self._look
        em, _, _, styles = choose_size(look.size, text, rng)
        background, colour = self._scheme.text_and_background(text.role, rng)
        nothing = Text((Part("", "mark"),), text.role)
        draft = Draft(nothing, rng, look.hardness, em, round(em), (), background, colour, styles=[*styles, "no text"])
        picture = degrade(self._background.bare(draft), em, draft)
        line = Line(picture, "", "screen", background, colour, [], (1, 0, 0, 0, 1, 0), "", em, draft.styles)
        return lambda: line

    def fragment(self, text: Text, rng: Rng) -> Callable[[], Line]:
        """A text cut so deep that nobody can read it, labelled U+FFFD as a whole."""
        deep, upper = rng.uniform(0.15, 0.33), rng.chance(0.5)  # first: drawing in colour takes more random numbers
        line = self.draw(text._replace(spans=spans(text.drawn, ())), rng)
        boxes = [box for box in line.boxes if box.height]
        if not boxes:
            return lambda: line
        top = min(box.y for box in boxes)
        height = max(box.y + box.height for box in boxes) - top
        # Up to a third of it, the upper or the lower; of a long one enough to be taken for a line at all.
        rows, columns = line.picture.shape[:2]
        least = max(3, math.ceil(columns / _LONGEST))
        cut = max(least, round(height * deep))
        start, end = 0, min(max(round(top) + cut, least), rows)
        if not upper:
            start, end = max(0, min(round(top + height) - cut, rows - least)), rows
        line.picture = np.ascontiguousarray(line.picture[start:end])
        a, b, c, d, e, f = line.affine
        line.affine = a, b, c, d, e, f - start
        line.styles.append("fragment")
        return lambda: line

    def draw(self, text: Text, rng: Rng) -> Line:
        """A line, degraded."""
        look = self._look
        em, master, sizes, styles = choose_size(look.size, text, rng)
        background, colour = self._scheme.text_and_background(text.role, rng)
        # Small type, and a text of which one character may decide the label, can bear less.
        budget = look.hardness * (_LESS if em < 12 or text.spans is not None else 1.0)
        draft = Draft(text, rng, budget, em, master, sizes, background, colour, styles=styles)
        draft.display = text.parts[0].kind == "number" and rng.chance(0.04)
        if draft.display:
            draft.styles.append("display")
        face, weight = self._type.face(text, rng)
        placed = self._type.set(draft, face, weight)
        left, top, right, bottom = ink_box(placed)
        if right <= left:  # spaces only
            left, top, right, bottom = 0, -master, max(1, placed[-1][1] if placed else 1), 0
        flat = bottom - top < 0.5 * master
        if flat:  # a lone point is legible by its place on the line only
            top, bottom = min(top, round(-0.75 * master)), max(bottom, 0)
        mask = np.zeros((bottom - top + 2 * _PAD, right - left + 2 * _PAD), dtype=np.uint8)
        paste(placed, mask, _PAD - left, _PAD - top)
        mask, affine = warp(thicken(mask, weight, draft), draft, look.tilted)
        if rng.chance(0.3):
            mask = gamma(mask, rng.uniform(0.65, 1.5))
        if not flat:
            # Half of the tight crops end where ink is to be seen, not where the last trace of it is.
            mask, dx, dy = trim(mask, 64 if rng.chance(0.4) else 1)
            affine[:, 2] -= (dx, dy)
        picture, x, y = self._background.lay(mask, draft, self._type.strike(face, weight, em))
        affine[:, 2] += affine[:, :2] @ (_PAD - left, _PAD - top) + (x, y)
        picture = degrade(picture, min(em, 1.7 * draft.scale * draft.finest), draft)
        return Line(
            picture,
            text.text,
            "screen",
            background,
            colour,
            placed,
            _six(affine),
            face.name,
            em,
            draft.styles,
            spans_seen(text) if self._rtl else text.spans,
        )


def _six(affine: NDArray[np.float64]) -> tuple[float, float, float, float, float, float]:
    a, b, c, d, e, f = affine.ravel().tolist()
    return a, b, c, d, e, f
