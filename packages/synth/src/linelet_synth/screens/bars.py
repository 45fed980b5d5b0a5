"""What frames a page: status bar, title bar, bottom bar, floating button."""

from linelet_synth.colours import Colour, blend
from linelet_synth.rng import Rng
from linelet_synth.screens import shapes
from linelet_synth.screens.page import Page, Style
from linelet_synth.screens.theme import WHITE

_GREY: Colour = (150, 150, 150)  # of a system bar's shapes


def status_bar(page: Page, background: Colour) -> float:
    """Time, signal, battery and small icons at the page's top; returns its height."""
    rng, dp, width = page.rng, page.dp, page.width
    height = rng.uniform(20, 40) * dp
    page.scene.shape(shapes.box(0, 0, width, height, background))
    ink = page.theme.on(background)
    style = Style(rng.uniform(10, 15), ink, rng.choice((400, 500, 700)))
    middle, inset = height / 2, rng.uniform(8, 26) * dp
    kind = rng.random()
    right = width - inset
    if kind < 0.65:  # the time on the left
        end = page.text(page.sayings.time(), inset, middle, style)
        left = (end.bounds[2] if end else inset) + 8 * dp
        for _ in range(rng.integer(0, 4) if rng.chance(0.5) else 0):
            page.icon(left + 5 * dp, middle, rng.uniform(8, 12), ink)
            left += 15 * dp
    elif kind < 0.8:  # the carrier on the left, the time in the middle
        page.text(rng.choice(("Carrier", "WeChat", "中国移动", "AT&T", "LTE")), inset, middle, style)
        page.text(page.sayings.time(), width / 2, middle, style, "centre")
    elif kind < 0.95:  # the time on the right
        end = page.text(page.sayings.time(), right, middle, style, "right")
        right = (end.bounds[0] if end else right) - 6 * dp
    right = _battery(page, right, middle, ink, style)
    for _ in range(rng.integer(1, 5)):
        kind = rng.integer(0, 3)
        if kind == 0:
            for k in range(4):
                x = right - (4 - k) * 4 * dp
                page.scene.shape(shapes.box(x, middle + (4 - 2.4 * (k + 1)) * dp, x + 3 * dp, middle + 4 * dp, ink))
            right -= 20 * dp
        elif kind == 1:
            for k in (1, 2, 3):
                page.scene.shape(shapes.arc(right - 7 * dp, middle + 5 * dp, 3.2 * k * dp, (225, 315), ink, 1.6 * dp))
            right -= 19 * dp
        elif kind == 2 and rng.chance(0.5):
            text = rng.choice(("4G", "5G", "LTE", "HD", "756 B/s", "1.4K/s", "5G+", "82%"))
            shown = page.text(text, right, middle, Style(style.size * 0.75, ink, 500), "right", 60 * dp)
            right = (shown.bounds[0] if shown else right) - 5 * dp
        else:
            page.icon(right - 6 * dp, middle, rng.uniform(9, 13), ink)
            right -= 16 * dp
    return height


def _battery(page: Page, right: float, middle: float, ink: Colour, style: Style) -> float:
    rng, dp = page.rng, page.dp
    wide, half = rng.uniform(16, 26) * dp, rng.uniform(4, 6.5) * dp
    level = rng.integer(3, 100)
    kind = rng.random()
    left = right - wide
    if kind < 0.2:  # its charge as a number inside
        page.scene.shape(shapes.border(left, middle - half, right, middle + half, ink, 3 * dp, max(1, round(dp))))
        page.text(str(level), (left + right) / 2, middle, Style(max(7.0 / dp, half * 1.35 / dp), ink, 500), "centre")
        return left - 6 * dp
    page.scene.shape(shapes.border(left, middle - half, right, middle + half, ink, 2.5 * dp, max(1, round(dp))))
    colour = ink if level > 20 else (255, 59, 48)
    page.scene.shape(
        shapes.box(
            left + 2 * dp,
            middle - half + 2 * dp,
            left + 2 * dp + (wide - 4 * dp) * level / 100,
            middle + half - 2 * dp,
            colour,
            dp,
        )
    )
    page.scene.shape(shapes.box(right + dp, middle - half * 0.4, right + 2.5 * dp, middle + half * 0.4, ink))
    if kind < 0.6:
        shown = page.text(f"{level}%", left - 4 * dp, middle, style, "right")
        left = shown.bounds[0] if shown else left
    return left - 6 * dp


def title_bar(page: Page, y: float) -> float:
    """A title with a chevron or cross before it and icons behind; returns its height."""
    rng, theme, dp, width = page.rng, page.theme, page.dp, page.width
    height = rng.uniform(40, 64) * dp
    mark = page.scene.mark()
    ink, middle, inset = theme.on_bar, y + height / 2, rng.uniform(10, 20) * dp
    style = Style(rng.uniform(15, 22), ink, rng.choice((400, 500, 700)))
    left, right = inset, width - inset
    kind = rng.random()
    if kind < 0.45:
        page.chevron(left + 5 * dp, middle, rng.uniform(12, 18), ink, 1)
        left += 20 * dp
        if rng.chance(0.2):
            shown = page.text(page.sayings.word(), left, middle, Style(15, ink, 400), room=80 * dp)
            left = (shown.bounds[2] if shown else left) + 8 * dp
    elif kind < 0.8:
        page.icon(left + 9 * dp, middle, 18, ink)
        left += 32 * dp
    for _ in range(rng.integer(0, 3) if rng.chance(0.6) else 0):
        page.icon(right - 9 * dp, middle, rng.uniform(16, 22), ink)
        right -= 32 * dp
    if rng.chance(0.15):
        shown = page.text(page.sayings.word(), right, middle, Style(14, ink, 400), "right", 70 * dp)
        right = (shown.bounds[0] if shown else right) - 8 * dp
    if rng.chance(0.55):
        room = 2 * min(width / 2 - left, right - width / 2)
        page.text(page.sayings.title(), width / 2, middle, style, "centre", room)
    else:
        page.text(page.sayings.title(), left + 6 * dp, middle, style, room=right - left - 6 * dp)
    if theme.classic:
        light = blend(theme.bar, WHITE, 0.4)
        page.scene.beneath(mark, shapes.gradient(0, y, width, y + height, (light, theme.bar), True))
    else:
        page.scene.beneath(mark, shapes.box(0, y, width, y + height, theme.bar))
    if rng.chance(0.4):
        page.divider(0, width, y + height)
    return height


def bottom_bar(page: Page, count: int) -> float:
    """Icons with a word each at the page's bottom, and a system bar below; returns its height."""
    rng, theme, dp, width = page.rng, page.theme, page.dp, page.width
    system = _system_bar(rng) * dp
    height = rng.uniform(46, 66) * dp
    top = page.height - system - height
    background = theme.card if rng.chance(0.8) else theme.background
    page.scene.cover(0, top, width, page.height)
    page.scene.shape(shapes.box(0, top, width, page.height, background))
    if rng.chance(0.6):
        page.divider(0, width, top)
    step = width / count
    chosen = rng.integer(0, count - 1)
    worded = rng.random()
    size = rng.uniform(9, 12)
    for k in range(count):
        middle = step * (k + 0.5)
        colour = theme.accent if k == chosen else theme.muted
        words = worded < 0.75 or (worded < 0.9 and k == chosen)
        if k == chosen and rng.chance(0.2):
            page.scene.shape(
                shapes.box(
                    middle - 26 * dp,
                    top + 6 * dp,
                    middle + 26 * dp,
                    top + height * 0.55,
                    blend(background, theme.accent, 0.2),
                    14 * dp,
                )
            )
        page.icon(middle, top + height * (0.36 if words else 0.5), rng.uniform(18, 24), colour)
        if words:
            page.text(page.sayings.word(), middle, top + height * 0.78, Style(size, colour, 400), "centre", step * 0.9)
        if rng.chance(0.08):
            _count_badge(page, middle + 11 * dp, top + 9 * dp)
    _system(page, system)
    return height + system


def _count_badge(page: Page, x: float, y: float) -> None:
    rng, dp = page.rng, page.dp
    page.scene.shape(shapes.disc(x, y, 8 * dp, (240, 60, 60)))
    page.text(str(rng.integer(1, 99)), x, y, Style(9, WHITE, 500), "centre", 15 * dp)


def _system_bar(rng: Rng) -> float:
    return rng.choice((0.0, 0.0, 20.0, 34.0, 40.0))


def _system(page: Page, height: float) -> None:
    """A phone's own bar: a stroke, or three shapes on black."""
    rng, dp = page.rng, page.dp
    if not height:
        return
    top, middle = page.height - height, page.height - height / 2
    if height > 38 * dp:
        page.scene.shape(shapes.box(0, top, page.width, page.height, (0, 0, 0)))
        for k, side in enumerate((-1, 0, 1)):
            x, r = page.width / 2 + side * page.width * 0.25, 6 * dp
            if k == 0:
                page.scene.shape(shapes.polygon([(x - r, middle), (x + r, middle - r), (x + r, middle + r)], _GREY))
            elif k == 1:
                page.scene.shape(shapes.disc(x, middle, r, _GREY))
            else:
                page.scene.shape(shapes.box(x - r, middle - r, x + r, middle + r, _GREY))
        return
    wide = page.width * rng.uniform(0.12, 0.19)
    page.scene.shape(
        shapes.box(page.width / 2 - wide, middle, page.width / 2 + wide, middle + 5 * dp, page.theme.ink, 2.5 * dp)
    )


def floating_button(page: Page, bottom: float) -> None:
    """A round button over the page's lower right corner."""
    dp = page.dp
    x, y, r = page.width - 44 * dp, bottom - 44 * dp, 28 * dp
    page.scene.cover(x - r, y - r, x + r, y + r)
    page.scene.shape(shapes.disc(x, y, r, page.theme.accent))
    page.icon(x, y, 20, page.theme.on(page.theme.accent))
