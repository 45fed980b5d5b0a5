"""Readers of lines from right to left: what they learn is seen order, what they say reading order."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from linelet_common.bidi import to_visual
from linelet_common.datasets import open_dataset
from linelet_common.errors import DatasetError, TrainingError
from linelet_model.onnx_export import export
from linelet_model.settings import Settings
from linelet_model.start import build_network
from linelet_model.training import train
from linelet_read import load_reader
from linelet_read.evaluation import evaluate

# Letters from right to left, drawn as Latin ones, which every font has.
DRAWN = str.maketrans("אבגד", "AHTE")
CHARSET = "אבגד012."


def draw_lines(folder: Path, count: int, seed: int) -> Path:
    rng, font = random.Random(seed), ImageFont.load_default(26)
    (folder / "images").mkdir(parents=True)
    rows = []
    for i in range(count):
        word, number = "".join(rng.choices("אבגד", k=2)), f"{rng.randint(1, 2)}{rng.randint(0, 2)}"
        label = rng.choice((word + number, number + word, number + "." + word, word + rng.choice("אבגד")))
        text = to_visual(label).translate(DRAWN)
        left, top, right, bottom = font.getbbox(text)
        image = Image.new("RGB", (int(right - left) + 12, int(bottom - top) + 8), "white")
        ImageDraw.Draw(image).text((6 - left, 4 - top), text, font=font, fill=(60, 60, 60))
        image.save(folder / f"images/{i}.png")
        rows.append(f"images/{i}.png\t{label}\n")
    (folder / "labels.txt").write_text("".join(rows), encoding="utf-8")
    said = {"name": "rtl", "charset": CHARSET, "count": count, "seed": seed, "recipe_digest": "-", "complete": True}
    (folder / "dataset.json").write_text(json.dumps({**said, "version": 2, "direction": "rtl"}))
    return folder


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_lines(tmp_path_factory.mktemp("rtl") / "data", 800, 1)


def test_what_is_learned_as_seen_is_read_as_written(lines: Path, tmp_path: Path) -> None:
    train(Settings(data=(str(lines),), epochs=12, batch=32, threads=1), tmp_path / "run")
    unseen = open_dataset(draw_lines(tmp_path / "unseen", 150, 2))
    export(tmp_path / "run", tmp_path / "reader.onnx")
    for reader in (load_reader(tmp_path / "run"), load_reader(tmp_path / "reader.onnx")):
        assert reader.spec.direction == "rtl"
        result = evaluate(reader, unseen)
        assert result.exact > 0.9
        turned = [line for line in result.lines if to_visual(line.label) != line.label[::-1]]
        assert len(turned) > 50
        assert sum(line.label == line.reading.text for line in turned) > 0.9 * len(turned)


def test_without_a_manifest_the_characters_say_the_direction(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for charset, direction in ((CHARSET, "rtl"), ("0123", None)):
        _, spec = build_network(Settings(data=(str(bare),), charset=charset, epochs=1))
        assert spec.direction == direction


def test_lines_of_both_directions_are_not_mixed(draw: Callable[..., Path], tmp_path: Path) -> None:
    left, right = draw(tmp_path / "left", 80, seed=3), draw_lines(tmp_path / "right", 80, 3)
    with pytest.raises(DatasetError, match="has lines from left to right, the reader's run from right to left"):
        train(Settings(data=(str(right), str(left)), epochs=1), tmp_path / "mixed")
    train(Settings(data=(str(left),), epochs=1, threads=1), tmp_path / "from-left")
    _, spec = build_network(Settings(data=(str(right),), start=str(tmp_path / "from-left"), epochs=1))
    assert (spec.direction, spec.grammar) == ("rtl", None)
    train(Settings(data=(str(right),), epochs=1, threads=1), tmp_path / "from-right")
    with pytest.raises(TrainingError, match="reads from right to left, the data's lines run from left to right"):
        build_network(Settings(data=(str(left),), start=str(tmp_path / "from-right"), epochs=1))
