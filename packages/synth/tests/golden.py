"""Digests of sample lines and screens of every built-in recipe, lines in every look:
`python packages/synth/tests/golden.py` rewrites them.

texts: what is written; content: its sizes and details too, which also depend on the version of Pillow, whose FreeType
measures the glyphs; pixels: the pictures too, which depend on OpenCV's as well.
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from linelet_synth import Source, load_recipe
from linelet_synth.recipe import GENERATION, LOOKS, builtin_names
from linelet_synth.screens import source as screens

PATH = Path(__file__).with_name("golden.json")
COUNT = 150
SCREENS = 40  # enough for most of the widgets


def digests(recipe: str, look: str) -> dict[str, str]:
    """Digests of the first lines of a look."""
    texts, content, pictures = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    for line in Source(load_recipe(recipe), 0, look).lines(range(COUNT)):
        texts.update(json.dumps(line.text).encode())
        content.update(json.dumps([line.text, line.picture.shape, line.details()]).encode())
        pictures.update(line.picture.tobytes())
    return _hex(texts=texts, content=content, pixels=pictures)


def _hex(**digests: Any) -> dict[str, str]:
    return {name: digest.hexdigest()[:32] for name, digest in digests.items()}


def screen_digests(recipe: str) -> dict[str, str]:
    """Digests of a recipe's first screens."""
    texts, content, pictures = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    for screen in screens.ScreenSource(load_recipe(recipe), 0).screens(range(SCREENS)):
        lines = [(line.text, [round(side, 3) for side in line.box]) for line in screen.lines]
        texts.update(json.dumps([text for text, _ in lines]).encode())
        content.update(json.dumps([lines, screen.picture.shape]).encode())
        pictures.update(screen.picture.tobytes())
    return _hex(texts=texts, content=content, pixels=pictures)


def golden() -> dict[str, Any]:
    """What the file holds."""
    return {
        "generation": GENERATION,
        "screen_generation": screens.GENERATION,
        "versions": {name: version(name) for name in ("pillow", "opencv-python-headless")},
        "lines": {f"{recipe}, {look}": digests(recipe, look) for recipe in builtin_names() for look in LOOKS},
        "screens": {recipe: screen_digests(recipe) for recipe in builtin_names()},
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(golden(), indent=1) + "\n", encoding="utf-8")
    print(f"wrote {PATH}")
