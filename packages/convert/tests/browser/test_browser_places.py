"""Boxes of characters: from frames that lie early, late or both, and the line's ink."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from linelet_common import ReaderSpec

Run = Callable[[list[dict[str, Any]]], list[Any]]
SPEC = ReaderSpec(charset="0123456789.%BMI kg")


def draw(parts: list[tuple[str, int]], left: int = 9) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """A line 32 pixels high of texts in sizes, and the [left, right) of each character's ink."""
    image = Image.new("L", (300, 32), 40)
    pen, places = float(left), []
    for text, size in parts:
        font = ImageFont.load_default(size)
        for character in text:
            blank = Image.new("L", image.size, 0)
            ImageDraw.Draw(blank).text((pen, 28), character, font=font, fill=255, anchor="ls")
            ink = np.flatnonzero((np.asarray(blank) > 64).any(axis=0))
            places.append((float(ink[0]), float(ink[-1] + 1)))
            ImageDraw.Draw(image).text((pen, 28), character, font=font, fill=230, anchor="ls")
            pen += font.getlength(character) + 1
    return np.asarray(image)[:, : int(pen) + 8], places


@pytest.mark.parametrize("shift", [-6, 0, 5], ids=["early", "right", "late"])
@pytest.mark.parametrize(
    "parts", [[("68.5", 26), ("kg", 13)], [("21.3%", 24)], [("BMI", 22)], [("1520", 28)], [("7", 28)], [("99.9", 12)]]
)
def test_boxes_meet_the_ink(run_vectors: Run, parts: list[tuple[str, int]], shift: int) -> None:
    image, places = draw(parts)
    text = "".join(part for part, _ in parts)
    frames = [max(0, int(((a + b) / 2 + shift) / SPEC.stride)) for a, b in places]
    characters = [{"text": c, "confidence": 1, "start": f, "end": f + 1} for c, f in zip(text, frames, strict=True)]
    width = image.shape[1]
    line = {
        "data": (image / 127.5 - 1).astype(float).ravel().tolist(),
        "height": 32,
        "width": width,
        "lineWidth": width,
        "box": {"x": 100, "y": 50, "width": 2 * width, "height": 64},
    }
    [boxes] = run_vectors([{"kind": "places", "characters": characters, "line": line, "spec": SPEC.to_json()}])
    for box, (a, b) in zip(boxes, places, strict=True):
        assert (box["y"], box["height"]) == (50, 64)
        assert (box["x"] - 100) / 2 == pytest.approx(a, abs=1.5)
        assert (box["x"] - 100 + box["width"]) / 2 == pytest.approx(b, abs=1.5)


def test_boxes_follow_their_characters_where_those_are_read_from_the_right(run_vectors: Run) -> None:
    image, places = draw([("21.3%", 24)])
    frames = [int((a + b) / 2 / SPEC.stride) for a, b in places]
    seen = [{"text": c, "confidence": 1, "start": f, "end": f + 1} for c, f in zip("21.3%", frames, strict=True)]
    width = image.shape[1]
    line = {"data": (image / 127.5 - 1).astype(float).ravel().tolist(), "height": 32, "width": width}
    line |= {"lineWidth": width, "box": {"x": 0, "y": 0, "width": width, "height": 32}}
    case = {"kind": "places", "line": line, "spec": SPEC.to_json()}
    left, right = run_vectors([case | {"characters": seen}, case | {"characters": seen[::-1]}])
    assert left == right[::-1]
    assert [box["x"] for box in left] == sorted(box["x"] for box in left)


@pytest.mark.parametrize("count", [1, 3, 60])
def test_a_line_without_ink_or_room_still_has_its_boxes_in_order(run_vectors: Run, count: int) -> None:
    line = {"data": [0.0] * 32 * 32, "height": 32, "width": 32, "lineWidth": 20}
    line |= {"box": {"x": 0, "y": 0, "width": 20, "height": 32}}
    characters = [{"text": "1", "confidence": 1, "start": i, "end": i + 1} for i in range(count)]
    [boxes] = run_vectors([{"kind": "places", "characters": characters, "line": line, "spec": SPEC.to_json()}])
    assert len(boxes) == count
    edges = [edge for box in boxes for edge in (box["x"], box["x"] + box["width"])]
    assert edges == pytest.approx(sorted(edges))
    assert edges[0] >= 0
    assert edges[-1] <= 20 + 1e-6
