"""Controls: tabs, buttons, pills, search fields, inputs, toggles, progress bars, sliders."""

from linelet_synth.colours import blend
from linelet_synth.screens import shapes
from linelet_synth.screens.page import Page, Style
from linelet_synth.screens.registry import widget
from linelet_synth.screens.sayings import plain


@widget("tabs", 2.0, carded=False)
def tabs(page: Page, x: float, y: float, width: float) -> float:
    """Words side by side, one underlined or on a background."""
    rng, theme, dp = page.rng, page.theme, page.dp
    count = rng.integer(2, 5)
    step, height = width / count, rng.uniform(32, 48) * dp
    chosen, kind = rng.integer(0, count - 1), rng.integer(0, 2)
    if kind == 2:
        page.scene.shape(shapes.box(x, y + 2 * dp, x + width, y + height - 2 * dp, theme.rule, theme.radius * dp))
    for k in range(count):
        middle = x + step * (k + 0.5)
        style = page.usual()
        style.colour = theme.accent if k == chosen and kind == 0 else theme.ink if k == chosen else theme.muted
        if k == chosen and kind == 1:
            page.scene.shape(
                shapes.line(
                    (middle - step * 0.25, y + height - 2 * dp),
                    (middle + step * 0.25, y + height - 2 * dp),
                    theme.accent,
                    2 * dp,
                )
            )
        elif k == chosen and kind == 2:
            page.scene.shape(
                shapes.box(
                    x + step * k + 2 * dp,
                    y + 4 * dp,
                    x + step * (k + 1) - 2 * dp,
                    y + height - 4 * dp,
                    theme.card,
                    theme.radius * dp,
                )
            )
        page.text(page.sayings.word(), middle, y + height / 2, style, "centre", step * 0.92)
    return height


@widget("buttons", 2.0)
def buttons(page: Page, x: float, y: float, width: float) -> float:
    """One or two buttons."""
    rng, theme, dp = page.rng, page.theme, page.dp
    count = rng.choice((1, 1, 2))
    gap, height = 10 * dp, rng.uniform(28, 52) * dp
    side = (width - gap * (count - 1)) / count
    if count == 1 and rng.chance(0.5):
        side *= rng.uniform(0.35, 0.8)
        x += (width - side) * rng.choice((0.0, 0.5, 0.5, 1.0))
    radius = height * rng.choice((0.1, 0.2, 0.5))
    for k in range(count):
        left = x + k * (side + gap)
        colour = page.lively() if rng.chance(0.7) else theme.rule
        if rng.chance(0.25):
            page.scene.shape(shapes.border(left, y, left + side, y + height, colour, radius, max(1, round(dp))))
            ink = colour
        else:
            if theme.classic:
                light = blend(colour, (255, 255, 255), 0.45)
                page.scene.shape(shapes.gradient(left, y, left + side, y + height, (light, colour), True, radius))
            else:
                page.scene.shape(shapes.box(left, y, left + side, y + height, colour, radius))
            ink = theme.on(colour)
        style = Style(theme.text * rng.uniform(0.9, 1.2), ink, theme.strong)
        page.text(page.sayings.word(), left + side / 2, y + height / 2, style, "centre", side * 0.9)
    return height


@widget("pills", 2.0)
def pills(page: Page, x: float, y: float, width: float) -> float:
    """Words on small backgrounds or in outlines, in rows."""
    rng, theme, dp = page.rng, page.theme, page.dp
    style = page.usual(rng.uniform(0.75, 1.0))
    height = style.size * dp * rng.uniform(1.4, 2.2)
    pad, gap = rng.uniform(4, 12) * dp, rng.uniform(3, 10) * dp
    outlined, radius = rng.chance(0.5), height * rng.choice((0.15, 0.3, 0.5))
    left, top = x, y
    for _ in range(rng.integer(3, 9)):
        word = plain(page.sayings.word())
        fitted = page.fit(word, style, width - 2 * pad)
        if fitted is None:
            continue
        wide = fitted[0].advance + 2 * pad
        if left + wide > x + width:
            left, top = x, top + height + gap
        chosen = rng.chance(0.25)
        colour = theme.accent if chosen else theme.rule
        if outlined and not chosen:
            page.scene.shape(
                shapes.border(
                    left,
                    top,
                    left + wide,
                    top + height,
                    blend(theme.rule, theme.ink, 0.3),
                    radius,
                    max(1, round(dp * 0.7)),
                )
            )
            ink = theme.ink
        else:
            page.scene.shape(shapes.box(left, top, left + wide, top + height, colour, radius))
            ink = theme.on(colour)
        done = page.set(word, fitted[1], Style(style.size, ink, style.weight))
        if done is not None:
            page.place(done, word, left + pad, top + height / 2 + fitted[1] * 0.36, style)
        left += wide + gap
    return top + height - y


@widget("search", 1.0)
def search(page: Page, x: float, y: float, width: float) -> float:
    """A search field with its glass and pale words."""
    rng, theme, dp = page.rng, page.theme, page.dp
    height = rng.uniform(30, 46) * dp
    radius = height * rng.choice((0.1, 0.25, 0.5))
    page.scene.shape(shapes.box(x, y, x + width, y + height, blend(theme.background, theme.ink, 0.08), radius))
    glass = x + 18 * dp
    page.scene.shape(shapes.disc(glass, y + height / 2 - dp, 5 * dp, theme.muted, max(1, round(1.5 * dp))))
    page.scene.shape(
        shapes.line(
            (glass + 4 * dp, y + height / 2 + 3 * dp), (glass + 8 * dp, y + height / 2 + 7 * dp), theme.muted, 1.5 * dp
        )
    )
    page.text(
        page.sayings.word(), glass + 14 * dp, y + height / 2, Style(theme.text, theme.pale, 400, 24), room=width * 0.6
    )
    return height


@widget("inputs", 1.5)
def inputs(page: Page, x: float, y: float, width: float) -> float:
    """Outlined inputs, their names in the outline, above or inside."""
    rng, theme, dp = page.rng, page.theme, page.dp
    height, gap = rng.uniform(36, 56) * dp, rng.uniform(12, 22) * dp
    inside = rng.chance(0.5)
    count = rng.integer(1, 4)
    for k in range(count):
        top = y + gap * 0.6 + k * (height + gap)
        colour = theme.accent if rng.chance(0.3) else blend(theme.rule, theme.ink, 0.3)
        stroke = max(1, round(dp * rng.choice((0.7, 1.0, 2.0))))
        page.scene.shape(shapes.border(x, top, x + width, top + height, colour, min(theme.radius, 12) * dp, stroke))
        name, value = page.sayings.pair()
        small = Style(theme.text * 0.8, colour if inside else theme.muted, 400)
        if inside:  # the outline is broken by the name
            wide = page.width_of(name, small)
            page.scene.shape(shapes.box(x + 10 * dp, top - 2 * dp, x + 18 * dp + wide, top + 2 * dp, theme.card))
            page.text(name, x + 14 * dp, top, small, room=width * 0.7)
        else:
            page.text(name, x + 2 * dp, top - gap * 0.42, small, room=width * 0.7)
        if rng.chance(0.8):
            page.text(value, x + 12 * dp, top + height / 2, page.usual(), room=width * 0.8)
        if rng.chance(0.3):
            page.chevron(x + width - 16 * dp, top + height / 2, 10, theme.muted, 2)
    return count * (height + gap)


@widget("toggles", 1.5)
def toggles(page: Page, x: float, y: float, width: float) -> float:
    """Words with a toggle, a check box or a radio button."""
    rng, theme, dp = page.rng, page.theme, page.dp
    height = theme.row * dp
    kind = rng.integer(0, 2)
    left_side = kind and rng.chance(0.4)
    count = rng.integer(2, 6)
    for k in range(count):
        middle = y + height * (k + 0.5)
        on = rng.chance(0.5)
        colour = theme.accent if on else blend(theme.rule, theme.ink, 0.2)
        at = x + 10 * dp if left_side else x + width - (18 if kind == 0 else 10) * dp
        r = 8 * dp
        if kind == 0:
            page.scene.shape(
                shapes.box(at - 18 * dp, middle - 10 * dp, at + 18 * dp, middle + 10 * dp, colour, 10 * dp)
            )
            page.scene.shape(shapes.disc(at + (8 if on else -8) * dp, middle, r, (255, 255, 255)))
        elif kind == 1:
            draw = shapes.box if on else shapes.border
            page.scene.shape(draw(at - r, middle - r, at + r, middle + r, colour, 2 * dp))
            if on:
                tick = [(at - r * 0.5, middle), (at - r * 0.1, middle + r * 0.45), (at + r * 0.6, middle - r * 0.4)]
                page.scene.shape(shapes.polyline(tick, theme.on(colour), 1.8 * dp))
        else:
            page.scene.shape(shapes.disc(at, middle, r, colour, max(1, round(1.5 * dp))))
            if on:
                page.scene.shape(shapes.disc(at, middle, r * 0.5, colour))
        start = x + 28 * dp if left_side else x
        page.text(page.sayings.word(), start, middle, page.usual(), room=width - 60 * dp)
        if rng.chance(0.4):
            page.divider(x, x + width, y + height * (k + 1))
    return height * count


@widget("progress", 2.0)
def progress(page: Page, x: float, y: float, width: float) -> float:
    """Bars with a name and a value above, or scales in several colours with their limits beneath."""
    rng, theme, dp = page.rng, page.theme, page.dp
    thick = rng.uniform(3, 14) * dp
    round_ends = thick * rng.choice((0.0, 0.5))
    count = rng.integer(1, 4)
    text = theme.text * dp
    if rng.chance(0.4):
        return _scale(page, x, y, width, thick)
    height = text * 1.6 + thick + rng.uniform(4, 14) * dp
    for k in range(count):
        top = y + height * k
        name, value = page.sayings.pair()
        page.text(name, x, top + text * 0.8, page.usual(), room=width * 0.5)
        page.text(value, x + width, top + text * 0.8, page.usual(), "right", width * 0.4)
        at, colour = top + text * 1.6, page.lively()
        page.scene.shape(shapes.box(x, at, x + width, at + thick, blend(theme.card, theme.ink, 0.1), round_ends))
        end = x + width * rng.uniform(0.05, 1.0)
        page.scene.shape(shapes.box(x, at, end, at + thick, colour, round_ends))
        if rng.chance(0.3):
            page.scene.shape(shapes.disc(end, at + thick / 2, thick * 0.5 + 4 * dp, (250, 250, 250)))
            page.scene.shape(shapes.disc(end, at + thick / 2, thick * 0.5 + 4 * dp, theme.rule, max(1, round(dp))))
    return height * count


def _scale(page: Page, x: float, y: float, width: float, thick: float) -> float:
    """A bar in several colours, a pointer, limits beneath and words in its stretches."""
    rng, theme, dp = page.rng, page.theme, page.dp
    count = rng.integer(3, 5)
    step, text = width / count, theme.text * dp * 0.8
    at = y + 10 * dp
    for k in range(count):
        page.scene.shape(shapes.box(x + step * k, at, x + step * (k + 1), at + thick, page.lively()))
        if k:
            page.text(page.sayings.number(), x + step * k, at + thick + text * 0.8, page.muted(0.75), "centre", step)
        if rng.chance(0.7):
            page.text(
                page.sayings.word(),
                x + step * (k + 0.5),
                at + thick + text * 2.1,
                page.muted(0.75),
                "centre",
                step * 0.9,
            )
    tip = x + width * rng.random()
    page.scene.shape(shapes.polygon([(tip, at), (tip - 5 * dp, at - 7 * dp), (tip + 5 * dp, at - 7 * dp)], theme.ink))
    return 10 * dp + thick + text * 3


@widget("choices", 1.0)
def choices(page: Page, x: float, y: float, width: float) -> float:
    """Words with upright rules between them, one strong; above them a slider."""
    rng, theme, dp = page.rng, page.theme, page.dp
    count = rng.integer(2, 4)
    step, top = width / count, y
    if rng.chance(0.6):
        at, knob = y + 12 * dp, x + width * rng.uniform(0.05, 0.95)
        page.scene.shape(shapes.line((x, at), (x + width, at), theme.rule, 2 * dp))
        page.scene.shape(shapes.line((x, at), (knob, at), theme.accent, 2 * dp))
        page.scene.shape(shapes.disc(knob, at, 9 * dp, (252, 252, 252)))
        page.scene.shape(shapes.disc(knob, at, 9 * dp, theme.rule, max(1, round(dp))))
        top += 26 * dp
    chosen, height = rng.integer(0, count - 1), theme.text * dp * 1.8
    for k in range(count):
        style = page.strong() if k == chosen else page.muted(1.0)
        shown = page.text(page.sayings.word(), x + step * (k + 0.5), top + height / 2, style, "centre", step * 0.8)
        if shown and rng.chance(0.15):
            under = shown.bounds[3] + max(1, round(dp))
            page.scene.shape(shapes.line((shown.bounds[0], under), (shown.bounds[2], under), style.colour, dp))
        if k:
            at = x + step * k
            page.scene.shape(shapes.line((at, top + height * 0.25), (at, top + height * 0.75), theme.muted, dp))
    return top + height - y
