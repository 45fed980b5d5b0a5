"""Finding and reading whole screens in the browser, beside PP-OCRv4: Chromium, wasm, one thread, in one run.

    python benchmarks/draw_screens.py health-app SCREENS --count 8 --phone
    pip install rapidocr-onnxruntime playwright
    python benchmarks/browser_screens.py SCREENS [--limit 8] [--engines linelet pp-ocrv4] [--json FILE]

Linux, with Node and Chromium. The peer is npm's ppu-paddle-ocr on onnxruntime-web, with the networks of PP-OCRv4
mobile (detection and recognition) out of pip's rapidocr-onnxruntime. Each engine has a Chromium of its own and gets the
screens as canvases, one at a time, after one that does not count.

Columns: bytes fetched (each file gzip -9; the page and the screens aside); milliseconds until the first screen is read;
median milliseconds a screen and, in brackets, processor milliseconds of all of Chromium, which other work on the
machine does not change; lines found; lines of the charset read exactly; texts that are not there, and those of a
confidence over 0.9. Then the milliseconds of each step of this reader, of the first screen, the least of three.
"""

import argparse
import functools
import json
import shutil
import statistics
import subprocess
import tempfile
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from browser_speed import Handler, compressed, run_job
from PIL import Image
from playwright.sync_api import sync_playwright
from screen_engines import as_line

from linelet_common.boxes import Box
from linelet_common.codec import Codec
from linelet_common.reader import onnx_path, shipped_finder
from linelet_common.screens import open_screens
from linelet_convert.conversion import convert
from linelet_read import load_reader
from linelet_read.screen_evaluation import ScreenEvaluation, count_screen
from linelet_read.screens import ScreenLine, ScreenReading

PEERS = ["onnxruntime-web@1.23.2", "ppu-paddle-ocr@6.3.0"]
ENGINES = ("linelet", "pp-ocrv4")
# Bare names of modules, as a bundler would resolve them.
PAGE = """<!doctype html><script type="importmap">%s</script><script type="module" src="run.mjs"></script>"""
MODULES = {
    "onnxruntime-web": "/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs",
    "ppu-ocv/canvas-web": "/node_modules/ppu-ocv/index.canvas-web.js",
    "ppu-paddle-ocr/web": "/node_modules/ppu-paddle-ocr/web/index.js",
}
NOT_COUNTED = ("/screens/", "/job", "/run", "/index", "/favicon", "/mark")


def fill(site: Path, bundle: Path | None, engines: list[str], pictures: list[np.ndarray]) -> None:
    """Write what the page asks for: bundle, peers with their networks, screens."""
    (site / "package.json").write_text('{"private": true}')
    if bundle:
        shutil.copytree(bundle, site / "bundle")
    else:
        convert(onnx_path("health-app"), site / "bundle", finder=shipped_finder())
    if "pp-ocrv4" in engines:
        import rapidocr_onnxruntime

        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps", *PEERS]
        subprocess.run(command, cwd=site, check=True, capture_output=True)
        networks = Path(rapidocr_onnxruntime.__file__).parent / "models"
        (site / "models").mkdir()
        for part in ("det", "rec"):
            shutil.copyfile(networks / f"ch_PP-OCRv4_{part}_infer.onnx", site / f"models/{part}.onnx")
        session = onnxruntime.InferenceSession(str(site / "models/rec.onnx"), providers=["CPUExecutionProvider"])
        characters = session.get_modelmeta().custom_metadata_map["character"].splitlines()
        (site / "models/keys.txt").write_text("\n".join([*characters, " "]), "utf-8")  # the last class is a space
    shutil.copyfile(Path(__file__).with_suffix(".mjs"), site / "run.mjs")
    (site / "index.html").write_text(PAGE % json.dumps({"imports": MODULES}))
    (site / "screens").mkdir()
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(site / f"screens/{i}.png")


def run(playwright: Any, url: str, site: Path, engine: str, count: int) -> dict[str, Any]:
    """What the page measures of an engine, the processor's milliseconds a screen, and the bytes it fetched."""
    result = run_job(playwright, url, site, {"engine": engine, "screens": count})
    if "error" in result:
        raise SystemExit(f"{engine}: {result['error']}")
    fetched = {path for path in Handler.asked if not path.startswith(NOT_COUNTED)} - {"/"}
    spent = Handler.marks["single"] - Handler.marks["start"]
    return {**result, "engine": engine, "bytes": compressed(site, fetched), "cpu": 1000 * spent / count}


def as_screen(codec: Codec, engine: str, lines: list[dict[str, Any]]) -> ScreenReading:
    """What an engine read, in the words of the evaluation."""
    if engine == "linelet":
        return ScreenReading([ScreenLine(r["text"], r["confidence"], Box(**r["box"])) for r in lines], {})
    read = []
    for row in lines:
        x, y, width, height = (row["box"][key] for key in ("x", "y", "width", "height"))
        read.append(as_line(codec, row["text"], row["confidence"], np.array([[x, y], [x + width, y + height]])))
    return ScreenReading(read, {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--limit", type=int, default=8)
    parser.add_argument("--engines", nargs="*", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--bundle", type=Path, help="of your own instead of the shipped reader's")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    screens = open_screens(arguments.data)
    count = min(arguments.limit, len(screens))
    codec = Codec(load_reader("health-app").spec.codec.charset, unknown=True)
    results = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = Path(folder)
        fill(site, arguments.bundle, arguments.engines, [screens.image(i) for i in range(count)])
        server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print("| engine | MB | first screen, ms | a screen, ms (CPU) | lines found | exact | not there | over 0.9 |")
        print("|---|---|---|---|---|---|---|---|")
        for engine in arguments.engines:
            result = run(playwright, f"http://localhost:{server.server_address[1]}/", site, engine, count)
            judged = ScreenEvaluation()
            for i, lines in enumerate(result["readings"]):
                count_screen(judged, codec, as_screen(codec, engine, lines), screens.lines(i))
            print(
                f"| {engine} | {result['bytes'] / 1e6:.2f} | {result['load']:.0f} | "
                f"{statistics.median(result['times']):.0f} ({result['cpu']:.0f}) | {100 * judged.recall:.1f} % | "
                f"{100 * judged.exact_share:.1f} % of {judged.readable} | {judged.invented} | "
                f"{judged.invented_surely} |",
                flush=True,
            )
            results.append(result | {"judged": judged.summary()})
        server.shutdown()
    for name, milliseconds in results[0]["steps"].items():
        print(f"{milliseconds:7.1f} ms {name}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
