"""The bundle in Firefox and in WebKit: module, worker and page read what Python reads.

Each is driven by what it brings itself: Firefox speaks WebDriver BiDi, WebKitGTK has a WebDriver server.
"""

import base64
import io
import json
import os
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
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
LONGEST = 300  # seconds for one script


class Browser(Protocol):
    """What the tests need of a browser: to open an address, and to run an async function in the page."""

    def open(self, url: str) -> None: ...

    def run(self, function: str, *arguments: Any) -> Any: ...

    def close(self) -> None: ...


class Firefox:
    """Firefox, over WebDriver BiDi."""

    def __init__(self, folder: Path) -> None:
        import websocket

        path = found("LINELET_FIREFOX", "firefox-esr", "firefox")
        self.folder, self.last = folder / "out", 0
        self.socket: Any = None
        options = ["--headless", "--no-remote", "--profile", str(folder), "--remote-debugging-port", "0"]
        with self.folder.open("wb") as out:
            self.process = subprocess.Popen([path, *options], stdout=out, stderr=out)
        try:
            address = self.address()
            self.socket = websocket.create_connection(f"{address}/session", timeout=LONGEST, suppress_origin=True)
            self.send("session.new", {"capabilities": {}})
            [tab] = self.send("browsingContext.getTree", {})["contexts"]
            self.tab = tab["context"]
        except BaseException:
            self.close()
            raise

    def address(self) -> str:
        """Where it listens: it says so once it does."""
        for _ in range(300):
            said = self.folder.read_text(errors="replace")
            listening = re.search(r"WebDriver BiDi listening on (\S+)", said)
            if listening:
                return listening[1]
            assert self.process.poll() is None, said
            time.sleep(0.2)
        raise AssertionError(f"Firefox does not listen: {said}")

    def send(self, method: str, parameters: dict[str, Any]) -> Any:
        self.last += 1
        self.socket.send(json.dumps({"id": self.last, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.last:
                assert answer["type"] == "success", answer
                return answer["result"]

    def open(self, url: str) -> None:
        self.send("browsingContext.navigate", {"context": self.tab, "url": url, "wait": "complete"})

    def run(self, function: str, *arguments: Any) -> Any:
        # JSON both ways, since BiDi wraps every value otherwise.
        call = f"async (given) => JSON.stringify(await ({function})(...JSON.parse(given)) ?? null)"
        given = {"type": "string", "value": json.dumps(arguments)}
        parameters = {"functionDeclaration": call, "awaitPromise": True, "arguments": [given]}
        answer = self.send("script.callFunction", {**parameters, "target": {"context": self.tab}})
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        return json.loads(answer["result"]["value"])

    def close(self) -> None:
        if self.socket:
            self.socket.close()
        self.process.terminate()
        self.process.wait(30)


class WebKit:
    """WebKitGTK's MiniBrowser, over WebDriver, on a screen that nobody sees."""

    def __init__(self, folder: Path) -> None:
        driver, screen = found("LINELET_WEBKIT_DRIVER", "WebKitWebDriver"), found("LINELET_XVFB", "Xvfb")
        browsers = sorted(Path("/usr").glob("lib*/**/webkit2gtk-4.*/MiniBrowser"))
        browser = os.environ.get("LINELET_WEBKIT") or (str(browsers[-1]) if browsers else None)
        assert browser, "no MiniBrowser of WebKitGTK found; install webkit2gtk-driver or name one in LINELET_WEBKIT"
        out, number = os.pipe()
        self.processes = [subprocess.Popen([screen, "-displayfd", str(number)], pass_fds=[number], stderr=-3)]
        os.close(number)
        try:
            with os.fdopen(out) as said:
                display = said.readline().strip()
            port = free_port()
            environment = {**os.environ, "DISPLAY": f":{display}", "GDK_BACKEND": "x11"}
            with (folder / "out").open("wb") as log:
                driving = subprocess.Popen([driver, f"--port={port}"], env=environment, stdout=log, stderr=log)
            self.processes.append(driving)
            self.at = f"http://127.0.0.1:{port}/session"
            options = {"binary": browser, "args": ["--automation"]}
            wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
            self.at += "/" + self.first({"capabilities": wanted})["sessionId"]
            self.post("/timeouts", {"script": 1000 * LONGEST})
        except BaseException:
            self.stop()
            raise

    def first(self, body: dict[str, Any]) -> Any:
        """The first request: the driver needs a moment to listen."""
        for _ in range(100):
            try:
                return self.post("", body)
            except urllib.error.URLError as failure:
                if not isinstance(failure.reason, ConnectionRefusedError):
                    raise
                time.sleep(0.2)
        raise AssertionError("WebKitWebDriver does not listen")

    def post(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.at + path, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=LONGEST) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as failure:
            raise AssertionError(failure.read().decode()) from None

    def open(self, url: str) -> None:
        self.post("/url", {"url": url})

    def run(self, function: str, *arguments: Any) -> Any:
        script = (
            f"const [given, done] = arguments; ({function})(...JSON.parse(given))"
            ".then((value) => done({ value: value ?? null }), (failure) => done({ failure: String(failure) }));"
        )
        answer = self.post("/execute/async", {"script": script, "args": [json.dumps(arguments)]})
        assert "value" in answer, answer
        return answer["value"]

    def close(self) -> None:
        urllib.request.urlopen(urllib.request.Request(self.at, method="DELETE"), timeout=30).close()
        self.stop()

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
            process.wait(30)


def found(variable: str, *names: str) -> str:
    path = os.environ.get(variable) or next((p for p in map(shutil.which, names) if p), None)
    assert path, f"this test needs {names[0]}; install it or name it in {variable}"
    return path


def free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


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


PIXELS = """async (bundle, files) => {
  const { toPixels } = await import(new URL("pixels.js", bundle));
  const pictures = [];
  for (const [type, data] of files) {
    const blob = new Blob([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], { type });
    const picture = await toPixels(blob);
    pictures.push([picture.height, picture.width, Array.from(picture.data)]);
  }
  return pictures;
}"""


def test_pictures_are_the_same_way_up_as_in_python(browser: Browser, case: Case, odd_pictures: list[Path]) -> None:
    files = [(f"image/{p.suffix[1:]}", base64.b64encode(p.read_bytes()).decode("ascii")) for p in odd_pictures]
    browser.open(case.url + "sample.png")
    for path, (height, width, data) in zip(odd_pictures, browser.run(PIXELS, case.url, files), strict=True):
        got = np.array(data, np.uint8).reshape(height, width, 4)[:, :, :3]
        np.testing.assert_array_equal(got, load_image(path), err_msg=path.name)


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
