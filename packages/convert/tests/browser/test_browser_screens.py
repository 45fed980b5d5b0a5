"""Whole screens in real Chromium read as in Python: the same boxes, texts and values."""

import base64
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from linelet_common import load_image
from linelet_common.boxes import Box
from linelet_common.reader import ONNX_NAME, shipped_finder, shipped_reader
from linelet_convert.assets import PAGE
from linelet_convert.conversion import choose_runtime, convert
from linelet_convert.finder import check_screens, convert_finder, moved
from linelet_convert.quantise import Weights
from linelet_read import load_reader
from linelet_read.finder import load_finder
from linelet_read.screens import ScreenReading, read_screen

LOAD = """
async ([bundle, options]) => {
  const { loadReader } = await import(new URL("linelet.js", bundle));
  window.reader = await loadReader(bundle, options);
  return window.reader.hasFinder();
}
"""
READ = """
async ([image, options]) => {
  const bytes = Uint8Array.from(atob(image), (c) => c.charCodeAt(0));
  const arrived = [];
  const onLine = (line, place) => arrived.push([line.text, place]);
  const reading = await window.reader.readScreen(new Blob([bytes], { type: "image/png" }), { ...options, onLine });
  return { ...reading, arrived };
}
"""


def encoded(picture: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def load(page: Any, url: str, **options: Any) -> bool:
    page.goto(url + "spec.json")
    found: bool = page.evaluate(LOAD, [url, options])
    return found


def compare(got: dict[str, Any], wanted: ScreenReading) -> None:
    assert [line["box"] for line in got["lines"]] == [line.box._asdict() for line in wanted.lines]
    assert [line["text"] for line in got["lines"]] == [line.text for line in wanted.lines]
    for line, other in zip(got["lines"], wanted.lines, strict=True):
        assert line["confidence"] == pytest.approx(other.confidence, rel=2e-3, abs=1e-6)
    assert {k: v["value"] for k, v in got["fields"].items()} == {k: v.value for k, v in wanted.fields.items()}


def screens() -> list[np.ndarray]:
    long = np.vstack([np.asarray(Image.fromarray(s).resize((400, s.shape[0]))) for s in check_screens(4, 5)])
    assert long.shape[0] > 2 * 1280  # two tiles at least
    return [load_image(PAGE / "sample.png"), *check_screens(3, 4), long, np.rot90(long)]


@pytest.mark.parametrize("worker", [False, True], ids=["page", "worker"])
def test_boxes_texts_and_values_equal_pythons(page: Any, served: Any, worker: bool) -> None:
    assert load(page, served.url, worker=worker)
    for screen in screens():
        wanted = read_screen(served.reader, served.finder, screen)
        got = page.evaluate(READ, [encoded(screen), {}])
        compare(got, wanted)
        assert wanted.lines
        assert sorted(text for text, _ in got["arrived"]) == sorted(line["text"] for line in got["lines"])
        of = {place["of"] for _, place in got["arrived"]}
        places = [place["index"] for _, place in got["arrived"]]
        assert len(of) == 1
        assert len(set(places)) == len(places)
        assert max(places) < of.pop()


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the reader and the finder that ship."""
    reader, finder = shipped_reader("health-app"), shipped_finder()
    assert reader
    assert finder
    bundle = tmp_path_factory.mktemp("shipped") / "bundle"
    convert(reader / ONNX_NAME, bundle, "float32", finder=finder)
    return bundle


@pytest.mark.parametrize("weights", ["float32", "uint8"])
def test_what_ships_reads_screens_as_in_python(
    page: Any, serve: Any, shipped: Path, tmp_path: Path, weights: Weights
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(shipped, bundle)
    if weights == "float32":
        finder = shipped_finder()
        assert finder
        shutil.rmtree(bundle / "finder")
        (bundle / "files.json").unlink()  # whose digests are those of the bundle as converted
        convert_finder(finder, bundle, choose_runtime(bundle / "tfjs"), "float32")
    load(page, serve(bundle))
    reader = load_reader("health-app")
    for screen in screens() if weights == "float32" else screens()[:-1]:  # the last lies on its side
        got = page.evaluate(READ, [encoded(screen), {}])
        wanted = read_screen(reader, load_finder(), screen)
        assert len(wanted.lines) >= 8
        if weights == "float32":
            compare(got, wanted)
        else:
            # Rounded weights may move a box by a pixel.
            boxes = [[Box(**line["box"]) for line in got["lines"]], [line.box for line in wanted.lines]]
            assert moved(boxes[:1], boxes[1:]) < 0.03


@pytest.mark.parametrize("backend", ["webgl", "webgpu", "cpu"])
def test_every_backend_finds_the_same_boxes(page: Any, served: Any, backend: str) -> None:
    load(page, served.url, backend=backend)
    screen = check_screens(1, 6)[0][:320]  # software stands in for a graphics card
    compare(page.evaluate(READ, [encoded(screen), {}]), read_screen(served.reader, served.finder, screen))


def test_unknown_and_doubtful_lines_are_left_out_or_kept_as_asked(page: Any, served: Any) -> None:
    load(page, served.url)
    screen = check_screens(1, 4)[0]
    everything = page.evaluate(READ, [encoded(screen), {"unknown": True}])
    compare(everything, read_screen(served.reader, served.finder, screen, unknown=True))
    limit = float(np.median([line["confidence"] for line in everything["lines"] if line["confidence"]]))
    sure = page.evaluate(READ, [encoded(screen), {"minConfidence": limit}])
    assert [line["text"] for line in sure["lines"]] == [
        line["text"] for line in everything["lines"] if line["confidence"] >= limit and line["text"] != "\ufffd"
    ]
    assert 0 < len(sure["lines"]) < len(everything["lines"])


def test_the_grammar_can_be_asked_for(page: Any, served: Any) -> None:
    load(page, served.url)
    screen = check_screens(1, 4)[0]
    got = page.evaluate(READ, [encoded(screen), {"decoding": "grammar"}])
    compare(got, read_screen(served.reader, served.finder, screen, decoding="grammar"))
    automaton = served.reader.spec.grammar.automaton()
    assert [line["inGrammar"] for line in got["lines"]] == [automaton.accepts(line["text"]) for line in got["lines"]]


def test_pictures_without_text_have_no_lines(page: Any, served: Any) -> None:
    load(page, served.url)
    for shape in ((1, 1, 3), (3, 700, 3), (480, 320, 3)):
        got = page.evaluate(READ, [encoded(np.full(shape, 130, np.uint8)), {}])
        assert got == {"lines": [], "fields": {}, "arrived": []}


def test_reading_screens_leaves_no_tensors_behind(page: Any, served: Any) -> None:
    load(page, served.url)
    screen = encoded(check_screens(1, 4)[0])
    count = (
        "import(new URL('tfjs/core.js', location.href)).then((tf) => [tf.memory().numTensors, tf.memory().numBytes])"
    )
    page.evaluate(READ, [screen, {}])
    before = page.evaluate(count)
    for _ in range(5):
        page.evaluate(READ, [screen, {}])
    assert page.evaluate(count) == before
    page.evaluate("window.reader.dispose()")
    page.wait_for_timeout(50)
    assert page.evaluate(count) == [0, 0]


def test_a_bundle_without_a_finder_says_so(page: Any, served: Any, serve: Any, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(served.folder, bundle)
    shutil.rmtree(bundle / "finder")
    for worker in (False, True):
        assert not load(page, serve(bundle), worker=worker)
        message = page.evaluate(
            "window.reader.readScreen({ data: new Uint8ClampedArray(4), width: 1, height: 1 }).catch((e) => e.message)"
        )
        assert "finder/ holds no finder of lines; convert again with one" in message


REFUSED = [
    ("{ Unknown: true }", "unknown key 'Unknown' in readScreen's options; known are unknown, minConfidence"),
    ("{ decoding: 'beam' }", "unknown decoding 'beam'"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED)
def test_wrong_options_are_refused(page: Any, served: Any, options: str, words: str) -> None:
    load(page, served.url)
    screen = check_screens(1, 4)[0]
    call = READ.replace("{ ...options, onLine }", options)
    assert words in page.evaluate(f"(given) => ({call})(given).catch((e) => e.message)", [encoded(screen), {}])
