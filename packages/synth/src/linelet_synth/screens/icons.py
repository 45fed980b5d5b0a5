"""Icons: drawn shapes and strokes, glyphs of icon fonts, emoji-like blobs, avatars. None of them is text.

Where ``linelet_synth/fonts/icons`` holds fonts, half of the icons are their glyphs.
"""

import math
from importlib import resources

from linelet_synth.atlas import Atlas
from linelet_synth.colours import Colour, blend
from linelet_synth.fonts import SUFFIXES, Face, bundled, read_faces
from linelet_synth.rng import Rng
from linelet_synth.screens import shapes
from linelet_synth.screens.scene import Scene
from linelet_synth.screens.setting import snap
from linelet_synth.screens.theme import BLACK, WHITE

# Below it a code point is a letter or sign even in an icon font.
_PRIVATE = "\ue000"


def icon_faces() -> list[Face]:
    """The bundled icon fonts."""
    folder = resources.files("linelet_synth") / "fonts" / "icons"
    if not folder.is_dir() or not any(entry.name.lower().endswith(SUFFIXES) for entry in folder.iterdir()):
        return []
    return [face for path in bundled("icons") for face in read_faces(path)]


class Icons:
    """Draws icons: of the fonts' glyphs in the private use area, and drawn ones."""

    def __init__(self, faces: list[Face], atlas: Atlas) -> None:
        self._glyphs = [(face, sorted(c for c in face.characters if c >= _PRIVATE)) for face in faces]
        self._glyphs = [(face, glyphs) for face, glyphs in self._glyphs if glyphs]
        self._atlas = atlas

    def icon(self, scene: Scene, x: float, y: float, size: float, colour: Colour, rng: Rng) -> None:
        """An icon around (x, y), as high as ``size`` pixels."""
        if self._glyphs and rng.chance(0.6):
            face, glyphs = rng.choice(self._glyphs)
            strike = self._atlas.strike(face, face.nearest(rng.choice((400, 400, 700))), snap(size))
            mask = strike.glyph(rng.choice(glyphs))[0]
            if mask.size:
                scene.shape(shapes.stamp(mask, round(x - mask.shape[1] / 2), round(y - mask.shape[0] / 2), colour))
                return
        rng.choice(_DRAWN)(scene, x, y, size / 2, colour, max(1.0, size * rng.uniform(0.05, 0.13)), rng)

    def badge(self, scene: Scene, x: float, y: float, size: float, colour: Colour, rng: Rng) -> None:
        """An icon on a coloured disc or box, or an emoji, or an avatar, as high as ``size`` pixels."""
        kind, half = rng.random(), size / 2
        if kind < 0.12:
            _emoji(scene, x, y, half, rng)
            return
        if kind < 0.3:
            _avatar(scene, x, y, half, rng)
            return
        if kind < 0.45:
            colour = blend(colour, WHITE, 0.8)
        if rng.chance(0.6):
            scene.shape(shapes.disc(x, y, half, colour))
        else:
            scene.shape(shapes.box(x - half, y - half, x + half, y + half, colour, half * rng.uniform(0, 0.6)))
        on = rng.choice((WHITE, WHITE, blend(colour, BLACK, 0.7)))
        self.icon(scene, x, y, size * rng.uniform(0.45, 0.65), on, rng)


def _emoji(scene: Scene, x: float, y: float, half: float, rng: Rng) -> None:
    face = rng.choice(((255, 205, 60), (255, 180, 70), (240, 90, 90), (120, 200, 90)))
    scene.shape(shapes.disc(x, y, half, face))
    dark = blend(face, BLACK, 0.7)
    for side in (-1, 1):
        scene.shape(shapes.disc(x + side * half * 0.35, y - half * 0.2, half * 0.12, dark))
    ends = (20.0, 160.0) if rng.chance(0.7) else (200.0, 340.0)
    scene.shape(shapes.arc(x, y + half * (0.1 if ends[0] < 90 else 0.7), half * 0.5, ends, dark, half * 0.14))


def _avatar(scene: Scene, x: float, y: float, half: float, rng: Rng) -> None:
    tint = (rng.integer(60, 230), rng.integer(60, 230), rng.integer(60, 230))
    if rng.chance(0.5):
        scene.shape(shapes.scenery(x - half, y - half, x + half, y + half, tint, rng, half))
        return
    scene.shape(shapes.disc(x, y, half, tint))
    skin = rng.choice(((245, 214, 186), (224, 172, 135), (150, 100, 70)))
    scene.shape(shapes.disc(x, y + half * 0.75, half * 0.55, blend(tint, BLACK, 0.5)))
    scene.shape(shapes.disc(x, y - half * 0.1, half * 0.42, skin))


def _strokes(scene: Scene, x: float, y: float, r: float, colour: Colour, stroke: float, rng: Rng) -> None:
    for _ in range(rng.integer(2, 4)):
        points = [(x + r * rng.uniform(-0.9, 0.9), y + r * rng.uniform(-0.9, 0.9)) for _ in range(rng.integer(2, 4))]
        scene.shape(shapes.polyline(points, colour, stroke, rng.chance(0.3)))


def _ring(scene: Scene, x: float, y: float, r: float, colour: Colour, stroke: float, rng: Rng) -> None:
    scene.shape(shapes.disc(x, y, r * 0.9, colour, max(1, round(stroke))))
    kind = rng.integer(0, 3)
    if kind == 0:  # a clock
        scene.shape(shapes.polyline([(x, y - r * 0.5), (x, y), (x + r * 0.4, y + r * 0.2)], colour, stroke))
    elif kind == 1:  # information
        scene.shape(shapes.line((x, y - r * 0.1), (x, y + r * 0.5), colour, stroke))
        scene.shape(shapes.disc(x, y - r * 0.4, stroke * 0.7, colour))
    elif kind == 2:  # a target
        scene.shape(shapes.disc(x, y, r * 0.4, colour))
    else:  # a plus
        scene.shape(shapes.line((x - r * 0.4, y), (x + r * 0.4, y), colour, stroke))
        scene.shape(shapes.line((x, y - r * 0.4), (x, y + r * 0.4), colour, stroke))


def _solid(scene: Scene, x: float, y: float, r: float, colour: Colour, stroke: float, rng: Rng) -> None:
    corners, turn = rng.integer(3, 8), rng.uniform(0, math.tau)
    inner = rng.choice((1.0, 1.0, 0.45, 0.7))
    points = []
    for k in range(2 * corners):
        q, t = r * (inner if k % 2 else 0.95), turn + math.pi * k / corners
        points.append((x + q * math.cos(t), y + q * math.sin(t)))
    scene.shape(shapes.polygon(points, colour))


def _person(scene: Scene, x: float, y: float, r: float, colour: Colour, stroke: float, rng: Rng) -> None:
    scene.shape(shapes.disc(x, y - r * 0.45, r * 0.42, colour))
    scene.shape(shapes.box(x - r * 0.8, y + r * 0.15, x + r * 0.8, y + r * 0.9, colour, r * 0.5))


def _house(scene: Scene, x: float, y: float, r: float, colour: Colour, stroke: float, rng: Rng) -> None:
    scene.shape(shapes.polygon([(x - r, y), (x, y - r), (x + r, y)], colour))
    scene.shape(shapes.box(x - r * 0.65, y, x + r * 0.65, y + r * 0.85, colour))


def _bars(scene: Scene, x: float, y: float, r: float, colour: Colour, stroke: float, rng: Rng) -> None:
    for k in (-1, 0, 1):
        if rng.chance(0.5):
            scene.shape(shapes.line((x - r * 0.8, y + k * r * 0.6), (x + r * 0.8, y + k * r * 0.6), colour, stroke))
        else:
            left, top = x + k * r * 0.6 - r * 0.2, y + r * rng.uniform(-0.8, 0.4)
            scene.shape(shapes.box(left, top, left + r * 0.4, y + r * 0.8, colour))


def _heart(scene: Scene, x: float, y: float, r: float, colour: Colour, stroke: float, rng: Rng) -> None:
    turns = [math.tau * k / 20 for k in range(20)]
    points = [
        (
            x + r * 0.95 * math.sin(t) ** 3,
            y - r * (0.8 * math.cos(t) - 0.32 * math.cos(2 * t) - 0.12 * math.cos(3 * t) - 0.06 * math.cos(4 * t)),
        )
        for t in turns
    ]
    if rng.chance(0.6):
        scene.shape(shapes.polygon(points, colour))
    else:
        scene.shape(shapes.polyline(points, colour, stroke, True))


def _drop(scene: Scene, x: float, y: float, r: float, colour: Colour, stroke: float, rng: Rng) -> None:
    scene.shape(shapes.disc(x, y + r * 0.3, r * 0.6, colour))
    scene.shape(shapes.polygon([(x - r * 0.5, y), (x, y - r), (x + r * 0.5, y)], colour))


def _framed(scene: Scene, x: float, y: float, r: float, colour: Colour, stroke: float, rng: Rng) -> None:
    scene.shape(
        shapes.border(
            x - r * 0.85,
            y - r * 0.85,
            x + r * 0.85,
            y + r * 0.85,
            colour,
            r * rng.uniform(0, 0.5),
            max(1, round(stroke)),
        )
    )
    _strokes(scene, x, y, r * 0.55, colour, stroke, rng)


def _gear(scene: Scene, x: float, y: float, r: float, colour: Colour, stroke: float, rng: Rng) -> None:
    for k in range(8):
        t = math.tau * k / 8
        a, b = (x + r * 0.6 * math.cos(t), y + r * 0.6 * math.sin(t)), (x + r * math.cos(t), y + r * math.sin(t))
        scene.shape(shapes.line(a, b, colour, r * 0.3))
    scene.shape(shapes.disc(x, y, r * 0.55, colour, max(1, round(r * 0.3))))


_DRAWN = (_strokes, _ring, _solid, _person, _house, _bars, _heart, _drop, _framed, _gear)
