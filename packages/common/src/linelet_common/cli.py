"""The ``linelet`` command. Its verbs are found through the entry-point group ``linelet.verbs``.

A package adds a verb by an entry point that names a Verb; the module holding it must import nothing heavy, so that
``linelet --help`` stays quick. Exit codes: 0 done, 2 bad input (one line on stderr), 130 interrupted, 143 terminated.
"""

import argparse
import difflib
import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.metadata import entry_points, version
from typing import Any, NoReturn

from linelet_common.errors import LineletError, UsageError
from linelet_common.processes import Terminated, terminable

GROUP = "linelet.verbs"

# Which package brings a verb, to be named where it isn't installed.
HOMES = {
    "synth": "linelet-synth",
    "preview": "linelet-synth",
    "init": "linelet-synth",
    "recipe": "linelet-synth",
    "fonts": "linelet-synth",
    "pack": "linelet-synth",
    "train": "linelet-model",
    "evaluate": "linelet-read",
    "compare": "linelet-read",
    "read": "linelet-read",
    "export": "linelet-model",
    "convert": "linelet-convert",
    "serve": "linelet-convert",
    "demo": "linelet-common",
}


@dataclass(frozen=True)
class Verb:
    """A verb of the command: one line of help, its arguments, and what it does with them."""

    summary: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]


class Parser(argparse.ArgumentParser):
    """argparse whose errors are one line: value, place, remedy."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of printing the usage and exiting."""
        raise UsageError(f"{message}; see '{self.prog} --help'")


def installed_verbs() -> dict[str, Verb]:
    """Name -> verb for every installed package, in the order of HOMES, unknown ones last."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    names = [n for n in HOMES if n in found] + sorted(n for n in found if n not in HOMES)
    return {name: found[name].load() for name in names}


def _parser(verbs: dict[str, Verb]) -> Parser:
    parser = Parser(prog="linelet", description="Text-line readers: synthesise, train, convert, read in the browser.")
    parser.add_argument("--version", action="version", version=f"linelet {version('linelet-common')}")
    rooms = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    for name, verb in verbs.items():
        room = rooms.add_parser(name, help=verb.summary, description=verb.summary)
        verb.configure(room)
        room.set_defaults(run=verb.run)
    return parser


def _refuse_unknown(name: str, verbs: dict[str, Verb]) -> None:
    if name.startswith("-") or name in verbs:
        return
    if name in HOMES:
        raise UsageError(f"'{name}' is a verb of {HOMES[name]}, not installed; pip install {HOMES[name]}")
    near = difflib.get_close_matches(name, verbs, n=1)
    remedy = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(verbs)}"
    raise UsageError(f"unknown verb '{name}'; {remedy}")


def invoke(arguments: Sequence[str]) -> None:
    """Carry out one command; bad input raises LineletError."""
    verbs = installed_verbs()
    parser = _parser(verbs)
    if not arguments:
        parser.print_help()
        return
    _refuse_unknown(arguments[0], verbs)
    if "" in arguments:
        # As a path it would be the current folder, with all that is in it.
        raise UsageError(f"argument {arguments.index('') + 1} is empty; a variable of the shell may not be set")
    parsed = parser.parse_args(arguments)
    parsed.run(parsed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the ``linelet`` command; returns its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    verb = words[0] if words and not words[0].startswith("-") else ""
    return guarded(lambda: invoke(words), f"linelet {verb}".strip())


def guarded(run: Callable[[], None], name: str) -> int:
    """Call ``run``; turn bad input into one line on stderr and exit code 2."""
    _open_streams()
    try:
        with terminable():
            run()
        sys.stdout.flush()
    except LineletError as failure:
        print(f"{name}: {one_line(str(failure))}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of our output has left (head, less): not an error of ours. Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (UnicodeError, RecursionError, MemoryError, BrokenProcessPool) as failure:
        print(f"{name}: {_explain(failure)}", file=sys.stderr)
        return 2
    except OSError as failure:
        place = f"{failure.filename}: " if failure.filename else ""
        reason = failure.strerror or failure
        print(f"{name}: {place}{reason}; check the path, its permissions and the free space", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
    except Terminated:
        print(f"{name}: terminated", file=sys.stderr)
        return 143
    return 0


def _explain(failure: Exception) -> str:
    """What an error means that can come from anywhere, in one line."""
    if isinstance(failure, RecursionError):
        return "a file is nested too deeply to be read; correct or replace it"
    if isinstance(failure, MemoryError):
        return "out of memory; give less at a time, or use a machine with more"
    if isinstance(failure, BrokenProcessPool):
        return "a worker process was killed (out of memory?); continue with fewer --workers"
    shown = one_line(repr(getattr(failure, "object", "a text"))[:200])
    return f"{shown} is not UTF-8 ({getattr(failure, 'reason', failure)}); rename or correct the file"


def _open_streams() -> None:
    """Make stdout and stderr writable whatever they are: closed, or of an encoding that lacks our characters."""
    for key in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, key)
        if stream is None:
            # The lowest free descriptor is the closed one: no file opened later may get it, and messages with it.
            setattr(sys, key, os.fdopen(os.open(os.devnull, os.O_RDWR), "r" if key == "stdin" else "w"))
        elif key != "stdin" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def one_line(message: str) -> str:
    """A message on one line, control characters made visible: file names can hold anything."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in message)


def print_json(data: Any) -> None:
    """A result for programs, on stdout; in ASCII where stdout can't hold all of Unicode."""
    unicode = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("_", "-") in ("utf-8", "utf8")
    text = json.dumps(data, ensure_ascii=not unicode, indent=1)
    # A path that is not UTF-8 holds lone surrogates: JSON can say them, UTF-8 cannot.
    print("".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in text) if unicode else text)


def command(*words: object) -> str:
    """A linelet command as it can be pasted into a shell."""
    return f"linelet {shlex.join(map(str, words))}"


def finish(path: object, following: str | None = None) -> None:
    """The last lines of a verb: the path it wrote and the next command to run. On stderr: stdout is for results."""
    print(f"wrote {path}", file=sys.stderr)
    if following:
        print(f"next: {following}", file=sys.stderr)


def positive(text: str) -> int:
    """An argparse type: a whole number above 0."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return value


def rates(lines: int, exact: float, cer: float) -> str:
    """How well lines were read, for people. exact and cer: shares, 0-1."""
    return f"{lines} lines, {100 * exact:.2f} % exact, CER {100 * cer:.3f} %"


class Progress:
    """A counter with rate and time left on stderr, at a terminal only."""

    def __init__(self, total: int, unit: str) -> None:
        self._clock = time.monotonic
        self._total, self._unit, self._done = total, unit, 0
        self._start, self._shown = self._clock(), 0.0
        self._visible = sys.stderr.isatty()

    def advance(self, count: int = 1) -> None:
        """Count ``count`` more; redraws at most five times a second."""
        self._done += count
        now = self._clock()
        if not self._visible or (now - self._shown < 0.2 and self._done < self._total):
            return
        self._shown = now
        rate = self._done / max(now - self._start, 1e-9)
        left = (self._total - self._done) / max(rate, 1e-9)
        print(f"\r{self._done}/{self._total} {self._unit}, {rate:.0f}/s, {left:.0f} s left ", end="", file=sys.stderr)
        if self._done >= self._total:
            print(file=sys.stderr)
