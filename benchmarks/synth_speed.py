"""How fast lines are synthesised: CPU time a line, beside a yardstick measured in turn with it.

    python benchmarks/synth_speed.py [--count N] [--rounds R] [--workers] [--json]

The yardstick is what a first script does: a font opened for every picture, Pillow drawing in RGB, albumentations, one
PNG with optimize=True a line. Ours draws the plain look on the same canvas with the same five degradations at the same
probabilities, and the richer screen look. Glyphs are rasterised once a process, so ours is warmed up; what its first
lines cost is given too. In every round each generator has its turn of a fraction of a second, and the ratios are the
medians of the rounds' own: a machine that others slow down slows both sides of a ratio.
"""

import argparse
import atexit
import colorsys
import json
import os
import random
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont
from PIL import Image, ImageDraw, ImageFont

from linelet_synth import Job, generate
from linelet_synth.contents import LineContent
from linelet_synth.recipe import Recipe, load_recipe
from linelet_synth.recipe_faces import usable_faces
from linelet_synth.storage import STORAGES

HEALTH = load_recipe("health-app")
FIRST = 2000
STATUSES = {"偏胖", "偏瘦", "标准", "偏高", "偏低", "正常", "发达", "强壮", "隐形", "微", "稍"}
BACKGROUNDS = [tuple(bytes.fromhex(colour[1:])) for colour in HEALTH.palette.backgrounds]


def cpu() -> float:
    """CPU seconds of this process and of its finished children."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


class Yardstick:
    """The generator of a first script."""

    def __init__(self, regular: str, bold: str) -> None:
        import albumentations  # what ours has no need of, it does not import

        self.regular, self.bold = regular, bold
        self.transform = albumentations.Compose(
            [
                albumentations.GaussianBlur(blur_limit=(3, 5), p=0.6),
                albumentations.MotionBlur(blur_limit=(3, 5), p=0.3),
                albumentations.ImageCompression(quality_range=(82, 98), p=0.7),
                albumentations.GaussNoise(std_range=(5**0.5 / 255, 30**0.5 / 255), p=0.5),
                albumentations.RandomBrightnessContrast(brightness_limit=0.15, contrast_limit=0.15, p=0.5),
            ],
            seed=0,
        )

    def write(self, out: Path, count: int) -> None:
        """Write ``count`` lines."""
        (out / "images").mkdir(parents=True)
        with (out / "labels.txt").open("w", encoding="utf-8") as labels:
            for i in range(count):
                text = "".join(random.choices(HEALTH.charset, k=random.randint(1, 8)))
                value = any(c.isdigit() for c in text) or any(word in text for word in STATUSES)
                h, s, v = colorsys.rgb_to_hsv(*(x / 255 for x in random.choice(BACKGROUNDS)))
                s = np.clip(s + random.uniform(-0.06, 0.06), 0, 1)
                v = np.clip(v + random.uniform(-0.08, 0.08), 0, 1)
                background = tuple(round(x * 255) for x in colorsys.hsv_to_rgb(h, s, v))
                dark = np.dot((0.299, 0.587, 0.114), background) < 130
                colour = (255, 255, 255) if dark else (68, 108, 141) if value else (80, 80, 80)
                path = random.choice((self.regular, self.bold)) if value else self.regular
                font = ImageFont.truetype(path, random.randint(28, 36))
                image = Image.new("RGB", (200, 50), background)
                draw = ImageDraw.Draw(image)
                left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
                draw.text(((200 - right + left) // 2, (50 - bottom + top) // 2), text, font=font, fill=colour)
                name = f"images/synth_{i:06d}.png"
                degraded = self.transform(image=np.array(image))["image"]
                Image.fromarray(degraded).save(out / name, optimize=True)
                labels.write(f"{name}\t{text}\n")


def static(face: Path, weight: int, out: Path) -> str:
    """A font of one weight, as a first script has it: a variable one costs more to draw."""
    font = instantiateVariableFont(TTFont(face), {"wght": weight})
    font.save(out)
    return str(out)


def reference_like() -> Recipe:
    """The health app's recipe with the yardstick's texts and canvas."""
    kind = HEALTH.texts[0].model_dump() | {"forms": (), "role": "value", "random": {"length": (1, 8)}}
    recipe = HEALTH.model_dump() | {"texts": [kind], "unknown": False}
    recipe["looks"]["plain"]["cropped"] = 0.0
    return Recipe.model_validate(recipe, strict=False)


class Writer:
    """Ours, in one process: draws, or writes to a storage."""

    def __init__(self, recipe: Recipe, look: str, form: str | None, grey: bool) -> None:
        self.job = Job(recipe, 0, 1 << 20, look, grey=grey, storage=form or "folder")
        self.form = form
        self.source = self.job.source()
        self.content = LineContent(self.source, details=False)
        self.drawn = 0

    def draw(self, count: int) -> None:
        """The next lines, in memory."""
        for _ in self.source.samples(range(self.drawn, self.drawn + count)):
            pass
        self.drawn += count

    def write(self, out: Path, count: int) -> None:
        """Write lines, never the same ones twice, or only draw them."""
        if self.form is None:
            self.draw(count)
            return
        storage = STORAGES[self.form](out, self.content)
        storage.prepare()
        for k, start in enumerate(range(0, count, storage.chunk)):
            samples = range(start, min(start + storage.chunk, count))
            shifted = range(self.drawn + samples.start, self.drawn + samples.stop)
            storage.take(k, shifted, storage.make(k, shifted))
        storage.join(k + 1, count)
        storage.close()
        self.drawn += count


def two_workers(recipe: Recipe, count: int) -> float:
    """Speed-up of two workers in wall time, median of three; their start is taken off by a run of one chunk each."""
    folder = Path(tempfile.mkdtemp())
    ratios = []
    for turn in range(3):
        times = {}
        for workers in (1, 2):
            for size in (500, count):
                start = time.perf_counter()
                generate(Job(recipe, 0, size, "screen", grey=True), folder / f"{turn}-{workers}-{size}", workers)
                times[workers, size] = time.perf_counter() - start
        ratios.append((times[1, count] - times[1, 500]) / (times[2, count] - times[2, 500]))
    shutil.rmtree(folder)
    return statistics.median(ratios)


OURS: dict[str, tuple[str, str | None, bool]] = {  # look, storage, grey
    "plain, grey, in memory": ("plain", None, True),
    "plain, grey, LMDB": ("plain", "lmdb", True),
    "plain, grey, tar shards": ("plain", "webdataset", True),
    "plain, RGB, PNG files": ("plain", "folder", False),
    "screen, grey, in memory": ("screen", None, True),
    "screen, grey, LMDB": ("screen", "lmdb", True),
}


_folder: Path
_write: Callable[[Path, int], None]


def prepare(name: str, warm: int) -> float:
    """Set up a generator in this process; CPU milliseconds a line of its first lines."""
    global _folder, _write
    _folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, _folder)  # at the end: ext4 takes longer to make files where many were just removed
    cv2.setNumThreads(1)
    random.seed(0)
    np.random.seed(0)
    if name == "yardstick":
        face = Path(usable_faces(HEALTH)[0][0].path)
        _write = Yardstick(*(static(face, weight, _folder / f"{weight}.ttf") for weight in (400, 700))).write
        return 0.0
    look, form, grey = OURS[name]
    writer = Writer(reference_like() if look == "plain" else HEALTH, look, form, grey)
    _write = writer.write
    start = cpu()
    writer.draw(FIRST)
    first = 1000 * (cpu() - start) / FIRST
    writer.draw(warm - FIRST)
    return first


def run(count: int) -> float:
    """CPU milliseconds a line of the next ``count`` lines."""
    out = Path(tempfile.mkdtemp(dir=_folder)) / "lines"
    start = cpu()
    _write(out, count)
    return 1000 * (cpu() - start) / count


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=3000, help="lines a round")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--warm", type=int, default=20_000, help="lines drawn beforehand")
    parser.add_argument("--workers", action="store_true", help="also the speed-up of two workers: needs two idle cores")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    names = ["yardstick", *OURS]
    # A process each: what one leaves in memory slows the next one.
    pools = {name: ProcessPoolExecutor(1, get_context("spawn")) for name in names}
    first = {name: pools[name].submit(prepare, name, arguments.warm).result() for name in names}
    rounds = []
    for _ in range(arguments.rounds):
        # The yardstick is slow enough to need fewer lines for the same precision.
        counts = {name: arguments.count // 30 if name == "yardstick" else arguments.count for name in names}
        rounds.append({name: pools[name].submit(run, counts[name]).result() for name in names})
    for pool in pools.values():
        pool.shutdown()
    result = {
        "lines": arguments.count,
        "rounds": arguments.rounds,
        "cores": os.cpu_count(),
        "cpu_ms": {name: statistics.median(costs[name] for costs in rounds) for name in names},
        "ratio": {name: statistics.median(costs["yardstick"] / costs[name] for costs in rounds) for name in OURS},
        "first_lines_ms": {name: first[name] for name in OURS},
        "two_workers": two_workers(HEALTH, 24_000) if arguments.workers else None,
    }
    if arguments.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{'':26}{'CPU ms a line':>15}{'times the yardstick':>22}{'first lines, ms':>18}")
    for name in names:
        ratio = f"{result['ratio'][name]:.1f}x" if name in OURS else ""
        early = f"{first[name]:.2f}" if name in OURS else ""
        print(f"{name:26}{result['cpu_ms'][name]:15.3f}{ratio:>22}{early:>18}")
    if result["two_workers"]:
        print(f"two workers: {result['two_workers']:.2f}x one")


if __name__ == "__main__":
    main()
