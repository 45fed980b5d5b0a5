"""What a CUDA device gives: the same scores as the CPU, and how many more lines a second.

    python benchmarks/gpu.py                     # some six minutes; needs a CUDA build of torch
    python benchmarks/gpu.py --device cpu --seconds 5 --lines 2000    # a look at the script itself

Parity: the shipped reader's network on lines of its recipe, in each precision, against float32 on the CPU: the largest
difference of a score, and how many texts are the same. Speed: lines a second read in batches of 64, and trained on with
the default settings, loading and judging left out.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from linelet_common.spec import ReaderSpec
from linelet_model import run
from linelet_model.data import Batch, collate
from linelet_model.device import pick_device
from linelet_model.lines import Lines, add_line
from linelet_model.settings import Settings
from linelet_model.state import State
from linelet_model.training import train
from linelet_read.shipped import HEALTH_APP

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
BATCH = 64


def batches(folder: Path, spec: ReaderSpec) -> list[Batch]:
    """The lines of a dataset in their order."""
    from linelet_common.datasets import open_dataset

    dataset, lines = open_dataset(folder), Lines()
    for i in range(len(dataset)):
        add_line(lines, dataset, i, spec)
    order = sorted(range(len(lines)), key=lambda i: lines.images[i].shape[1])  # of similar width, as in training
    return [collate(lines, order[i : i + BATCH], spec) for i in range(0, len(order), BATCH)]


def scores(network: nn.Module, given: list[Batch], device: torch.device, precision: torch.dtype) -> list[Tensor]:
    """Logits float32 (N, T, C) of each batch, on the CPU."""
    found = []
    with torch.inference_mode(), torch.autocast(device.type, precision, enabled=precision != torch.float32):
        for batch in given:
            images = batch.images.to(device, memory_format=torch.channels_last)
            found.append(network(images).float().cpu())
    return found


def parity(network: nn.Module, given: list[Batch], spec: ReaderSpec, device: torch.device) -> None:
    """Print how a device's scores differ from the CPU's, and how fast both are."""
    cpu = torch.device("cpu")
    begun = time.perf_counter()
    wanted = scores(network.to(cpu), given, cpu, torch.float32)
    rate = sum(map(len, wanted)) / (time.perf_counter() - begun)
    print(f"read   cpu  fp32: {rate:8.0f} lines/s")
    texts = [r.text for batch in wanted for r in spec.codec.decode(batch.numpy())]
    network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch lacks it
    for name, precision in PRECISIONS.items():
        scores(network, given[:2], device, precision)  # kernels are chosen and loaded at the first call
        begun = time.perf_counter()
        found = scores(network, given, device, precision)
        rate = sum(map(len, found)) / (time.perf_counter() - begun)
        worst = max(float((a - b).abs().max()) for a, b in zip(wanted, found, strict=True))
        same = sum(
            a == r.text for a, r in zip(texts, (r for b in found for r in spec.codec.decode(b.numpy())), strict=True)
        )
        print(
            f"read   {device.type:4} {name}: {rate:8.0f} lines/s; scores within {worst:.2g} of the CPU's, "
            f"{same} of {len(texts)} texts the same",
            flush=True,
        )


def training_speed(data: Path, name: str, precision: str, seconds: float) -> None:
    """Print the lines a second of a training, from its second step to its end."""
    step, times = State.train_step, [0.0]
    lines = 0

    def counted(state: State, batch: Batch, spec: ReaderSpec) -> float:
        nonlocal lines
        loss = step(state, batch, spec)  # gives a number, so the device has finished
        if times[0] and time.perf_counter() - times[0] < seconds:
            lines += len(batch.lengths)
            times.append(time.perf_counter())
        times[0] = times[0] or time.perf_counter()
        return loss

    State.train_step = counted  # type: ignore[method-assign, assignment]
    try:
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(data=(str(data),), minutes=seconds / 60, device=name, precision=precision)
            train(settings, Path(folder) / "run")
    finally:
        State.train_step = step  # type: ignore[method-assign]
    print(f"train  {name:4} {precision}: {lines / max(times[-1] - times[0], 1e-9):8.0f} lines/s", flush=True)


def main() -> None:
    """Compare a device with the CPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "mps", "cpu"), default="cuda")
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each training")
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        print("torch finds no CUDA device: nothing is compared")
        return
    from linelet_synth import Job, generate, load_recipe

    device = pick_device(args.device)
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    print(f"{named}, torch {torch.__version__}, {torch.get_num_threads()} threads of the CPU")
    network, spec = run.load_network(HEALTH_APP)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "lines"
        generate(Job(load_recipe("health-app"), 0, args.lines, grey=True), data)
        parity(network, batches(data, spec)[: 2000 // BATCH], spec, device)
        training_speed(data, "cpu", "fp32", args.seconds)
        for precision in PRECISIONS:
            training_speed(data, args.device, precision, args.seconds)


if __name__ == "__main__":
    main()
