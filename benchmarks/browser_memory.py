"""Does a page that reads for long grow? Reads lines and whole screens with the shipped reader, and prints its memory.

    python benchmarks/browser_memory.py                             # 10,000 lines and 500 screens in Chromium
    python benchmarks/browser_memory.py --browser firefox
    python benchmarks/browser_memory.py --lines 2000 --screens 50   # a look

Linux, with Chromium and Playwright, or Firefox and the package websocket-client. Columns: JavaScript's heap after a
collection (Firefox tells no page of it), TensorFlow.js's tensors and their bytes, the resident memory of the process
that holds the page. The last row beside the one of a tenth tells whether anything grows: before, caches and compiled
code settle.
"""

import argparse
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Protocol

from linelet_common.reader import onnx_path, shipped_finder
from linelet_convert.conversion import convert
from linelet_convert.serve import make_server

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import browsers

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
TENSORS = "async () => { const { numTensors, numBytes } = tf.memory(); return [numTensors, numBytes]; }"
STEPS = 10
MOST = {LINES: 100, SCREENS: 5}  # in one script, which a driver waits for


class Measured(Protocol):
    """A browser with a page open. process: what the command line of the process that holds the page has."""

    process: bytes

    def run(self, function: str, *arguments: Any) -> Any: ...

    def heap(self) -> float | None: ...

    def close(self) -> None: ...


class Chromium:
    process = b"--type=renderer"

    def __init__(self, url: str) -> None:
        from playwright.sync_api import sync_playwright

        path = os.environ.get("LINELET_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        self.playwright = sync_playwright().start()
        self.browser = self.playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        self.page = self.browser.new_page()
        self.page.goto(url)
        self.tools = self.page.context.new_cdp_session(self.page)

    def run(self, function: str, *arguments: Any) -> Any:
        return self.page.evaluate(function, *arguments)

    def heap(self) -> float | None:
        """Bytes in use, after a collection."""
        self.tools.send("HeapProfiler.collectGarbage")
        used: float = self.tools.send("Runtime.getHeapUsage")["usedSize"]
        return used

    def close(self) -> None:
        self.browser.close()
        self.playwright.stop()


class Firefox:
    process = b"-contentproc"

    def __init__(self, url: str) -> None:
        self.profile = tempfile.TemporaryDirectory()
        self.firefox = browsers.Firefox(Path(self.profile.name))
        self.firefox.open(url)

    def run(self, function: str, *arguments: Any) -> Any:
        return self.firefox.run(function, *arguments)

    def heap(self) -> float | None:
        return None

    def close(self) -> None:
        self.firefox.close()
        self.profile.cleanup()


BROWSERS: dict[str, type[Chromium] | type[Firefox]] = {"chromium": Chromium, "firefox": Firefox}


def resident(kind: bytes) -> float:
    """The largest resident memory, MB, of this process's descendants whose command line has ``kind``."""
    largest = 0
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and kind in (entry / "cmdline").read_bytes() and descends(entry, os.getpid()):
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


def measure(browser: Measured, what: str, done: int) -> None:
    heap = browser.heap()
    said = "-" if heap is None else f"{heap / 1e6:.2f}"
    tensors, size = browser.run(TENSORS)
    print(f"{done:6} {what:8} {said:>8} {tensors:8} {size / 1e6:8.2f} {resident(browser.process):10.1f}", flush=True)


def repeat(browser: Measured, script: str, count: int) -> None:
    """Run a script that does something ``count`` times, so many at a time that no driver gives up waiting."""
    for start in range(0, count, MOST[script]):
        browser.run(script, min(MOST[script], count - start))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--browser", choices=BROWSERS, default="chromium")
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--screens", type=int, default=500)
    parser.add_argument("--backend", default="wasm")
    parser.add_argument("--bundle", type=Path, help="of your own instead of the shipped reader's")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundle = options.bundle or Path(folder) / "bundle"
        if not options.bundle:
            convert(onnx_path("health-app"), bundle, finder=shipped_finder())
        server = make_server(bundle, 0)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = BROWSERS[options.browser](f"http://localhost:{server.server_address[1]}/sample.png")
        try:
            lines = browser.run(START, options.backend)
            print(f"{options.browser}, {options.backend}: {lines} lines on a screen")
            print("  done what      heap MB  tensors       MB  process MB")
            for what, script, count in (("lines", LINES, options.lines), ("screens", SCREENS, options.screens)):
                measure(browser, what, 0)
                for step in range(1, STEPS + 1):
                    repeat(browser, script, count // STEPS)
                    measure(browser, what, step * (count // STEPS))
        finally:
            browser.close()
            server.shutdown()


if __name__ == "__main__":
    main()
