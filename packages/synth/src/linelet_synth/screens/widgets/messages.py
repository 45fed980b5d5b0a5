"""Chats, keyboards, keypads, notifications."""

from linelet_synth.colours import blend
from linelet_synth.screens import shapes
from linelet_synth.screens.page import Page, Style
from linelet_synth.screens.registry import widget
from linelet_synth.screens.sayings import plain

_LETTERS = ("QWERTYUIOP", "ASDFGHJKL", "ZXCVBNM")


@widget("chat", 1.2, carded=False)
def chat(page: Page, x: float, y: float, width: float) -> float:
    """Speech bubbles left and right, times between."""
    rng, theme, dp = page.rng, page.theme, page.dp
    top = y
    mine = page.lively()
    faces = rng.chance(0.5)
    for _ in range(rng.integer(2, 5)):
        if rng.chance(0.25):
            page.text(page.sayings.time(), x + width / 2, top + 10 * dp, page.muted(0.75), "centre")
            top += 22 * dp
        right_side = rng.chance(0.5)
        background = mine if right_side else blend(theme.card, theme.ink, 0.06)
        style = Style(theme.text, theme.on(background) if right_side else theme.ink, 400)
        pad, inset = rng.uniform(6, 12) * dp, 38 * dp if faces else 4 * dp
        room = width * rng.uniform(0.4, 0.68)
        left = x + width - inset - room - 2 * pad if right_side else x + inset
        mark = page.scene.mark()
        text = page.sayings.sentence() if rng.chance(0.7) else page.sayings.word()
        end = page.paragraph(text, left + pad, top + pad * 0.5, room, style, 4)
        page.scene.beneath(mark, shapes.box(left, top, left + room + 2 * pad, end + pad * 0.5, background, 12 * dp))
        if faces:
            page.badge(x + width - 16 * dp if right_side else x + 16 * dp, top + 16 * dp, 30)
        top = end + pad * 0.5 + rng.uniform(5, 14) * dp
    return top - y


@widget("keyboard", 0.8, carded=False)
def keyboard(page: Page, x: float, y: float, width: float) -> float:
    """A keyboard of letters, with a row of suggestions; every key is a line."""
    rng, theme, dp = page.rng, page.theme, page.dp
    step, height = width / 10, rng.uniform(34, 46) * dp
    background = blend(theme.background, theme.ink, 0.12)
    page.scene.shape(shapes.box(x, y, x + width, y + height * 4.2, background))
    style = Style(rng.uniform(13, 19), theme.ink, 400)
    lower = rng.chance(0.5)
    keys = rng.chance(0.75)
    for row, letters in enumerate(_LETTERS):
        start = x + (width - step * len(letters)) / 2
        for k, letter in enumerate(letters.lower() if lower else letters):
            left, top = start + step * k, y + height * row + 3 * dp
            if keys:
                page.scene.shape(
                    shapes.box(left + 2 * dp, top, left + step - 2 * dp, top + height - 6 * dp, theme.card, 4 * dp)
                )
            page.text(letter, left + step / 2, top + height / 2 - 3 * dp, style, "centre", step)
            if row == 0 and rng.chance(0.2):
                page.text(
                    str((k + 1) % 10), left + step - 6 * dp, top + 6 * dp, Style(7, theme.muted, 400), "centre", 8 * dp
                )
    top = y + height * 3 + 3 * dp
    page.scene.shape(shapes.box(x + step * 2.5, top, x + step * 7.5, top + height - 6 * dp, theme.card, 4 * dp))
    for word, at in (
        ("123", 1.2),
        (page.sayings.word(), 5.0),
        (rng.choice(("return", "Go", "换行", "OK", "搜索")), 8.7),
    ):
        page.text(word, x + step * at, top + height / 2 - 3 * dp, Style(12, theme.ink, 400), "centre", step * 2.2)
    return height * 4.2


@widget("keypad", 1.0, carded=False)
def keypad(page: Page, x: float, y: float, width: float) -> float:
    """Digits in a grid, as for a code or in a calculator."""
    rng, theme, dp = page.rng, page.theme, page.dp
    calculator = rng.chance(0.4)
    rows = ["789÷", "456×", "123−", "0.=+"] if calculator else ["123", "456", "789", "*0#"]
    step, height = width / len(rows[0]), rng.uniform(42, 66) * dp
    kind = rng.integer(0, 2)
    style = Style(rng.uniform(16, 28), theme.ink, rng.choice((400, 700)))
    for row, keys in enumerate(rows):
        for k, key in enumerate(keys):
            cx, cy = x + step * (k + 0.5), y + height * (row + 0.5)
            r = min(step, height) * 0.42
            if kind == 0:
                page.scene.shape(shapes.disc(cx, cy, r, blend(theme.background, theme.ink, 0.1)))
            elif kind == 1:
                page.scene.shape(
                    shapes.border(cx - step / 2, cy - height / 2, cx + step / 2, cy + height / 2, theme.rule)
                )
            if key in "*#÷×−=+.":
                if rng.chance(0.6):
                    page.icon(cx, cy, 18, theme.ink)
                continue
            page.text(key, cx, cy, style, "centre", step)
    return height * len(rows)


@widget("notice", 1.2, carded=False)
def notice(page: Page, x: float, y: float, width: float) -> float:
    """A notification: icon, app, time, title, text; or a strip with a cross."""
    rng, theme, dp = page.rng, page.theme, page.dp
    mark = page.scene.mark()
    pad = rng.uniform(6, 14) * dp
    if rng.chance(0.4):
        colour = blend(theme.card, page.lively(), rng.uniform(0.1, 1.0))
        height = theme.text * dp + 2 * pad
        page.icon(x + pad + 8 * dp, y + height / 2, 15, theme.on(colour))
        page.text(page.sayings.sentence(), x + pad + 22 * dp, y + height / 2, Style(theme.text, theme.on(colour), 400),
                  room=width - 2 * pad - 44 * dp)  # fmt: skip
        page.icon(x + width - pad - 6 * dp, y + height / 2, 11, theme.on(colour))
        page.scene.beneath(mark, shapes.box(x, y, x + width, y + height, colour, theme.radius * dp))
        return height
    size = 18
    page.badge(x + pad + size * dp / 2, y + pad + size * dp / 2, size)
    left = x + pad + (size + 6) * dp
    page.text(page.sayings.word(), left, y + pad + size * dp / 2, page.muted(0.8), room=width * 0.5)
    page.text(page.sayings.time(), x + width - pad, y + pad + size * dp / 2, page.muted(0.75), "right", width * 0.25)
    page.text(plain(page.sayings.word()), x + pad, y + pad + (size + 14) * dp, page.strong(), room=width - 2 * pad)
    end = page.paragraph(
        page.sayings.sentence(), x + pad, y + pad + (size + 24) * dp, width - 2 * pad, page.usual(0.9), 2
    )
    page.card(mark, x, y, x + width, end + pad)
    return end + pad - y
