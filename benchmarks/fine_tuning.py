"""What fifty corrected crops of an app bring: five minutes of one core, from the shipped reader.

    npm pack @fontsource/audiowide && tar xf fontsource-audiowide-*.tgz
    python benchmarks/fine_tuning.py package/files/audiowide-latin-400-normal.woff2

The app writes its numbers in a face that no reader was trained on; Chromium draws them. Of 350 lines fifty train, the
others judge; 400 lines in this machine's usual faces tell whether what the reader could is kept. The commands are those
of the README.
"""

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from linelet_common import open_dataset
from linelet_read import load_reader, read_lines

HERE = Path(__file__).parent


def run(*command: object) -> None:
    subprocess.run([sys.executable, *map(str, command)], check=True, stdout=sys.stderr)


def keep(source: Path, target: Path, numbers: list[int]) -> None:
    """A folder of some of a dataset's crops, as a person would hand it in: pictures and labels.txt alone."""
    rows = (source / "labels.txt").read_text(encoding="utf-8").splitlines()
    (target / "images").mkdir(parents=True)
    for k in numbers:
        name = rows[k].split("\t")[0]
        (target / name).write_bytes((source / name).read_bytes())
    (target / "labels.txt").write_text("".join(rows[k] + "\n" for k in numbers), encoding="utf-8")


def exact(reader: str | Path, data: Path) -> tuple[int, int, int]:
    """Lines read exactly, lines, and wrong ones at a confidence of 0.9 or more."""
    dataset = open_dataset(data)
    labels = [dataset.label(i).replace(" ", "") for i in range(len(dataset))]
    readings = read_lines(load_reader(reader), [dataset.image(i) for i in range(len(dataset))])
    right = [r.text == label for r, label in zip(readings, labels, strict=True)]
    sure = sum(not ok and r.confidence >= 0.9 for ok, r in zip(right, readings, strict=True))
    return sum(right), len(right), sure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("font", type=Path)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--crops", type=int, default=50)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        draw = (HERE / "draw_lines.py", "health-app")
        run(*draw, place / "app", "--count", args.crops + 300, "--seed", 5, "--font", args.font)
        run(*draw, place / "usual", "--count", 400, "--seed", 6)
        numbers = list(range(args.crops + 300))
        random.Random(0).shuffle(numbers)
        keep(place / "app", place / "real", numbers[: args.crops])
        keep(place / "app", place / "judge", numbers[args.crops :])
        verb = ("-m", "linelet_common")
        run(*verb, "synth", "health-app", "--out", place / "synthetic", "--count", 8000, "--seed", 7)
        run(
            *(*verb, "train", "--data", place / "real", "--data", f"{place / 'synthetic'}:4", "--from", "health-app"),
            *("--lr", 5e-4, "--minutes", args.minutes, "--threads", 1, "--out", place / "run"),
        )
        print(f"| reader | {args.font.stem}: exact of 300 | wrong at 0.9 or more | usual faces: exact of 400 |")
        print("|---|---|---|---|")
        for name, reader in (("shipped", "health-app"), (f"after {args.crops} crops", place / "run")):
            own, usual = exact(reader, place / "judge"), exact(reader, place / "usual")
            print(f"| {name} | {own[0]} | {own[2]} | {usual[0]} |")


if __name__ == "__main__":
    main()
