"""``linelet demo``: the whole way from a recipe to a page, by the same verbs that a user would type."""

import argparse

from linelet_common.cli import Verb


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", default="demo", help="folder for everything the demo makes (default: %(default)s)")


def _run(args: argparse.Namespace) -> None:
    raise NotImplementedError


DEMO = Verb("synthesise, train, export, convert and check with the built-in recipe", _configure, _run)
