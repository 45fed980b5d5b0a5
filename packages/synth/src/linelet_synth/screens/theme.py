"""The look of one app: colours, roundness, density and type, drawn once for a page and kept by all of its widgets."""

from dataclasses import dataclass

from linelet_synth.colours import Colour, blend, grey, parse_colour
from linelet_synth.recipe import Recipe
from linelet_synth.rng import Rng

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
# Accents that design systems ship: Material, iOS, Ant Design, Bootstrap.
_ACCENTS: tuple[Colour, ...] = (
    (33, 150, 243), (76, 175, 80), (244, 67, 54), (255, 152, 0), (156, 39, 176), (0, 150, 136), (233, 30, 99),
    (63, 81, 181), (255, 87, 34), (0, 122, 255), (52, 199, 89), (255, 59, 48), (88, 86, 214), (24, 144, 255),
    (245, 166, 35), (96, 125, 139), (121, 85, 72), (255, 193, 7), (103, 58, 183), (13, 110, 253), (67, 160, 71),
    (0, 188, 212), (216, 27, 96), (250, 84, 28), (82, 196, 26), (32, 32, 36),
)  # fmt: skip


@dataclass(slots=True)
class Theme:
    """Colours of a page, and measures in dp where a number is a length."""

    dark: bool
    background: Colour
    card: Colour
    ink: Colour
    muted: Colour
    pale: Colour
    rule: Colour
    accent: Colour
    bar: Colour  # of the title bar
    on_bar: Colour
    accents: tuple[Colour, ...]
    radius: float
    margin: float
    padding: float
    row: float  # a row's height
    text: float  # the size of usual text
    bordered: bool
    shaded: bool
    weight: int  # of usual text
    strong: int  # of titles and values
    classic: bool  # glossy bars and serifs of old apps

    def on(self, colour: Colour) -> Colour:
        """White or ink, whichever is seen on a colour."""
        return WHITE if grey(colour) < 170 else (24, 24, 28)


def make_theme(recipe: Recipe, rng: Rng) -> Theme:
    """A theme; half of them take the recipe's own colours."""
    own = rng.chance(0.5)
    dark = rng.chance(0.3)
    palette = [parse_colour(colour) for colour in recipe.palette.backgrounds]
    lively = [colour for colour in palette if max(colour) - min(colour) > 60] or palette
    accent = rng.choice(lively) if own else rng.choice(_ACCENTS)
    if rng.chance(0.2):
        accent = (rng.integer(0, 255), rng.integer(0, 255), rng.integer(0, 255))
    tinted = rng.chance(0.3)
    if dark:
        level = rng.choice((0, 10, 18, 18, 24, 33, 40))
        background = (level, level, min(255, level + rng.integer(0, 12)))
        if tinted:
            background = blend(background, accent, rng.uniform(0.05, 0.25))
        card = blend(background, WHITE, rng.choice((0.0, 0.05, 0.08, 0.12, 0.18)))
        ink = blend(WHITE, background, rng.uniform(0.0, 0.2))
    else:
        level = rng.choice((255, 255, 250, 247, 245, 242, 238))
        background = (level, level, min(255, level + rng.integer(-4, 6)))
        if tinted:
            background = blend(background, accent, rng.uniform(0.03, 0.2))
        card = WHITE if rng.chance(0.7) else blend(background, accent, rng.uniform(0.0, 0.14))
        ink = blend(BLACK, WHITE, rng.uniform(0.0, 0.3))
    if rng.chance(0.06):  # a page wholly in the accent
        background, dark = accent, grey(accent) < 128
        card = blend(accent, WHITE if rng.chance(0.6) else BLACK, rng.uniform(0.1, 0.3))
        ink = WHITE if grey(accent) < 150 else (30, 30, 34)
    bar_kind = rng.random()
    bar = accent if bar_kind < 0.35 else background if bar_kind < 0.75 else card if bar_kind < 0.9 else (30, 30, 34)
    classic = not dark and rng.chance(0.1)
    return Theme(
        dark=dark,
        background=background,
        card=card,
        ink=ink,
        muted=blend(ink, card, rng.uniform(0.3, 0.5)),
        pale=blend(ink, card, rng.uniform(0.6, 0.8)),
        rule=blend(card, ink, rng.uniform(0.06, 0.22)),
        accent=accent,
        bar=bar,
        on_bar=WHITE if grey(bar) < 165 else blend(BLACK, WHITE, rng.uniform(0.0, 0.25)),
        accents=tuple(rng.choice(_ACCENTS) for _ in range(5)),
        radius=rng.choice((0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 16.0, 20.0, 28.0)),
        margin=rng.choice((0.0, 6.0, 8.0, 12.0, 14.0, 16.0, 16.0, 20.0, 24.0)),
        padding=rng.choice((3.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 16.0, 20.0)),
        row=rng.uniform(32.0, 64.0),
        text=rng.choice((11.0, 12.0, 13.0, 14.0, 14.0, 15.0, 16.0, 16.0, 17.0)),
        bordered=rng.chance(0.35),
        shaded=rng.chance(0.3),
        weight=rng.choice((400, 400, 400, 500)),
        strong=rng.choice((500, 700, 700, 700)),
        classic=classic,
    )
