"""The readers that ship: small, one and the same in all its forms, and right on lines of its recipe's kind."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from linelet_common.reader import onnx_path, shipped_reader
from linelet_read import load_reader, read_lines


@pytest.mark.parametrize(("name", "most"), [("health-app", 1_000_000), ("chinese", 2_600_000)])
def test_its_weights_are_small(name, most):
    assert (shipped_reader(name) / "weights.safetensors").stat().st_size <= most


def test_a_path_wins_over_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "health-app").mkdir()
    assert str(onnx_path("health-app")) == "health-app"


def test_it_reads_digits_in_a_font_it_was_not_trained_on():
    font = ImageFont.load_default(30)
    images = []
    for text in ("62.1", "18.5%", "1563"):
        image = Image.new("RGB", (int(font.getlength(text)) + 16, 44), "#2fb680")
        ImageDraw.Draw(image).text((8, 3), text, font=font, fill="white")
        images.append(np.asarray(image))
    readings = read_lines(load_reader("health-app"), images)
    assert [r.text for r in readings] == ["62.1", "18.5%", "1563"]
    assert all(r.confidence > 0.5 for r in readings)


def test_the_general_reader_reads_what_no_app_of_its_said():
    """Pillow's own face is none of those that it was trained on."""
    font = ImageFont.load_default(30)
    images, texts = [], ["2031-11-26", "17:45", "88.4%", "(36)", "1563", "62.1"]
    for text in texts:
        image = Image.new("RGB", (int(font.getlength(text)) + 16, 44), "#1f2937")
        ImageDraw.Draw(image).text((8, 3), text, font=font, fill="white")
        images.append(np.asarray(image))
    readings = read_lines(load_reader("chinese"), images)
    assert sum(r.text == text for r, text in zip(readings, texts, strict=True)) >= 5


def test_an_empty_picture_has_no_confidence():
    (reading,) = read_lines(load_reader("health-app"), [np.full((40, 120, 3), 200, dtype=np.uint8)])
    assert reading.confidence < 0.5


def test_no_comma_is_a_point():
    """16,000 read as 16.000 is another number. Pillow's own face is none of those that it was trained on."""
    texts = [f"{a},{b}" for a in ("1", "8", "16", "72", "100") for b in ("000", "234", "5", "50")]
    images = []
    for k, text in enumerate(texts * 3):
        font = ImageFont.load_default(24 + 10 * (k // len(texts)))
        left, top, right, bottom = font.getbbox(text)
        image = Image.new("L", (int(right - left) + 10, int(bottom - top) + 10), 250)
        ImageDraw.Draw(image).text((5 - left, 5 - top), text, font=font, fill=60)
        images.append(np.asarray(image))
    for text, reading in zip(texts * 3, read_lines(load_reader("health-app"), images), strict=True):
        assert reading.text == text.replace(",", "\ufffd")
        assert reading.confidence < 0.5
