"""Reading quality and cost compared with other engines, on the same lines in the same run.

    pip install rapidocr rapidocr-onnxruntime pytesseract ; apt-get install tesseract-ocr tesseract-ocr-chi-sim
    python benchmarks/reading_engines.py health-app DATA [DATA ...]

DATA are dataset folders of single lines, e.g. crops of real screenshots. For each engine: exact lines, CER and CPU ms a
line, one thread. PP-OCRv6 small and PP-OCRv4 mobile, from the wheels of rapidocr and rapidocr-onnxruntime, read with
their own dictionaries, and once more with their scores restricted to the reader's charset (fair to them: they then know
what can occur); Tesseract gets the charset as its whitelist. Behind the share of exact lines stands its 95 % interval
(Wilson, 1927).
"""

import argparse
import importlib
import math
import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_THREAD_LIMIT", "1")

import Levenshtein
import numpy as np

from linelet_common import open_dataset
from linelet_common.preprocess import Pixels
from linelet_read import load_reader, read_lines

Engine = Callable[[list[Pixels]], list[str]]


def ours(name: str) -> tuple[Engine, str]:
    reader = load_reader(name)
    return lambda images: [r.text for r in read_lines(reader, images)], reader.spec.charset


def pp_ocr(package: str, charset: str | None) -> Engine:
    """PP-OCR's recogniser from the wheel of a package; with a charset, all other classes are ruled out."""
    import onnxruntime as ort
    from PIL import Image

    (path,) = (Path(importlib.import_module(package).__file__ or "").parent / "models").glob("*rec*.onnx")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options)
    characters = ["", *session.get_modelmeta().custom_metadata_map["character"].splitlines(), " "]
    allowed = np.array([not charset or not c or c in charset for c in characters])

    def read(images: list[Pixels]) -> list[str]:
        texts = []
        for image in images:
            width = max(1, round(image.shape[1] * 48 / image.shape[0]))
            line = np.asarray(Image.fromarray(image).resize((width, 48)), dtype=np.float32)[:, :, ::-1]
            batch = ((line / 255 - 0.5) / 0.5).transpose(2, 0, 1)[None]
            (scores,) = session.run(None, {session.get_inputs()[0].name: batch})
            best = np.where(allowed, scores[0], -1).argmax(axis=1)
            kept = [c for c, before in zip(best, [0, *best[:-1]], strict=True) if c and c != before]
            texts.append("".join(characters[c] for c in kept).strip())
        return texts

    return read


def tesseract(charset: str) -> Engine:
    import pytesseract
    from PIL import Image

    def read(images: list[Pixels]) -> list[str]:
        config = f"--psm 7 -c tessedit_char_whitelist={charset}"
        texts = (pytesseract.image_to_string(Image.fromarray(i), "chi_sim", config=config) for i in images)
        return ["".join(text.split()) for text in texts]

    return read


def cpu_seconds() -> float:
    """CPU time of this process and of the programs it ran."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    z, p = 1.96, hits / n
    middle, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - spread) / (1 + z * z / n), (middle + spread) / (1 + z * z / n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader")
    parser.add_argument("data", nargs="+", type=Path)
    args = parser.parse_args()
    reader, charset = ours(args.reader)
    engines: dict[str, Engine] = {f"linelet {args.reader}": reader}
    for name, package in {"PP-OCRv6 small": "rapidocr", "PP-OCRv4 mobile": "rapidocr_onnxruntime"}.items():
        try:
            engines |= {name: pp_ocr(package, None), f"{name}, restricted": pp_ocr(package, charset)}
        except ImportError:
            print(f"{name} left out: pip install {package.replace('_', '-')}")
    try:
        engines["Tesseract, whitelist"] = tesseract(charset)
    except ImportError:
        print("Tesseract left out: pip install pytesseract")
    print("| lines | engine | exact | CER | CPU ms per line |\n|---|---|---|---|---|")
    for folder in args.data:
        dataset = open_dataset(folder)
        images = [dataset.image(i) for i in range(len(dataset))]
        labels = [dataset.label(i) for i in range(len(dataset))]
        for name, engine in engines.items():
            engine(images[:2])
            start = cpu_seconds()
            texts = engine(images)
            cost = 1000 * (cpu_seconds() - start) / len(images)
            edits = sum(Levenshtein.distance(a, b) for a, b in zip(labels, texts, strict=True))
            exact = sum(a == b for a, b in zip(labels, texts, strict=True))
            low, high = wilson(exact, len(labels))
            share = f"{exact / len(labels):.2%} ({low:.1%} to {high:.1%})"
            cer = edits / sum(map(len, labels))
            print(f"| {folder.name} ({len(labels)}) | {name} | {share} | {cer:.2%} | {cost:.2f} |", flush=True)


if __name__ == "__main__":
    main()
