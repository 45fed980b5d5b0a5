"""Colours and the contrast rule. Colours are RGB, 0-255; contrast is WCAG 2.2's ratio, 1 to 21.

https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio and #dfn-relative-luminance.
"""

import colorsys
from collections.abc import Sequence

from linelet_synth.dice import Dice

Colour = tuple[int, int, int]


def _linear(value: int) -> float:
    share = value / 255
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)


_LINEAR = tuple(_linear(value) for value in range(256))


def luminance(colour: Colour) -> float:
    """WCAG's relative luminance, 0-1."""
    r, g, b = colour
    return 0.2126 * _LINEAR[r] + 0.7152 * _LINEAR[g] + 0.0722 * _LINEAR[b]


def contrast(a: Colour, b: Colour) -> float:
    """WCAG's contrast ratio of two colours, 1-21."""
    x, y = luminance(a), luminance(b)
    return (x + 0.05) / (y + 0.05) if x > y else (y + 0.05) / (x + 0.05)


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
