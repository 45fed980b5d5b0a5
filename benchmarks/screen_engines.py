"""Finding and reading whole screens compared with other engines, on the same screens in the same run.

    pip install rapidocr rapidocr-onnxruntime
    python benchmarks/screen_engines.py health-app DATA [DATA ...] [--limit 100]

DATA are datasets of screens, e.g. of draw_screens.py or labelled screenshots. For each engine, on one thread: recall of
lines, lines of the charset read exactly, texts that are not there (and those of a confidence over 0.9), screens without
a mistake, CPU ms per screen, and the bytes of its networks. PP-OCRv6 small comes from rapidocr's wheel, PP-OCRv4 mobile
from rapidocr-onnxruntime's; both read with their own dictionary, and a text with characters outside the charset counts
as one that says it doesn't know, as ours does with U+FFFD.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from linelet_common.boxes import Box
from linelet_common.codec import Codec
from linelet_common.preprocess import Pixels
from linelet_common.reader import onnx_path, shipped_finder
from linelet_common.screens import open_screens
from linelet_read import load_finder, load_reader, read_screen
from linelet_read.screen_evaluation import ScreenEvaluation, count_screen
from linelet_read.screens import ScreenLine, ScreenReading

Engine = Callable[[Pixels], ScreenReading]


def ours(name: str) -> tuple[Engine, int]:
    reader, finder = load_reader(name), load_finder()
    path = shipped_finder()
    assert path is not None
    return lambda picture: read_screen(reader, finder, picture, unknown=True), sum(
        p.stat().st_size for p in (onnx_path(name), path)
    )


def as_line(codec: Codec, text: str, confidence: float, corners: np.ndarray) -> ScreenLine:
    """A line of another engine, its foreign characters as ours would write them."""
    low, high = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
    bare = (" " if " " in codec.charset else "").join(text.split()).replace("％", "%")
    return ScreenLine(codec.fold(bare), confidence, Box(*low.tolist(), *(high - low).tolist()))


def pp_ocr_v6(codec: Codec) -> tuple[Engine, int]:
    import rapidocr

    parts = {f"{part}.intra_op_num_threads": 1 for part in ("EngineConfig.onnxruntime",)}
    engine = rapidocr.RapidOCR(params={**parts, "Global.use_cls": False, "Global.log_level": "error"})
    models = Path(rapidocr.__file__).parent / "models"

    def read(picture: Pixels) -> ScreenReading:
        found = engine(np.ascontiguousarray(picture[:, :, ::-1]), use_cls=False)
        if found.boxes is None:
            return ScreenReading([], {})
        rows = zip(found.txts, found.scores, found.boxes, strict=True)
        return ScreenReading([as_line(codec, t, float(s), np.asarray(b)) for t, s, b in rows], {})

    return read, sum(p.stat().st_size for p in models.glob("PP-OCRv6_*_small.onnx"))


def pp_ocr_v4(codec: Codec) -> tuple[Engine, int]:
    import rapidocr_onnxruntime

    engine = rapidocr_onnxruntime.RapidOCR(intra_op_num_threads=1, use_cls=False, print_verbose=False)
    models = Path(rapidocr_onnxruntime.__file__).parent / "models"

    def read(picture: Pixels) -> ScreenReading:
        found, _ = engine(np.ascontiguousarray(picture[:, :, ::-1]), use_cls=False)
        return ScreenReading([as_line(codec, t, float(s), np.asarray(b)) for b, t, s in found or []], {})

    return read, sum(p.stat().st_size for p in models.glob("*.onnx") if "cls" not in p.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader")
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--limit", type=int, default=10**9, help="screens of each dataset at most")
    args = parser.parse_args()
    charset = load_reader(args.reader).spec.codec.charset
    codec = Codec(charset, unknown=True)
    engines: dict[str, tuple[Engine, int]] = {
        f"linelet {args.reader}": ours(args.reader),
        "PP-OCRv6 small": pp_ocr_v6(codec),
        "PP-OCRv4 mobile": pp_ocr_v4(codec),
    }
    print("| engine | lines found | exact | not there | over 0.9 | screens right | CPU ms per screen | MB |")
    print("|---|---|---|---|---|---|---|---|")
    for name, (engine, size) in engines.items():
        result, spent = ScreenEvaluation(), 0.0
        for data in args.data:
            screens = open_screens(data)
            for i in range(min(args.limit, len(screens))):
                picture = screens.image(i)
                start = time.process_time()
                read = engine(picture)
                spent += time.process_time() - start
                count_screen(result, codec, read, screens.lines(i))
        print(
            f"| {name} | {100 * result.recall:.1f} % | {100 * result.exact_share:.1f} % of {result.readable} | "
            f"{result.invented} | {result.invented_surely} | {result.screens_right} of {result.screens} | "
            f"{1000 * spent / result.screens:.0f} | {size / 1e6:.1f} |"
        )


if __name__ == "__main__":
    main()
