"""``linelet-convert MODEL --out DIR``, also the verb ``linelet convert``. Heavy imports happen inside run."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from linelet_common.cli import Parser, Verb, finish, guarded, print_json


def _widths(text: str) -> list[int]:
    try:
        widths = [int(part) for part in text.split(",")]
    except ValueError:
        widths = []
    if not widths or min(widths) < 1 or max(widths) > 2**15:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of widths in pixels like 100,200,400")
    return sorted(set(widths))


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments of the verb."""
    parser.add_argument("model", type=Path, help="an ONNX file")
    parser.add_argument("--out", type=Path, required=True, help="the bundle folder to write")
    parser.add_argument(
        "--weights", choices=("float32", "float16", "uint8"), default="float32", help="how weights are stored"
    )
    parser.add_argument(
        "--width", type=_widths, default=[], metavar="W[,W...]", help="the only input widths wanted, in pixels"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Convert and say what was done."""
    from linelet_convert.convert import convert

    report = convert(arguments.model, arguments.out, arguments.weights, widths=arguments.width)
    if arguments.json:
        import json

        print_json(json.loads(report.to_json()))
    else:
        check = report.check
        texts = f", {check.texts_equal} of {check.lines} texts equal" if check.lines else ""
        print(
            f"{report.nodes} nodes, {report.bytes / 1e6:.2f} MB, batch any, "
            f"width {', '.join(str(w) for w in report.models if w) or 'any'}"
        )
        print(f"checked against ONNX Runtime by {check.by}: largest difference {check.max_difference:.1e}{texts}")
    finish(arguments.out, f"linelet serve {arguments.out}")


CONVERT = Verb("convert an ONNX recogniser to a TensorFlow.js bundle, checked against ONNX Runtime", configure, run)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``linelet-convert``; returns its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)

    def work() -> None:
        parser = Parser(prog="linelet-convert", description=CONVERT.summary)
        configure(parser)
        run(parser.parse_args(given))

    return guarded(work, "linelet-convert")
