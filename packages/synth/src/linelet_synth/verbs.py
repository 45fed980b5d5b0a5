"""The verbs synth and preview. Nothing heavy is imported until one runs."""

import argparse
from pathlib import Path

from linelet_common.cli import Verb, finish, positive

LOOKS = ("plain", "screen")
SPLITS = ("all", "train", "validation")


def _whole(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return value


def _configure_synth(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="a recipe: a TOML file or the name of a built-in one, e.g. health-app")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--count", type=positive, required=True, help="number of lines")
    parser.add_argument("--seed", type=_whole, default=0, help="another seed, other lines (default 0)")
    parser.add_argument("--workers", type=positive, default=1, help="processes (default 1); the lines are the same")
    parser.add_argument("--look", choices=LOOKS, help="only this look instead of the recipe's mixture")
    parser.add_argument("--split", choices=SPLITS, default="all", help="only texts of one side; no text is on both")
    parser.add_argument("--grey", action="store_true", help="grey pictures instead of RGB: twice as fast")
    parser.add_argument("--resume", action="store_true", help="go on where an interrupted run stopped")


def _synth(arguments: argparse.Namespace) -> None:
    from linelet_synth.generate import Job, generate
    from linelet_synth.recipe import load_recipe

    job = Job(
        load_recipe(arguments.recipe), arguments.seed, arguments.count, arguments.look, arguments.split, arguments.grey
    )
    generate(job, arguments.out, arguments.workers, arguments.resume)
    finish(arguments.out, f"linelet train --data {arguments.out} --out run")


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
