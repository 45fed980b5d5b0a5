"""Pictures with text on or beside them: photo grids, products, banners, headers, maps."""

import math

from linelet_synth.colours import Colour, blend
from linelet_synth.screens import shapes
from linelet_synth.screens.page import Page, Style
from linelet_synth.screens.registry import widget
from linelet_synth.screens.sayings import plain
from linelet_synth.screens.theme import BLACK, WHITE


def _photo(page: Page, x: float, y: float, width: float, height: float, radius: float) -> Colour:
    """A photo-like box; its mean colour."""
    rng = page.rng
    tint = (rng.integer(30, 225), rng.integer(30, 225), rng.integer(30, 225))
    page.scene.shape(shapes.scenery(x, y, x + width, y + height, tint, rng, radius))
    return tint


@widget("photos", 1.5)
def photos(page: Page, x: float, y: float, width: float) -> float:
    """A grid of photos with a caption on or below, a play button, a length in the corner."""
    rng, theme, dp = page.rng, page.theme, page.dp
    across, gap = rng.choice((1, 2, 2, 3)), rng.uniform(2, 10) * dp
    side = (width - gap * (across - 1)) / across
    height = side * rng.uniform(0.5, 1.1)
    below = rng.chance(0.5)
    step = height + (theme.text * dp * 1.8 if below else 0) + gap
    down = rng.integer(1, 2)
    radius = theme.radius * dp * 0.6
    small = Style(theme.text * 0.75, WHITE, 500, 60, shadow=rng.chance(0.4))
    for k in range(across * down):
        left, top = x + (side + gap) * (k % across), y + step * (k // across)
        _photo(page, left, top, side, height, radius)
        if rng.chance(0.3):
            r = min(side, height) * 0.16
            page.scene.shape(shapes.disc(left + side / 2, top + height / 2, r, WHITE, max(1, round(1.5 * dp))))
            cx, cy = left + side / 2, top + height / 2
            triangle = [(cx - r * 0.3, cy - r * 0.45), (cx - r * 0.3, cy + r * 0.45), (cx + r * 0.5, cy)]
            page.scene.shape(shapes.polygon(triangle, WHITE))
        if rng.chance(0.4):
            length = f"{rng.integer(0, 59)}:{rng.integer(0, 59):02d}"
            _plate(page, length, left + side - 5 * dp, top + height - 9 * dp, small)
        if below:
            page.text(page.sayings.word(), left, top + height + theme.text * dp * 0.85, page.usual(0.9), room=side)
        elif rng.chance(0.6):
            page.text(page.sayings.word(), left + 6 * dp, top + height - 12 * dp, small, room=side * 0.6)
    return step * down - gap


def _plate(page: Page, text: str, right: float, middle: float, style: Style) -> None:
    """A text on a small dark plate that ends at ``right``."""
    fitted = page.fit(plain(text), style)
    if fitted is None:
        return
    half, pad = style.size * page.dp * 0.7, 3 * page.dp
    mark = page.scene.mark()
    if page.place(fitted[0], plain(text), right - pad, middle + fitted[1] * 0.36, style, "right"):
        left = right - fitted[0].advance - 2 * pad
        plate = shapes.box(left, middle - half, right, middle + half, BLACK, 2 * page.dp, page.rng.uniform(0.4, 0.9))
        page.scene.beneath(mark, plate)


@widget("products", 1.5)
def products(page: Page, x: float, y: float, width: float) -> float:
    """Photos with a name, a price, an old price struck through, stars and a button."""
    rng, theme, dp = page.rng, page.theme, page.dp
    size = rng.uniform(56, 96) * dp
    count = rng.integer(1, 4)
    gap = 10 * dp
    price = Style(theme.text * 1.15, page.lively(), theme.strong)
    for k in range(count):
        top = y + (size + gap) * k
        _photo(page, x, top, size, size, theme.radius * dp * 0.5)
        left, room = x + size + gap, width - size - gap
        page.text(page.sayings.word(), left, top + size * 0.16, page.usual(), room=room)
        if rng.chance(0.6):
            stars(page, left, top + size * 0.46, theme.text * 0.8)
            page.text(f"{rng.uniform(1, 5):.1f} ({rng.integer(1, 9999)})", left + theme.text * 4.8 * dp,
                      top + size * 0.46, page.muted(0.75), room=room * 0.5)  # fmt: skip
        else:
            page.text(page.sayings.sentence(), left, top + size * 0.46, page.muted(0.8), room=room)
        shown = page.text(page.sayings.price(), left, top + size * 0.82, price, room=room * 0.5)
        if shown and rng.chance(0.4):
            old = page.text(page.sayings.price(), shown.bounds[2] + 6 * dp, top + size * 0.82, page.muted(0.75),
                            room=room * 0.25)  # fmt: skip
            if old and rng.chance(0.5):
                middle = (old.bounds[1] + old.bounds[3]) / 2
                page.scene.shape(shapes.line((old.bounds[0], middle), (old.bounds[2], middle), theme.muted, 1))
    return (size + gap) * count - gap


def stars(page: Page, x: float, middle: float, size: float) -> None:
    """Five stars of ``size`` dp."""
    rng, r = page.rng, size * page.dp / 2
    filled = rng.integer(1, 5)
    for k in range(5):
        cx = x + r + k * 2.15 * r
        points = []
        for corner in range(10):
            q, t = r * (1.0 if corner % 2 == 0 else 0.45), math.pi * corner / 5 - math.pi / 2
            points.append((cx + q * math.cos(t), middle + q * math.sin(t)))
        page.scene.shape(shapes.polygon(points, (250, 180, 40) if k < filled else page.theme.rule))


@widget("banner", 1.2, carded=False)
def banner(page: Page, x: float, y: float, width: float) -> float:
    """A photo or gradient with a headline, a line beneath, a button; dots below."""
    rng, theme, dp = page.rng, page.theme, page.dp
    height = rng.uniform(90, 190) * dp
    radius = theme.radius * dp
    if rng.chance(0.6):
        background = _photo(page, x, y, width, height, radius)
    else:
        background = page.lively()
        other = blend(background, rng.choice((WHITE, BLACK, page.lively())), rng.uniform(0.2, 0.8))
        page.scene.shape(shapes.gradient(x, y, x + width, y + height, (background, other), rng.chance(0.4), radius))
    ink = theme.on(background)
    pad = rng.uniform(8, 20) * dp
    head = Style(rng.uniform(16, 26), ink, theme.strong, 70, shadow=rng.chance(0.2))
    end = page.paragraph(page.sayings.sentence(), x + pad, y + pad, width * rng.uniform(0.5, 0.9), head, 2)
    if end + theme.text * 2 * dp < y + height:
        page.text(
            page.sayings.word(), x + pad, end + theme.text * dp, Style(theme.text, ink, 400, 60), room=width * 0.8
        )
    for k in range(rng.choice((0, 0, 3, 5))):
        page.scene.shape(
            shapes.disc(x + width / 2 + (k - 2) * 9 * dp, y + height - 7 * dp, 2.5 * dp, blend(ink, background, 0.4))
        )
    return height


@widget("profile", 1.2, carded=False)
def profile(page: Page, x: float, y: float, width: float) -> float:
    """A coloured head with an avatar and name, and a card of figures that reaches into it."""
    rng, theme, dp = page.rng, page.theme, page.dp
    head = rng.uniform(70, 120) * dp
    colour = page.lively()
    # As wide as the page where nothing stands beside it.
    bleed = x if width > 0.7 * page.width and rng.chance(0.5) else 0.0
    page.scene.shape(shapes.box(x - bleed, y, x + width + bleed, y + head, colour))
    size = rng.uniform(40, 64)
    page.badge(x + (size / 2 + 8) * dp, y + head * 0.4, size)
    left = x + (size + 20) * dp
    ink = theme.on(colour)
    page.text(page.sayings.word(), left, y + head * 0.28, Style(theme.text * 1.2, ink, theme.strong), room=width * 0.5)
    page.text(page.sayings.word(), left, y + head * 0.56, Style(theme.text * 0.8, ink, 400), room=width * 0.5)
    top, mark = y + head * 0.78, page.scene.mark()
    count = rng.integer(2, 4)
    step = width / count
    for k in range(count):
        name, value = page.sayings.pair()
        at = x + step * (k + 0.5)
        page.text(value, at, top + 20 * dp, page.strong(1.25), "centre", step * 0.9)
        page.text(name, at, top + 42 * dp, page.muted(), "centre", step * 0.9)
    page.card(mark, x, top, x + width, top + 58 * dp)
    return head * 0.78 + 58 * dp


@widget("map", 0.7)
def street_map(page: Page, x: float, y: float, width: float) -> float:
    """Streets and blocks with small labels and pins."""
    rng, theme, dp = page.rng, page.theme, page.dp
    height = rng.uniform(100, 200) * dp
    background = (236, 234, 228) if not theme.dark else (40, 44, 52)
    page.scene.shape(shapes.box(x, y, x + width, y + height, background, theme.radius * dp * 0.5))
    for _ in range(rng.integer(3, 7)):
        colour = rng.choice(((200, 230, 200), (255, 255, 255), (190, 215, 240), (250, 225, 160)))
        across = rng.chance(0.5)
        a = (x, y + height * rng.random()) if across else (x + width * rng.random(), y)
        b = (x + width, y + height * rng.random()) if across else (x + width * rng.random(), y + height)
        page.scene.shape(shapes.line(a, b, blend(background, colour, 0.8), rng.uniform(1, 7) * dp))
    style = Style(rng.uniform(8, 12), blend(theme.on(background), background, 0.25), 400)
    for _ in range(rng.integer(2, 8)):
        px, py = x + width * rng.uniform(0.05, 0.7), y + height * rng.uniform(0.1, 0.9)
        shown = page.text(page.sayings.word(), px, py, style, room=x + width - px)
        if shown and rng.chance(0.4):
            page.scene.shape(shapes.disc(shown.bounds[0] - 7 * dp, py, 4 * dp, page.lively()))
    return height
