"""Whole pages: bars, cards of widgets from the top down, what comes over them, phones drawn around them."""

from dataclasses import dataclass

from linelet_synth.colours import blend
from linelet_synth.rng import Rng
from linelet_synth.screens import bars, shapes, widgets
from linelet_synth.screens.page import Page, Style
from linelet_synth.screens.registry import choose
from linelet_synth.screens.scene import Setting, Shape
from linelet_synth.screens.theme import BLACK, WHITE

__all__ = ["Format", "choose_format", "compose", "widgets"]

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
    _ground(page)
    bar = theme.bar if rng.chance(0.75) else blend(theme.bar, BLACK, 0.15)
    y = bars.status_bar(page, bar) if rng.chance(0.8) else 0.0
    if rng.chance(0.8):
        y += bars.title_bar(page, y)
    above = page.scene.mark()
    bottom = _content(page, y)
    if rng.chance(0.2) and y:  # scrolled: what slides beneath the bars is cut there
        _scrolled(page, above, y)
    if rng.chance(0.6):
        bottom = page.height - bars.bottom_bar(page, rng.integer(2, 5))
    if rng.chance(0.12):
        bars.floating_button(page, min(bottom, page.height))
    if rng.chance(0.14):
        dialog(page)


def _ground(page: Page) -> None:
    rng, theme = page.rng, page.theme
    kind = rng.random()
    whole = 0.0, 0.0, float(page.width), float(page.height)
    if kind < 0.85:
        page.scene.shape(shapes.box(*whole, theme.ground))
        if theme.classic and rng.chance(0.5):  # pinstripes
            stripe, step = blend(theme.ground, BLACK, 0.05), max(4, round(7 * page.dp))
            for x in range(0, page.width, step):
                page.scene.shape(shapes.box(x, 0, x + step // 2, page.height, stripe))
    elif kind < 0.94:
        other = blend(theme.ground, theme.accent, rng.uniform(0.1, 0.6))
        page.scene.shape(shapes.gradient(*whole, (theme.ground, other), rng.chance(0.8)))
    else:
        page.scene.shape(shapes.scenery(*whole, blend(theme.ground, theme.accent, 0.4), rng))


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


def _scrolled(page: Page, above: int, y: float) -> None:
    """Move the content up beneath the bars, which cut through it."""
    # Only texts that the edge leaves a sliver of, or nothing, can be drawn there: the others would be half lines.
    kept = []
    for item in page.scene.items[above:]:
        if isinstance(item, Setting) and item.bounds[1] < y:
            continue
        kept.append(item)
    page.scene.items[above:] = kept


def dialog(page: Page) -> None:
    """A dialog over the dimmed page: title, text or values, buttons."""
    rng, theme, dp = page.rng, page.theme, page.dp
    width = min(page.width * rng.uniform(0.7, 0.92), 420 * dp)
    sheet = rng.chance(0.25)
    left = 0.0 if sheet else (page.width - width) / 2
    width = float(page.width) if sheet else width
    start = page.scene.layer = page.scene.mark()
    pad = rng.uniform(12, 24) * dp
    y = top = 0.0
    y += pad
    style = page.strong(1.2)
    ink = theme.ink
    centred = rng.chance(0.5)
    at, align = (left + width / 2, "centre") if centred else (left + pad, "left")
    page.text(page.sayings.word(), at, y + style.size * dp / 2, style, align, width - 2 * pad)
    y += style.size * dp * 1.8
    kind = rng.random()
    if kind < 0.5:
        y = page.paragraph(page.sayings.sentence(), left + pad, y, width - 2 * pad, page.usual())
    else:
        y += widgets.draw(
            rng.choice(("picker", "columns", "toggles", "inputs", "figures", "calendar")),
            page,
            left + pad,
            y,
            width - 2 * pad,
        )
    y += pad * 0.7
    step = (width - 2 * pad) / 2
    for k in range(2):
        style = Style(theme.text, theme.accent if rng.chance(0.7) else ink, theme.strong)
        page.text(page.sayings.word(), left + pad + step * (k + 0.5), y + theme.text * dp, style, "centre", step * 0.9)
    y += theme.text * dp * 2 + pad * 0.5
    height = y - top
    move = page.height - height if sheet else (page.height - height) * rng.uniform(0.3, 0.6)
    if move < 0:
        del page.scene.items[start:]
        page.scene.layer = 0
        return
    _raise(page, start, (left, width, height), move)


def _raise(page: Page, start: int, where: tuple[float, float, float], move: float) -> None:
    """Move what was planned at the top to its place over the dimmed page."""
    rng, theme, dp = page.rng, page.theme, page.dp
    left, width, height = where
    over = page.scene.items[start:]
    del page.scene.items[start:]
    page.scene.layer = 0
    dy = round(move)
    page.scene.cover(left, dy, left + width, dy + height)
    page.scene.shape(shapes.box(0, 0, page.width, page.height, BLACK, 0.0, rng.uniform(0.3, 0.65)))
    page.scene.shape(shapes.box(left, dy, left + width, dy + height, theme.card, max(theme.radius, 4) * dp))
    for item in over:
        if isinstance(item, Setting):
            x0, y0, x1, y1 = item.bounds
            item.bounds, item.y = (x0, y0 + dy, x1, y1 + dy), item.y + dy
            page.scene.items.append(item)
        else:
            page.scene.items.append(_moved(item, dy))


def _moved(shape: Shape, dy: int) -> Shape:
    """A shape ``dy`` pixels lower."""
    return lambda canvas: shape(canvas[dy:])


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
