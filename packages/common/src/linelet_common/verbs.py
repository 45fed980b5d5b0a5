"""``linelet demo``: the whole pipeline, from a recipe to a page that reads a screen, by the verbs that a user types."""

import argparse
import contextlib
import io
import json
import shlex
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from linelet_common.cli import Verb, command, finish, invoke
from linelet_common.errors import LineletError, UsageError

RECIPE = "health-app"
# The plain look is learned within minutes; a reader for real screens needs both looks and longer training.
LOOK = "plain"
LINES, UNSEEN = 30_000, 1_000
MINUTES = 3.5  # of six that the demo may take on two cores
SCREEN = 22  # a screen in faces that the plain look has too
SURE = 0.5  # confidence; smaller weights may change the texts of lines below it


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", default="demo", help="folder for everything the demo makes (default: %(default)s)")
    parser.add_argument("--lines", type=int, default=LINES, help="lines to train on (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="minutes to train (default: %(default)s)")


def _step(*words: str) -> None:
    """Announce and run one command, as it could be typed."""
    print(f"\n$ linelet {shlex.join(words)}", file=sys.stderr, flush=True)
    invoke(list(words))


def _figures(*words: str) -> Any:
    """What a command prints as JSON."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        _step(*words, "--json")
    return json.loads(printed.getvalue())


def _run(args: argparse.Namespace) -> None:
    start = time.monotonic()
    out = Path(args.out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} exists and is not empty; remove it or name another folder with --out", place=out)
    lines, unseen, run, reader, bundle = (str(out / n) for n in ("lines", "unseen", "run", "reader.onnx", "bundle"))
    look = ["--look", LOOK]
    _step("preview", RECIPE, *look, "--out", str(out / "preview.png"))
    _step("synth", RECIPE, *look, "--out", lines, "--count", str(args.lines), "--split", "train", "--workers", "2")
    _step("synth", RECIPE, *look, "--out", unseen, "--count", str(UNSEEN), "--split", "validation", "--seed", "1")
    _step("train", "--data", lines, "--out", run, "--minutes", str(args.minutes))
    _step("export", run, "--out", reader)
    in_torch = _figures("evaluate", run, "--data", unseen)
    in_onnx = _figures("evaluate", reader, "--data", unseen)
    texts = [[(line["image"], line["read"]) for line in figures["mistakes"]] for figures in (in_torch, in_onnx)]
    if texts[0] != texts[1]:
        raise LineletError(f"{run} and {reader} read {unseen} differently; export again and report it", place=run)
    # Converting with --data compares the bundle's texts with ONNX Runtime's on every line and refuses a difference.
    _step("convert", reader, "--out", bundle, "--data", unseen)
    print(f"\nunseen lines: {in_onnx['lines']}, exact {100 * in_onnx['exact']:.2f} %, CER {100 * in_onnx['cer']:.3f} %")
    check = json.loads((out / "bundle" / "conversion.json").read_text(encoding="utf-8"))["check"]
    print("PyTorch and ONNX Runtime give the same text for each of them")
    equal = f"{check['texts_equal']} of {check['lines']} texts equal"
    print(f"{check['by']} and ONNX Runtime: {equal}, scores within {check['max_difference']:.1e}")
    _read_screen(out, run, reader, bundle)
    print(f"took {time.monotonic() - start:.0f} s")
    finish(out, f"{command('serve', bundle)}, and open the address it prints")


def _read_screen(out: Path, run: str, reader: str, bundle: str) -> None:
    """A whole screen, synthesised, read in torch, in ONNX Runtime and by the bundle; its named values printed."""
    screens = str(out / "screens")
    _step("synth", RECIPE, "--screens", "--out", screens, "--count", "1", "--seed", str(SCREEN))
    (picture,) = (out / "screens" / "images").iterdir()
    in_torch, in_onnx = (_figures("read", source, str(picture))[0] for source in (run, reader))
    texts = [[line["text"] for line in read["lines"]] for read in (in_torch, in_onnx)]
    if texts[0] != texts[1]:
        raise LineletError(f"{picture} is read differently by {run} and {reader}; report it with the folder")
    print(f"{picture}: {len(texts[0])} lines, the same by PyTorch and ONNX Runtime")
    from linelet_common.preprocess import load_image

    (point,) = entry_points(group="linelet.bundles", name="read_screen")
    in_bundle = point.load()(Path(bundle), load_image(picture))
    if in_bundle is not None:
        pairs = list(zip(in_onnx["lines"], in_bundle["lines"], strict=False))
        differ = [(a, b) for a, b in pairs if a["text"] != b["text"]]
        if len(in_bundle["lines"]) != len(texts[0]) or any(a["confidence"] >= SURE for a, _ in differ):
            raise LineletError(f"{picture} is read differently by {reader} and {bundle}; report it with the folder")
        same = len(pairs) - len(differ)
        print(f"the bundle's TensorFlow.js reads {same} of them the same, among them all confident ones")
    for key, field in in_onnx["fields"].items():
        print(f"{key} = {field['value']}")


DEMO = Verb("run the whole pipeline on a built-in recipe: lines, training, ONNX, bundle, a screen", _configure, _run)
