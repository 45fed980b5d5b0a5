"""Headings, paragraphs, quotes."""

from linelet_synth.screens.page import Page, Style
from linelet_synth.screens.registry import widget


@widget("heading", 3.0, carded=False)
def heading(page: Page, x: float, y: float, width: float) -> float:
    """A section's title, with a mark before it or a word and chevron at the right."""
    rng, dp = page.rng, page.dp
    style = page.strong(rng.uniform(0.95, 1.5))
    height = style.size * dp * rng.uniform(1.5, 2.4)
    middle, left = y + height / 2, x
    if rng.chance(0.25):
        page.icon(x + style.size * dp * 0.5, middle, style.size, page.lively())
        left += style.size * dp * 1.25
    room = width
    if rng.chance(0.4):
        more = page.muted()
        right = x + width
        if rng.chance(0.6):
            page.chevron(right - 4 * dp, middle, 9, more.colour)
            right -= 12 * dp
        shown = page.text(page.sayings.word(), right, middle, more, "right", width * 0.3)
        room = (shown.bounds[0] if shown else right) - left - 6 * dp
    page.beside(page.text(page.sayings.title(), left, middle, style, room=room), 0.12)
    return height


@widget("paragraph", 3.0)
def paragraph(page: Page, x: float, y: float, width: float) -> float:
    """A few rows of text."""
    rng = page.rng
    style = page.usual() if rng.chance(0.5) else page.muted(rng.uniform(0.75, 1.0))
    text = page.sayings.sentence()
    for _ in range(rng.choice((0, 0, 1, 1, 1, 2, 4))):
        text += (" " if text.isascii() else "") + page.sayings.sentence()
    return page.paragraph(text, x, y, width, style, rows=rng.choice((6, 6, 12))) - y


@widget("headline", 0.8, carded=False)
def headline(page: Page, x: float, y: float, width: float) -> float:
    """A big headline of a poster or a landing page, in one or two rows."""
    rng = page.rng
    size = rng.uniform(22, 40)
    style = Style(size, page.theme.ink, rng.choice((300, 400, 700, 800)))
    text = page.sayings.sentence()
    return page.paragraph(text, x, y, width, style, rows=rng.integer(1, 3)) - y
