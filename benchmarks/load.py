"""What memory long runs take: a million lines written, many drawn without files, read or trained on. Linux only.

    python benchmarks/load.py synth [--count 1000000] [--format lmdb] [--look plain] [--workers 1] [--out DIR]
    python benchmarks/load.py draw [--count 150000] [--look plain]
    python benchmarks/load.py read [--count 100000]
    python benchmarks/load.py train --data DIR [--steps 1000]

Each prints a table as it goes: how much is done, the process's resident memory, and of that what it has allocated and
what are pages of files, such as an LMDB's, which the system takes back whenever it needs them. Memory is flat where the
allocated column is: caches fill at first, then nothing is added.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def memory(pid: int | str = "self") -> tuple[float, float]:
    """Resident and allocated megabytes of a process."""
    rows = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines())
    kilobytes = {row[0]: int(row[1]) for row in rows if len(row) == 3 and row[2] == "kB"}
    return kilobytes["Rss:"] / 1e3, kilobytes["Anonymous:"] / 1e3


def show(done: int, unit: str, resident: float, allocated: float) -> None:
    mapped = resident - allocated
    print(f"{done:10,} {unit}  {resident:6.0f} MB = {allocated:6.0f} allocated + {mapped:6.0f} of files", flush=True)


class Table:
    """A row at each of SHARES of the whole, of this process."""

    def __init__(self, whole: int, unit: str) -> None:
        self._unit, self._rows = unit, sorted({max(1, round(share * whole)) for share in SHARES})

    def reach(self, done: int) -> None:
        while self._rows and done >= self._rows[0]:
            show(self._rows.pop(0), self._unit, *memory())


def written(out: Path) -> int:
    """Bytes of a dataset's files so far."""
    return sum(p.stat().st_size for p in out.glob("*") if p.suffix in (".tar", ".mdb"))


def synth(count: int, out: Path, more: list[str]) -> None:
    """Watch ``linelet synth``: a row whenever a quarter more has been written."""
    words = ["synth", "health-app", "--out", str(out), "--count", str(count), "--grey", *more]
    begun, shown, most = time.monotonic(), 0, 0.0
    process = subprocess.Popen([sys.executable, "-m", "linelet_common", *words])
    while process.poll() is None:
        time.sleep(0.5)
        try:
            resident, allocated = memory(process.pid)
        except (OSError, KeyError):  # just ended
            break
        most = max(most, allocated)
        if written(out) > max(1e6, 1.25 * shown):
            shown = written(out)
            show(round(shown / 1e6), "MB written", resident, allocated)
    if process.wait():
        sys.exit("linelet synth failed")
    print(
        f"{count} lines in {time.monotonic() - begun:.0f} s, {written(out) / 1e6:.0f} MB; at most {most:.0f} allocated"
    )


def draw(count: int, look: str | None) -> None:
    """Draw lines without writing them."""
    from linelet_synth import load_recipe
    from linelet_synth.source import Source

    table = Table(count, "lines")
    for i, _ in enumerate(Source(load_recipe("health-app"), 0, look).samples(range(count)), 1):
        table.reach(i)


def read(count: int) -> None:
    """Read synthesised lines one by one with the shipped reader, as a server would."""
    from linelet_read import load_reader, read_lines
    from linelet_synth import load_recipe
    from linelet_synth.source import Source

    lines = [picture for picture, _ in Source(load_recipe("health-app"), seed=1).samples(range(1000))]
    reader, table = load_reader("health-app"), Table(count, "reads")
    begun = time.monotonic()
    for i in range(count):
        read_lines(reader, [lines[i % len(lines)]])
        table.reach(i + 1)
    print(f"{count} reads in {time.monotonic() - begun:.0f} s")


def train(data: str, steps: int) -> None:
    """Run ``linelet train --data`` in this process and stop it after so many steps."""
    from linelet_common.cli import main as linelet
    from linelet_model.state import State

    table, done, step = Table(steps, "steps"), 0, State.train_step
    begun = time.monotonic()

    def counted(*arguments: object) -> float:
        nonlocal done
        if not done:
            show(0, "steps", *memory())
        loss = step(*arguments)  # type: ignore[arg-type]
        done += 1
        table.reach(done)
        if done == steps:
            print(f"{steps} steps in {time.monotonic() - begun:.0f} s, loading included")
            raise KeyboardInterrupt
        return loss

    State.train_step = counted  # type: ignore[method-assign, assignment]
    with tempfile.TemporaryDirectory(prefix="linelet-load-") as folder:
        linelet(["train", "--data", data, "--out", f"{folder}/run", "--epochs", "1000", "--threads", "1"])


def main() -> None:
    """Choose what to load."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("synth", "draw", "read", "train"))
    parser.add_argument("--count", type=int, help="lines to write (default 1000000), draw (150000) or read (100000)")
    parser.add_argument("--format", choices=("lmdb", "webdataset"), default="lmdb")
    parser.add_argument("--look", choices=("plain", "screen"), help="one look instead of the recipe's mixture")
    parser.add_argument("--workers", default="1")
    parser.add_argument("--out", type=Path, help="the dataset to write, which then stays")
    parser.add_argument("--data", help="the dataset to train on")
    parser.add_argument("--steps", type=int, default=1000)
    args = parser.parse_args()
    if args.what == "read":
        read(args.count or 100_000)
    elif args.what == "draw":
        draw(args.count or 150_000, args.look)
    elif args.what == "train":
        if not args.data:
            parser.error("train needs --data")
        train(args.data, args.steps)
    else:
        with tempfile.TemporaryDirectory(prefix="linelet-load-") as folder:
            more = ["--format", args.format, "--workers", args.workers, *(["--look", args.look] if args.look else [])]
            synth(args.count or 1_000_000, args.out or Path(folder) / "lines", more)


if __name__ == "__main__":
    main()
