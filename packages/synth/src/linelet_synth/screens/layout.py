"""Whole pages: bars, cards of widgets from the top down, what comes over them, phones drawn around them."""

from dataclasses import dataclass

from linelet_synth.colours import blend
from linelet_synth.rng import Rng
from linelet_synth.screens import bars, overlays, shapes
from linelet_synth.screens.page import Page
from linelet_synth.screens.registry import choose
from linelet_synth.screens.theme import BLACK, WHITE

__all__ = ["Format", "choose_format", "compose", "phone"]

_FRAMES = ((20, 20, 22), (60, 60, 66), WHITE)  # of drawn phones
# A page holds no more lines than this, however high it is.
_MOST_LINES = 90


@dataclass(frozen=True)
class Format:
    """A picture's size in pixels, and the pixels to a dp."""

    width: int
    height: int
    dp: float


# Widths in dp of phones, tablets and windows, by how often.
_WIDTHS = (320, 360, 360, 360, 375, 375, 390, 393, 411, 412, 414, 414, 428)
_RATIOS = (1.5, 16 / 9, 16 / 9, 2.0, 2.06, 2.11, 2.16, 2.16, 2.2, 2.22)
_DENSITIES = (1.0, 1.0, 1.5, 1.75, 2.0, 2.0, 2.0, 2.5, 2.625, 3.0, 3.0)


def choose_format(rng: Rng) -> Format:
    """A picture's size: mostly an upright phone's, sometimes longer, now and then lying or a tablet's."""
    density = rng.choice(_DENSITIES)
    width = float(rng.choice(_WIDTHS))
    kind = rng.random()
    if kind < 0.82:
        height = width * rng.choice(_RATIOS)
        if rng.chance(0.12):
            height *= rng.uniform(1.1, 1.7)
    elif kind < 0.92:  # lying, or a window
        width = rng.uniform(480, 900)
        height = width * rng.uniform(0.48, 0.8)
        density = rng.choice((1.0, 1.0, 1.25, 1.5))
    else:  # a crop of a page
        height = width * rng.uniform(0.7, 1.3)
    pixels = min(1440, max(320, round(width * density)))
    dp = pixels / width
    return Format(pixels, min(3200, max(400, round(height * dp))), dp)


def compose(page: Page) -> None:
    """Plan a whole page."""
    rng, theme = page.rng, page.theme
    _background(page)
    bar = theme.bar if rng.chance(0.75) else blend(theme.bar, BLACK, 0.15)
    start = page.scene.mark()
    y = bars.status_bar(page, bar) if rng.chance(0.8) else 0.0
    if rng.chance(0.8):
        y += bars.title_bar(page, y)
    if y and rng.chance(0.25):  # scrolled: the bars cut through what slides beneath them
        over = page.scene.items[start:]
        del page.scene.items[start:]
        bottom = _content(page, y - rng.uniform(10, 120) * page.dp)
        page.scene.cover(0, 0, page.width, y)
        page.scene.items += over
    else:
        bottom = _content(page, y)
    if rng.chance(0.6):
        bottom = page.height - bars.bottom_bar(page, rng.integer(2, 5))
    if rng.chance(0.12):
        bars.floating_button(page, min(bottom, page.height))
    kind = rng.random()
    if kind < 0.22:
        (overlays.dialog if kind < 0.12 else overlays.menu if kind < 0.17 else overlays.toast)(page)


def _background(page: Page) -> None:
    rng, theme = page.rng, page.theme
    kind = rng.random()
    whole = 0.0, 0.0, float(page.width), float(page.height)
    if kind < 0.85:
        page.scene.shape(shapes.box(*whole, theme.background))
        if theme.classic and rng.chance(0.5):  # pinstripes
            stripe, step = blend(theme.background, BLACK, 0.05), max(4, round(7 * page.dp))
            for x in range(0, page.width, step):
                page.scene.shape(shapes.box(x, 0, x + step // 2, page.height, stripe))
    elif kind < 0.94:
        other = blend(theme.background, theme.accent, rng.uniform(0.1, 0.6))
        page.scene.shape(shapes.gradient(*whole, (theme.background, other), rng.chance(0.8)))
    else:
        page.scene.shape(shapes.scenery(*whole, blend(theme.background, theme.accent, 0.4), rng))


def _content(page: Page, y: float) -> float:
    """Widgets from the top down to the page's bottom."""
    rng, theme, dp = page.rng, page.theme, page.dp
    left, gap = theme.margin * dp, rng.uniform(4, 18) * dp
    width = page.width - 2 * left
    y += gap
    columns = 2 if page.width > 560 * dp and rng.chance(0.5) else 1
    if columns == 2:
        side = (width - gap) / 2
        return max(_column(page, left, y, side, gap), _column(page, left + side + gap, y, side, gap))
    return _column(page, left, y, width, gap)


def _column(page: Page, left: float, y: float, width: float, gap: float) -> float:
    rng, theme, dp = page.rng, page.theme, page.dp
    carded = rng.chance(0.65)
    # Many pages say the same thing over and over: a list, a form, a wall of tiles.
    few = [choose(rng) for _ in range(rng.integer(1, 4))] if rng.chance(0.35) else []
    end = page.height * (1.0 if rng.chance(0.75) else rng.uniform(0.4, 1.0))
    while y < end and len(page.scene.settings()) < _MOST_LINES:
        entry = rng.choice(few) if few else choose(rng)
        if entry.carded and carded:
            pad = theme.padding * dp
            mark = page.scene.mark()
            top = y + pad * rng.uniform(0.4, 1.0)
            inner = top
            if rng.chance(0.3):
                style = page.strong(1.1)
                page.text(page.sayings.word(), left + pad, inner + style.size * dp * 0.8, style, room=width - 2 * pad)
                inner += style.size * dp * 1.9
            inner += entry.draw(page, left + pad, inner, width - 2 * pad)
            bottom = inner + pad * rng.uniform(0.4, 1.0)
            page.card(mark, left, y, left + width, bottom)
            y = bottom + gap
        else:
            inset = 0.0 if left > 4 * dp else theme.padding * dp
            y += entry.draw(page, left + inset, y, width - 2 * inset) + gap
    return y


def phone(page: Page, top: float) -> tuple[int, int, int, int]:
    """A drawn phone around a smaller screen, from ``top`` on; the screen's left, top, right, bottom."""
    rng, dp = page.rng, page.dp
    width = page.width * rng.uniform(0.68, 0.9)
    left = (page.width - width) / 2
    bezel = rng.uniform(3, 12) * dp
    radius = rng.uniform(16, 44) * dp
    bottom = page.height * rng.uniform(0.92, 1.3)
    page.scene.shape(shapes.box(left, top, left + width, bottom, rng.choice(_FRAMES), radius))
    return round(left + bezel), round(top + bezel), round(left + width - bezel), round(bottom - bezel)
