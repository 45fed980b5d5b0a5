"""Digests of sample lines and screens of every built-in recipe, lines in every look:
`python packages/synth/tests/golden.py` rewrites them.

content: texts, sizes and details; pixels: the pictures too, which also depend on the versions of Pillow and OpenCV.
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
    content, pictures = hashlib.sha256(), hashlib.sha256()
    for line in Source(load_recipe(recipe), 0, look).lines(range(COUNT)):
        content.update(json.dumps([line.text, line.picture.shape, line.details()]).encode())
        pictures.update(line.picture.tobytes())
    return {"content": content.hexdigest()[:32], "pixels": pictures.hexdigest()[:32]}


def screen_digests(recipe: str) -> dict[str, str]:
    """Digests of a recipe's first screens."""
    content, pictures = hashlib.sha256(), hashlib.sha256()
    for screen in screens.ScreenSource(load_recipe(recipe), 0).screens(range(SCREENS)):
        lines = [(line.text, [round(side, 3) for side in line.box]) for line in screen.lines]
        content.update(json.dumps([lines, screen.picture.shape]).encode())
        pictures.update(screen.picture.tobytes())
    return {"content": content.hexdigest()[:32], "pixels": pictures.hexdigest()[:32]}


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
