"""Colours and the contrast rule. Colours are RGB, 0-255; contrast is WCAG 2.2's ratio, 1 to 21."""

from collections.abc import Sequence

from linelet_common.contrast import LINEAR, WEIGHTS, contrast_ratio
from linelet_synth.rng import Rng

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)


def luminance(colour: Colour) -> float:
    """WCAG's relative luminance, 0-1."""
    r, g, b = colour
    return WEIGHTS[0] * LINEAR[r] + WEIGHTS[1] * LINEAR[g] + WEIGHTS[2] * LINEAR[b]


def contrast(a: Colour, b: Colour) -> float:
    """WCAG's contrast ratio of two colours, 1-21."""
    return contrast_ratio(luminance(a), luminance(b))


def grey(colour: Colour) -> int:
    """The grey level that a reader sees: Pillow's luma, as in linelet_common.preprocess."""
    r, g, b = colour
    return (r * 19595 + g * 38470 + b * 7471 + 32768) >> 16


def choose_text_colour(
    background: Colour, preferred: Sequence[Colour], palette: Sequence[Colour], minimum: float
) -> tuple[Colour, bool]:
    """The first preferred colour of at least the minimum contrast, else the palette's best; and whether it has it."""
    behind = luminance(background)
    for colour in preferred:
        if contrast_ratio(behind, luminance(colour)) >= minimum:
            return colour, True
    best = max(palette, key=lambda colour: contrast_ratio(behind, luminance(colour)))
    return best, contrast_ratio(behind, luminance(best)) >= minimum


def perturb(colour: Colour, saturation: float, value: float, rng: Rng) -> Colour:
    """The colour, its saturation and value of HSV (0-1) moved by at most the given amounts. Hue is kept.

    A grey has no hue and stays grey. Of one hue, a channel's distance from the largest goes with saturation * value.
    """
    r, g, b = colour
    most, least = max(colour), min(colour)
    step = 0.0
    if most > least:
        step = min(1.0, max(0.0, (most - least) / most + rng.uniform(-saturation, saturation))) / (most - least)
    v = min(255.0, max(0.0, most + 255 * rng.uniform(-value, value)))
    step *= v
    return round(v - (most - r) * step), round(v - (most - g) * step), round(v - (most - b) * step)


def blend(a: Colour, b: Colour, share: float) -> Colour:
    """``share`` of b over a."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def parse_colour(text: str) -> Colour:
    """'#2fb680' -> (47, 182, 128). ValueError with the remedy otherwise."""
    if len(text) == 7 and text[0] == "#":
        try:
            number = int(text[1:], 16)
            return number >> 16, (number >> 8) & 255, number & 255
        except ValueError:
            pass
    raise ValueError(f"{text!r} is not a colour; write it as '#rrggbb'")
