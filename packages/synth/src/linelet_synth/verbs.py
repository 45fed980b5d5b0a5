"""The verbs synth and preview. Nothing heavy is imported until one runs."""

import argparse
from pathlib import Path

from linelet_common.cli import Verb, finish, positive

LOOKS = ("plain", "screen")
FORMS = ("folder", "lmdb", "webdataset")
ENGINES = ("local", "ray")
SPLITS = ("all", "train", "validation")


def _whole(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return value


def _shard(text: str) -> tuple[int, int]:
    part, _, whole = text.partition("/")
    if part.isdecimal() and whole.isdecimal() and int(part) < int(whole):
        return int(part), int(whole)
    raise argparse.ArgumentTypeError(f"{text!r} is not I/N, e.g. 0/4 for the first of four machines")


def _configure_synth(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="a recipe: a TOML file or the name of a built-in one, e.g. health-app")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--count", type=positive, required=True, help="number of lines")
    parser.add_argument("--seed", type=_whole, default=0, help="another seed, other lines (default 0)")
    parser.add_argument("--workers", type=positive, default=1, help="processes (default 1); the lines are the same")
    parser.add_argument("--look", choices=LOOKS, help="only this look instead of the recipe's mixture")
    parser.add_argument("--split", choices=SPLITS, default="all", help="only texts of one side; no text is on both")
    parser.add_argument("--grey", action="store_true", help="grey pictures instead of RGB: twice as fast")
    parser.add_argument("--format", choices=FORMS, default="folder", help="how the lines are stored (default folder)")
    parser.add_argument("--boxes", action="store_true", help="store each character's box too")
    parser.add_argument("--resume", action="store_true", help="go on where an interrupted run stopped")
    parser.add_argument("--shard", type=_shard, default=(0, 1), metavar="I/N", help="this machine's share, from 0/N on")
    parser.add_argument("--engine", choices=ENGINES, default="local", help="where the work is done (default local)")


def _synth(arguments: argparse.Namespace) -> None:
    from linelet_synth.generate import Job, generate
    from linelet_synth.recipe import load_recipe

    job = Job(
        load_recipe(arguments.recipe),
        arguments.seed,
        arguments.count,
        arguments.look,
        arguments.split,
        arguments.grey,
        arguments.format,
        arguments.boxes,
    )
    out = arguments.out
    if generate(job, out, arguments.workers, arguments.resume, arguments.shard, arguments.engine):
        finish(out, f"linelet train --data {out} --out run")
    else:
        finish(f"this machine's share to {out}", "the other shares; the last one completes the dataset")


def _configure_preview(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="a recipe: a TOML file or the name of a built-in one")
    parser.add_argument("--out", type=Path, required=True, help="contact sheet to write, PNG")
    parser.add_argument("--count", type=positive, default=60, help="number of lines (default 60)")
    parser.add_argument("--seed", type=_whole, default=0, help="seed (default 0)")
    parser.add_argument("--look", choices=LOOKS, help="only this look")


def _preview(arguments: argparse.Namespace) -> None:
    from linelet_synth.preview import contact_sheet
    from linelet_synth.recipe import load_recipe
    from linelet_synth.source import Source

    source = Source(load_recipe(arguments.recipe), arguments.seed, arguments.look, rgb=True)
    contact_sheet(source, arguments.count, arguments.out)
    finish(arguments.out, f"linelet synth {arguments.recipe} --out data --count 10000")


SYNTH = Verb("synthesise labelled lines", _configure_synth, _synth)
PREVIEW = Verb("draw a contact sheet of a recipe's lines", _configure_preview, _preview)
