"""``linelet-convert MODEL --out DIR``, also the verb ``linelet convert``. Heavy imports happen inside run."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from linelet_common.cli import Parser, Verb, finish, guarded, print_json
from linelet_common.errors import UsageError
from linelet_common.reader import onnx_path


def _widths(text: str) -> list[int]:
    try:
        widths = [int(part) for part in text.split(",")]
    except ValueError:
        widths = []
    if not widths or min(widths) < 1 or max(widths) > 2**15:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of widths in pixels like 100,200,400")
    return sorted(set(widths))


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number, or three joined by commas") from None


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share from 0 to 1")
    return value


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments of the verb."""
    add = parser.add_argument
    add("model", type=onnx_path, help="an ONNX file, or a shipped reader: health-app")
    add("--out", type=Path, required=True, help="the bundle folder to write")
    add("--width", type=_widths, default=[], metavar="W[,W...]", help="the only input widths wanted, in pixels")
    add("--weights", choices=("float32", "float16", "uint8"), default="float32", help="how weights are stored")
    add("--data", type=Path, metavar="DIR", help="dataset whose texts must come out equal; judges smaller weights")
    add(
        "--tolerance", type=_share, default=0.005, help="share of lines smaller weights may cost (default: %(default)s)"
    )
    add("--onnx", action="store_true", help="put the ONNX file into the bundle too, for onnxruntime-web")
    add("--json", action="store_true", help="print the report as JSON")
    foreign = parser.add_argument_group("recognisers of others' making (without a spec in the file)")
    add = foreign.add_argument
    add("--spec", type=Path, help="a reader spec (spec.json)")
    add("--charset", help="the characters, in the order of their classes")
    add("--dictionary", type=Path, metavar="FILE", help="the characters, one a line (default: the file's 'character')")
    add("--height", type=int, help="height of the input in pixels, where the file leaves it open")
    add("--color", choices=("grey", "rgb", "bgr"), help="what the channels are (default: grey or rgb)")
    add("--mean", type=_numbers, default=(0.5,), help="subtracted from values of 0-1 (default: 0.5)")
    add("--std", type=_numbers, default=(0.5,), help="then divided by (default: 0.5)")
    add("--blank", choices=("first", "last"), default="first", help="which class is CTC's blank (default: first)")
    add("--bare", action="store_true", help="a bare graph model, without reader and page")
    known = parser.add_argument_group("the known way")
    known.add_argument(
        "--via", choices=("direct", "onnx-tf"), default="direct", help="how to convert (default: direct)"
    )
    known.add_argument("--python", type=Path, metavar="FILE", help="the Python of onnx-tf's pinned environment")


def run(arguments: argparse.Namespace) -> None:
    """Convert and say what was done."""
    from linelet_common.spec import ReaderSpec
    from linelet_convert.convert import convert
    from linelet_convert.foreign import Hints

    a = arguments
    if a.charset is not None and a.dictionary is not None:
        raise UsageError("--charset and --dictionary are both given; name one of them")
    if a.height is not None and not 1 <= a.height <= 512:
        raise UsageError(f"--height {a.height} is not from 1 to 512")
    if (a.via == "onnx-tf") != (a.python is not None):
        raise UsageError("--via onnx-tf needs --python, the Python of its environment, and nothing else does")
    report = convert(
        a.model,
        a.out,
        a.weights,
        spec=ReaderSpec.load(a.spec) if a.spec else None,
        widths=a.width,
        hints=Hints(a.charset, a.dictionary, a.height, a.color, a.mean, a.std, a.blank),
        bare=a.bare,
        data=a.data,
        tolerance=a.tolerance,
        keep_onnx=a.onnx,
        via_python=a.python,
    )
    if a.json:
        print_json(json.loads(report.to_json()))
    else:
        check, harm = report.check, report.harm
        widths = ", ".join(str(w) for w in report.models if w) or "any"
        size = f"{report.nodes} nodes, {report.bytes / 1e6:.2f} MB, batch {report.batch}"
        print(size if report.bare else f"{size}, width {widths}")
        texts = f", {check.texts_equal} of {check.lines} texts equal" if check.lines else ""
        print(f"checked against ONNX Runtime by {check.by}: largest difference {check.max_difference:.1e}{texts}")
        if harm:
            kinds = ", ".join(f"{count} {kind}" for kind, count in report.weights.items())
            exact = (
                "" if harm.exact_after is None else f", exact lines {harm.exact_before:.1%} -> {harm.exact_after:.1%}"
            )
            print(f"weights: {kinds}; {harm.changed:.1%} of {harm.lines} texts changed ({harm.judged_on}){exact}")
        for note in report.notes:
            print(f"note: {note}")
    finish(a.out, None if report.bare else f"linelet serve {a.out}")


CONVERT = Verb("convert an ONNX recogniser to a TensorFlow.js bundle, checked against ONNX Runtime", configure, run)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``linelet-convert``; returns its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)

    def work() -> None:
        parser = Parser(prog="linelet-convert", description=CONVERT.summary)
        configure(parser)
        run(parser.parse_args(given))

    return guarded(work, "linelet-convert")
