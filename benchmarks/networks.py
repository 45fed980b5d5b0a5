"""The networks' sizes, costs and quality as a table.

    python benchmarks/networks.py --minutes 5 --recipe health-app --data-to-read DIR

Costs: CPU milliseconds a line of 200 x 32 pixels on one thread, through ONNX Runtime and in training, the least of
several runs with untrained weights. Quality: each network trained from nothing on the recipe for so many minutes of one
thread, then read with. Needs torchvision for two of them; without --minutes the costs alone are printed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from linelet_common import ReaderSpec
from linelet_model import NETWORKS, run
from linelet_model.device import pick_precision
from linelet_model.networks import network_class
from linelet_model.onnx_export import export
from linelet_read import OnnxReader

CHARSET = "".join(chr(0x4E00 + i) for i in range(78))  # of the reference case's size


def least_ms(work: Callable[[], object], lines: int, runs: int = 5) -> float:
    work()
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1000 * min(times) / lines


def training_step(network: torch.nn.Module, precision: torch.dtype) -> Callable[[], None]:
    images = torch.zeros(64, 1, 32, 200).to(memory_format=torch.channels_last)
    targets = torch.ones(64 * 5, dtype=torch.long)
    network = network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def step() -> None:
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            scores = network(images)
        log_probs = scores.float().log_softmax(2).permute(1, 0, 2)
        frames, lengths = torch.full((64,), log_probs.shape[0]), torch.full((64,), 5)
        F.ctc_loss(log_probs, targets, frames, lengths).backward()  # type: ignore[no-untyped-call]
        network.zero_grad()

    return step


def quality(name: str, recipe: str, minutes: float, data: str) -> str:
    """Lines trained on, exact lines and CER of a network after so much training."""
    linelet = [sys.executable, "-m", "linelet_common"]
    with tempfile.TemporaryDirectory() as folder:
        run_folder = Path(folder) / "run"
        train = ["train", "--recipe", recipe, "--network", name, "--minutes", str(minutes), "--threads", "1"]
        subprocess.run([*linelet, *train, "--workers", "1", "--out", str(run_folder)], check=True, stdout=sys.stderr)
        read = [*linelet, "evaluate", str(run_folder), "--data", data, "--json"]
        found = json.loads(subprocess.run(read, check=True, capture_output=True, text=True).stdout)
        lines = json.loads((run_folder / "metrics.jsonl").read_text().splitlines()[-1])["lines"]
    return f" {lines / 1000:.0f} k | {100 * found['exact']:.1f} % | {100 * found['cer']:.2f} % |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, help="of training for the quality columns")
    parser.add_argument("--recipe", default="health-app")
    parser.add_argument("--data-to-read", metavar="DIR", help="the lines to judge by")
    parser.add_argument("--only", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    args = parser.parse_args()
    if args.minutes and not args.data_to_read:
        parser.error("--minutes needs --data-to-read DIR")
    kinds = {name: network_class(name) for name in args.only}  # what cannot be had is said before anything is measured
    torch.set_num_threads(1)
    columns = ["network", "parameters", "MMAC a line", "reading, CPU ms, batch 1 / 16", "training, CPU ms"]
    if args.minutes:
        columns += [f"lines in {args.minutes:g} min", "exact", "CER"]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for name, kind in kinds.items():
        network = kind(len(CHARSET) + 1).eval()
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            network(torch.zeros(1, 1, 32, 200))
        spec = ReaderSpec(charset=CHARSET, network=name, stride=kind.stride, frames_lost=kind.frames_lost)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "run.json").write_text('{"version": 1}')
            (Path(folder) / "spec.json").write_text(spec.to_json())
            run.write_weights(Path(folder), network.state_dict())
            export(Path(folder), Path(folder) / "x.onnx")
            reader = OnnxReader(Path(folder) / "x.onnx")
            costs = []
            for n in (1, 16):
                lines = np.zeros((n, 1, 32, 200), dtype=np.float32)
                costs.append(least_ms(partial(reader.scores, lines), n))
        precision = pick_precision("auto", torch.device("cpu"))
        training = least_ms(training_step(network, precision), 64, runs=2)
        size = sum(p.numel() for p in network.parameters()) / 1e6
        macs = counter.get_total_flops() / 2e6
        judged = quality(name, args.recipe, args.minutes, args.data_to_read) if args.minutes else ""
        row = f"| `{name}` | {size:.2f} M | {macs:.0f} | {costs[0]:.2f} / {costs[1]:.2f} | {training:.2f} |{judged}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
