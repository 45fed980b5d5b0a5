"""Finding and reading whole screens: Chromium, Node and ONNX Runtime, beside PP-OCRv4, on one thread, in one run.

    python benchmarks/draw_screens.py health-app SCREENS --count 8 --phone
    pip install rapidocr-onnxruntime playwright
    python benchmarks/browser_screens.py SCREENS [--limit 8] [--bundle BUNDLE ...] [--engines linelet ...] [--json FILE]

Linux, with Node and Chromium. The peer is npm's ppu-paddle-ocr on onnxruntime-web, with the networks of PP-OCRv4
mobile (detection and recognition) out of pip's rapidocr-onnxruntime. In Chromium each engine has a browser of its own,
runs on wasm and gets the screens as canvases. Screens come one at a time, after eight that do not count. Several
bundles, of two versions, are measured one after the other.

Columns: megabytes fetched (each file gzip -9; the page and the screens aside); milliseconds until the first screen is
read; median milliseconds a screen and, in brackets, processor milliseconds, which other work on the machine changes
little: in Chromium first of the page's thread, then of the whole browser less what it spends on as long an idle time
(on a busy machine that time holds what its compilers still had to do); lines found; lines of the charset read exactly;
texts that are not there, and those of a confidence over 0.9. Then the milliseconds of each step of this reader, of the
first screen, the least of three.
"""

import argparse
import functools
import json
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
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
from linelet_read import load_finder, load_reader, read_screen
from linelet_read.screen_evaluation import ScreenEvaluation, count_screen
from linelet_read.screens import ScreenLine, ScreenReading

PEERS = ["onnxruntime-web@1.23.2", "ppu-paddle-ocr@6.3.0"]
ENGINES = ("linelet", "onnxruntime", "node", "pp-ocrv4")
UNCOUNTED = 8  # screens that only warm an engine up: until then code is compiled
IDLE = 3  # seconds over which the browser's own work is measured
# Bare names of modules, as a bundler would resolve them.
PAGE = """<!doctype html><script type="importmap">%s</script><script type="module" src="run.mjs"></script>"""
MODULES = {
    "onnxruntime-web": "/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs",
    "ppu-ocv/canvas-web": "/node_modules/ppu-ocv/index.canvas-web.js",
    "ppu-paddle-ocr/web": "/node_modules/ppu-paddle-ocr/web/index.js",
}
NOT_COUNTED = ("/screens/", "/job", "/run", "/index", "/favicon", "/mark")


def fill(site: Path, bundles: list[Path], engines: list[str], pictures: list[np.ndarray]) -> None:
    """Write what the page asks for: bundles, peers with their networks, screens."""
    (site / "package.json").write_text('{"private": true}')
    for i, bundle in enumerate(bundles):
        shutil.copytree(bundle, site / f"bundle{i}")
    if not bundles:
        convert(onnx_path("health-app"), site / "bundle0", finder=shipped_finder())
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


# What the page measures, in Node: a picture is its bytes there.
NODE = """
import { readFile } from "node:fs/promises";
const { screens, bundle, uncounted } = JSON.parse(process.argv[1]);
const log = console.log;
console.log = console.info = console.warn = () => {};
const { loadReader } = await import(`${bundle}/linelet.js`);
const pictures = await Promise.all(
  screens.map(async ([file, width, height]) => ({ data: new Uint8ClampedArray(await readFile(file)), width, height })));
const begin = performance.now();
const reader = await loadReader(bundle, { backend: "wasm" });
const read = async (picture) => (await reader.readScreen(picture, { unknown: true })).lines;
await read(pictures[0]);
const load = performance.now() - begin;
for (let i = 1; i < uncounted; i++) await read(pictures[i % pictures.length]);
const [readings, times, spent] = [[], [], process.cpuUsage()];
for (const picture of pictures) {
  const start = performance.now();
  const lines = await read(picture);
  times.push(performance.now() - start);
  readings.push(lines.map(({ text, confidence, box }) => ({ text, confidence, box })));
}
const { user, system } = process.cpuUsage(spent);
log(JSON.stringify({ load, readings, times, cpu: (user + system) / 1000 / pictures.length }));
process.exit(0);
"""


def run_node(site: Path, bundle: str, pictures: list[np.ndarray]) -> dict[str, Any]:
    """As run, in Node."""
    screens = []
    for i, picture in enumerate(pictures):
        file = site / f"screens/{i}.rgba"
        file.write_bytes(np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)]).tobytes())
        screens.append([str(file), picture.shape[1], picture.shape[0]])
    job = json.dumps({"screens": screens, "bundle": (site / bundle).as_uri(), "uncounted": UNCOUNTED})
    done = subprocess.run(
        ["node", "--input-type=module", "-e", NODE, job], check=True, capture_output=True, text=True, cwd=site
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**result, "engine": "linelet, Node", "bytes": 0}


def run_python(pictures: list[np.ndarray]) -> dict[str, Any]:
    """As run, with the ONNX files that the bundle was made of and ONNX Runtime on one thread."""
    begin = time.perf_counter()
    reader, finder = load_reader("health-app"), load_finder()
    read_screen(reader, finder, pictures[0], unknown=True)
    load = time.perf_counter() - begin
    for i in range(1, UNCOUNTED):
        read_screen(reader, finder, pictures[i % len(pictures)], unknown=True)
    readings, times, spent = [], [], time.process_time()
    for picture in pictures:
        start = time.perf_counter()
        lines = read_screen(reader, finder, picture, unknown=True).lines
        times.append(1000 * (time.perf_counter() - start))
        readings.append([{"text": r.text, "confidence": r.confidence, "box": r.box._asdict()} for r in lines])
    cpu = 1000 * (time.process_time() - spent) / len(pictures)
    name = "linelet, ONNX Runtime"
    return {"load": 1000 * load, "readings": readings, "times": times, "cpu": cpu, "engine": name, "bytes": 0}


def run(playwright: Any, url: str, site: Path, engine: str, count: int, bundle: str) -> dict[str, Any]:
    """What the page measures of an engine, the processor's milliseconds a screen, and the bytes it fetched."""
    job = {"engine": engine, "screens": count, "bundle": f"/{bundle}/", "uncounted": UNCOUNTED, "idle": IDLE}
    result = run_job(playwright, url, site, job)
    if "error" in result:
        raise SystemExit(f"{engine}: {result['error']}")
    fetched = {path for path in Handler.asked if not path.startswith(NOT_COUNTED)} - {"/"}
    idle = (Handler.marks["start"] - Handler.marks["idle"]) / IDLE  # processor seconds a second
    spent = Handler.marks["single"] - Handler.marks["start"] - idle * sum(result["times"]) / 1000
    own = Handler.page_marks["single"] - Handler.page_marks["start"]
    both = {"cpu": 1000 * own / count, "browser_cpu": 1000 * spent / count}
    return {**result, **both, "engine": f"{engine}, Chromium", "bytes": compressed(site, fetched)}


def as_screen(codec: Codec, engine: str, lines: list[dict[str, Any]]) -> ScreenReading:
    """What an engine read, in the words of the evaluation."""
    if engine.startswith("linelet"):
        return ScreenReading([ScreenLine(r["text"], r["confidence"], Box(**r["box"])) for r in lines], {})
    read = []
    for row in lines:
        x, y, width, height = (row["box"][key] for key in ("x", "y", "width", "height"))
        read.append(as_line(codec, row["text"], row["confidence"], np.array([[x, y], [x + width, y + height]])))
    return ScreenReading(read, {})


def jobs(engines: list[str], bundles: int) -> list[tuple[str, str]]:
    """What is measured in turn: an engine and the bundle that it reads."""
    every = [f"bundle{i}" for i in range(max(1, bundles))]
    return [
        (engine, bundle) for engine in engines for bundle in (every if engine in ("linelet", "node") else every[:1])
    ]


def row(result: dict[str, Any], judged: ScreenEvaluation) -> str:
    size = f"{result['bytes'] / 1e6:.2f}" if result["bytes"] else "–"
    cpu = ", ".join(f"{result[key]:.0f}" for key in ("cpu", "browser_cpu") if key in result)
    return (
        f"| {result['engine']} | {size} | {result['load']:.0f} | "
        f"{statistics.median(result['times']):.0f} ({cpu}) | {100 * judged.recall:.1f} % | "
        f"{100 * judged.exact_share:.1f} % of {judged.readable} | {judged.invented} | {judged.invented_surely} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--limit", type=int, default=8)
    parser.add_argument("--engines", nargs="*", choices=ENGINES, default=list(ENGINES))
    parser.add_argument(
        "--bundle", type=Path, nargs="*", default=[], help="of your own instead of the shipped reader's"
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    screens = open_screens(arguments.data)
    count = min(arguments.limit, len(screens))
    codec = Codec(load_reader("health-app").spec.codec.charset, unknown=True)
    results = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = Path(folder)
        pictures = [screens.image(i) for i in range(count)]
        fill(site, arguments.bundle, arguments.engines, pictures)
        server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://localhost:{server.server_address[1]}/"
        print("| engine | MB | first screen, ms | a screen, ms (CPU) | lines found | exact | not there | over 0.9 |")
        print("|---|---|---|---|---|---|---|---|")
        for engine, bundle in jobs(arguments.engines, len(arguments.bundle)):
            if engine == "onnxruntime":
                result = run_python(pictures)
            elif engine == "node":
                result = run_node(site, bundle, pictures)
            else:
                result = run(playwright, url, site, engine, count, bundle)
            judged = ScreenEvaluation()
            for i, lines in enumerate(result["readings"]):
                count_screen(judged, codec, as_screen(codec, result["engine"], lines), screens.lines(i))
            results.append(result | {"bundle": bundle, "judged": judged.summary()})
            print(row(result, judged), flush=True)
        server.shutdown()
    for result in results:
        for name, milliseconds in result.get("steps", {}).items():
            print(f"{milliseconds:7.1f} ms {name} ({result['bundle']})")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
