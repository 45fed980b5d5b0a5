"""The bundle in Firefox and in WebKit: module, worker and page read what Python reads."""

import base64
import io
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsers import Browser, Firefox, WebKit
from PIL import Image

from linelet_common import load_image, open_dataset
from linelet_common.cli import main
from linelet_common.reader import onnx_path, shipped_finder
from linelet_convert.assets import PAGE
from linelet_convert.conversion import convert
from linelet_convert.finder import check_screens
from linelet_convert.serve import make_server
from linelet_read import load_reader, read_lines
from linelet_read.finder import load_finder
from linelet_read.screens import ScreenReading, read_screen

pytestmark = pytest.mark.browsers

LINES = 200


BROWSERS: dict[str, Callable[[Path], Browser]] = {"firefox": Firefox, "webkit": WebKit}


@pytest.fixture(scope="module", params=BROWSERS)
def browser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    one = BROWSERS[request.param](tmp_path_factory.mktemp(request.param))
    yield one
    one.close()


@dataclass(frozen=True)
class Case:
    """A served bundle of what ships, and pictures with what Python reads of them."""

    url: str
    lines: list[str]
    texts: list[str]
    confidences: list[float]
    screens: list[str]
    readings: list[ScreenReading]


def encoded(picture: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    folder = tmp_path_factory.mktemp("health-app")
    assert main(["synth", "health-app", "--out", str(folder / "lines"), "--count", str(LINES), "--seed", "99"]) == 0
    dataset = open_dataset(folder / "lines")
    images = [dataset.image(i) for i in range(LINES)]
    finder = shipped_finder()
    assert finder
    convert(onnx_path("health-app"), folder / "bundle", "float32", finder=finder)
    reader = load_reader("health-app")
    wanted = read_lines(reader, images)
    assert sum(r.text == dataset.label(i) for i, r in enumerate(wanted)) > 0.8 * LINES
    screens = [load_image(PAGE / "sample.png"), *check_screens(3, 4)]
    server = make_server(folder / "bundle", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Case(
        f"http://localhost:{server.server_address[1]}/",
        [encoded(image) for image in images],
        [r.text for r in wanted],
        [r.confidence for r in wanted],
        [encoded(screen) for screen in screens],
        [read_screen(reader, load_finder(finder), screen) for screen in screens],
    )
    server.shutdown()
    server.server_close()


READ = """async (bundle, options, lines, screens) => {
  const { loadReader } = await import(new URL("linelet.js", bundle));
  const reader = await loadReader(bundle, options);
  const blob = (image) => new Blob([Uint8Array.from(atob(image), (c) => c.charCodeAt(0))], { type: "image/png" });
  const readings = await reader.read(lines.map(blob));
  const boxes = [];
  for (const screen of screens) boxes.push(await reader.readScreen(blob(screen)));
  const { backend, failures } = reader;
  reader.dispose();
  return { backend, failures, readings: readings.map(({ text, confidence }) => [text, confidence]), screens: boxes };
}"""


@pytest.mark.parametrize(
    ("options", "lines"),
    [({"backend": "wasm"}, LINES), ({"backend": "wasm", "worker": True}, LINES), ({"backend": "cpu"}, 20)],
    ids=["module", "worker", "cpu"],
)
def test_lines_and_screens_read_as_in_python(browser: Browser, case: Case, options: dict[str, Any], lines: int) -> None:
    browser.open(case.url + "sample.png")  # a page of the bundle's origin with no script on it
    some = case.screens if lines == LINES else case.screens[:1]
    got = browser.run(READ, case.url, options, case.lines[:lines], some)
    assert (got["backend"], got["failures"]) == (options["backend"], [])
    assert [text for text, _ in got["readings"]] == case.texts[:lines]
    confidences = [confidence for _, confidence in got["readings"]]
    assert confidences == pytest.approx(case.confidences[:lines], rel=2e-3, abs=1e-6)
    for screen, wanted in zip(got["screens"], case.readings, strict=False):
        assert [line["box"] for line in screen["lines"]] == [line.box._asdict() for line in wanted.lines]
        assert [line["text"] for line in screen["lines"]] == [line.text for line in wanted.lines]
        assert {k: v["value"] for k, v in screen["fields"].items()} == {k: v.value for k, v in wanted.fields.items()}
    assert any(wanted.lines and wanted.fields for wanted in case.readings)


def test_the_page_reads_its_sample(browser: Browser, case: Case) -> None:
    browser.open(case.url + "?lang=en")
    status = "async () => document.getElementById('status').textContent"
    for _ in range(600):
        if " read in " in (said := browser.run(status)):
            break
        time.sleep(0.2)
    assert " read in " in said
    show = """async () => [
      [...document.querySelectorAll("#lines .text")].map(({ value }) => value),
      [...document.querySelectorAll("#fields tr")].map((row) => row.children[1].textContent),
      document.getElementById("problem").textContent,
    ]"""
    lines, fields, problem = browser.run(show)
    assert lines == [line.text for line in case.readings[0].lines]
    assert fields == [field.text for field in case.readings[0].fields.values()]
    assert problem == ""


def test_pictures_are_the_same_way_up_as_in_python(
    browser: Browser, case: Case, assert_pixels_as_in_python: Callable[..., None]
) -> None:
    browser.open(case.url + "sample.png")
    assert_pixels_as_in_python(browser.run, case.url)


def test_an_image_has_the_pixels_of_the_file_it_chose(browser: Browser, case: Case) -> None:
    browser.open(case.url + "sample.png")
    sizes = browser.run(
        """async (bundle) => {
          const { toPixels } = await import(new URL("pixels.js", bundle));
          const image = Object.assign(new Image(), { srcset: new URL("sample.png", bundle) + " 2x" });
          await image.decode();
          const { width, height } = await toPixels(image);
          return [width, height, image.naturalWidth];
        }""",
        case.url,
    )
    height, width = load_image(PAGE / "sample.png").shape[:2]
    assert sizes == [width, height, width // 2]
