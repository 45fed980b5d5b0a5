"""The networks' sizes and costs as a table: parameters, MACs, file, CPU ms a line through ONNX Runtime and in training.

    python benchmarks/networks.py            # docs/networks.md is its output

One thread; lines of 200 x 32 pixels; each figure the least of several runs, all networks in one run. Untrained weights:
cost does not depend on them.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from linelet_common import ReaderSpec
from linelet_model import NETWORKS, OnnxReader, run
from linelet_model.export import export
from linelet_model.networks import network_class

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
    network = network.train().to(memory_format=torch.channels_last)

    def step() -> None:
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            scores = network(images)
        log_probs = scores.float().log_softmax(2).permute(1, 0, 2)
        frames, lengths = torch.full((64,), log_probs.shape[0]), torch.full((64,), 5)
        F.ctc_loss(log_probs, targets, frames, lengths).backward()
        network.zero_grad()

    return step


def main() -> None:
    torch.set_num_threads(1)
    print("| network | parameters | MMAC a line | reading, CPU ms a line, batch 1 / 16 | training, CPU ms a line |")
    print("|---|---|---|---|---|")
    for name in NETWORKS:
        kind = network_class(name)
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
                costs.append(least_ms(lambda r=reader, x=lines: r.scores(x), n))
        precision = torch.bfloat16 if name.startswith("light") else torch.float32
        training = least_ms(training_step(network, precision), 64, runs=2)
        size = sum(p.numel() for p in network.parameters()) / 1e6
        macs = counter.get_total_flops() / 2e6
        print(f"| {name} | {size:.2f} M | {macs:.0f} | {costs[0]:.2f} / {costs[1]:.2f} | {training:.2f} |", flush=True)


if __name__ == "__main__":
    main()
