"""The screen look: lines as screenshots show them.

A line is set glyph by glyph in several faces, weights and sizes on one baseline. Its mask is thickened, squeezed and
tilted, then laid on a flat, graded or photo-like ground, in a pill or a box, beside icons, rules and slices of its
neighbours; the picture is blurred, sharpened, grained and compressed. The probabilities are those of a mixture that
taught a small network to read real screenshots. Each line has a budget of hardness: what would make it unreadable to
people is left out.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from linelet_synth.atlas import Atlas, ink_box, paste
from linelet_synth.fonts import Face
from linelet_synth.line import Line
from linelet_synth.looks.degradation import degrade
from linelet_synth.looks.draft import Draft
from linelet_synth.looks.geometry import gamma, thicken, trim, warp
from linelet_synth.looks.ground import Ground
from linelet_synth.looks.scheme import Scheme
from linelet_synth.looks.typesetting import Typesetter, choose_size
from linelet_synth.recipe import Recipe
from linelet_synth.rng import Rng
from linelet_synth.texts import Text

# Room around the glyphs for what makes them thicker.
_PAD = 2


class Screen:
    """Draws lines of the screen look."""

    def __init__(self, recipe: Recipe, faces: list[Face], companions: list[Face], atlas: Atlas, rgb: bool) -> None:
        self._look = recipe.looks.screen
        self._type = Typesetter(faces, companions, atlas, self._look.companions)
        self._scheme = Scheme(recipe)
        self._ground = Ground(recipe, self._scheme, rgb)

    def plan(self, text: Text, rng: Rng) -> Callable[[], Line]:
        """Draw the line at once, since later random choices depend on the pixels so far; returns what hands it over."""
        line = self.draw(text, rng)
        return lambda: line

    def draw(self, text: Text, rng: Rng) -> Line:
        """A line, degraded."""
        look = self._look
        em, master, sizes, styles = choose_size(look.size, rng)
        background, colour = self._scheme.text_and_ground(text.role, rng)
        draft = Draft(text, rng, look.hardness, em, master, sizes, background, colour, styles=styles)
        face, weight = self._type.face(rng)
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
            mask, dx, dy = trim(mask)
            affine[:, 2] -= (dx, dy)
        picture, x, y = self._ground.lay(mask, draft, self._type.strike(face, weight, em))
        affine[:, 2] += affine[:, :2] @ (_PAD - left, _PAD - top) + (x, y)
        picture = degrade(picture, min(em, 1.7 * draft.scale * draft.finest), draft)
        return Line(picture, text.text, "screen", background, colour, placed, _six(affine), face.name, em, draft.styles)


def _six(affine: NDArray[np.float64]) -> tuple[float, float, float, float, float, float]:
    a, b, c, d, e, f = affine.ravel().tolist()
    return a, b, c, d, e, f
