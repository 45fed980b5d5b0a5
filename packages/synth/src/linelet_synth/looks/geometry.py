"""A line's mask: stroke width, scale, squeeze, tilt and shear, and its empty margins taken off."""

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from linelet_synth.atlas import Mask
from linelet_synth.looks.draft import Draft

# An affine map (2, 3), x' = ax + by + c, y' = dx + ey + f.
Affine = NDArray[np.float64]
# Smaller type, in pixels per em, loses its strokes when it is turned.
_LEAST_TILTED = 12.0
_SQUARE = np.ones((2, 2), dtype=np.uint8)


def thicken(mask: Mask, weight: int, draft: Draft) -> Mask:
    """Fake bold, stem darkening and thinning. The mask's padding takes what grows."""
    rng, master = draft.rng, draft.master
    if weight <= 500 and master >= 16 and rng.chance(0.12):
        draft.styles.append("fake bold")
        bold = mask.copy()
        np.maximum(mask[:, :-1], mask[:, 1:], out=bold[:, 1:])
        return bold
    number = rng.random()
    if number < 0.07 and weight <= 600 and master >= 20 and draft.spend(0.15):
        draft.styles.append("thick")
        return np.asarray(cv2.dilate(mask, _SQUARE))
    if 0.07 <= number < 0.13 and master >= 36 and weight >= 400 and draft.spend(0.15):
        draft.styles.append("thin")
        return np.asarray(cv2.erode(mask, _SQUARE))
    return mask


def warp(mask: Mask, draft: Draft, tilted: float) -> tuple[Mask, Affine]:
    """Scale, squeeze, tilt and shear. Returns the mask and the map from the old one's pixels.

    tilted: the share of lines that are, if they are short enough for it.
    """
    rng = draft.rng
    squeeze = 1.0
    if rng.chance(0.3) and draft.spend(0.1):
        squeeze = rng.uniform(0.8, 1.18)
        draft.styles.append("squeezed")
    angle = _angle(draft, mask.shape[1] / mask.shape[0], tilted)
    shear = rng.uniform(-0.2, 0.2) if rng.chance(0.05) else 0.0
    if draft.display and not angle:
        shear = rng.uniform(-0.32, -0.1)  # slanted to the right, as on a display
    height, width = mask.shape
    affine = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    scale = draft.scale
    if scale != 1.0 or squeeze != 1.0:
        new = max(1, round(width * scale * squeeze)), max(1, round(height * scale))
        method = cv2.INTER_AREA if scale < 1 else rng.choice((cv2.INTER_LINEAR, cv2.INTER_CUBIC))
        mask = np.asarray(cv2.resize(mask, new, interpolation=method))
        affine[0, 0], affine[1, 1] = new[0] / width, new[1] / height
    if (angle or shear) and draft.spend(abs(angle) / 20 * 0.3 + abs(shear)):
        draft.styles.append("tilted")
        mask, turned = turn(mask, math.radians(angle), shear)
        affine = turned @ np.vstack([affine, [0.0, 0.0, 1.0]])
    return mask, affine


def _angle(draft: Draft, aspect: float, tilted: float) -> float:
    """Tilt in degrees. Long lines turn less: they would get too high for what they say."""
    rng, text = draft.rng, draft.text
    if not rng.chance(tilted):
        return 0.0
    length = len(text.drawn)
    if draft.em < _LEAST_TILTED:
        return 0.0
    # Of Chinese characters, whose strokes are finer, three stay legible when they stand on end.
    if length <= (6 if text.drawn.isascii() else 3) and draft.em >= 18 and rng.chance(0.12):
        # Along a chart's axis: up to 45 degrees, and twice the line's height again for the rise of its end.
        most = min(45.0, math.degrees(math.atan(2.2 / max(aspect, 0.5))))
        return most * rng.uniform(0.5, 1.0) * (1 if rng.chance(0.3) else -1)
    most = 20.0 if length <= 6 else 8.0
    if text.parts[0].kind not in ("number", "random") and not rng.chance(0.6):
        return 0.0
    # The rise of a line's end may take as much height again as the line itself.
    most = min(most, math.degrees(math.atan(1.1 / max(aspect, 0.5))))
    return rng.uniform(-most, most)


def turn(mask: Mask, angle: float, shear: float) -> tuple[Mask, Affine]:
    """The mask turned (radians) and sheared on a canvas that holds all of it, and the map to it."""
    cosine, sine = math.cos(angle), math.sin(angle)
    matrix = np.array([[cosine, -sine + shear * cosine, 0.0], [sine, cosine + shear * sine, 0.0]])
    height, width = mask.shape
    corners = matrix[:, :2] @ np.array([[0, width, 0, width], [0, 0, height, height]], dtype=np.float64)
    least, most = corners.min(axis=1), corners.max(axis=1)
    matrix[:, 2] = 1 - least
    size = math.ceil(most[0] - least[0]) + 2, math.ceil(most[1] - least[1]) + 2
    return np.asarray(cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_LINEAR)), matrix


def trim(mask: Mask, least: int = 1) -> tuple[Mask, int, int]:
    """The mask without margins of less ink than ``least``; how many columns and rows went at the left and top."""
    x, y, width, height = cv2.boundingRect(mask if least == 1 else np.asarray(mask >= least, dtype=np.uint8))
    if not width:
        return mask, 0, 0
    return np.ascontiguousarray(mask[y : y + height, x : x + width]), x, y


@lru_cache(maxsize=64)
def _gamma_table(hundredths: int) -> NDArray[np.uint8]:
    return np.rint(255 * (np.arange(256) / 255) ** (hundredths / 100)).astype(np.uint8)


def gamma(mask: Mask, exponent: float) -> Mask:
    """The mask with thinner (exponent above 1) or stronger edges."""
    return np.asarray(cv2.LUT(mask, _gamma_table(round(exponent * 20) * 5)))
