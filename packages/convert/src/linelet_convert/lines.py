"""Pictures of lines made for the check of a conversion: text in Pillow's own font, strokes and noise.

They need no data and no fonts. What matters is not that they are read rightly, but that both sides read the same.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from linelet_common.preprocess import Pixels
from linelet_common.spec import ReaderSpec


def check_lines(spec: ReaderSpec, count: int, seed: int) -> list[Pixels]:
    """``count`` lines, RGB uint8 (H, W, 3): the same for the same spec and seed."""
    random = np.random.default_rng(seed)
    # Pillow's font has Latin letters and digits; other characters become strokes.
    drawable = [c for c in spec.charset if c.isascii() and c.isprintable() and not c.isspace()]
    return [_line(random, drawable) for _ in range(count)]


def _line(random: np.random.Generator, drawable: list[str]) -> Pixels:
    height = int(random.integers(18, 64))
    length = int(random.integers(1, 12))
    width = max(height, int(height * length * random.uniform(0.4, 0.8)))
    dark, light = random.integers(0, 90, 3), random.integers(150, 256, 3)
    ink, paper = (dark, light) if random.random() < 0.6 else (light, dark)
    picture = Image.new("RGB", (width, height), tuple(int(v) for v in paper))
    draw = ImageDraw.Draw(picture)
    color = tuple(int(v) for v in ink)
    if drawable and random.random() < 0.7:
        text = "".join(random.choice(drawable, length))
        draw.text((height * 0.1, height * 0.1), text, fill=color, font=ImageFont.load_default(height * 0.7))
    else:
        for _ in range(3 * length):
            x, y = random.uniform(0, width), random.uniform(0, height)
            dx, dy = random.normal(0, height / 3, 2)
            draw.line((x, y, x + dx, y + dy), fill=color, width=max(1, height // 12))
    pixels = np.asarray(picture, dtype=np.float32) + random.normal(0, 6, (height, width, 1))
    return np.clip(pixels, 0, 255).astype(np.uint8)
