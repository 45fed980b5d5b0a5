"""What comes over a page: dialogs and sheets on a dimmed one, menus, toasts."""

from collections.abc import Sequence

from linelet_synth.colours import blend
from linelet_synth.screens import shapes, widgets
from linelet_synth.screens.page import Page, Style
from linelet_synth.screens.sayings import plain
from linelet_synth.screens.scene import Setting, Shape
from linelet_synth.screens.theme import BLACK, WHITE

_INSIDE = ("picker", "columns", "toggles", "inputs", "figures", "calendar", "keypad", "choices")


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
            rng.choice(_INSIDE),
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
    card = shapes.box(left, round(move), left + width, round(move) + height, theme.card, max(theme.radius, 4) * dp)
    dim = shapes.box(0, 0, page.width, page.height, BLACK, 0.0, rng.uniform(0.3, 0.65))
    _raise(page, start, (left, move, left + width, move + height), (dim, card))


def menu(page: Page) -> None:
    """A list of words that dropped from the page's upper right corner, or a bubble with a point."""
    rng, theme, dp = page.rng, page.theme, page.dp
    start = page.scene.layer = page.scene.mark()
    width, step = min(page.width * 0.8, rng.uniform(110, 200) * dp), rng.uniform(28, 46) * dp
    left = page.width - width - rng.uniform(4, 16) * dp if rng.chance(0.7) else (page.width - width) * rng.random()
    count, iconed = rng.integer(2, 6), rng.chance(0.4)
    background = theme.card if rng.chance(0.6) else blend(theme.ink, theme.card, 0.1)
    ink = theme.on(background)
    for k in range(count):
        middle = step * (k + 0.5)
        if iconed:
            page.icon(left + 18 * dp, middle, 16, ink)
        at = left + (36 if iconed else 14) * dp
        page.text(page.sayings.word(), at, middle, Style(theme.text, ink, 400), room=left + width - at - 6 * dp)
        if k and rng.chance(0.4):
            page.divider(left, left + width, step * k)
    height = step * count
    move = max(0.0, min(page.height - height - 8 * dp, rng.uniform(40, 110) * dp))
    top = round(move)
    radius = min(theme.radius, 12) * dp
    shade = shapes.box(left - 2 * dp, top, left + width + 2 * dp, top + height + 4 * dp, BLACK, radius, 0.12)
    card = shapes.box(left, top, left + width, top + height, background, radius)
    _raise(page, start, (left, top, left + width, top + height), (shade, card))


def toast(page: Page) -> None:
    """A short message on a dark plate, over the page's lower part or its middle."""
    rng, dp = page.rng, page.dp
    style = Style(rng.uniform(11, 15), WHITE, 400, 60)
    said = plain(page.sayings.sentence() if rng.chance(0.4) else page.sayings.word())
    fitted = page.fit(said, style, page.width * 0.75)
    if fitted is None:
        return
    half, pad = style.size * dp * rng.uniform(0.9, 1.5), rng.uniform(10, 20) * dp
    middle = page.height * rng.choice((0.5, rng.uniform(0.75, 0.9)))
    wide = fitted[0].advance / 2 + pad
    where = page.width / 2 - wide, middle - half, page.width / 2 + wide, middle + half
    page.scene.cover(*where)
    page.scene.shape(shapes.box(*where, (40, 40, 44), half * rng.choice((0.3, 1.0))))
    page.place(fitted[0], said, page.width / 2, middle + fitted[1] * 0.36, style, "centre")


def _raise(page: Page, start: int, where: tuple[float, float, float, float], beneath: Sequence[Shape]) -> None:
    """Move what was planned at the page's top to its place (left, top, right, bottom), on some shapes."""
    over = page.scene.items[start:]
    del page.scene.items[start:]
    page.scene.layer = 0
    dy = round(where[1])
    page.scene.cover(*where)
    page.scene.items += beneath
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
