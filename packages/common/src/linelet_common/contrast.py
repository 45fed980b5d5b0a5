"""WCAG 2.2's contrast of colours, 0-255 a channel.

https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio and #dfn-relative-luminance.
"""


def _linear(value: int) -> float:
    share = value / 255
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)


LINEAR = tuple(_linear(value) for value in range(256))  # what each level of a channel stands for in light, 0-1
WEIGHTS = (0.2126, 0.7152, 0.0722)  # of red, green and blue in the relative luminance


def contrast_ratio(a: float, b: float) -> float:
    """The contrast ratio, 1-21, of two relative luminances, 0-1."""
    return (a + 0.05) / (b + 0.05) if a > b else (b + 0.05) / (a + 0.05)
