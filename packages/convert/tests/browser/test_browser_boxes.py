"""Boxes of a screen's lines are Python's, to the pixel: the same map and the same picture, in Node."""

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from linelet_common.boxes import FinderSpec, find_boxes, find_map, prepare_screen, screen_grey, shrunk_size

Run = Callable[[list[dict[str, Any]]], list[Any]]


def raster(levels: np.ndarray) -> dict[str, Any]:
    data = base64.b64encode(np.ascontiguousarray(levels).tobytes()).decode("ascii")
    return {"data": data, "width": levels.shape[1], "height": levels.shape[0]}


def opaque(rgb: np.ndarray) -> np.ndarray:
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])


def drawn_screen(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Text in Pillow's font, rules, axes with ticks, cards and noise, RGB."""
    paper = int(rng.integers(0, 256))
    image = Image.new("RGB", (width, height), (paper, paper, int(rng.integers(0, 256))))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 12))):
        x, y = (int(rng.integers(0, side)) for side in (width, height))
        ink = tuple(int(c) for c in rng.integers(0, 256, 3))
        kind = rng.integers(0, 5)
        if kind == 0:
            draw.line((0, y, width, y), fill=ink, width=2)
        elif kind == 1:
            draw.rounded_rectangle((x, y, x + width // 3 + 1, y + height // 5 + 1), 6, outline=ink)
        elif kind == 2:
            draw.line((x, y, x, height), fill=ink, width=2)
            for tick in range(y, height, 40):
                draw.line((x - 10, tick, x, tick), fill=ink, width=2)
                draw.text((x - 40, tick - 10), f"{tick % 90 + 10}", fill=ink, font=ImageFont.load_default(22))
        else:
            size = float(rng.uniform(8, 48))
            draw.text((x, y), f"{rng.uniform(0, 200):.1f} kg", fill=ink, font=ImageFont.load_default(size))
    pixels = np.asarray(image).astype(np.int16)
    return np.clip(pixels + rng.normal(0, rng.choice([0, 3]), pixels.shape), 0, 255).astype(np.uint8)


def map_of(rng: np.random.Generator, grey: np.ndarray, spec: FinderSpec) -> np.ndarray:
    """A map for the screen: bars where lines may be, soft at their edges, and some noise."""
    height, width = (-(-side // spec.stride) for side in shrunk_size(*grey.shape, spec))
    levels = rng.integers(0, 40, (height, width)).astype(np.int64)
    for _ in range(int(rng.integers(0, 14))):
        y, x = int(rng.integers(0, height)), int(rng.integers(0, width))
        rows, columns = int(rng.integers(1, 5)), int(rng.integers(1, max(2, width // 2)))
        levels[y : y + rows, x : x + columns] += int(rng.integers(60, 256))
        levels[max(0, y - 1) : y + rows + 1, x : x + columns] += int(rng.integers(0, 90))
    return np.clip(levels, 0, 255).astype(np.uint8)


def plain(boxes: list[Any]) -> list[dict[str, int]]:
    return [box._asdict() for box in boxes]


def check(run_vectors: Run, cases: list[tuple[np.ndarray, np.ndarray, FinderSpec]]) -> int:
    """Compare all cases; returns how many boxes there were."""
    results = run_vectors(
        [{"kind": "boxes", "levels": raster(m), "grey": raster(g), "spec": s.to_json()} for m, g, s in cases]
    )
    wanted = [plain(find_boxes(m, g, s)) for m, g, s in cases]
    assert results == wanted
    return sum(map(len, wanted))


def test_boxes_on_drawn_screens_are_pythons(run_vectors: Run) -> None:
    rng = np.random.default_rng(1)
    cases = []
    for _ in range(160):
        spec = FinderSpec(side=int(rng.choice([96, 160, 480])), step=32, tile=96, overlap=64)
        grey = screen_grey(drawn_screen(rng, *map(int, rng.integers(1, 420, 2))))
        cases.append((map_of(rng, grey, spec), grey, spec))
    assert check(run_vectors, cases) > 100


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_boxes_on_any_map_and_any_picture_are_pythons(run_vectors: Run, data: st.DataObject) -> None:
    """Noise of few levels: runs that touch at corners, rings, ties in every comparison."""
    cases = []
    for _ in range(12):
        height, width = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 90))
        rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
        spec = FinderSpec(
            side=data.draw(st.sampled_from([32, 48, 480])),
            stride=data.draw(st.sampled_from([1, 2, 4])),
            shrink=data.draw(st.sampled_from([0.0, 0.36, 0.7])),
            least_core=data.draw(st.sampled_from([1, 6])),
        )
        grey = rng.choice(data.draw(st.sampled_from([[0, 255], [0, 7, 9, 200], list(range(256))])), (height, width))
        rows, columns = (-(-side // spec.stride) for side in shrunk_size(height, width, spec))
        levels = rng.choice(
            data.draw(st.sampled_from([[0, 255], [0, 89, 90, 200], [0, 0, 0, 0, 255]])), (rows, columns)
        )
        cases.append((levels.astype(np.uint8), grey.astype(np.uint8), spec))
    check(run_vectors, cases)


def test_the_shrunk_screen_and_the_tiled_map_are_pythons(run_vectors: Run) -> None:
    """The network stands for itself here: how light the first pixel of each cell is."""

    def score(values: np.ndarray) -> np.ndarray:
        return np.asarray((values[:, 0, ::4, ::4] + np.float32(1)) / np.float32(2))

    rng = np.random.default_rng(2)
    cases = []
    for height, width in [(1, 1), (5, 700), (33, 31), (200, 150), (700, 90), (420, 640), (900, 301)]:
        spec = FinderSpec(side=int(rng.choice([64, 130, 480])), tile=192, overlap=64, mean=0.5, std=0.5)
        cases.append((drawn_screen(rng, height, width), spec))
    results = run_vectors([{"kind": "lines", "picture": raster_of(p), "spec": s.to_json()} for p, s in cases])
    shrunk = run_vectors([{"kind": "shrink", "grey": raster(screen_grey(p)), "spec": s.to_json()} for p, s in cases])
    for (picture, spec), result, small in zip(cases, results, shrunk, strict=True):
        grey = screen_grey(picture)
        ready = prepare_screen(grey, spec)
        assert base64.b64decode(small) == ready.tobytes()
        levels = find_map(ready, spec, score)
        assert base64.b64decode(result["map"]) == levels.tobytes()
        assert result["boxes"] == plain(find_boxes(levels, grey, spec))


def raster_of(picture: np.ndarray) -> dict[str, Any]:
    return raster(opaque(picture).reshape(picture.shape[0], -1)) | {"width": picture.shape[1]}


def test_finders_specs_are_read_as_python_writes_them(run_vectors: Run) -> None:
    specs = [FinderSpec(), FinderSpec(name="mine", side=320, shrink=0.5, threshold=80)]
    results = run_vectors([{"kind": "finderSpec", "spec": s.to_json()} for s in specs])
    assert results == [json.loads(s.to_json()) for s in specs]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "finder's spec of version 2, this reader knows version 1"),
        ({"sides": 480}, "unknown key sides"),
        ({"side": "480"}, 'side = "480" must be a number'),
        ({"step": 30}, "do not fit together"),
    ],
)
def test_broken_finders_specs_are_refused(run_vectors: Run, change: dict[str, Any], words: str) -> None:
    spec = json.dumps(json.loads(FinderSpec().to_json()) | change)
    [message] = run_vectors([{"kind": "finderSpec", "spec": spec}])
    assert message.startswith("LineletError: finder")
    assert words in message
