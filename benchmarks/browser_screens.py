"""Finding and reading whole screens in the browser: Chromium, wasm, one thread.

    python benchmarks/draw_screens.py health-app SCREENS --count 8 --phone
    python benchmarks/browser_screens.py SCREENS [--limit 8] [--json FILE]

Linux, with Chromium and Playwright. The reader gets the screens as canvases, one at a time, after one that does not
count.

Columns: bytes fetched (each file gzip -9; the page and the screens aside); milliseconds until the first screen is read;
median milliseconds a screen and, in brackets, processor milliseconds of all of Chromium, which other work on the
machine does not change; lines found; lines of the charset read exactly; texts that are not there, and those of a
confidence over 0.9. Then the milliseconds of each step, of the first screen, the least of three.
"""

import argparse
import functools
import json
import shutil
import statistics
import tempfile
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from browser_speed import SECONDS, Handler, compressed, launch
from PIL import Image
from playwright.sync_api import sync_playwright

from linelet_common.boxes import Box
from linelet_common.codec import Codec
from linelet_common.reader import onnx_path, shipped_finder
from linelet_common.screens import open_screens
from linelet_convert.conversion import convert
from linelet_read import load_reader
from linelet_read.screen_evaluation import ScreenEvaluation, count_screen
from linelet_read.screens import ScreenLine, ScreenReading

PAGE = """<!doctype html><script type="module" src="run.mjs"></script>"""
NOT_COUNTED = ("/screens/", "/job", "/run", "/index", "/favicon", "/mark")


def fill(site: Path, bundle: Path | None, pictures: list[np.ndarray]) -> None:
    """Write what the page asks for: bundle and screens."""
    if bundle:
        shutil.copytree(bundle, site / "bundle")
    else:
        convert(onnx_path("health-app"), site / "bundle", finder=shipped_finder())
    shutil.copyfile(Path(__file__).with_suffix(".mjs"), site / "run.mjs")
    (site / "index.html").write_text(PAGE)
    (site / "screens").mkdir()
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(site / f"screens/{i}.png")


def run(playwright: Any, url: str, site: Path, count: int) -> dict[str, Any]:
    """What the page measures, the processor's milliseconds a screen, and the bytes it fetched."""
    (site / "job.json").write_text(json.dumps({"screens": count}))
    Handler.asked.clear()
    Handler.marks.clear()
    browser = launch(playwright)
    page = browser.new_page()
    page.goto(url)
    page.wait_for_function("window.result", timeout=SECONDS * 1000)
    result: dict[str, Any] = page.evaluate("window.result")
    browser.close()
    if "error" in result:
        raise SystemExit(result["error"])
    fetched = {path for path in Handler.asked if not path.startswith(NOT_COUNTED)} - {"/"}
    spent = Handler.marks["single"] - Handler.marks["start"]
    return {**result, "bytes": compressed(site, fetched), "cpu": 1000 * spent / count}


def as_screen(lines: list[dict[str, Any]]) -> ScreenReading:
    """What was read, in the words of the evaluation."""
    return ScreenReading([ScreenLine(r["text"], r["confidence"], Box(**r["box"])) for r in lines], {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--limit", type=int, default=8)
    parser.add_argument("--bundle", type=Path, help="of your own instead of the shipped reader's")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    screens = open_screens(arguments.data)
    count = min(arguments.limit, len(screens))
    codec = Codec(load_reader("health-app").spec.codec.charset, unknown=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = Path(folder)
        fill(site, arguments.bundle, [screens.image(i) for i in range(count)])
        server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        result = run(playwright, f"http://localhost:{server.server_address[1]}/", site, count)
        server.shutdown()
    judged = ScreenEvaluation()
    for i, lines in enumerate(result["readings"]):
        count_screen(judged, codec, as_screen(lines), screens.lines(i))
    print("| MB | first screen, ms | a screen, ms (CPU) | lines found | exact | not there | over 0.9 |")
    print("|---|---|---|---|---|---|---|")
    print(
        f"| {result['bytes'] / 1e6:.2f} | {result['load']:.0f} | {statistics.median(result['times']):.0f} "
        f"({result['cpu']:.0f}) | {100 * judged.recall:.1f} % | {100 * judged.exact_share:.1f} % of "
        f"{judged.readable} | {judged.invented} | {judged.invented_surely} |"
    )
    for name, milliseconds in result["steps"].items():
        print(f"{milliseconds:7.1f} ms {name}")
    if arguments.json:
        arguments.json.write_text(
            json.dumps(result | {"judged": judged.summary()}, ensure_ascii=False, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
