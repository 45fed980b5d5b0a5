"""Does a page that reads for long grow? Reads lines and whole screens with the shipped reader, and prints its memory.

    python benchmarks/browser_memory.py                             # 10,000 lines and 500 screens in Chromium
    python benchmarks/browser_memory.py --lines 2000 --screens 50   # a look

Columns: JavaScript's heap after a collection, TensorFlow.js's tensors and their bytes, the renderer's resident memory.
The last row beside the one of a tenth tells whether anything grows: before, caches and compiled code settle.
"""

import argparse
import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from linelet_common.reader import onnx_path, shipped_finder
from linelet_convert.conversion import convert
from linelet_convert.serve import make_server

START = """async (backend) => {
  const { loadReader } = await import(new URL("linelet.js", location.href));
  window.reader = await loadReader("./", { backend });
  window.screen_ = await createImageBitmap(await (await fetch("sample.png")).blob());
  window.tf = await import(new URL("tfjs/core.js", location.href));
  const { lines } = await reader.readScreen(screen_);
  window.boxes = lines.map(({ box }) => box);
  return boxes.length;
}"""
LINES = """async (count) => {
  for (let i = 0; i < count; i++) await reader.read(screen_, { box: boxes[i % boxes.length] });
}"""
SCREENS = "async (count) => { for (let i = 0; i < count; i++) await reader.readScreen(screen_); }"
TENSORS = "() => { const { numTensors, numBytes } = tf.memory(); return [numTensors, numBytes]; }"
STEPS = 10


def resident(browser: int) -> float:
    """The largest renderer's resident memory, MB: of the processes that descend from the one with this id."""
    largest = 0
    for entry in Path("/proc").iterdir():
        try:
            if (
                entry.name.isdigit()
                and b"--type=renderer" in (entry / "cmdline").read_bytes()
                and descends(entry, browser)
            ):
                pages = int((entry / "statm").read_text().split()[1])
                largest = max(largest, pages * os.sysconf("SC_PAGE_SIZE"))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return largest / 1e6


def descends(entry: Path, ancestor: int) -> bool:
    while entry.name not in ("0", "1"):
        parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
        if int(parent) == ancestor:
            return True
        entry = entry.parent / parent
    return False


def measure(page: Any, tools: Any, what: str, done: int) -> None:
    tools.send("HeapProfiler.collectGarbage")
    heap = tools.send("Runtime.getHeapUsage")["usedSize"] / 1e6
    tensors, size = page.evaluate(TENSORS)
    print(f"{done:6} {what:8} {heap:8.2f} {tensors:8} {size / 1e6:8.2f} {resident(os.getpid()):10.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--screens", type=int, default=500)
    parser.add_argument("--backend", default="wasm")
    options = parser.parse_args()
    path = os.environ.get("LINELET_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        bundle = Path(folder) / "bundle"
        convert(onnx_path("health-app"), bundle, finder=shipped_finder())
        server = make_server(bundle, 0)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(f"http://localhost:{server.server_address[1]}/sample.png")
        tools = page.context.new_cdp_session(page)
        print(f"{page.evaluate(START, options.backend)} lines on a screen, {options.backend}")
        print("  done what      heap MB  tensors       MB  renderer MB")
        for what, script, count in (("lines", LINES, options.lines), ("screens", SCREENS, options.screens)):
            measure(page, tools, what, 0)
            for step in range(1, STEPS + 1):
                page.evaluate(script, count // STEPS)
                measure(page, tools, what, step * (count // STEPS))
        browser.close()
        server.shutdown()


if __name__ == "__main__":
    main()
