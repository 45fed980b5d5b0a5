"""The verbs read, evaluate and compare. Heavy imports stand inside them."""

import argparse
import dataclasses
from pathlib import Path

from linelet_common.cli import Verb, finish, print_json, rates
from linelet_common.errors import UsageError
from linelet_common.files import check_output, check_suffix, output_file, refuse_foreign


def _configure_evaluate(parser: argparse.ArgumentParser) -> None:
    _add_reader(parser)
    parser.add_argument("--data", required=True, metavar="DIR", help="the dataset to read")
    _add_finder(parser)
    _add_decode(parser)
    _add_links(parser)
    parser.add_argument(
        "--edits",
        choices=("levenshtein", "rapidfuzz"),
        default="levenshtein",
        help="library for edit distances: Levenshtein (GPL) or rapidfuzz (MIT) (default: %(default)s)",
    )
    parser.add_argument("--report", metavar="FILE", help="also write an HTML report with the pictures of the mistakes")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def _run_evaluate(args: argparse.Namespace) -> None:
    from linelet_common.datasets import open_dataset
    from linelet_common.screens import is_screens
    from linelet_read.evaluation import evaluate
    from linelet_read.readers import load_reader

    if args.report:
        given = [Path(p) for p in (args.reader, args.data, args.finder) if p]
        check_suffix(Path(args.report), (".html", ".htm"), "--report")
        check_output(Path(args.report), given, "--report")
        refuse_foreign(Path(args.report))  # before all the reading
    if is_screens(args.data):
        _evaluate_screens(args)
        return
    if args.finder:
        raise UsageError(f"--finder {args.finder} is for screens, and {args.data} holds lines; leave it out")
    reader, dataset = load_reader(args.reader), open_dataset(args.data, args.follow_links)
    result = evaluate(reader, dataset, decoding=args.decode, edits=args.edits)
    if args.report:
        from linelet_read.report import write_report

        report = write_report(result, dataset, f"{args.reader} on {args.data}")
        with output_file(Path(args.report)) as file:
            file.write(report.encode())
        finish(args.report)
    if args.json:
        print_json(result.summary())
        return
    edits, (low, high) = result.edits(), result.cer_interval()
    print(rates(len(result.lines), result.exact, result.cer) + f" (95 % interval {100 * low:.3f} to {100 * high:.3f})")
    if result.unwritable:
        print(
            f"{result.unwritable} labels hold characters outside the reader's charset, which it has no class for; "
            "they count as mistakes"
        )
    print(f"mean CER per line {100 * result.cer_per_line:.2f} %")
    print(f"{edits['replace']} characters substituted, {edits['delete']} deleted, {edits['insert']} inserted")
    known = len(result.without_unknown())
    print(f"{len(result.lines) - known} readings hold a character that the reader doesn't know; of the {known} others")
    print(f"the expected calibration error is {100 * result.calibration_error():.2f} %; by confidence:")
    for row in result.reliability():
        shares = f"mean confidence {row.confidence:.3f}, {100 * row.exact:6.2f} % exact"
        print(f"  {row.band:20} {row.lines:6} lines, {shares}")
    for line in result.mistakes()[:10]:
        print(f"  {line.name}: {line.label!r} read as {line.reading.text!r} ({line.reading.confidence:.2f})")


def _evaluate_screens(args: argparse.Namespace) -> None:
    from linelet_common.screens import open_screens
    from linelet_read.finder import load_finder
    from linelet_read.readers import load_reader
    from linelet_read.screen_evaluation import evaluate_screens

    dataset = open_screens(args.data, args.follow_links)
    result = evaluate_screens(load_reader(args.reader), load_finder(args.finder), dataset, args.decode)
    if args.report:
        from linelet_read.screen_report import write_screen_report

        report = write_screen_report(result, dataset, f"{args.reader} on {args.data}")
        with output_file(Path(args.report)) as file:
            file.write(report.encode())
        finish(args.report)
    if args.json:
        print_json({**result.summary(), "mistakes": result.rows(dataset)})
        return
    print(f"{result.screens} screens, {result.screens_right} without any mistake")
    print(f"{result.lines} lines, recall {100 * result.recall:.2f} %, precision {100 * result.precision:.2f} %")
    print(f"{result.readable} lines of the charset, {100 * result.exact_share:.2f} % read exactly from end to end")
    print(f"{result.invented} texts that are not there, {result.invented_surely} with a confidence over 0.9")
    print(f"{result.fields} named values, {result.fields_right} right, {result.fields_wrong} wrong")
    for m in result.mistakes[:10]:
        said = f" as {m.read!r} ({m.confidence:.2f})" if m.truth and m.read else f" {m.read!r}" if m.read else ""
        print(f"  {dataset.name(m.screen)}: {m.truth or ''!r}"[: None if m.truth else -3] + f" {m.kind}{said}")


def _configure_compare(parser: argparse.ArgumentParser) -> None:
    for name in ("A", "B"):
        parser.add_argument(name.lower(), metavar=name, help="an ONNX file, a run folder or a shipped reader")
    parser.add_argument("--data", required=True, metavar="DIR", help="the dataset to read")
    _add_links(parser)
    _add_decode(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _run_compare(args: argparse.Namespace) -> None:
    from linelet_common.datasets import open_dataset
    from linelet_read.evaluation import compare, evaluate
    from linelet_read.readers import load_reader

    dataset = open_dataset(args.data, args.follow_links)
    a, b = (evaluate(load_reader(reader), dataset, decoding=args.decode) for reader in (args.a, args.b))
    result = compare(a, b)
    if args.json:
        print_json({"a": a.summary(), "b": b.summary(), **dataclasses.asdict(result)})
        return
    print(f"A {rates(len(a.lines), a.exact, a.cer)}")
    print(f"B {rates(len(b.lines), b.exact, b.cer)}")
    verdict = "statistically significant" if result.p_value < 0.05 else "not statistically significant"
    print(f"only A exact {result.only_a}, only B exact {result.only_b}: p = {result.p_value:.3g} (McNemar), {verdict}")
    low, high = (100 * x for x in result.interval)
    print(f"CER of B minus A: {100 * result.cer_difference:+.3f} % (95 % interval {low:+.3f} to {high:+.3f})")


def _configure_read(parser: argparse.ArgumentParser) -> None:
    _add_reader(parser)
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE", help="screenshots, pictures of a line, or folders of them"
    )
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--screen", action="store_true", help="every picture is a screen, whatever its shape")
    shape.add_argument("--line", action="store_true", help="every picture is one line, whatever its shape")
    _add_finder(parser)
    _add_decode(parser)
    parser.add_argument("--unknown", action="store_true", help="also print lines in which no character is known")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a list of {image, lines, fields}")
    form.add_argument("--csv", action="store_true", help="print a row per line: image, box, text, confidence")
    form.add_argument("--fields", action="store_true", help="print only the named values, as JSON")


def _run_read(args: argparse.Namespace) -> None:
    from linelet_read.listing import print_csv, print_fields, print_lines, print_list
    from linelet_read.pictures import Shape, find_pictures, read_pictures

    shape: Shape | None = "screen" if args.screen else "line" if args.line else None
    paths = find_pictures(args.images)
    read = read_pictures(args.reader, paths, shape, finder=args.finder, decoding=args.decode, unknown=args.unknown)
    if args.json:
        print_list(read)
    elif args.csv:
        print_csv(read)
    elif args.fields:
        print_fields(read)
    else:
        print_lines(read)


def _add_reader(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "reader", metavar="READER", help="an ONNX file, a run folder or a shipped reader such as health-app"
    )


def _add_links(parser: argparse.ArgumentParser) -> None:
    text = "also read pictures that are links out of the dataset's folder"
    parser.add_argument("--follow-links", action="store_true", help=text)


def _add_finder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--finder", metavar="FILE", help="ONNX file of a line finder (default: the shipped one)")


def _add_decode(parser: argparse.ArgumentParser) -> None:
    text = (
        "greedy: the best class of each frame (default); grammar: the most probable text that the reader's recipe "
        "allows, where the network finds one plausible"
    )
    parser.add_argument("--decode", choices=("greedy", "grammar"), default="greedy", help=text)


EVALUATE = Verb("measure how well a reader reads a dataset", _configure_evaluate, _run_evaluate)
COMPARE = Verb("test whether two readers differ significantly", _configure_compare, _run_compare)
READ = Verb("read screenshots or pictures of lines", _configure_read, _run_read)
