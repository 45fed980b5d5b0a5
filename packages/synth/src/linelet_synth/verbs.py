"""The synthesiser's verbs. Nothing heavy is imported until one runs."""

import argparse
import sys
from pathlib import Path

from linelet_common.cli import Verb, command, finish, positive, print_json

LOOKS = ("plain", "screen")
STORAGES = ("folder", "lmdb", "webdataset")
ENGINES = ("local", "ray")
SPLITS = ("all", "train", "validation")


def _natural(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return value


def _shard(text: str) -> tuple[int, int]:
    part, _, whole = text.partition("/")
    if part.isdecimal() and whole.isdecimal() and int(part) < int(whole):
        return int(part), int(whole)
    raise argparse.ArgumentTypeError(f"{text!r} is not I/N, e.g. 0/4 for the first of four machines")


def _configure_synth(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="a recipe: a TOML file or the name of a built-in one, e.g. health-app")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--count", type=positive, required=True, help="number of lines or screens")
    parser.add_argument("--screens", action="store_true", help="whole screens, with every line's box and text")
    parser.add_argument(
        "--seed", type=_natural, default=0, help="random seed (default 0): the same seed, the same lines"
    )
    parser.add_argument(
        "--workers",
        type=positive,
        default=1,
        help="worker processes (default 1); the lines are the same for any number",
    )
    parser.add_argument("--look", choices=LOOKS, help="draw only this look instead of the recipe's mixture")
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="all",
        help="draw only training or only validation texts; no text is in both",
    )
    parser.add_argument(
        "--grey", action="store_true", help="grey pictures instead of RGB; faster, and all that a reader sees"
    )
    parser.add_argument(
        "--format", choices=STORAGES, default="folder", help="how the lines are stored (default folder)"
    )
    parser.add_argument("--details", action="store_true", help="also store each character's box and the line's style")
    parser.add_argument("--resume", action="store_true", help="continue an interrupted run")
    parser.add_argument(
        "--shard",
        type=_shard,
        default=(0, 1),
        metavar="I/N",
        help="make only part I of N, counted from 0",
    )
    parser.add_argument(
        "--engine", choices=ENGINES, default="local", help="run here or on a Ray cluster (default local)"
    )


def _synth(arguments: argparse.Namespace) -> None:
    from linelet_common.errors import UsageError
    from linelet_synth.check import contrast_notes
    from linelet_synth.dataset import generate
    from linelet_synth.job import Job
    from linelet_synth.recipe import load_recipe

    if arguments.screens and (arguments.look or arguments.details):
        raise UsageError("--look and --details apply to lines only; leave them out with --screens")
    job = Job(
        load_recipe(arguments.recipe),
        arguments.seed,
        arguments.count,
        arguments.look,
        arguments.split,
        arguments.grey,
        arguments.format,
        arguments.details,
        arguments.screens,
    )
    out = arguments.out
    complete = generate(job, out, arguments.workers, arguments.resume, arguments.shard, arguments.engine)
    # Behind all that may be refused: what is refused is one line.
    if arguments.look != "screen" and not arguments.screens:
        for note in contrast_notes(job.recipe):
            print(f"note: {note}", file=sys.stderr)
    if complete:
        task = ["--task", "find"] if arguments.screens else []
        finish(out, command("train", *task, "--data", out, "--out", "run"))
    else:
        finish(
            f"shard {arguments.shard[0]} of {arguments.shard[1]} to {out}",
            "the other shards; the last one completes the dataset",
        )


def _configure_preview(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="a recipe: a TOML file or the name of a built-in one")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="a contact sheet (.png) or a report with statistics (.html)",
    )
    parser.add_argument("--count", type=positive, help="number of lines (default 60) or screens (default 12)")
    parser.add_argument("--seed", type=_natural, default=0, help="random seed (default 0)")
    parser.add_argument("--look", choices=LOOKS, help="draw only this look")
    parser.add_argument("--screens", action="store_true", help="whole screens, their lines and fields framed")


def _preview(arguments: argparse.Namespace) -> None:
    from linelet_common.files import check_suffix
    from linelet_synth.preview import contact_sheet
    from linelet_synth.recipe import load_recipe
    from linelet_synth.source import Source

    check_suffix(arguments.out, (".png", ".html", ".htm"))
    if arguments.screens:
        _preview_screens(arguments)
        return
    count = arguments.count or 60
    source = Source(load_recipe(arguments.recipe), arguments.seed, arguments.look, rgb=True)
    if arguments.out.suffix.lower() in (".html", ".htm"):
        from linelet_synth.report import write_report

        write_report(source, count, arguments.out)
    else:
        contact_sheet(source, count, arguments.out)
    finish(arguments.out, command("synth", arguments.recipe, "--out", "data", "--count", 10000))


def _preview_screens(arguments: argparse.Namespace) -> None:
    from linelet_common.errors import UsageError
    from linelet_synth.recipe import load_recipe
    from linelet_synth.screens.preview import screens_sheet
    from linelet_synth.screens.source import ScreenSource

    if arguments.look or arguments.out.suffix.lower() in (".html", ".htm"):
        raise UsageError("--look and reports (.html) apply to lines only; with --screens write a contact sheet (.png)")
    source = ScreenSource(load_recipe(arguments.recipe), arguments.seed)
    screens_sheet(source, arguments.count or 12, arguments.out)
    finish(arguments.out, command("synth", arguments.recipe, "--screens", "--out", "screens", "--count", 1000))


def _configure_init(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("recipe.toml"), help="file to write (default recipe.toml)")
    parser.add_argument(
        "--from",
        dest="screenshots",
        type=Path,
        nargs="+",
        default=[],
        metavar="SCREENSHOT",
        help="propose the colours and text sizes found in these screenshots",
    )
    parser.add_argument(
        "--corpus",
        type=Path,
        metavar="TEXTS",
        help="a UTF-8 file of the app's texts, one per line: the recipe takes its texts, characters and fonts from it",
    )


def _init(arguments: argparse.Namespace) -> None:
    from linelet_common.errors import UsageError
    from linelet_common.files import output_file
    from linelet_synth.propose import look_at, propose, read_corpus

    out = arguments.out
    if out.exists():
        raise UsageError(f"{out} exists; name another file with --out", place=out)
    corpus = None
    if arguments.corpus:
        corpus, repeated = read_corpus(arguments.corpus, out.parent)
        if repeated:
            print(f"note: {repeated} texts are there more than once; each counts once", file=sys.stderr)
    recipe = propose(look_at(arguments.screenshots) if arguments.screenshots else None, corpus)
    with output_file(out) as file:
        file.write(recipe.encode())
    finish(out, command("recipe", "check", out))


def _configure_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("check",), help="check: validate fonts, texts, colours and sizes")
    parser.add_argument("recipe", help="a recipe: a TOML file or the name of a built-in one")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _recipe(arguments: argparse.Namespace) -> None:
    from dataclasses import asdict

    from linelet_synth.check import check
    from linelet_synth.recipe import load_recipe

    findings = check(load_recipe(arguments.recipe))
    if arguments.json:
        print_json(asdict(findings))
        return
    character, share = findings.rarest
    print(f"{findings.characters} characters; {findings.faces} faces for all of them, {findings.companions} companions")
    print(f"widest text: {findings.widest}; rarest character: {character} in {share:.2%} of the lines")
    for note in findings.notes:
        print(f"note: {note}")


def _configure_fonts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="a recipe: a TOML file or the name of a built-in one")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _fonts(arguments: argparse.Namespace) -> None:
    from linelet_synth.recipe import load_recipe
    from linelet_synth.recipe_faces import companion_faces, families
    from linelet_synth.recipe_texts import family_characters, read_corpora

    recipe = load_recipe(arguments.recipe)
    found, rejected = families(recipe, family_characters(recipe, read_corpora(recipe)))
    companions, more = companion_faces(recipe)
    own = [(name, faces) for name, faces in found.items() if name]
    groups = [("whole charset" if not own else "other texts", found[""]), *own, ("companion", companions)]
    used = [(use, face) for use, group in groups for face in group]
    reasons = {r.place: r.reason for r in (*rejected, *more)}
    for _, face in used:
        reasons.pop(face.place, None)  # a face that lacks part of the charset may still be a companion
    if arguments.json:
        print_json(
            {
                "used": [
                    {"name": f.name, "file": f.path, "index": f.index, "weights": list(f.weights), "use": use}
                    for use, f in used
                ],
                "unused": [{"file": place, "reason": reason} for place, reason in reasons.items()],
            }
        )
        return
    for use, face in used:
        low, high = face.weights
        print(f"{use:14}{face.name}, {low if low == high else f'{low}-{high}'}, {face.place}")
    for place, reason in reasons.items():
        print(f"{'not used':14}{place}: {reason}")


def _configure_pack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", type=Path, help="dataset folder")
    parser.add_argument("--out", type=Path, required=True, help="zip file to write")
    parser.add_argument("--follow-links", action="store_true", help="put the targets of symbolic links into the zip")


def _pack(arguments: argparse.Namespace) -> None:
    from linelet_common.files import check_suffix
    from linelet_synth.pack import pack

    check_suffix(arguments.out, (".zip",))
    pack(arguments.data, arguments.out, arguments.follow_links)
    finish(arguments.out, f"upload {arguments.out.name}, e.g. as a Kaggle dataset")


SYNTH = Verb("synthesise labelled lines or screens", _configure_synth, _synth)
PREVIEW = Verb("draw a contact sheet or a report of a recipe's lines or screens", _configure_preview, _preview)
INIT = Verb("write a recipe to start from", _configure_init, _init)
RECIPE = Verb("check a recipe before generating", _configure_recipe, _recipe)
FONTS = Verb("list the fonts that a recipe can use, and why it cannot use the others", _configure_fonts, _fonts)
PACK = Verb("zip a dataset for uploading", _configure_pack, _pack)
