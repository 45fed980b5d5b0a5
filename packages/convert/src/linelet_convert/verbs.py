"""The verbs ``linelet convert`` (also ``linelet-convert``) and ``linelet serve``. Heavy imports happen inside run."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from linelet_common.cli import Parser, Verb, command, finish, guarded, print_json
from linelet_common.errors import UsageError
from linelet_common.reader import onnx_path, shipped_finder

if TYPE_CHECKING:
    from linelet_convert.conversion import Report
    from linelet_convert.verify import Check


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
        raise argparse.ArgumentTypeError(f"{text!r} is not a number, or three separated by commas") from None


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a fraction from 0 to 1")
    return value


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; give 0 to 65535")
    return int(text)


def configure_convert(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``convert``."""
    add = parser.add_argument
    add("model", type=onnx_path, help="an ONNX file, or the name of a shipped reader: health-app")
    add("--out", type=Path, required=True, help="the bundle folder to write")
    add("--width", type=_widths, default=[], metavar="W[,W...]", help="fix the input width, or several, in pixels")
    add("--weights", choices=("auto", "float32", "float16", "uint8"), default="auto", help="how weights are stored; "
        "auto: the smallest that change no text and move no confidence past 0.5 or 0.9 (default: auto)")  # fmt: skip
    add("--data", type=Path, metavar="DIR", help="dataset to check on: every text must match, and smaller weights "
        "are judged on it")  # fmt: skip
    add("--tolerance", type=_share, metavar="SHARE", help="fraction (0-1) of exact lines that smaller weights may lose "
        "(default: 0.005), or by which they may move a bare graph's outputs (default: 0.05)")  # fmt: skip
    add("--finder", type=Path, metavar="FILE", help="ONNX file of the finder to put beside the reader "
        "(default: the shipped one)")  # fmt: skip
    add("--no-finder", action="store_true", help="leave the finder out: boxes are drawn by hand")
    add("--onnx", action="store_true", help="also put the ONNX file into the bundle, for onnxruntime-web")
    add("--tflite", type=_widths, default=[], metavar="W[,W...]", help="also put the network into the bundle "
        "for LiteRT, at this width in pixels or at several: model-W.tflite")  # fmt: skip
    add("--json", action="store_true", help="print the report as JSON")
    third_party = parser.add_argument_group("third-party recognisers (files without a reader spec)")
    add = third_party.add_argument
    add("--spec", type=Path, help="a reader spec (spec.json)")
    add("--charset", help="the characters, in the order of their classes")
    add("--dictionary", type=Path, metavar="FILE", help="the characters, one per line (default: the ONNX file's "
        "metadata 'character')")  # fmt: skip
    add("--space", action="store_true", help="append a space to the characters (PaddleOCR's use_space_char)")
    add("--height", type=int, help="input height in pixels, if the file leaves it open")
    add("--color", choices=("grey", "rgb", "bgr"), help="what the channels are (default: grey or rgb)")
    add("--mean", type=_numbers, default=(0.5,), help="subtracted from values of 0-1 (default: 0.5)")
    add("--std", type=_numbers, default=(0.5,), help="values are then divided by this (default: 0.5)")
    add("--blank", choices=("first", "last"), default="first", help="which class is CTC's blank (default: first)")
    add("--bare", action="store_true", help="write a bare graph model, without reader and page")
    onnx_tf = parser.add_argument_group("conversion through onnx-tf and tensorflowjs_converter")
    add = onnx_tf.add_argument
    add("--via", choices=("direct", "onnx-tf"), default="direct", help="how to convert (default: direct)")
    add("--python", type=Path, metavar="FILE", help="the Python interpreter of onnx-tf's pinned environment")


def run_convert(arguments: argparse.Namespace) -> None:
    """Convert and say what was done."""
    from linelet_common.files import check_output
    from linelet_common.spec import ReaderSpec
    from linelet_convert.conversion import convert
    from linelet_convert.third_party import Hints

    a = arguments
    if a.charset is not None and a.dictionary is not None:
        raise UsageError("--charset and --dictionary are both given; choose one")
    if a.height is not None and not 1 <= a.height <= 512:
        raise UsageError(f"--height {a.height} is not from 1 to 512; give the height that the network takes")
    if (a.via == "onnx-tf") != (a.python is not None):
        raise UsageError("--via onnx-tf and --python go together; give both or neither")
    if a.finder and a.no_finder:
        raise UsageError("--finder and --no-finder are both given; choose one")
    if a.spec:
        check_output(a.out, [a.spec])
    report = convert(
        a.model,
        a.out,
        a.weights,
        spec=ReaderSpec.load(a.spec) if a.spec else None,
        widths=a.width,
        hints=Hints(a.charset, a.dictionary, a.height, a.color, a.mean, a.std, a.blank, a.space),
        bare=a.bare,
        data=a.data,
        tolerance=a.tolerance,
        keep_onnx=a.onnx,
        via_python=a.python,
        tflite=a.tflite,
        finder=None if a.no_finder or a.bare else a.finder or shipped_finder(),
    )
    if a.json:
        print_json(json.loads(report.to_json()))
    else:
        _show(report)
    finish(a.out, None if report.bare else command("serve", a.out))


def _compared(check: "Check") -> str:
    texts = f", {check.texts_equal} of {check.lines} texts equal" if check.lines else ""
    return f": largest difference {check.max_difference:.1e}{texts}"


def _show(report: "Report") -> None:
    """The report for people."""
    from linelet_convert.drift import Drift
    from linelet_convert.quantise import Harm

    check, harm = report.check, report.harm
    widths = ", ".join(str(w) for w in report.models if w) or "any"
    size = f"{report.nodes} nodes, {report.bytes / 1e6:.2f} MB, batch {report.batch}"
    print(size if report.bare else f"{size}, width {widths}")
    print(f"checked against ONNX Runtime by {check.by}{_compared(check)}")
    kinds = ", ".join(f"{count} {kind}" for kind, count in report.weights.items())
    print(f"weights: {kinds or 'none'}: {report.why}")
    if isinstance(harm, Drift) and report.why == "asked for":
        print(f"weights: {harm}")
    elif isinstance(harm, Harm) and report.why == "asked for":
        exact = "" if harm.exact_after is None else f", exact lines {harm.exact_before:.1%} -> {harm.exact_after:.1%}"
        print(f"weights: {harm.changed:.1%} of {harm.lines} texts changed ({harm.judged_on}){exact}")
    if report.finder:
        f = report.finder
        print(f"finder: {f.bytes / 1e6:.2f} MB, {f.weights} weights move {f.moved:.1%} of {f.boxes} boxes")
    for lite in report.tflite:
        print(f"LiteRT: {lite.file}, {lite.bytes / 1e6:.2f} MB{'' if lite.check is None else _compared(lite.check)}")
    for note in report.notes:
        print(f"note: {note}")


def configure_serve(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``serve``."""
    add = parser.add_argument
    add("bundle", metavar="BUNDLE", help="folder that 'linelet convert' wrote")
    add("--port", type=_port, default=None, help="port on 127.0.0.1; 0 takes a free one (default: 8640, or a free one)")
    add("--open", action="store_true", help="open the page in the default browser")


def run_serve(arguments: argparse.Namespace) -> None:
    """Serve until interrupted."""
    import contextlib
    import webbrowser

    from linelet_convert.serve import make_server

    server = make_server(Path(arguments.bundle), arguments.port)
    address = f"http://localhost:{server.server_address[1]}/"
    print(f"serving {arguments.bundle} at {address} (Ctrl+C stops it)", file=sys.stderr, flush=True)
    if arguments.open:
        webbrowser.open(address)
    with contextlib.suppress(KeyboardInterrupt), server:
        server.serve_forever()


CONVERT = Verb(
    "convert an ONNX recogniser to a TensorFlow.js bundle, checked against ONNX Runtime", configure_convert, run_convert
)
SERVE = Verb("show a bundle's page on localhost", configure_serve, run_serve)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``linelet-convert``; returns its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)

    def work() -> None:
        parser = Parser(prog="linelet-convert", description=CONVERT.summary)
        configure_convert(parser)
        run_convert(parser.parse_args(given))

    return guarded(work, "linelet-convert")
