"""The verbs train and export. Heavy imports stand inside them."""

import argparse
import dataclasses
import os
import typing
from pathlib import Path

from linelet_common.cli import Verb, command, finish, print_json, rates
from linelet_common.errors import UsageError
from linelet_model.finding.settings import FinderSettings
from linelet_model.settings import Settings, flag_of

_TASKS: dict[str, type[Settings] | type[FinderSettings]] = {"read": Settings, "find": FinderSettings}


def _configure_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, help="the run folder to write")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in --out exactly where it stopped; the other options as before",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--task",
        choices=tuple(_TASKS),
        default="read",
        help="read: a reader of lines; find: a finder of the lines of screens (default: read)",
    )
    options = {option.name: option for kind in _TASKS.values() for option in dataclasses.fields(kind)}
    hints = {name: hint for kind in _TASKS.values() for name, hint in typing.get_type_hints(kind).items()}
    for name, option in options.items():
        flag, text, choices = flag_of(name), _help_of(name), option.metadata.get("choices")
        # Only what was given: each task has defaults of its own.
        if hints[name] is bool:
            parser.add_argument(flag, dest=name, action="store_true", default=argparse.SUPPRESS, help=text)
        elif name == "data":
            parser.add_argument(flag, dest=name, action="append", default=argparse.SUPPRESS, metavar="DIR", help=text)
        else:
            kind = next(t for t in (*typing.get_args(hints[name]), hints[name]) if t is not type(None))
            parser.add_argument(flag, dest=name, type=kind, default=argparse.SUPPRESS, choices=choices, help=text)


def _help_of(name: str) -> str:
    """What an option means, and its default in each task that has it."""
    found = {task: o for task, kind in _TASKS.items() for o in dataclasses.fields(kind) if o.name == name}
    first = next(iter(found.values()))
    text = str(first.metadata["help"]) + ("" if len(found) == len(_TASKS) else f"; only --task {next(iter(found))}")
    defaults = {task: o.default for task, o in found.items() if o.default not in (None, ()) and o.default is not False}
    if len(set(defaults.values())) < 2:
        return text + (f" (default: {next(iter(defaults.values()))})" if defaults else "")
    return text + f" (default: {', '.join(f'{value} to {task}' for task, value in defaults.items())})"


def _settings(args: argparse.Namespace) -> Settings | FinderSettings:
    """The settings of the task. UsageError for an option that it does not have."""
    kind = _TASKS[args.task]
    names = {f.name for k in _TASKS.values() for f in dataclasses.fields(k)}
    given = {name: value for name, value in vars(args).items() if name in names}
    known = {f.name for f in dataclasses.fields(kind)}
    if foreign := sorted(set(given) - known):
        raise UsageError(f"{flag_of(foreign[0])} is not an option of --task {args.task}; leave it out")
    return kind(**{**given, "data": tuple(given.get("data", ()))})


def _run_train(args: argparse.Namespace) -> None:
    # Threads that wait by spinning for long burn a multiple of the CPU on a machine that is not idle, and those that
    # do not spin at all lose a fifth on one that is. Must precede torch.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    settings = _settings(args)
    if isinstance(settings, FinderSettings):
        _train_finder(settings, args)
        return
    from linelet_model.training import train

    judged = train(settings, Path(args.out), args.resume)
    if args.json:
        print_json({"run": args.out, "lines": len(judged), "exact": judged.exact, "cer": judged.cer})
    else:
        print(f"held-out lines: {rates(len(judged), judged.exact, judged.cer)}")
    finish(args.out, command("export", args.out, "--out", "reader.onnx"))


def _train_finder(settings: FinderSettings, args: argparse.Namespace) -> None:
    from linelet_model.finding.training import train_finder

    found = train_finder(settings, Path(args.out), args.resume)
    if args.json:
        print_json({"run": args.out, "lines": found.lines, "recall": found.recall, "precision": found.precision})
    else:
        shares = f"recall {100 * found.recall:.2f} %, precision {100 * found.precision:.2f} %"
        print(f"held-out screens: {found.lines} lines, {shares}")
    finish(args.out, command("export", args.out, "--out", "finder.onnx"))


def _configure_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", help="a run folder")
    parser.add_argument("--out", required=True, help="the ONNX file to write")


def _run_export(args: argparse.Namespace) -> None:
    from linelet_model.finding.onnx_export import export_finder
    from linelet_model.onnx_export import export
    from linelet_model.run import read_run

    out, run = Path(args.out), Path(args.run_folder)
    if out.suffix != ".onnx":
        raise UsageError(f"--out {out} does not end in .onnx; name an ONNX file", value=out, place="--out")
    if read_run(run).get("task") == "find":
        difference = export_finder(run, out)
        print(f"ONNX Runtime gives torch's map within {difference:.1e}")
        finish(out, command("read", "READER", "SCREENSHOT", "--finder", out))
        return
    difference = export(run, out)
    print(f"ONNX Runtime gives torch's texts, scores within {difference:.1e}")
    finish(out, command("convert", out, "--out", "bundle"))


TRAIN = Verb("train a reader on labelled lines, or a finder on screens", _configure_train, _run_train)
EXPORT = Verb("write a run's network as ONNX, checked against torch", _configure_export, _run_export)
