"""What other generators of text lines take for the same texts in the same font, each in an environment of its own.

    python -m venv trdg && trdg/bin/pip install trdg "pillow<10" "setuptools<81"
    python -m venv synthtiger && synthtiger/bin/pip install synthtiger "pillow<10" "numpy<2" "setuptools<81"
    python -m venv doctr && doctr/bin/pip install doctr-synth-generator
    python benchmarks/synth_peers.py --peer trdg=trdg/bin/python --peer synthtiger=... --peer doctr=... [--count 2000]

Lines of one to eight of the health app's characters, 50 pixels high, with each tool's own blur, noise and JPEG where it
has them, written as PNG files. CPU milliseconds a line of the whole process, its start taken off by a short run.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

from linelet_synth.recipe import load_recipe
from linelet_synth.recipe_faces import usable_faces

TRDG = """
import json, sys
from trdg.generators import GeneratorFromStrings
texts, font, out = json.load(open(sys.argv[1])), sys.argv[2], sys.argv[3]
made = GeneratorFromStrings(texts, count=len(texts), fonts=[font], size=50, blur=2, random_blur=True, skewing_angle=2,
                            random_skew=True, background_type=0, text_color="#446c8d")
for i, (image, label) in enumerate(made):
    image.save(f"{out}/{i}.png")
"""
SYNTHTIGER = """
import json, random, sys
import numpy as np
from PIL import Image
from synthtiger import components, layers
texts, font, out = json.load(open(sys.argv[1])), sys.argv[2], sys.argv[3]
effects = [(0.6, components.GaussianBlur(sigma=(0.5, 3))), (0.3, components.MotionBlur(k=(3, 5))),
           (0.7, components.JpegCompression(compression=(2, 18))),
           (0.5, components.AdditiveGaussianNoise(scale=(2.24, 5.48))), (0.5, components.Brightness(beta=(-38, 38)))]
for i, text in enumerate(texts):
    line = layers.TextLayer(text, font, random.randint(28, 36), color=(68, 108, 141, 255))
    background = layers.RectLayer((200, 50), (250, 250, 250, 255))
    line.center = background.center
    picture = (line + background).merge()
    for share, effect in effects:
        if random.random() < share:
            effect.apply([picture])
    Image.fromarray(np.clip(picture.image[..., :3], 0, 255).astype(np.uint8)).save(f"{out}/{i}.png")
"""
DOCTR = """
import json, pathlib, sys
from generator.api import generate_dataset
texts, font, out = json.load(open(sys.argv[1])), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
words = out / "words.txt"
words.write_text("\\n".join(texts), encoding="utf-8")
generate_dataset(str(out / "data"), len(texts), num_workers=1, wordlist_path=str(words), font_dir=str(font.parent),
                 auto_download_fonts=False, auto_download_backgrounds=False)
"""
OURS = """
import json, sys
from pathlib import Path
from linelet_synth import Job, generate
from linelet_synth.recipe import parse_recipe
texts, font, out = json.load(open(sys.argv[1])), sys.argv[2], Path(sys.argv[3])
(out / "texts.txt").write_text("\\n".join(texts), encoding="utf-8")
recipe = 'name = "x"\\ncharset = "%s"\\nfonts = ["%s"]\\n[[texts]]\\ncorpus = "%s"\\n[looks.plain]\\ncropped = 0.0\\n'
charset = "".join(sorted(set("".join(texts))))
text = (recipe % (charset, font, out / "texts.txt")).encode()
generate(Job(parse_recipe(text, "x.toml", out), 0, len(texts), "plain"), out / "data")
"""
SCRIPTS = {"linelet": OURS, "trdg": TRDG, "synthtiger": SYNTHTIGER, "doctr": DOCTR}


def cpu_seconds(python: str, script: str, texts: list[str], font: Path) -> float:
    """CPU time of a process that draws the texts; checks that it wrote a picture for each."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "texts.json"
        listed.write_text(json.dumps(texts))
        out = Path(folder) / "out"
        out.mkdir()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [python, "-c", script, str(listed), str(font), str(out)], env=environment, capture_output=True, text=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        written = len(list(out.rglob("*.png")))
        if done.returncode or written < len(texts):
            sys.exit(f"{python} wrote {written} of {len(texts)} lines: {done.stderr.strip().splitlines()[-1:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--count", type=int, default=2000)
    args = parser.parse_args()
    health = load_recipe("health-app")
    dice = random.Random(0)
    texts = ["".join(dice.choices(health.charset, k=dice.randint(1, 8))) for _ in range(args.count)]
    pythons = {"linelet": sys.executable, **dict(peer.split("=", 1) for peer in args.peer)}
    with tempfile.TemporaryDirectory() as folder:
        font = Path(folder) / "fonts" / "regular.ttf"
        font.parent.mkdir()
        instantiateVariableFont(TTFont(usable_faces(health)[0][0].path), {"wght": 400}).save(font)
        few = texts[: args.count // 10]
        costs: dict[str, float] = {}
        print("| generator | CPU ms a line | times linelet |\n|---|---|---|")
        for name, python in pythons.items():
            start = cpu_seconds(python, SCRIPTS[name], few, font)
            costs[name] = 1000 * (cpu_seconds(python, SCRIPTS[name], texts, font) - start) / (len(texts) - len(few))
            print(f"| {name} | {costs[name]:.2f} | {costs[name] / costs['linelet']:.1f} |", flush=True)


if __name__ == "__main__":
    main()
