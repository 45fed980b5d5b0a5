"""What a line's text stands on and among: margins, pills and boxes, gradients and photos, neighbours."""

import math
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from linelet_common.preprocess import Pixels
from linelet_synth import pixels
from linelet_synth.atlas import Mask, Strike
from linelet_synth.colours import Colour, blend, grey
from linelet_synth.icons import Icons
from linelet_synth.labels import least_width
from linelet_synth.looks.draft import Draft
from linelet_synth.looks.scheme import LEAST_LEVELS, Scheme
from linelet_synth.ornaments import Surroundings, crossing, cuttable, harmless, nothing_to_read, photo, plan, rounded
from linelet_synth.recipe import Recipe

Floats = NDArray[np.float32]

# A text never takes less of its picture's height than this, and no part of it has fewer pixels per em once the line is
# as high as readers see it.
_LEAST_SHARE = 0.34
_READERS_HEIGHT = 32
_SMALLEST_READ = 7.0


@dataclass(slots=True)
class _Layout:
    """Room around the ink in pixels: left, top, right, bottom; of them ``inner`` belongs to the plate."""

    margins: list[int]
    plate: str = ""  # pill or box
    inner: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    around: Surroundings | None = None


class Background:
    """Lays lines on their backgrounds."""

    def __init__(self, recipe: Recipe, scheme: Scheme, icons: Icons, rgb: bool) -> None:
        self._look, self._scheme, self._icons, self._rgb = recipe.looks.screen, scheme, icons, rgb
        self._slices, self._kinds = cuttable(recipe.charset), harmless(recipe.charset)

    def lay(self, mask: Mask, draft: Draft, strike: Strike) -> tuple[Pixels, int, int]:
        """The picture with the text on its background, and where the text's mask lies in it.

        strike: of the line's face, for slices of other lines.
        """
        rng, background, colour = draft.rng, draft.background, draft.colour
        layout = self._layout(mask, draft, strike)
        left, top, right, bottom = layout.margins
        height, width = mask.shape[0] + top + bottom, mask.shape[1] + left + right
        text = left, top, left + mask.shape[1], top + mask.shape[0]
        canvas = self._canvas(height, width, text, layout, draft)
        whole = np.zeros((height, width), dtype=np.uint8)
        whole[top : text[3], left : text[2]] = mask
        lcd = rng.chance(0.15)
        if lcd:
            draft.styles.append("lcd")
        crossed = draft.text.parts[0].kind == "number" and rng.chance(0.06) and draft.spend(0.25)
        if canvas is None and not layout.around and not lcd and not crossed and not draft.display:
            return pixels.colour_mask(whole, background, colour, self._rgb), left, top
        if canvas is None:
            canvas = self._flat(height, width, background)
        if crossed:
            draft.styles.append("crossed")
            pale = blend(background, self._scheme.beside(background, colour, rng), rng.uniform(0.25, 0.6))
            if abs(grey(pale) - grey(colour)) >= LEAST_LEVELS:
                _cover(canvas, crossing(height, width, draft.em, rng), self._value(pale))
        if layout.around:
            other = self._scheme.beside(background, colour, rng)
            _cover(canvas, layout.around.draw(height, width, text), self._value(other))
        ink = self._value(colour) if not draft.display else self._two_tones(height, text, draft)
        _cover(canvas, _subpixels(whole, self._rgb, rng.chance(0.5)) if lcd else whole, ink)
        return np.rint(canvas).astype(np.uint8), left, top

    def bare(self, draft: Draft) -> Pixels:
        """A picture without text."""
        rng, em, background = draft.rng, draft.em, draft.background
        height = max(12, round(em * rng.uniform(0.8, 1.8)))
        width = max(12, round(height * rng.choice((1.0, 1.0, rng.uniform(0.5, 6.0)))))
        canvas = self._canvas(height, width, (0, 0, 0, 0), _Layout([0, 0, 0, 0]), draft)
        if canvas is None:
            canvas = self._flat(height, width, background)
        shapes = nothing_to_read(height, width, min(em, height * 0.8), self._icons, rng)
        _cover(canvas, shapes, self._value(self._scheme.beside(background, draft.colour, rng)))
        return np.rint(canvas).astype(np.uint8)

    def _two_tones(self, height: int, text: tuple[int, int, int, int], draft: Draft) -> Floats:
        """The text's colour by rows: two tones that meet in the middle, or one that fades downwards."""
        rng = draft.rng
        paler = blend(draft.colour, draft.background, rng.uniform(0.15, 0.45))
        if abs(grey(paler) - grey(draft.background)) < LEAST_LEVELS:
            paler = draft.colour
        share = (np.arange(height, dtype=np.float32) - text[1]) / np.float32(max(1, text[3] - text[1]))
        share = np.clip(share, 0, 1) if rng.chance(0.5) else (share > 0.5).astype(np.float32)
        if rng.chance(0.5):
            share = 1 - share
        a, b = self._value(draft.colour), self._value(paler)
        return np.asarray(a + (b - a) * (share[:, None, None] if self._rgb else share[:, None]))

    def _layout(self, mask: Mask, draft: Draft, strike: Strike) -> _Layout:
        """Margins, plate and neighbours that keep the text large enough in its picture."""
        rng, em, look = draft.rng, draft.em, self._look
        ink_height, ink_width = mask.shape
        layout = _Layout(_margins(draft, ink_height))
        short = ink_width < 4 * ink_height
        plate = rng.random()
        if plate < look.pills + (0.12 if short else 0.02):
            layout.plate = "pill" if plate < look.pills else "box"
            # The plate's own margins, then what shows of the background around it.
            layout.inner = [round(em * rng.uniform(*((0.05, 0.35) if k % 2 else (0.12, 0.6)))) for k in range(4)]
            # A loose crop shows more of it at the ends, and the plate's ends close to the text.
            loose = rng.chance(0.35)
            if loose:
                layout.inner[0], layout.inner[2] = (round(em * rng.uniform(0.08, 0.35)) for _ in range(2))
            outer = [round(em * rng.uniform(0.0, 0.9 if loose and k % 2 == 0 else 0.35)) for k in range(4)]
            layout.margins = [a + b for a, b in zip(layout.inner, outer, strict=True)]
            draft.styles.append(layout.plate)
        left, top, right, bottom = layout.margins
        highest = min(ink_height / _LEAST_SHARE, draft.scale * draft.finest * _READERS_HEIGHT / _SMALLEST_READ)
        room = max(0.0, highest - ink_height)
        if top + bottom > room:
            top, bottom = int(top * room / (top + bottom)), int(bottom * room / (top + bottom))
            layout.inner[1], layout.inner[3] = min(layout.inner[1], top), min(layout.inner[3], bottom)
        if rng.chance(look.neighbours):
            around = plan(draft.text, em, strike, self._icons, self._slices, self._kinds, rng)
            left, right = left + around.left, right + around.right
            if top + bottom + around.top + around.bottom > room:
                around.top = around.bottom = 0
            top, bottom = top + around.top, bottom + around.bottom
            layout.around = around
            draft.styles.append("neighbours")
        # Thin letters in a row need as many frames as wide ones.
        right += max(0, least_width(draft.text.text, ink_height + top + bottom) - (left + ink_width + right))
        layout.margins = [left, top, right, bottom]
        return layout

    def _canvas(
        self, height: int, width: int, text: tuple[int, int, int, int], layout: _Layout, draft: Draft
    ) -> Floats | None:
        """Ground and plate, without the text; None where it is flat. text: left, top, right, bottom of the ink."""
        rng, background, plate = draft.rng, draft.background, layout.plate
        textured = rng.chance(self._look.textured)
        if not plate and not textured:
            return None
        base = self._scheme.around_plate(background, rng) if plate else background
        amount = 0.0
        if textured:
            amount = rng.uniform(0.05, 0.55) * (1.0 if plate else max(0.0, 1 - LEAST_LEVELS / draft.levels))
            if not plate and not draft.spend(0.6 * amount):
                amount = 0.0
        canvas = self._flat(height, width, base)
        if amount:
            canvas = self._textured(canvas, amount * draft.levels, draft)
        if plate:
            inner = layout.inner
            box = text[0] - inner[0], text[1] - inner[1], text[2] + inner[2], text[3] + inner[3]
            radius = (box[3] - box[1]) / 2 if plate == "pill" and rng.chance(0.6) else rng.uniform(0, 0.3) * draft.em
            _cover(canvas, rounded(height, width, box, radius), self._value(background))
        return canvas

    def _value(self, colour: Colour) -> Floats | float:
        return np.array(colour, dtype=np.float32) if self._rgb else float(grey(colour))

    def _flat(self, height: int, width: int, colour: Colour) -> Floats:
        if not self._rgb:
            return np.full((height, width), grey(colour), dtype=np.float32)
        canvas = np.empty((height, width, 3), dtype=np.float32)
        canvas[:] = colour
        return canvas

    def _textured(self, canvas: Floats, reach: float, draft: Draft) -> Floats:
        """The background graded or photo-like, by at most ``reach`` grey levels."""
        rng, (height, width) = draft.rng, canvas.shape[:2]
        if rng.chance(0.5):
            draft.styles.append("gradient")
            angle = rng.uniform(0, math.tau)
            x = np.linspace(-1, 1, width, dtype=np.float32) * np.float32(math.cos(angle))
            y = np.linspace(-1, 1, height, dtype=np.float32) * np.float32(math.sin(angle))
            field = (x[None, :] + y[:, None]) * np.float32(reach * 0.7)
        else:
            draft.styles.append("photo")
            field = photo(height, width, rng) * np.float32(reach)
        if self._rgb:
            tint = np.array([rng.uniform(0.7, 1.0) for _ in range(3)], dtype=np.float32)
            canvas += field[:, :, None] * tint
        else:
            canvas += field
        return np.asarray(np.clip(canvas, 0, 255, out=canvas))


def _margins(draft: Draft, ink_height: int) -> list[int]:
    """Left, top, right and bottom margin in pixels."""
    rng, em, drawn = draft.rng, draft.em, draft.text.drawn
    # Cut to the ink: thin characters at an edge are what readers lose first.
    if rng.chance(0.55 if drawn[:1] == "1" or drawn[-1:] == "1" else 0.35):
        return [rng.integer(0, 2) for _ in range(4)]
    kind = rng.random()
    if kind < 0.35:
        top, bottom = em * rng.uniform(0, 0.15), em * rng.uniform(0, 0.15)
    elif kind < 0.7:
        top, bottom = em * rng.uniform(0.05, 0.45), em * rng.uniform(0.05, 0.45)
    else:
        spare = max(0.0, em * rng.uniform(1.2, 1.9) - ink_height)
        place = rng.uniform(0.35, 0.65)
        top, bottom = spare * place, spare * (1 - place)
    if rng.chance(0.4):
        left, right = em * rng.uniform(0, 0.15), em * rng.uniform(0, 0.15)
    else:
        left, right = em * rng.uniform(0, 0.8), em * rng.uniform(0, 0.8)
    return [round(left), round(top), round(right), round(bottom)]


def _cover(canvas: Floats, mask: NDArray[np.uint8], value: Floats | float) -> None:
    """Lay a colour over the background where the mask says, in place."""
    share = mask * np.float32(1 / 255)
    if canvas.ndim == 3 and share.ndim == 2:
        share = share[:, :, None]
    canvas += (value - canvas) * share


def _subpixels(mask: Mask, rgb: bool, reversed_order: bool) -> NDArray[np.uint8]:
    """LCD antialiasing: the three subpixels of a pixel see the text a third of a pixel apart."""
    if not rgb:
        return np.asarray(cv2.blur(mask, (3, 1)))
    shifted = [
        cv2.filter2D(mask, -1, np.array([kernel], dtype=np.float32))
        for kernel in ((1 / 3, 2 / 3, 0.0), (1 / 6, 2 / 3, 1 / 6), (0.0, 2 / 3, 1 / 3))
    ]
    return np.asarray(cv2.merge(shifted[::-1] if reversed_order else shifted))
