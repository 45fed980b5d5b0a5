"""What happens to a line's pixels: blur, rescaling, sharpening, grain and compression, as far as its budget goes."""

import cv2
import numpy as np

from linelet_common.preprocess import Pixels
from linelet_synth import pixels
from linelet_synth.looks.draft import Draft


def degrade(picture: Pixels, em: float, draft: Draft) -> Pixels:
    """The picture, degraded. em: pixels per em of what is hurt most easily, the text's smallest part."""
    rng, styles, levels = draft.rng, draft.styles, draft.levels
    if rng.chance(0.25):
        sigma = rng.uniform(0.25, 0.5 + em / 48)
        if draft.spend(0.35 * sigma / (em / 24)):
            picture = pixels.gaussian(picture, 3 if sigma < 0.8 else 5, sigma)
            styles.append("blur")
    if rng.chance(0.15):
        picture = _rescale(picture, em, draft)
    if rng.chance(0.06):
        soft = cv2.GaussianBlur(picture, (3, 3), 1.0)
        amount = rng.uniform(0.3, 0.9)
        picture = np.asarray(cv2.addWeighted(picture, 1 + amount, soft, -amount, 0))
        styles.append("sharpened")
    if rng.chance(0.25):
        std = rng.uniform(1.0, 10.0)
        # Grain hurts by its share of the contrast.
        if draft.spend(2.5 * std / levels):
            picture = pixels.noise(picture, std, rng.random())
            styles.append("grain")
    if rng.chance(0.3):
        quality = rng.integer(45, 97)
        if draft.spend((97 - quality) / 52 * 0.25 * 90 / (levels + 45)):
            picture = pixels.jpeg(picture, quality)
            styles.append("jpeg")
    return picture


def _rescale(picture: Pixels, em: float, draft: Draft) -> Pixels:
    """Through fewer pixels and back, if enough are left to read by."""
    share = draft.rng.uniform(0.55, 0.95)
    height, width = picture.shape[:2]
    if height * share < 12 or em * share < 11 or not draft.spend(0.3 * (1 - share) * 24 / em):
        return picture
    fewer = max(1, round(width * share)), max(1, round(height * share))
    small = cv2.resize(picture, fewer, interpolation=cv2.INTER_AREA)
    draft.styles.append("rescaled")
    method = draft.rng.choice((cv2.INTER_LINEAR, cv2.INTER_CUBIC))
    return np.asarray(cv2.resize(small, (width, height), interpolation=method))
