"""The verbs train and export. Heavy imports stand inside them."""

import argparse
import dataclasses
import os
import typing
from pathlib import Path

from linelet_common.cli import Verb, finish, print_json, rates
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
    judged = train(Settings(**{**values, "data": tuple(args.data)}), Path(args.out), args.resume)
    if args.json:
        print_json({"run": args.out, "lines": len(judged), "exact": judged.exact, "cer": judged.cer})
    else:
        print(f"held-out lines: {rates(len(judged), judged.exact, judged.cer)}")
    finish(args.out, f"linelet export {args.out} --out reader.onnx")


def _configure_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", help="a run folder")
    parser.add_argument("--out", required=True, help="the ONNX file to write")


def _run_export(args: argparse.Namespace) -> None:
    from linelet_model.onnx_export import export

    out = Path(args.out)
    if out.suffix != ".onnx":
        raise UsageError(f"--out {out} must end in .onnx")
    difference = export(Path(args.run_folder), out)
    print(f"ONNX Runtime gives torch's texts, scores within {difference:.1e}")
    finish(out, f"linelet convert {out} --out bundle")


TRAIN = Verb("train a reader on labelled lines", _configure_train, _run_train)
EXPORT = Verb("write a run's network as ONNX, checked against torch", _configure_export, _run_export)
