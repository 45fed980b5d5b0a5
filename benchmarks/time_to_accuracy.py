"""Time to accuracy: linelet's default training against the classic recipe and network, given the same wall time.

    python benchmarks/time_to_accuracy.py --minutes 4 --data-to-read DIR [--recipe health-app]

Each is trained from nothing on the same recipe's lines, one after the other, and reads the same datasets when its time
is spent. The reference's lines are made beforehand and not counted; linelet makes its own while it trains.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--recipe", default="health-app")
    parser.add_argument("--threads", default=str(os.cpu_count() or 1))
    parser.add_argument("--lines", default="10000", help="lines that the reference trains on")
    parser.add_argument("--optimisers", nargs="+", default=["muon"], help="muon, adamw: linelet trained once with each")
    parser.add_argument("--data-to-read", nargs="+", required=True)
    args = parser.parse_args()
    linelet = [sys.executable, "-m", "linelet_common"]
    with tempfile.TemporaryDirectory() as folder:
        for optimiser in args.optimisers:
            run = str(Path(folder) / optimiser)
            start = time.monotonic()
            train = ["train", "--recipe", args.recipe, "--minutes", str(args.minutes), "--threads", args.threads]
            subprocess.run([*linelet, *train, "--optimiser", optimiser, "--out", run], check=True)
            print(f"linelet with {optimiser}: {time.monotonic() - start:.0f} s with everything")
            for data in args.data_to_read:
                print(f"linelet with {optimiser} on {data}:", flush=True)
                subprocess.run([*linelet, "evaluate", run, "--data", data], check=True)
        lines = str(Path(folder) / "lines")
        subprocess.run([*linelet, "synth", args.recipe, "--out", lines, "--count", args.lines], check=True)
        reference = [sys.executable, str(Path(__file__).with_name("train_reference.py")), lines]
        options = ["--seconds", str(60 * args.minutes), "--threads", args.threads, "--data-to-read"]
        subprocess.run([*reference, *options, *args.data_to_read], check=True)


if __name__ == "__main__":
    main()
