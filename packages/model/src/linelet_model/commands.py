"""The verbs train, evaluate, read and export. Heavy imports stand inside them."""

import argparse
import dataclasses
import os
import typing
from pathlib import Path

from linelet_common.cli import Verb, finish, print_json
from linelet_common.errors import UsageError
from linelet_model.settings import Settings, flag_of


def _configure_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, help="the run folder to write")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out, exactly as it was begun")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    hints = typing.get_type_hints(Settings)
    for option in dataclasses.fields(Settings):
        flag = flag_of(option.name)
        text, choices = option.metadata["help"], option.metadata["choices"]
        if hints[option.name] is bool:
            parser.add_argument(flag, dest=option.name, action="store_true", help=text)
        elif option.name == "data":
            parser.add_argument(flag, dest=option.name, action="append", default=[], metavar="DIR", help=text)
        else:
            kind = next(t for t in (*typing.get_args(hints[option.name]), hints[option.name]) if t is not type(None))
            shown = "" if option.default is None else f" (default: {option.default})"
            parser.add_argument(
                flag, dest=option.name, type=kind, default=option.default, choices=choices, help=text + shown
            )


def _run_train(args: argparse.Namespace) -> None:
    # Threads that wait by spinning for long burn a multiple of the CPU on a machine that is not idle, and those that
    # do not spin at all lose a fifth on one that is. Must precede torch.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    from linelet_model.training import train

    values = {f.name: getattr(args, f.name) for f in dataclasses.fields(Settings)}
    evaluation = train(Settings(**{**values, "data": tuple(args.data)}), Path(args.out), args.resume)
    if args.json:
        print_json({"run": args.out, "lines": len(evaluation.lines), "exact": evaluation.exact, "cer": evaluation.cer})
    else:
        print(f"held-back lines: {_rates(len(evaluation.lines), evaluation.exact, evaluation.cer)}")
    finish(args.out, f"linelet export {args.out} --out reader.onnx")


def _configure_evaluate(parser: argparse.ArgumentParser) -> None:
    _add_reader(parser)
    parser.add_argument("--data", required=True, metavar="DIR", help="the dataset to read")
    _add_decode(parser)
    parser.add_argument("--report", metavar="FILE", help="also write an HTML report with the pictures of the mistakes")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def _run_evaluate(args: argparse.Namespace) -> None:
    from linelet_common.datasets import open_dataset
    from linelet_model.evaluation import evaluate
    from linelet_model.readers import open_reader

    reader, dataset = open_reader(args.reader), open_dataset(args.data)
    result = evaluate(reader, dataset, decoding=args.decode)
    if args.report:
        from linelet_common.files import write_atomically
        from linelet_model.report import write_report

        write_atomically(Path(args.report), write_report(result, dataset, f"{args.reader} on {args.data}"))
        finish(args.report)
    if args.json:
        print_json(result.summary())
        return
    edits, (low, high) = result.edits(), result.cer_interval()
    print(_rates(len(result.lines), result.exact, result.cer) + f" (95 % interval {100 * low:.3f} to {100 * high:.3f})")
    print(f"mean CER per line {100 * result.cer_per_line:.2f} %")
    print(f"{edits['replace']} replaced, {edits['delete']} missed, {edits['insert']} added characters")
    for line in result.mistakes()[:10]:
        print(f"  {line.name}: {line.label!r} read as {line.reading.text!r} ({line.reading.confidence:.2f})")


def _configure_compare(parser: argparse.ArgumentParser) -> None:
    for name in ("A", "B"):
        parser.add_argument(name.lower(), metavar=name, help="a run folder or an ONNX file")
    parser.add_argument("--data", required=True, metavar="DIR", help="the dataset to read")
    _add_decode(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _run_compare(args: argparse.Namespace) -> None:
    from linelet_common.datasets import open_dataset
    from linelet_model.evaluation import compare, evaluate
    from linelet_model.readers import open_reader

    dataset = open_dataset(args.data)
    a, b = (evaluate(open_reader(reader), dataset, decoding=args.decode) for reader in (args.a, args.b))
    result = compare(a, b)
    if args.json:
        print_json({"a": a.summary(), "b": b.summary(), **dataclasses.asdict(result)})
        return
    print(f"A {_rates(len(a.lines), a.exact, a.cer)}")
    print(f"B {_rates(len(b.lines), b.exact, b.cer)}")
    verdict = "a real difference" if result.p_value < 0.05 else "no difference that chance could not make"
    print(f"only A exact {result.only_a}, only B exact {result.only_b}: p = {result.p_value:.3g} (McNemar), {verdict}")
    low, high = (100 * x for x in result.interval)
    print(f"CER of B less A: {100 * result.cer_difference:+.3f} % (95 % interval {low:+.3f} to {high:+.3f})")


def _configure_read(parser: argparse.ArgumentParser) -> None:
    _add_reader(parser)
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="pictures of one line each")
    _add_decode(parser)
    parser.add_argument("--json", action="store_true", help="print a list of {image, text, confidence}")


def _run_read(args: argparse.Namespace) -> None:
    from linelet_common.preprocess import load_image
    from linelet_common.reader import read_lines
    from linelet_model.readers import open_reader

    reader = open_reader(args.reader)
    readings = read_lines(reader, [load_image(path) for path in args.images], decoding=args.decode)
    if args.json:
        rows = zip(args.images, readings, strict=True)
        print_json([{"image": path, "text": r.text, "confidence": round(r.confidence, 4)} for path, r in rows])
        return
    for path, reading in zip(args.images, readings, strict=True):
        print(f"{path}\t{reading.text}\t{reading.confidence:.3f}")


def _configure_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", help="a run folder")
    parser.add_argument("--out", required=True, help="the ONNX file to write")


def _run_export(args: argparse.Namespace) -> None:
    from linelet_model.export import export

    out = Path(args.out)
    if out.suffix != ".onnx":
        raise UsageError(f"--out {out} must end in .onnx")
    difference = export(Path(args.run_folder), out)
    print(f"ONNX Runtime gives torch's texts, scores within {difference:.1e}")
    finish(out, f"linelet convert {out} --out bundle")


def _add_reader(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reader", metavar="READER", help="a run folder, an ONNX file or a shipped reader: health-app")


def _add_decode(parser: argparse.ArgumentParser) -> None:
    text = "greedy takes each frame's best (default), grammar the likeliest text that the reader's recipe can say"
    parser.add_argument("--decode", choices=("greedy", "grammar"), default="greedy", help=text)


def _rates(lines: int, exact: float, cer: float) -> str:
    return f"{lines} lines, {100 * exact:.2f} % exact, CER {100 * cer:.3f} %"


TRAIN = Verb("train a reader on labelled lines", _configure_train, _run_train)
EVALUATE = Verb("how well a reader reads a dataset", _configure_evaluate, _run_evaluate)
COMPARE = Verb("whether two readers differ by more than chance", _configure_compare, _run_compare)
READ = Verb("read pictures of lines", _configure_read, _run_read)
EXPORT = Verb("write a run's network as ONNX, checked against torch", _configure_export, _run_export)
