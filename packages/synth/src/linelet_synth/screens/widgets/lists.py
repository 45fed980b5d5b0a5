"""Lists: rows of icon, name, value, pill and chevron; names and values in columns; feeds."""

from linelet_synth.colours import blend
from linelet_synth.screens import shapes
from linelet_synth.screens.page import Page, Style
from linelet_synth.screens.registry import widget
from linelet_synth.screens.sayings import plain


@widget("rows", 5.0)
def rows(page: Page, x: float, y: float, width: float) -> float:
    """Rows of icon, name, value, pill, chevron, with dividers or without."""
    rng, theme, dp = page.rng, page.theme, page.dp
    height = theme.row * dp * rng.uniform(0.75, 1.1)
    iconed, chevroned, divided = rng.chance(0.55), rng.chance(0.5), rng.chance(0.6)
    bare, subtitled = rng.chance(0.5), rng.chance(0.25)
    size = min(height * 0.7 / dp, rng.uniform(16, 40))
    near = rng.chance(0.15)  # the icon almost touches the name
    valued = rng.chance(0.75)
    colour = page.lively()
    inset = rng.choice((0.0, 0.0, page.theme.padding * dp))
    for k in range(rng.integer(2, 8)):
        middle = y + height * (k + 0.5)
        left, right = x + inset, x + width - inset
        if iconed:
            if bare:
                page.icon(left + size * dp / 2, middle, size * 0.8, colour)
            else:
                page.badge(left + size * dp / 2, middle, size)
            left += (size + (rng.uniform(1, 4) if near else rng.uniform(6, 16))) * dp
        if chevroned:
            page.chevron(right - 4 * dp, middle, rng.uniform(8, 13), theme.pale)
            right -= 14 * dp
        elif rng.chance(0.12):
            page.icon(right - 8 * dp, middle, 16, theme.muted)
            right -= 24 * dp
        name, value = page.sayings.pair() if valued else (plain(page.sayings.word()), plain(""))
        if subtitled and not value.field:
            page.text(
                page.sayings.word() if rng.chance(0.6) else page.sayings.value(),
                left,
                middle + theme.text * dp * 0.72,
                page.muted(0.8),
                room=(right - left) * 0.6,
            )
            middle_name = middle - theme.text * dp * 0.55
        else:
            middle_name = middle
        shown = page.text(name, left, middle_name, page.usual(), room=(right - left) * 0.55)
        page.beside(shown, 0.06)
        if value.text:
            right = _pill(page, right, middle, height) if rng.chance(0.15) else right
            style = Style(
                theme.text * rng.choice((1.0, 1.0, 1.1, 0.9)),
                rng.choice((theme.ink, theme.muted, colour)),
                rng.choice((theme.weight, theme.strong)),
            )
            start = shown.bounds[2] + 4 * dp if shown else left
            shown = page.text(value, right, middle, style, "right", right - start)
            page.beside(shown, 0.08)
        if divided:
            page.divider(left if rng.chance(0.9) else x, x + width, y + height * (k + 1))
        k += 1
    return height * k


def _pill(page: Page, right: float, middle: float, height: float) -> float:
    """A word on a coloured background that ends at ``right``; returns where it begins."""
    rng, dp = page.rng, page.dp
    colour = page.lively()
    if rng.chance(0.4):
        colour = blend(page.theme.card, colour, 0.2)
    style = Style(page.theme.text * 0.8, page.theme.on(colour) if rng.chance(0.8) else page.lively(), 400)
    word = page.sayings.word()
    fitted = page.fit(plain(word), style, page.width * 0.25)
    if fitted is None:
        return right
    wide, pad = fitted[0].advance, rng.uniform(3, 9) * dp
    half = style.size * dp * rng.uniform(0.7, 0.95)
    left = right - wide - 2 * pad
    mark = page.scene.mark()
    page.place(fitted[0], plain(word), left + pad, middle + fitted[1] * 0.36, style)
    shape = shapes.border if rng.chance(0.25) else shapes.box
    page.scene.beneath(mark, shape(left, middle - half, right, middle + half, colour, half * rng.choice((0.2, 1.0))))
    return left - rng.uniform(3, 8) * dp


@widget("columns", 3.0)
def columns(page: Page, x: float, y: float, width: float) -> float:
    """Names and values in two columns, or one behind the other on one line."""
    rng, theme, dp = page.rng, page.theme, page.dp
    leading = theme.text * dp * (rng.uniform(1.05, 1.4) if rng.chance(0.25) else rng.uniform(1.4, 2.6))
    together, sign = rng.chance(0.35), rng.choice(("", "：", ": "))
    at = x + width * rng.uniform(0.3, 0.6) if rng.chance(0.3) else None
    style, strong = page.usual(), page.strong() if rng.chance(0.5) else page.usual()
    strong.colour = page.lively() if rng.chance(0.4) else theme.ink
    count = rng.integer(2, 9)
    for k in range(count):
        middle = y + leading * (k + 0.5)
        name, value = page.sayings.pair()
        # A line of a field's name and value must read as one: a sign that the recipe cannot write stays out.
        if together:
            page.text(page.sayings.inline(name, value, sign), x, middle, style, room=width)
            continue
        shown = page.text(name.then(sign) if not name.names else name, x, middle, style, room=width * 0.5)
        value = value
        start = shown.bounds[2] + 4 * dp if shown else x
        if at is not None and start < at:
            page.text(value, at, middle, strong, room=x + width - at)
        else:
            page.text(value, x + width, middle, strong, "right", x + width - start)
    return leading * count


@widget("feed", 2.0)
def feed(page: Page, x: float, y: float, width: float) -> float:
    """Entries with a picture, a title, a line beneath and a time: messages, news, contacts."""
    rng, theme, dp = page.rng, page.theme, page.dp
    size = rng.uniform(32, 72) * dp
    gap = rng.uniform(6, 14) * dp
    height = size + gap * 1.6
    photo, timed, divided = rng.chance(0.3), rng.chance(0.5), rng.chance(0.5)
    count = rng.integer(2, 6)
    for k in range(count):
        top = y + height * k + gap * 0.8
        if photo:
            tint = (rng.integer(40, 220), rng.integer(40, 220), rng.integer(40, 220))
            page.scene.shape(shapes.scenery(x, top, x + size, top + size, tint, rng, theme.radius * dp / 2))
        elif rng.chance(0.15):  # a letter for a face
            colour = page.lively()
            page.scene.shape(shapes.disc(x + size / 2, top + size / 2, size / 2, colour))
            letter = Style(size / dp * 0.45, theme.on(colour), 500)
            page.text(page.sayings.word()[:1].upper(), x + size / 2, top + size / 2, letter, "centre", size * 0.8)
        else:
            page.badge(x + size / 2, top + size / 2, size / dp)
        left, right = x + size + gap, x + width
        if timed:
            stamp = page.text(
                page.sayings.time() if rng.chance(0.6) else page.sayings.date(),
                right,
                top + size * 0.3,
                page.muted(0.75),
                "right",
                (right - left) * 0.35,
            )
            room = stamp.bounds[0] - 4 * dp - left if stamp else right - left
        else:
            room = right - left
        page.text(page.sayings.word(), left, top + size * 0.3, page.strong(), room=room)
        page.text(page.sayings.sentence(), left, top + size * 0.72, page.muted(), room=right - left)
        if divided:
            page.divider(left, right, y + height * (k + 1))
    return height * count
