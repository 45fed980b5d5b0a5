"""Line, area and bar charts with axes and labels at their points; rings of shares with a legend."""

import math

from linelet_synth.colours import blend
from linelet_synth.screens import shapes
from linelet_synth.screens.page import Page, Style
from linelet_synth.screens.registry import widget
from linelet_synth.screens.sayings import plain


@widget("chart", 4.0)
def chart(page: Page, x: float, y: float, width: float) -> float:
    """A line, area or bar chart: grid, axes, ticks, labels on both axes, at points, and a bubble over one."""
    rng, theme, dp = page.rng, page.theme, page.dp
    height = rng.uniform(80, 220) * dp
    label = Style(rng.uniform(7, 12), theme.muted if rng.chance(0.7) else theme.pale, 400, 28)
    text = max(7.0, label.size * dp)
    ticks = _ticks(page, rng.integer(3, 7))
    at_left = rng.chance(0.75)
    wide = max(page.width_of(tick, label) for tick in ticks) + 5 * dp
    left = x + (wide if at_left else 0) + 2 * dp
    right = x + width - (2 * dp if at_left or rng.chance(0.5) else wide)
    top, bottom = y + text, y + height - text * 1.9
    grid, dashed = rng.random(), rng.chance(0.4)
    for k, tick in enumerate(ticks):
        level = bottom - (bottom - top) * k / (len(ticks) - 1)
        if grid < 0.6 or k == 0:
            draw = (
                shapes.dashes((left, level), (right, level), theme.rule, 1, 3 * dp)
                if dashed and k
                else (shapes.line((left, level), (right, level), theme.rule, 1))
            )
            page.scene.shape(draw)
        if at_left or right < x + width - wide * 0.8:
            at, align = (left - 3 * dp, "right") if at_left else (right + 3 * dp, "left")
            page.text(tick, at, level, label, align, wide)
    if rng.chance(0.4):
        page.scene.shape(shapes.line((left, top), (left, bottom), theme.rule, 1))
    count = rng.integer(4, 14)
    step = (right - left) / count
    points = _walk(page, left, step, count, top, bottom)
    kind = rng.random()
    colour = page.lively()
    if kind < 0.4:
        thick = step * rng.uniform(0.25, 0.8)
        for px, py in points:
            page.scene.shape(shapes.box(px - thick / 2, py, px + thick / 2, bottom, colour, min(thick / 2, 3 * dp)))
    else:
        if kind < 0.65:
            area = [*points, (points[-1][0], bottom), (points[0][0], bottom)]
            page.scene.shape(shapes.polygon(area, colour, rng.uniform(0.1, 0.35)))
        page.scene.shape(shapes.polyline(points, colour, rng.uniform(0.8, 2.5) * dp))
        if rng.chance(0.5):
            for px, py in points:
                page.scene.shape(shapes.disc(px, py, 2.5 * dp, colour))
    _at_points(page, points, label, step)
    _along(page, points, bottom + text * 0.95, label, step)
    if rng.chance(0.25):
        _bubble(page, rng.choice(points), colour, (x, x + width))
    return height


@widget("axis", 1.5)
def axis(page: Page, x: float, y: float, width: float) -> float:
    """An upright axis whose ticks come close to their numbers, with or without lines across."""
    rng, theme, dp = page.rng, page.theme, page.dp
    count, size = rng.integer(3, 9), rng.uniform(8, 16)
    step = size * dp * rng.uniform(1.4, 3.0)
    first, by = rng.integer(0, 120), rng.choice((1, 2, 5, 10, 10, 20, 100, 1000))
    joint = "," if rng.chance(0.4) else ""
    tick, gap = rng.uniform(3, 9) * dp, rng.uniform(0.06, 0.5) * size * dp
    colour = rng.choice((theme.muted, theme.ink, theme.pale, page.lively()))
    at = x + rng.uniform(0.12, 0.9) * width
    right, across = rng.chance(0.3), rng.chance(0.4)
    thick = max(1, round(dp * rng.uniform(0.6, 1.6)))
    style = Style(size, rng.choice((theme.muted, theme.ink, theme.pale)), 400, 24)
    end = (count - 0.5) * step
    page.scene.shape(shapes.line((at, y), (at, y + end), colour, thick))
    for k in range(count):
        middle = y + (k + 0.5) * step if k + 1 < count else y + end
        number = format((first + count - k) * by, joint or "d")
        out = at + tick if right else at - tick
        page.scene.shape(shapes.line((at, middle), (out, middle), colour, thick))
        page.text(number, out + gap if right else out - gap, middle, style, "left" if right else "right", width * 0.5)
        if across:
            far = x if right else x + width
            page.scene.shape(shapes.line((at, middle), (far, middle), theme.rule, max(1, round(dp * 0.5))))
    return end + size * dp


def _ticks(page: Page, count: int) -> list[str]:
    """Evenly spaced numbers from below."""
    rng = page.rng
    step = rng.choice((0.5, 1, 2, 5, 10, 20, 25, 30, 100, 500, 8000, 0.1, 19))
    start = rng.choice((0, 0, step * rng.integer(0, 20)))
    unit = rng.choice(("", "", "", "", "kg", "%", "k"))
    places = 1 if step < 1 else 0
    return [f"{start + step * k:,.{places}f}{unit}" for k in range(count)]


def _walk(page: Page, left: float, step: float, count: int, top: float, bottom: float) -> list[tuple[float, float]]:
    rng = page.rng
    level, wild = rng.uniform(0.2, 0.8), rng.uniform(0.05, 0.4)
    points = []
    for k in range(count):
        level = min(0.95, max(0.03, level + rng.uniform(-wild, wild)))
        points.append((left + step * (k + 0.5), bottom - (bottom - top) * level))
    return points


def _at_points(page: Page, points: list[tuple[float, float]], label: Style, step: float) -> None:
    """Numbers above the points, where nothing else stands."""
    rng = page.rng
    kind = rng.random()
    if kind > 0.5:
        return
    style = Style(label.size, page.theme.ink, 400, 36)
    for px, py in points:
        if kind < 0.35 or rng.chance(0.3):
            page.text(
                page.sayings.number(),
                px,
                py - label.size * page.dp * 0.9 - 2 * page.dp,
                style,
                "centre",
                step * 1.6,
            )


def _along(page: Page, points: list[tuple[float, float]], y: float, label: Style, step: float) -> None:
    """Labels beneath the axis, every one or some."""
    rng = page.rng
    kind = rng.integer(0, 3)
    days = page.sayings.weekdays()
    skip = 1
    longest = page.width_of("12/31" if kind < 2 else days[0], label)
    while longest > step * skip * 0.9:
        skip += 1
    day = rng.integer(1, 20)
    for k, (px, _) in enumerate(points[::skip]):
        if kind == 0:
            text = f"{rng.integer(1, 12)}/{day}"
        elif kind == 1:
            text = f"{k * skip + day:02d}:00" if rng.chance(0.02) else f"{day + k * skip}"
        elif kind == 2:
            text = days[k % 7]
        else:
            text = str(k * skip + 1)
        day = day % 28 + 1
        page.text(text, px, y, label, "centre", step * skip)


def _bubble(page: Page, point: tuple[float, float], colour: tuple[int, int, int], limits: tuple[float, float]) -> None:
    """A bubble with a date and value over a point; what it covers is taken away."""
    rng, theme, dp = page.rng, page.theme, page.dp
    background = colour if rng.chance(0.5) else (50, 50, 56)
    style = Style(theme.text * 0.75, theme.on(background), 400)
    said = plain(page.sayings.date() if rng.chance(0.3) else page.sayings.value().text)
    fitted = page.fit(said, style, (limits[1] - limits[0]) * 0.5)
    if fitted is None:
        return
    half, pad = fitted[0].advance / 2, 6 * dp
    cx = min(max(point[0], limits[0] + half + pad), limits[1] - half - pad)
    middle = point[1] - style.size * dp * 1.6
    top, bottom = middle - style.size * dp * 0.85, middle + style.size * dp * 0.85
    page.scene.cover(cx - half - pad, top, cx + half + pad, bottom)
    page.scene.shape(shapes.box(cx - half - pad, top, cx + half + pad, bottom, background, 4 * dp))
    page.place(fitted[0], said, cx, middle + fitted[1] * 0.36, style, "centre")


@widget("shares", 1.0)
def shares(page: Page, x: float, y: float, width: float) -> float:
    """A ring of shares with a legend beside it."""
    rng, theme, dp = page.rng, page.theme, page.dp
    r = min(width * 0.2, rng.uniform(36, 70) * dp)
    stroke = r * rng.uniform(0.25, 0.5)
    cx, cy = x + r + stroke / 2, y + r + stroke / 2
    angle, count = -90.0, rng.integer(2, 5)
    leading = theme.text * dp * rng.uniform(1.3, 1.9)
    top = cy - leading * (count - 1) / 2
    for k in range(count):
        colour = page.lively()
        sweep = 360.0 / count * rng.uniform(0.6, 1.0)
        page.scene.shape(shapes.arc(cx, cy, r, (angle, angle + sweep), colour, stroke))
        angle += sweep
        at = cx + r + stroke + 14 * dp
        page.scene.shape(shapes.disc(at, top + leading * k, 4 * dp, colour))
        end = x + width
        value = page.text(
            f"{rng.uniform(1, 90):.{rng.integer(0, 1)}f}%", end, top + leading * k, page.usual(), "right", width * 0.3
        )
        if value:
            end = value.bounds[0] - 6 * dp
        page.text(page.sayings.word(), at + 9 * dp, top + leading * k, page.usual(0.9), room=end - at - 9 * dp)
    return max(2 * r + stroke, leading * count + 4 * dp)


@widget("legend", 1.0)
def legend(page: Page, x: float, y: float, width: float) -> float:
    """Dots or boxes of colour, each with a word, in a row; above it a chart of crossing curves."""
    rng, theme, dp = page.rng, page.theme, page.dp
    height = rng.uniform(50, 120) * dp
    colours = [page.lively() for _ in range(rng.integer(2, 4))]
    for colour in colours:
        base, wave, turn = rng.uniform(0.2, 0.8), rng.uniform(0.05, 0.3), rng.uniform(0, 6)
        points = [
            (x + width * k / 40, y + height * (base + wave * math.sin(turn + k * rng.uniform(0.2, 0.5))))
            for k in range(41)
        ]
        page.scene.shape(shapes.polyline(points, colour, rng.uniform(0.8, 2) * dp))
    step = width / len(colours)
    for k, colour in enumerate(colours):
        at = x + step * k + 6 * dp
        middle = y + height * 1.15 + 8 * dp
        page.scene.shape(shapes.disc(at, middle, 4 * dp, blend(colour, theme.card, 0.0)))
        page.text(page.sayings.word(), at + rng.uniform(6, 10) * dp, middle, page.muted(0.85), room=step - 20 * dp)
    return height * 1.15 + 20 * dp
