"""What looks like text to a careless reader and is none: codes, waves, dots, stars, placeholders, rulers."""

import math

from linelet_common.preprocess import Pixels
from linelet_synth.colours import blend
from linelet_synth.screens import shapes
from linelet_synth.screens.page import Page, Style
from linelet_synth.screens.registry import widget
from linelet_synth.screens.widgets.media import stars


@widget("placeholders", 0.7)
def placeholders(page: Page, x: float, y: float, width: float) -> float:
    """Grey bars where texts are still to come."""
    rng, theme, dp = page.rng, page.theme, page.dp
    colour = blend(theme.card, theme.ink, rng.uniform(0.06, 0.2))
    thick, step = rng.uniform(6, 16) * dp, rng.uniform(18, 30) * dp
    count = rng.integer(2, 6)
    disc = rng.chance(0.4)
    left = x + (48 * dp if disc else 0)
    if disc:
        page.scene.shape(shapes.disc(x + 20 * dp, y + 20 * dp, 18 * dp, colour))
    for k in range(count):
        end = left + (x + width - left) * rng.uniform(0.3, 1.0)
        page.scene.shape(
            shapes.box(left, y + step * k, end, y + step * k + thick, colour, thick * rng.choice((0, 0.5)))
        )
    return step * count


@widget("code", 0.6)
def code(page: Page, x: float, y: float, width: float) -> float:
    """A square code or a bar code, its number or a word beneath."""
    rng, dp = page.rng, page.dp
    dark, light = (10, 10, 12), (255, 255, 255)
    if rng.chance(0.5):
        cells = rng.integer(17, 29)
        cell = max(2, round(rng.uniform(80, 150) * dp / cells))
        side = cells * cell
        left, top = round(x + (width - side) / 2), round(y + 6 * dp)
        page.scene.shape(shapes.box(left - 6 * dp, top - 6 * dp, left + side + 6 * dp, top + side + 6 * dp, light))
        dots = [(i, j) for i in range(cells) for j in range(cells) if rng.chance(0.45)]

        def draw(canvas: Pixels) -> None:
            for i, j in dots:
                shapes.fill(canvas, left + i * cell, top + j * cell, left + (i + 1) * cell, top + (j + 1) * cell, dark)

        page.scene.shape(draw)
        for i, j in ((0, 0), (cells - 7, 0), (0, cells - 7)):
            for inset, colour in ((0, dark), (1, light), (2, dark)):
                a, b = left + (i + inset) * cell, top + (j + inset) * cell
                page.scene.shape(shapes.box(a, b, a + (7 - 2 * inset) * cell, b + (7 - 2 * inset) * cell, colour))
        height = side + 12 * dp
    else:
        height = rng.uniform(40, 80) * dp
        page.scene.shape(shapes.box(x, y, x + width, y + height, light))
        at = x + 10 * dp
        while at < x + width - 14 * dp:
            wide = rng.choice((1, 1, 2, 3)) * dp
            page.scene.shape(shapes.box(at, y + 4 * dp, at + wide, y + height - 4 * dp, dark))
            at += wide + rng.choice((1, 1, 2, 3)) * dp
    page.text(str(rng.integer(10**7, 4 * 10**9)), x + width / 2, y + height + 10 * dp, page.usual(), "centre", width)
    return height + 20 * dp


@widget("wave", 0.7)
def wave(page: Page, x: float, y: float, width: float) -> float:
    """A sound's bars or a heart's line between two times."""
    rng, theme, dp = page.rng, page.theme, page.dp
    height, colour = rng.uniform(24, 70) * dp, page.lively()
    if rng.chance(0.5):
        step = rng.uniform(3, 6) * dp
        for k in range(int(width / step)):
            half = height / 2 * rng.uniform(0.08, 1.0)
            at = x + step * k
            page.scene.shape(
                shapes.box(at, y + height / 2 - half, at + step * 0.55, y + height / 2 + half, colour, step / 4)
            )
    else:
        points = []
        for k in range(60):
            beat = (-1) ** k * rng.uniform(0.5, 1.0) if k % 12 in (5, 6, 7) else 0.08 * math.sin(k)
            points.append((x + width * k / 59, y + height / 2 - beat * height / 2))
        page.scene.shape(shapes.polyline(points, colour, rng.uniform(0.8, 2) * dp))
    small = page.muted(0.75)
    for at, align in ((x, "left"), (x + width, "right")):
        page.text(f"{rng.integer(0, 9)}:{rng.integer(0, 59):02d}", at, y + height + 8 * dp, small, align)
    return height + 16 * dp + (theme.text % 3) * dp


@widget("ruler", 0.8)
def ruler(page: Page, x: float, y: float, width: float) -> float:
    """A ruler to choose a number with: ticks, numbers at the long ones, a pointer and the chosen number above."""
    rng, theme, dp = page.rng, page.theme, page.dp
    top = y
    if rng.chance(0.7):
        big = Style(rng.uniform(20, 40), page.lively(), theme.strong)
        page.text(page.sayings.value(), x + width / 2, y + big.size * dp * 0.55, big, "centre", width * 0.8)
        top += big.size * dp * 1.2
    step, start = rng.uniform(5, 11) * dp, rng.integer(0, 180)
    long = rng.uniform(18, 30) * dp
    count = int(width / step)
    for k in range(count):
        tall = long if k % 10 == 0 else long * (0.7 if k % 5 == 0 else 0.45)
        at = x + step * k
        page.scene.shape(shapes.line((at, top), (at, top + tall), theme.pale, max(1, dp)))
        if k % 10 == 0:
            page.text(str(start + k), at, top + long + 9 * dp, page.muted(0.8), "centre", step * 10)
    page.scene.shape(
        shapes.line((x + width / 2, top - 3 * dp), (x + width / 2, top + long * 1.1), theme.accent, 2 * dp)
    )
    return top - y + long + 18 * dp


@widget("ratings", 0.7)
def ratings(page: Page, x: float, y: float, width: float) -> float:
    """Stars with a number, and bars of how many gave which."""
    rng, theme, dp = page.rng, page.theme, page.dp
    big = Style(rng.uniform(28, 44), theme.ink, theme.strong)
    page.text(f"{rng.uniform(1, 5):.1f}", x + width * 0.14, y + 26 * dp, big, "centre", width * 0.26)
    stars(page, x + width * 0.02, y + 58 * dp, min(12.0, width / dp * 0.04))
    for k in range(5):
        middle = y + (8 + 14 * k) * dp
        page.text(str(5 - k), x + width * 0.34, middle, page.muted(0.75), "centre")
        left, right = x + width * 0.38, x + width * 0.96
        page.scene.shape(shapes.box(left, middle - 2 * dp, right, middle + 2 * dp, theme.rule, 2 * dp))
        end = left + (right - left) * rng.random()
        page.scene.shape(shapes.box(left, middle - 2 * dp, end, middle + 2 * dp, theme.accent, 2 * dp))
    return 74 * dp


@widget("heatmap", 0.7)
def heatmap(page: Page, x: float, y: float, width: float) -> float:
    """Squares of many shades, weekdays and months beside them."""
    rng, theme, dp = page.rng, page.theme, page.dp
    left, step = x + 24 * dp, rng.uniform(9, 16) * dp
    columns, colour = int((width - 24 * dp) / step), page.lively()
    days = page.sayings.weekdays()
    small = Style(rng.uniform(7, 9), theme.muted, 400)
    for row in range(7):
        if row % 2 == 0:
            page.text(days[row], x, y + (row + 1.6) * step, small, room=23 * dp)
        for column in range(columns):
            shade = blend(theme.card, colour, rng.choice((0.08, 0.08, 0.3, 0.6, 1.0)))
            a, b = left + column * step, y + (row + 1.1) * step
            page.scene.shape(shapes.box(a, b, a + step * 0.84, b + step * 0.84, shade, step * 0.15))
    for column in range(0, columns, 5):
        page.text(page.sayings.month(), left + column * step, y + 0.4 * step, small, room=step * 5)
    return step * 8.3
