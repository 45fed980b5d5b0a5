"""Digests of sample lines, for every look of every built-in recipe: `python packages/synth/tests/golden.py` rewrites
them.

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

PATH = Path(__file__).with_name("golden.json")
COUNT = 150


def digests(recipe: str, look: str) -> dict[str, str]:
    """Digests of the first lines of a look."""
    texts, content, pictures = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    for line in Source(load_recipe(recipe), 0, look).lines(range(COUNT)):
        texts.update(json.dumps(line.text).encode())
        content.update(json.dumps([line.text, line.picture.shape, line.details()]).encode())
        pictures.update(line.picture.tobytes())
    found = {"texts": texts, "content": content, "pixels": pictures}
    return {name: digest.hexdigest()[:32] for name, digest in found.items()}


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
