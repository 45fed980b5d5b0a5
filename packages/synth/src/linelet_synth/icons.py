"""Icons of the bundled icon fonts, as masks: what real apps show beside their texts."""

from functools import lru_cache

import cv2
import numpy as np

from linelet_synth.atlas import Atlas, Mask
from linelet_synth.fonts import Face, bundled, read_faces
from linelet_synth.rng import Rng

# Sizes that icons are rasterised in, in pixels; they are scaled down from the next larger one.
_SIZES = (12, 16, 24, 36, 56, 96)


@lru_cache(maxsize=1)
def icon_faces() -> tuple[tuple[Face, str], ...]:
    """The bundled icon fonts, each with its icons' characters in the private use areas."""
    faces = [face for path in bundled("icons") for face in read_faces(path, False)]
    return tuple((face, "".join(sorted(c for c in face.characters if c >= "\ue000"))) for face in faces)


class Icons:
    """Draws icons out of an atlas."""

    def __init__(self, atlas: Atlas) -> None:
        self._atlas = atlas
        # A set's share is that of its icons.
        self._icons = [(face, c) for face, characters in icon_faces() for c in characters]

    def mask(self, size: float, rng: Rng) -> Mask:
        """Coverage of any icon, its longer side about ``size`` pixels."""
        face, character = rng.choice(self._icons)
        master = next((s for s in _SIZES if s >= size), _SIZES[-1])
        ink = self._atlas.strike(face, 400, master).glyph(character)[0]
        longest = max(ink.shape, default=0)
        if not longest:
            return np.zeros((1, 1), dtype=np.uint8)
        scale = size / longest
        if 0.93 < scale < 1.08:  # a hinted icon is sharper than a scaled one
            return ink
        new = max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale))
        return np.asarray(cv2.resize(ink, new, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))
