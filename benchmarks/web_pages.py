"""Finding lines on pages of other people: dashboards, forms and blogs from npm packages, as Chromium shows them.

    pip install playwright rapidocr rapidocr-onnxruntime
    python benchmarks/web_pages.py [--pages 6] [--keep DIR]

No line of them was ever trained on, and where their words stand the browser says itself. Every other page has a phone's
width, at 2 or 3 device pixels a CSS pixel. A word is found if one box covers four fifths of its width and most of its
height, without being higher than two lines. Boxes on no word are no mistake each: a page also draws labels onto
canvases and shows placeholders, which are no words of its document. For each finder: words found, boxes on no word,
and CPU ms a page on one thread.
"""

import argparse
import functools
import http.server
import os
import random
import subprocess
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from draw_lines import ARGUMENTS
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Error, sync_playwright

from linelet_common.preprocess import Pixels, load_image
from linelet_read import load_finder

PACKAGES = [
    "bulma-templates", "flowbite-admin-dashboard", "gentelella",
    "material-dashboard", "purple-admin", "soft-ui-dashboard", "spectre.css", "startbootstrap-clean-blog",
    "startbootstrap-sb-admin", "startbootstrap-sb-admin-2", "uikit", "weui",
]  # fmt: skip
FEWEST_WORDS = 15  # of a page: with fewer it is a part that others include
# The words that can be seen, each with its rectangle and the size of its font. Icon fonts write no words.
WORDS = r"""() => {
  const hidden = (style) => style.display === "none" || style.visibility === "hidden" || style.opacity < 0.3;
  const shown = (node) => !node || (!hidden(getComputedStyle(node)) && shown(node.parentElement));
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const words = [];
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    if (element.closest("script, style, noscript, title, option, textarea") || !shown(element)) continue;
    const style = getComputedStyle(element);
    if (/icon|awesome/i.test(style.fontFamily)) continue;
    for (const { 0: word, index } of node.textContent.matchAll(/\S+/g)) {
      if (/[\ue000-\uf8ff]/.test(word)) continue;
      const range = document.createRange();
      range.setStart(node, index);
      range.setEnd(node, index + word.length);
      const { x, y, right, bottom, width, height } = range.getBoundingClientRect();
      // Not a word broken in two, nor one cut off by what it stands in.
      if (range.getClientRects().length > 1 || right > element.getBoundingClientRect().right + 1) continue;
      if (width < 3 || height < 5 || x < 0 || y < 0 || right > innerWidth || bottom > innerHeight) continue;
      const top = document.elementFromPoint(x + width / 2, y + height / 2);
      if (top && element.contains(top)) words.push([x, right, y + height / 2, parseFloat(style.fontSize)]);
    }
  }
  return words;
}"""

Boxes = NDArray[np.float64]
Finder = Callable[[Pixels], Boxes]  # to the boxes' left, top, right and bottom, float64 (N, 4)


class Shown(NamedTuple):
    """A page as shown. words: float64 (N, 4): left, right, middle height and size of font, in the picture's pixels."""

    name: str
    picture: Path
    words: NDArray[np.float64]


def unpack(package: str, into: Path) -> Path:
    """A package of npm's, unpacked."""
    packed = subprocess.run(
        ["npm", "pack", "--silent", package, "--pack-destination", into], check=True, capture_output=True, text=True
    )
    folder = into / package.replace("/", "-")
    with tarfile.open(into / packed.stdout.split()[-1]) as archive:
        archive.extractall(folder, filter="data")
    return folder


class Files(http.server.SimpleHTTPRequestHandler):
    """Files; pages that don't say so are UTF-8 too."""

    def guess_type(self, path: Any) -> str:
        kind = super().guess_type(path)
        return f"{kind}; charset=utf-8" if kind == "text/html" else kind

    def log_message(self, *_: Any) -> None:
        pass


def show(browser: Browser, address: str, out: Path, rng: random.Random, phone: bool) -> Shown | None:
    """A page's picture and words; None where it shows next to nothing."""
    size = {"width": 390, "height": 844} if phone else {"width": 1280, "height": 800}
    scale = rng.choice([2, 3] if phone else [1, 1, 1.5, 2])
    page = browser.new_page(viewport=size, device_scale_factor=scale)
    try:
        page.goto(address, timeout=10_000)
        page.wait_for_timeout(700)  # for what moves in
        words = np.array(page.evaluate(WORDS)).reshape(-1, 4) * scale
        if len(words) < FEWEST_WORDS:
            return None
        page.screenshot(path=str(out))
        return Shown(address.split("/", 3)[-1], out, words)
    except Error:  # a page that needs the network, say
        return None
    finally:
        page.close()


def shown_pages(root: Path, out: Path, each: int) -> Iterator[Shown]:
    """``each`` pages of every package at most."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    rng = random.Random(5)
    with sync_playwright() as play:
        offline = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        browser = play.chromium.launch(executable_path=os.environ.get("LINELET_CHROMIUM"), args=[*ARGUMENTS, offline])
        for package in PACKAGES:
            folder = unpack(package, root)
            pages = sorted(folder.rglob("*.html"))
            rng.shuffle(pages)
            taken = 0
            for page in pages:
                address = f"http://127.0.0.1:{server.server_port}/{page.relative_to(root).as_posix()}"
                name = f"{folder.name}-{taken}.png"
                shown = show(browser, address, out / name, rng, phone=taken % 2 == 1)
                if shown:
                    taken += 1
                    yield shown
                if taken == each:
                    break
        browser.close()
    server.shutdown()


def judge(boxes: Boxes, words: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Of each word whether it is found, of each box whether it is on a word."""
    left, right, middle, size = (words[:, k : k + 1] for k in range(4))
    top, bottom = middle - 0.36 * size, middle + 0.36 * size
    across = np.minimum(boxes[:, 2], right) - np.maximum(boxes[:, 0], left)  # (words, boxes)
    down = np.minimum(boxes[:, 3], bottom) - np.maximum(boxes[:, 1], top)
    low = boxes[:, 3] - boxes[:, 1] < 2.2 * size
    found = (across > 0.8 * (right - left)) & (down > 0.7 * (bottom - top)) & low
    on = (across > 0) & (down > 0.3 * (bottom - top))
    return np.any(found, axis=1), np.any(on, axis=0)


def corners(boxes: Any) -> Boxes:
    """Boxes around quadrilaterals, (N, 4, 2)."""
    points = np.asarray(boxes if boxes is not None else [], dtype=np.float64).reshape(-1, 4, 2)
    return np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)


def ours() -> Finder:
    finder = load_finder()

    def find(picture: Pixels) -> Boxes:
        boxes = np.array(finder.find(picture), dtype=np.float64).reshape(-1, 4)
        return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)

    return find


def pp_ocr_v6() -> Finder:
    import rapidocr

    settings = {"EngineConfig.onnxruntime.intra_op_num_threads": 1, "Global.log_level": "error"}
    engine = rapidocr.RapidOCR(params=settings)
    return lambda picture: corners(engine(picture[:, :, ::-1].copy(), use_cls=False, use_rec=False).boxes)


def pp_ocr_v4() -> Finder:
    import rapidocr_onnxruntime

    engine = rapidocr_onnxruntime.RapidOCR(intra_op_num_threads=1, print_verbose=False)
    return lambda picture: corners(engine(picture[:, :, ::-1].copy(), use_cls=False, use_rec=False)[0])


def mark(shown: Shown, boxes: Boxes, found: NDArray[np.bool_], out: Path) -> None:
    """The picture with its boxes, green, and the words that were not found, red."""
    picture = Image.open(shown.picture).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for box in boxes:
        draw.rectangle(box.tolist(), outline="green")
    for left, right, middle, size in shown.words[~found]:
        draw.rectangle((left, middle - size / 2, right, middle + size / 2), outline="red", width=2)
    picture.save(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=6, help="of each package, at most")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="a new folder for the pages, with our finder's boxes")
    args = parser.parse_args()
    if args.keep:
        args.keep.mkdir(parents=True)
    finders = {"linelet": ours(), "PP-OCRv6 small": pp_ocr_v6(), "PP-OCRv4 mobile": pp_ocr_v4()}
    counts = {name: np.zeros(2, dtype=int) for name in finders}
    spent = dict.fromkeys(finders, 0.0)
    pages = words = 0
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "shown"
        out.mkdir()
        for shown in shown_pages(Path(folder), out, args.pages):
            picture = load_image(shown.picture)
            pages, words = pages + 1, words + len(shown.words)
            for name, find in finders.items():
                start = time.process_time()
                boxes = find(picture)
                spent[name] += time.process_time() - start
                found, on = judge(boxes, shown.words)
                counts[name] += found.sum(), (~on).sum()
                if args.keep and name == "linelet":
                    mark(shown, boxes, found, args.keep / shown.picture.name)
                    print(f"{found.mean():.1%} of {len(found)} words: {shown.picture.name} ({shown.name})")
    print(
        f"{pages} pages, {words} words\n| finder | words found | boxes on no word | CPU ms a page |\n|---|---|---|---|"
    )
    for name, (found, off) in counts.items():
        print(f"| {name} | {100 * found / words:.1f} % | {off} | {1000 * spent[name] / pages:.0f} |")


if __name__ == "__main__":
    main()
