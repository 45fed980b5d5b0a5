"""Rings and half rings with numbers inside, discs with words."""

from linelet_synth.colours import blend
from linelet_synth.screens import shapes
from linelet_synth.screens.page import Page, Style
from linelet_synth.screens.registry import widget
from linelet_synth.screens.theme import WHITE


@widget("rings", 2.5)
def rings(page: Page, x: float, y: float, width: float) -> float:
    """One to three rings, a number inside, a word beneath the number or the ring."""
    rng, theme, dp = page.rng, page.theme, page.dp
    count = rng.choice((1, 1, 2, 3))
    step = width / count
    r = min(step * 0.4, rng.uniform(30, 90) * dp)
    stroke = r * rng.uniform(0.06, 0.22)
    half = rng.chance(0.25)
    inside = rng.chance(0.6)
    filled = rng.chance(0.2)
    for k in range(count):
        cx, cy = x + step * (k + 0.5), y + r + stroke
        colour = page.lively()
        start = 180.0 if half else -90.0
        whole = 180.0 if half else 360.0
        ink = theme.ink
        if filled:
            page.scene.shape(shapes.disc(cx, cy, r * 0.98, colour))
            page.scene.shape(shapes.disc(cx, cy, r * 0.84, blend(colour, WHITE, 0.7), max(1, round(dp))))
            ink = theme.on(colour)
        else:
            page.scene.shape(shapes.arc(cx, cy, r, (start, start + whole), blend(theme.card, colour, 0.25), stroke))
            end = start + whole * rng.uniform(0.1, 1.0)
            page.scene.shape(shapes.arc(cx, cy, r, (start, end), colour, stroke))
        name, value = page.sayings.pair()
        size = min(r / dp * rng.uniform(0.4, 0.75), 48)
        inner = r * 1.5
        big, small = Style(size, ink, theme.strong), Style(max(8, size * 0.42), blend(ink, theme.card, 0.2), 400)
        lift = r * 0.25 if inside and not half else r * 0.3 if half else 0.0
        if inside:
            page.text(name, cx, cy - lift + size * dp * 0.95, small, "centre", inner * 0.8)
        else:
            page.text(name, cx, y + (r if half else 2 * r) + 2 * stroke + 12 * dp, page.usual(), "centre", step * 0.9)
        page.text(value, cx, cy - lift, big, "centre", inner)
        if rng.chance(0.3) and inside and not half:
            page.icon(cx, cy - lift - size * dp, size * 0.55, ink)
    bottom = (r if half else 2 * r) + 2 * stroke
    return bottom + (22 * dp if not inside else theme.text * dp * 0.5)
