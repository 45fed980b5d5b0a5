"""A small dataset of digits in Pillow's own font, and a reader trained on it for some seconds."""

import json
import random
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from linelet_model.settings import Settings

CHARSET = "0123456789.%"


def draw_dataset(folder: Path, count: int, seed: int, charset: str = CHARSET, longest: int = 4) -> Path:
    """Write a folder dataset of random labels."""
    rng = random.Random(seed)
    fonts = [ImageFont.load_default(size) for size in (20, 24, 28)]
    (folder / "images").mkdir(parents=True)
    rows = []
    for i in range(count):
        label = "".join(rng.choices(charset, k=rng.randint(1, longest)))
        font = rng.choice(fonts)
        left, top, right, bottom = font.getbbox(label)
        image = Image.new("RGB", (int(right - left) + 12, int(bottom - top) + 8), "white")
        ImageDraw.Draw(image).text((6 - left, 4 - top), label, font=font, fill=(60, 60, 60))
        image.save(folder / f"images/{i}.png")
        rows.append(f"images/{i}.png\t{label}\n")
    (folder / "labels.txt").write_text("".join(rows), encoding="utf-8")
    manifest = {
        "name": "digits",
        "charset": charset,
        "grammar": {"forms": ["{0..99}%", "{0..9}{0..9:.1f}"]},
        "count": count,
        "seed": seed,
        "recipe_digest": "-",
        "complete": True,
    }
    (folder / "dataset.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="session")
def draw():
    return draw_dataset


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    return draw_dataset(tmp_path_factory.mktemp("digits") / "data", 1200, seed=1)


@pytest.fixture(scope="session")
def unseen(tmp_path_factory):
    return draw_dataset(tmp_path_factory.mktemp("unseen") / "data", 200, seed=2)


@pytest.fixture(scope="session")
def run_folder(digits, tmp_path_factory):
    from linelet_model.training import train

    out = tmp_path_factory.mktemp("run") / "run"
    train(Settings(data=(str(digits),), epochs=14, batch=32, threads=1), out)
    return out
