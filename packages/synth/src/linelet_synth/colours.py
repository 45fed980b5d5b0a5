"""Colours and the contrast rule. Colours are RGB, 0-255; contrast is WCAG 2.2's ratio, 1 to 21."""

import colorsys
from collections.abc import Sequence

from linelet_common.contrast import LINEAR, WEIGHTS, contrast_ratio
from linelet_synth.dice import Dice

Colour = tuple[int, int, int]


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
    for colour in preferred:
        if contrast(background, colour) >= minimum:
            return colour, True
    best = max(palette, key=lambda colour: contrast(background, colour))
    return best, contrast(background, best) >= minimum


def perturb(colour: Colour, saturation: float, value: float, dice: Dice) -> Colour:
    """The colour, its saturation and value (0-1) moved by at most the given amounts. Hue is kept: greys stay grey."""
    h, s, v = colorsys.rgb_to_hsv(colour[0] / 255, colour[1] / 255, colour[2] / 255)
    # A grey has no hue; colorsys calls it 0, red, and any saturation would make every white pink.
    s = min(1.0, max(0.0, s + dice.between(-saturation, saturation))) if s else 0.0
    v = min(1.0, max(0.0, v + dice.between(-value, value)))
    r, g, b = colorsys.hsv_to_rgb(h, s, v)
    return round(r * 255), round(g * 255), round(b * 255)


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
