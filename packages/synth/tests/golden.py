"""Digests of sample lines, for every look of every built-in recipe: `python packages/synth/tests/golden.py` rewrites
them.

content: texts, sizes and details; pixels: the pictures too, which also depend on the versions of Pillow and OpenCV.
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from linelet_synth import Source, load_recipe
from linelet_synth.recipe import GENERATION, LOOKS, builtin_names

PATH = Path(__file__).with_name("golden.json")
COUNT = 150


def digests(recipe: str, look: str) -> dict[str, str]:
    """Digests of the first lines of a look."""
    content, pictures = hashlib.sha256(), hashlib.sha256()
    for line in Source(load_recipe(recipe), 0, look).lines(range(COUNT)):
        content.update(json.dumps([line.text, line.picture.shape, line.details()]).encode())
        pictures.update(line.picture.tobytes())
    return {"content": content.hexdigest()[:32], "pixels": pictures.hexdigest()[:32]}


def golden() -> dict[str, Any]:
    """What the file holds."""
    return {
        "generation": GENERATION,
        "versions": {name: version(name) for name in ("pillow", "opencv-python-headless")},
        "lines": {f"{recipe}, {look}": digests(recipe, look) for recipe in builtin_names() for look in LOOKS},
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(golden(), indent=1) + "\n", encoding="utf-8")
    print(f"wrote {PATH}")
