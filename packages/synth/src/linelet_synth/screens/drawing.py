"""One screen: planned, drawn, and degraded as screenshots are on their way to a reader."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from linelet_common.preprocess import Pixels
from linelet_synth import pixels
from linelet_synth.atlas import Atlas
from linelet_synth.fonts import Face
from linelet_synth.recipe import Recipe
from linelet_synth.rng import Rng
from linelet_synth.screens import shapes
from linelet_synth.screens.icons import Icons
from linelet_synth.screens.layout import Format, choose_format, compose, phone
from linelet_synth.screens.page import Page, Style
from linelet_synth.screens.sayings import Sayings
from linelet_synth.screens.scene import Drawn, Scene
from linelet_synth.screens.setting import Typeface
from linelet_synth.screens.theme import make_theme

# A picture is not made smaller than this, and its smallest text not below so many pixels per em.
_NARROWEST = 320
# Whole fonts, of 0.3 to 3 MB each: what screens say has too many characters to cut fonts to.
_OPEN_FONTS = 256
# Latin faces that half of the pages choose from.
_COMMON = 10


@dataclass(slots=True)
class ScreenPicture:
    """A drawn screen: uint8 RGB (H, W, 3) or grey (H, W), and its lines."""

    picture: Pixels
    lines: list[Drawn]
    styles: list[str]

    def record(self) -> dict[str, Any]:
        """Its truth as plain data: size, and lines with box [x, y, width, height], text, field, value."""
        height, width = self.picture.shape[:2]
        lines = []
        for line in self.lines:
            entry: dict[str, Any] = {"bbox": [round(v, 1) for v in line.box], "text": line.text}
            if line.field:
                entry |= {"field": line.field, "value": True}
            lines.append(entry)
        return {"width": width, "height": height, "lines": lines}


class Drawer:
    """Draws screens from random numbers."""

    def __init__(
        self,
        recipe: Recipe,
        faces: tuple[list[Face], list[Face], list[Face]],
        sayings: Sayings,
        icons: list[Face],
        rgb: bool,
    ) -> None:
        self._recipe, self._sayings, self._rgb = recipe, sayings, rgb
        self._main, self._latin, self._rest = faces
        self._common = self._latin[:: max(1, len(self._latin) // _COMMON)]
        self._atlas = Atlas(open_fonts=_OPEN_FONTS)
        self._icons = Icons(icons, self._atlas)

    def draw(self, rng: Rng) -> ScreenPicture:
        """A screen."""
        form = choose_format(rng)
        styles: list[str] = []
        scene = Scene(form.width, form.height)
        page = self._page(form, scene, rng)
        canvas = np.empty((form.height, form.width, 3), dtype=np.uint8)
        if rng.chance(0.06) and form.height > form.width:
            lines = self._in_phone(page, canvas)
            styles.append("phone")
        else:
            compose(page)
            lines = scene.draw(canvas)
        picture, lines = self._degrade(canvas, lines, rng, styles)
        return ScreenPicture(picture, lines, styles)

    def _page(self, form: Format, scene: Scene, rng: Rng) -> Page:
        theme = make_theme(self._recipe, rng)
        self._sayings.start(rng)
        main = rng.choice(self._main)
        latin = main
        if self._latin and rng.chance(0.8):
            # Half of the pages share a few faces: apps do, and their glyphs are at hand.
            latin = rng.choice(self._common if rng.chance(0.5) else self._latin)
        spacing, rtl = rng.uniform(0, 0.06) if rng.chance(0.15) else 0.0, self._recipe.direction == "rtl"
        typeface = Typeface(main, latin, tuple(self._rest), 1.0, spacing, rtl)
        return Page(
            form.width, form.height, form.dp, rng, theme, self._sayings, typeface, self._atlas, self._icons, scene
        )

    def _in_phone(self, page: Page, canvas: Pixels) -> list[Drawn]:
        """A phone with a smaller screen, below a headline."""
        rng, dp = page.rng, page.dp
        theme = page.theme
        background = rng.choice((theme.accent, theme.background, theme.bar))
        page.scene.shape(shapes.box(0, 0, page.width, page.height, background))
        style = Style(rng.uniform(18, 30), theme.on(background), rng.choice((300, 400, 700)))
        top = page.paragraph(page.sayings.sentence(), 16 * dp, 14 * dp, page.width - 32 * dp, style, 3) + 16 * dp
        x0, y0, x1, y1 = phone(page, top)
        lines = page.scene.draw(canvas)
        y1 = min(y1, page.height)
        if y1 - y0 < 100:
            return lines
        inner = Scene(x1 - x0, y1 - y0)
        smaller = Format(x1 - x0, y1 - y0, dp * (x1 - x0) / page.width)
        inside = self._page(smaller, inner, rng)
        compose(inside)
        return lines + inner.draw(canvas[y0:y1, x0:x1], (x0, y0))

    def _degrade(self, canvas: Pixels, lines: list[Drawn], rng: Rng, styles: list[str]) -> tuple[Pixels, list[Drawn]]:
        """Rescaling, blur, grain, compression; and grey where grey is asked for."""
        picture: Pixels = canvas
        if not self._rgb:
            picture = np.asarray(cv2.cvtColor(canvas, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        height, width = picture.shape[:2]
        if rng.chance(0.25):
            share = rng.uniform(max(0.5, _NARROWEST / width), 1.0)
            size = max(1, round(width * share)), max(1, round(height * share))
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
            x, y = size[0] / width, size[1] / height
            for line in lines:
                line.box = line.box[0] * x, line.box[1] * y, line.box[2] * x, line.box[3] * y
            styles.append("rescaled")
        if rng.chance(0.1):
            picture = pixels.gaussian(picture, 3, rng.uniform(0.3, 0.8))
            styles.append("blur")
        if rng.chance(0.08):
            picture = pixels.noise(picture, rng.uniform(0.5, 4.0), rng.random())
            styles.append("grain")
        if rng.chance(0.2):
            picture = pixels.jpeg(picture, rng.integer(55, 96))
            styles.append("jpeg")
        return picture, lines
