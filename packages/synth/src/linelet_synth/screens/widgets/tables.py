"""Tables, calendars and pickers."""

from linelet_synth.colours import blend
from linelet_synth.screens import shapes
from linelet_synth.screens.page import Page, Style
from linelet_synth.screens.registry import widget


@widget("table", 3.0)
def table(page: Page, x: float, y: float, width: float) -> float:
    """Columns of values under words, many of them lone digits; rules, stripes and marks."""
    rng, theme, dp = page.rng, page.theme, page.dp
    columns, count = rng.integer(2, 6), rng.integer(3, 10)
    size = theme.text * rng.uniform(0.7, 1.0)
    height = size * dp * (rng.uniform(1.1, 1.4) if rng.chance(0.2) else rng.uniform(1.3, 3.0))
    named = rng.chance(0.6)
    first = width * (rng.uniform(0.25, 0.4) if named else 1 / columns)
    step = (width - first) / max(1, columns - 1)
    kinds = [rng.integer(0, 4) for _ in range(columns)]
    align = rng.choice(("centre", "left", "right"))
    ruled, striped, gridded = rng.chance(0.5), rng.chance(0.2), rng.chance(0.15)
    marked, double = rng.chance(0.15), rng.chance(0.15) and height > size * dp * 2.4
    style = Style(size, theme.ink, theme.weight)
    for row in range(count):
        middle = y + height * (row + 0.5)
        if striped and row % 2:
            page.scene.shape(
                shapes.box(x, y + height * row, x + width, y + height * (row + 1), blend(theme.card, theme.ink, 0.05))
            )
        for column in range(columns):
            left = x if column == 0 else x + first + step * (column - 1)
            wide = first if column == 0 else step
            at = left + (3 * dp if align == "left" else wide - 3 * dp if align == "right" else wide / 2)
            if row == 0:
                page.text(page.sayings.word(), at, middle, page.strong(size / theme.text), align, wide - 6 * dp)
                continue
            kind = 5 if column == 0 and named else kinds[column]
            up = size * dp * 0.55 if double else 0.0
            shown = page.text(_cell(page, kind), at, middle - up, style, align, wide - 6 * dp)
            if double:
                page.text(
                    _cell(page, rng.integer(0, 5)), at, middle + size * dp * 0.6, page.muted(0.6), align, wide - 6 * dp
                )
            if marked and shown and rng.chance(0.5):
                mark_x, r = shown.bounds[2] + size * dp * 0.4, size * dp * 0.2
                tip = rng.choice((-1, 1))
                page.scene.shape(
                    shapes.polygon(
                        [
                            (mark_x - r, middle - up + tip * r),
                            (mark_x + r, middle - up + tip * r),
                            (mark_x, middle - up - tip * r),
                        ],
                        page.lively(),
                    )
                )
        if ruled or row == 0:
            page.divider(x, x + width, y + height * (row + 1))
    if gridded:
        for column in range(1, columns):
            at = x + first + step * (column - 1)
            page.scene.shape(shapes.line((at, y), (at, y + height * count), theme.rule, 1))
    return height * count


def _cell(page: Page, kind: int) -> str:
    sayings = page.sayings
    if kind <= 1:
        return sayings.digit()
    if kind == 2:
        return sayings.number()
    if kind == 3:
        return sayings.value().text if page.rng.chance(0.9) else "-"
    return sayings.date() if kind == 4 else sayings.word()


@widget("calendar", 2.0)
def calendar(page: Page, x: float, y: float, width: float) -> float:
    """A month or a week: weekdays, days, one of them on a disc, badges at some."""
    rng, theme, dp = page.rng, page.theme, page.dp
    days = page.sayings.weekdays()
    step = width / 7
    height = min(step * rng.uniform(0.6, 1.1), 56 * dp)
    weeks = rng.choice((1, 5, 5, 6, 2))
    size = min(theme.text * rng.uniform(0.8, 1.15), step / dp * 0.45)
    pale = rng.chance(0.3)
    accent = page.lively()
    for k, day in enumerate(days):
        colour = accent if k > 4 and rng.chance(0.5) else theme.muted
        page.text(day, x + step * (k + 0.5), y + height * 0.4, Style(size * 0.9, colour, 400), "centre", step * 0.95)
    start, last = rng.integer(0, 6) if weeks > 1 else 0, rng.integer(28, 31)
    number = 1 if weeks > 1 else rng.integer(1, 22)
    chosen = rng.integer(1, 28)
    badged = rng.chance(0.4)
    for cell in range(start, weeks * 7):
        cx, cy = x + step * (cell % 7 + 0.5), y + height * (cell // 7 + 1.4)
        if number > last:
            break
        colour = theme.ink
        if cell % 7 > 4 and rng.chance(0.5):
            colour = accent
        if number == chosen:
            r = min(step, height) * rng.uniform(0.35, 0.48)
            background = rng.choice((accent, blend(accent, theme.card, 0.6), (205, 205, 208)))
            page.scene.shape(shapes.disc(cx, cy, r, background))
            colour = rng.choice((theme.on(background), accent))
        fade = 0.6 if pale and number != chosen and rng.chance(0.8) else 0.0
        style = Style(size, colour, theme.weight if rng.chance(0.8) else theme.strong, 24 if fade else 40, fade=fade)
        page.text(str(number), cx, cy, style, "centre", step * 0.95)
        if badged and rng.chance(0.25):
            _day_badge(page, cx, cy, size, min(step, height), accent)
        number += 1
    return height * (weeks + 1.0)


def _day_badge(page: Page, cx: float, cy: float, size: float, room: float, accent: tuple[int, int, int]) -> None:
    rng, dp = page.rng, page.dp
    kind = rng.random()
    if kind < 0.4:
        page.scene.shape(shapes.disc(cx, cy + size * dp * 0.75, 2 * dp, page.lively()))
    elif kind < 0.7:  # a count in a box at the corner
        bx, by, small = cx + room * 0.3, cy + room * 0.3, max(7.0, size * 0.55 * dp)
        page.scene.shape(shapes.box(bx - small, by - small * 0.7, bx + small, by + small * 0.7, accent, 2 * dp))
        style = Style(small / dp, page.theme.on(accent), 400)
        page.text(f"{rng.integer(1, 9)}+", bx, by, style, "centre", small * 2)
    else:
        for k in (-1, 0, 1):
            page.scene.shape(shapes.disc(cx + k * size * dp * 0.4, cy + size * dp * 0.72, 2.5 * dp, page.lively()))


@widget("picker", 1.5)
def picker(page: Page, x: float, y: float, width: float) -> float:
    """A wheel: the chosen value in the middle, its neighbours paler and flatter the farther they are."""
    rng, theme, dp = page.rng, page.theme, page.dp
    columns = rng.choice((1, 1, 2, 3))
    size = theme.text * rng.uniform(1.0, 1.4)
    step = size * dp * rng.uniform(1.6, 2.2)
    reach = rng.integer(1, 3)
    height = step * (2 * reach + 1)
    middle, wide = y + height / 2, width / columns
    accent = page.lively() if rng.chance(0.5) else theme.ink
    for k in (-1, 1):
        page.scene.shape(
            shapes.line(
                (x + width * 0.1, middle + k * step / 2),
                (x + width * 0.9, middle + k * step / 2),
                theme.rule,
                max(1, dp * 0.7),
            )
        )
    for column in range(columns):
        base, unit = rng.integer(5, 190), rng.choice(("", "", "厘米", "kg", "公斤", "年", "月", "cm"))
        for k in range(-reach, reach + 1):
            style = Style(size, accent if k == 0 else theme.ink, theme.strong if k == 0 else 400, 24)
            style.fade = 0.0 if k == 0 else 0.25 + 0.17 * abs(k)
            style.flatten = (1.0, 0.92, 0.78, 0.55)[abs(k)]
            at = middle + step * k * (1 - 0.06 * abs(k))
            page.text(f"{base + k}{unit}", x + wide * (column + 0.5), at, style, "centre", wide * 0.9)
    return height
