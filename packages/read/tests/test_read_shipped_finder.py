"""The finder that ships, on screens that no generator of ours drew."""

import numpy as np
import onnx
import pytest
from PIL import Image, ImageDraw, ImageFont

from linelet_common.reader import shipped_finder
from linelet_read.finder import load_finder

ROWS = ("Weight", "72.5 kg", "Body fat 18.3 %", "BMI", "22.4", "Muscle", "Last measured today", "105")


def draw_screen(background, ink, size):
    """Rows of text in Pillow's own font with rules between them, and each row's box, tight to the ink."""
    picture = Image.new("RGB", (1080, 1920), background)
    draw = ImageDraw.Draw(picture)
    boxes = []
    for k, text in enumerate(ROWS):
        place = (60 + 90 * (k % 3), 160 + 200 * k)
        draw.text(place, text, font=ImageFont.load_default(size), fill=ink)
        boxes.append(draw.textbbox(place, text, font=ImageFont.load_default(size)))
        draw.line((40, place[1] + 140, 1040, place[1] + 140), fill=(128, 128, 128), width=2)
        draw.ellipse((900, place[1], 960, place[1] + 60), fill=(90, 140, 200))
    return np.asarray(picture), boxes


def overlap(box, line):
    x, y, width, height = box
    across = min(x + width, line[2]) - max(x, line[0])
    down = min(y + height, line[3]) - max(y, line[1])
    common = max(across, 0) * max(down, 0)
    return common / (width * height + (line[2] - line[0]) * (line[3] - line[1]) - common)


@pytest.mark.parametrize(("background", "ink"), [("white", (30, 30, 30)), ((18, 18, 24), (235, 235, 235))])
@pytest.mark.parametrize("size", [32, 48, 72])
def test_every_row_has_a_box_of_its_own_and_discs_and_rules_have_none(background, ink, size):
    picture, lines = draw_screen(background, ink, size)
    boxes = load_finder().find(picture)
    assert len(boxes) == len(lines)
    for box, line in zip(boxes, lines, strict=True):
        assert overlap(box, line) >= 0.5


@pytest.mark.parametrize("leading", [1.0, 1.1, 1.2, 1.4])
@pytest.mark.parametrize("size", [26, 40])
def test_lines_of_a_paragraph_are_lines_of_their_own(leading, size):
    """From CSS's `line-height: 1` on, whose descenders come close to the ascenders below them."""
    picture = Image.new("RGB", (1080, 1920), "white")
    font = ImageFont.load_default(size)
    rows = [
        "Your weight is a measure of your health. Keep a",
        "record of it every morning before breakfast, by",
        "yourself, and look at the trend: a day says little",
        "of what weeks show.",
    ]
    pitch = size * leading * 1.2  # its ascenders and descenders take 1.2 em together
    for k, row in enumerate(rows):
        ImageDraw.Draw(picture).text((60, 300 + round(k * pitch)), row, font=font, fill=(60, 60, 60))
    boxes = load_finder().find(np.asarray(picture))
    assert len(boxes) == len(rows)
    for k, box in enumerate(boxes):
        assert abs(box.y + box.height / 2 - (300 + (k + 0.5) * pitch)) < 0.4 * size


def test_an_empty_screen_has_no_lines():
    assert load_finder().find(np.full((1920, 1080, 3), 240, dtype=np.uint8)) == []


def test_it_is_as_small_as_promised():
    graph = onnx.load(shipped_finder()).graph
    assert sum(int(np.prod(weight.dims)) for weight in graph.initializer) <= 150_000
