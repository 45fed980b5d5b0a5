"""The contrast rule, against WCAG's formula written down once more; and hue, kept by perturbing."""

import colorsys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linelet_synth.colours import choose_text_colour, contrast, luminance, parse_colour, perturb
from linelet_synth.rng import Rng

channels = st.integers(0, 255)
colours = st.tuples(channels, channels, channels)


def wcag(a: tuple[int, int, int], b: tuple[int, int, int]) -> float:
    """WCAG 2.2: (L1 + 0.05) / (L2 + 0.05), L = 0.2126 R + 0.7152 G + 0.0722 B of linearised sRGB."""

    def linear(value: int) -> float:
        s = value / 255.0
        return s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4

    light, dark = sorted(
        (0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) for r, g, b in (a, b)), reverse=True
    )
    return (light + 0.05) / (dark + 0.05)


@given(colours, colours)
def test_contrast_is_wcags(a: tuple[int, int, int], b: tuple[int, int, int]) -> None:
    assert contrast(a, b) == pytest.approx(wcag(a, b))
    assert contrast(a, b) == contrast(b, a)


def test_contrasts_ends() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert luminance((255, 255, 255)) == pytest.approx(1)


@given(colours, st.lists(colours, min_size=1, max_size=4), st.lists(colours, max_size=4), st.floats(1, 21))
def test_the_rule(
    background: tuple[int, int, int],
    preferred: list[tuple[int, int, int]],
    others: list[tuple[int, int, int]],
    minimum: float,
) -> None:
    """ "The ratio at least the recipe's minimum; the best colour the palette offers, said so when none reaches it"."""
    palette = preferred + others
    colour, reached = choose_text_colour(background, preferred, palette, minimum)
    assert reached == (wcag(background, colour) >= minimum)
    good = [c for c in preferred if wcag(background, c) >= minimum]
    if good:
        assert colour == good[0]
    else:
        assert wcag(background, colour) == pytest.approx(max(wcag(background, c) for c in palette))


@given(colours, st.floats(0, 0.2), st.floats(0, 0.2), st.integers(0, 1000))
def test_hue_is_kept(colour: tuple[int, int, int], saturation: float, value: float, i: int) -> None:
    rng = Rng(b"test", 0)
    rng.seek(i)
    moved = perturb(colour, saturation, value, rng)
    h, s, v = colorsys.rgb_to_hsv(*(x / 255 for x in colour))
    new_h, new_s, new_v = colorsys.rgb_to_hsv(*(x / 255 for x in moved))
    if max(colour) == min(colour):
        assert max(moved) == min(moved)  # greys stay grey
        return
    spread = max(moved) - min(moved)
    if spread:
        # A channel is rounded to half a level; the hue's sixth is the spread.
        apart = abs(new_h - h)
        assert min(apart, 1 - apart) <= 1.0 / (6 * spread) + 1e-9
        assert abs(new_s - s) <= saturation + 1.5 / max(moved)
    assert abs(new_v - v) <= value + 0.5 / 255 + 1e-9


@pytest.mark.parametrize("text", ["", "2fb680", "#2fb68", "#2fb68g", "red", "#2fb6800"])
def test_what_is_no_colour(text: str) -> None:
    with pytest.raises(ValueError, match="is not a colour; write it as '#rrggbb'"):
        parse_colour(text)
