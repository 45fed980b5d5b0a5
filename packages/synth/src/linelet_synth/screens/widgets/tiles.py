"""Tiles side by side: values with their names above or below, icons with a word, headed cards."""

from linelet_synth.colours import blend
from linelet_synth.screens import shapes
from linelet_synth.screens.page import Page, Style
from linelet_synth.screens.registry import widget
from linelet_synth.screens.scene import FAINTEST
from linelet_synth.screens.theme import WHITE


@widget("tiles", 4.0, carded=False)
def tiles(page: Page, x: float, y: float, width: float) -> float:
    """A grid of cards, each with a name and a value, now and then an icon and a word."""
    rng, theme, dp = page.rng, page.theme, page.dp
    across = rng.choice((2, 2, 3)) if width > 260 * dp else rng.choice((1, 2))
    gap = rng.uniform(4, 14) * dp
    side = (width - gap * (across - 1)) / across
    height = rng.uniform(64, 130) * dp
    coloured, iconed, above = rng.chance(0.4), rng.chance(0.5), rng.chance(0.6)
    down = rng.integer(1, 3)
    pad = min(theme.padding * dp, side * 0.12)
    big = rng.uniform(1.2, 2.2)
    for row in range(down):
        for column in range(across):
            left, top = x + column * (side + gap), y + row * (height + gap)
            mark = page.scene.mark()
            background = rng.choice((page.lively(), blend(theme.card, page.lively(), 0.18))) if coloured else theme.card
            ink = theme.on(background) if coloured else theme.ink
            name, value = page.sayings.pair()
            end = left + side - pad
            if iconed:
                page.badge(end - 10 * dp, top + pad + 12 * dp, 22)
            small = Style(theme.text * 0.9, blend(ink, background, 0.3), 400)
            large = Style(theme.text * big, ink, theme.strong)
            lines = [(name, small), (value, large)]
            if not above:
                lines.reverse()
            step = min(height * 0.4, theme.text * dp * (big + 1) * 0.62)
            middle = top + height * 0.5
            page.text(lines[0][0], left + pad, middle - step / 2, lines[0][1], room=side - 2 * pad - 26 * dp)
            page.text(lines[1][0], left + pad, middle + step / 2, lines[1][1], room=side - 2 * pad)
            if rng.chance(0.2) and height > step * 2.4:
                page.text(
                    page.sayings.word(),
                    left + pad,
                    top + height - pad - 5 * dp,
                    page.muted(0.75),
                    room=side - 2 * pad,
                )
            page.card(mark, left, top, left + side, top + height, background)
    return height * down + gap * (down - 1)


@widget("shortcuts", 2.0)
def shortcuts(page: Page, x: float, y: float, width: float) -> float:
    """A grid of icons, each with a word beneath."""
    rng, theme, dp = page.rng, page.theme, page.dp
    across = rng.integer(3, 5)
    size = min(rng.uniform(24, 56), width / across / dp * 0.6)
    step, gap = width / across, rng.uniform(2, 8) * dp
    height = size * dp + gap + theme.text * dp * 1.9
    down = rng.integer(1, 3)
    bare = rng.chance(0.3)
    style = page.usual(rng.uniform(0.75, 0.95))
    for k in range(across * down):
        middle, top = x + step * (k % across + 0.5), y + height * (k // across)
        if bare:
            page.icon(middle, top + size * dp / 2, size * 0.8, page.lively())
        else:
            page.badge(middle, top + size * dp / 2, size)
        page.text(
            page.sayings.word(), middle, top + size * dp + gap + style.size * dp * 0.6, style, "centre", step * 0.96
        )
    return height * down


@widget("figures", 4.0)
def figures(page: Page, x: float, y: float, width: float) -> float:
    """Two to four values side by side, their names above or below them, upright rules between."""
    rng, theme, dp = page.rng, page.theme, page.dp
    across = rng.integer(2, 4)
    step = width / across
    large = Style(theme.text * rng.uniform(1.1, 2.0), page.lively() if rng.chance(0.4) else theme.ink, theme.strong)
    small = page.muted(rng.uniform(0.75, 0.95))
    above, ruled, third = rng.chance(0.5), rng.chance(0.4), rng.chance(0.3)
    gap = rng.uniform(1.15, 1.6) * (large.size + small.size) / 2 * dp
    height = gap + (large.size + small.size) * dp
    for k in range(across):
        middle = x + step * (k + 0.5)
        name, value = page.sayings.pair()
        top = y + height / 2 - gap / 2
        at = (top, top + gap) if above else (top + gap, top)
        page.text(name, middle, at[0], small, "centre", step * 0.94)
        page.beside(page.text(value, middle, at[1], large, "centre", step * 0.94), 0.08)
        if ruled and k:
            page.scene.shape(
                shapes.line(
                    (x + step * k, y + height * 0.2), (x + step * k, y + height * 0.8), theme.rule, max(1, dp * 0.6)
                )
            )
    if third:
        for k in range(across):
            page.text(
                page.sayings.word() if rng.chance(0.5) else page.sayings.value(),
                x + step * (k + 0.5),
                y + height + theme.text * dp * 0.4,
                page.muted(0.7),
                "centre",
                step * 0.9,
            )
        height += theme.text * dp * 1.1
    return height


@widget("hero", 2.5, carded=False)
def hero(page: Page, x: float, y: float, width: float) -> float:
    """A coloured, graded or photo-like panel with a big number and its name."""
    rng, theme, dp = page.rng, page.theme, page.dp
    height = rng.uniform(110, 240) * dp
    a, b = page.lively(), page.lively()
    radius = theme.radius * dp
    kind = rng.random()
    if kind < 0.4:
        background = a
        page.scene.shape(shapes.gradient(x, y, x + width, y + height, (a, blend(a, b, 0.7)), rng.chance(0.5), radius))
    elif kind < 0.7:
        background = blend(a, (0, 0, 0), 0.3)
        page.scene.shape(shapes.scenery(x, y, x + width, y + height, background, rng, radius))
    else:
        background = a
        page.scene.shape(shapes.box(x, y, x + width, y + height, a, radius))
        for _ in range(rng.integer(0, 3)):
            page.scene.shape(
                shapes.disc(
                    x + width * rng.uniform(0.5, 0.95),
                    y + height * rng.uniform(0.2, 0.8),
                    height * rng.uniform(0.1, 0.2),
                    blend(a, WHITE, 0.15),
                )
            )
    ink = theme.on(background)
    centred = rng.chance(0.5)
    align, at = ("centre", x + width / 2) if centred else ("left", x + 16 * dp)
    name, value = page.sayings.pair()
    big = Style(rng.uniform(28, 64), ink, theme.strong, 70, shadow=rng.chance(0.2))
    small = Style(theme.text, ink, 400, 60)
    above = rng.chance(0.5)
    middle = y + height * rng.uniform(0.35, 0.6)
    offset = (big.size * 0.5 + small.size * 0.9) * dp * (-1 if above else 1)
    page.text(name, at, middle + offset, small, align, width * 0.9)
    page.text(value, at, middle, big, align, width * 0.9)
    if rng.chance(0.5):
        page.text(
            page.sayings.word(),
            x + width / 2 if centred else at,
            y + height - 14 * dp,
            small,
            align,
            width * 0.8,
        )
    return height


@widget("counters", 2.5)
def counters(page: Page, x: float, y: float, width: float) -> float:
    """Tinted tiles that count something: a lone number, pale in the tile's own hue, its unit small or left out."""
    rng, theme, dp = page.rng, page.theme, page.dp
    across = rng.integer(2, 4)
    step = width / across
    size = rng.uniform(14, 34)
    height = size * dp * rng.uniform(2.0, 3.4)
    depth, strength = rng.uniform(0.0, 0.25), rng.uniform(0.2, 1.0)
    one_hue, named, unit = rng.chance(0.4), rng.chance(0.6), rng.chance(0.5)
    hue = page.lively()
    for k in range(across):
        hue = hue if one_hue else page.lively()
        left, middle = x + step * k, y + height * (0.6 if named else 0.5)
        tint = blend(theme.card, hue, depth)
        page.scene.shape(shapes.box(left + 3 * dp, y, left + step - 3 * dp, y + height, tint, theme.radius * dp))
        figure = Style(size, blend(tint, hue, strength), theme.strong, FAINTEST)
        said = page.sayings.digit() if rng.chance(0.6) else page.sayings.number()
        shown = page.text(said, left + step * 0.4, middle, figure, "centre", step * 0.7)
        if unit and shown:
            small = Style(max(8, size * 0.45), theme.muted, 400)
            at = shown.bounds[2] + size * dp * rng.uniform(0.5, 0.9)
            page.text(page.sayings.word(), at, middle + size * dp * 0.12, small, room=left + step - 4 * dp - at)
        if named:
            page.text(page.sayings.word(), left + 8 * dp, y + height * 0.18, page.muted(0.75), room=step * 0.8)
    return height


@widget("lone", 2.5, carded=False)
def lone(page: Page, x: float, y: float, width: float) -> float:
    """Tall, mostly empty cards with a number on its own: at the left, the right or both ends, a bar below at times."""
    rng, theme, dp = page.rng, page.theme, page.dp
    across = rng.integer(1, 2)
    gap = 8 * dp
    side = (width - gap * (across - 1)) / across
    size = rng.uniform(12, 44)
    height = size * dp * rng.uniform(1.8, 3.0) + rng.uniform(10, 70) * dp
    depth, strength, tinted = rng.uniform(0.0, 0.3), rng.uniform(0.2, 1.0), rng.chance(0.6)
    headed, unit, barred = rng.chance(0.5), rng.chance(0.5), rng.chance(0.4)
    ends = rng.choice(("left", "left", "right", "both"))
    for k in range(across):
        left, hue = x + (side + gap) * k, page.lively()
        right = left + side
        background = blend(theme.card, hue, depth) if tinted else theme.card
        mark = page.scene.mark()
        middle = y + height * (rng.uniform(0.55, 0.75) if headed else rng.uniform(0.35, 0.65))
        figure = Style(size, blend(background, hue, strength), theme.strong, FAINTEST)
        if headed:
            page.text(page.sayings.word(), left + 12 * dp, y + theme.text * dp, page.usual(), room=side * 0.7)
        if ends != "right":
            shown = page.text(_count(page), left + 14 * dp, middle, figure, room=side * 0.4)
            if unit and shown:
                small = Style(max(8, size * rng.uniform(0.35, 0.6)), theme.muted, 400)
                at = shown.bounds[2] + size * dp * rng.uniform(0.2, 0.6)
                page.text(page.sayings.word(), at, middle + size * dp * 0.12, small, room=left + side * 0.6 - at)
        if ends != "left":
            page.text(_count(page), right - 14 * dp, middle, figure, "right", room=side * 0.35)
        if barred:
            below = middle + size * dp * rng.uniform(0.8, 1.1)
            bar = shapes.box(left + 14 * dp, below, right - 14 * dp, below + rng.uniform(2, 6) * dp, hue, 2 * dp)
            if below + 6 * dp < y + height:
                page.scene.shape(bar)
        page.card(mark, left, y, right, y + height, background)
    return height


def _count(page: Page) -> str:
    return page.sayings.digit() if page.rng.chance(0.65) else page.sayings.number()
