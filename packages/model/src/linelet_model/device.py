"""Where to train and in which precision."""

import os
import sys
import time
from pathlib import Path

import torch

from linelet_common.errors import TrainingError


def pick_device(name: str) -> torch.device:
    """The device to train on. TrainingError if it isn't there."""
    if name == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            "--device cuda: torch finds no CUDA device; install a CUDA build of torch or use --device cpu"
        )
    if name == "mps" and not torch.backends.mps.is_available():
        raise TrainingError("--device mps: torch finds no Apple GPU; use --device cpu")
    if name == "cuda" or (name == "auto" and torch.cuda.is_available()):
        index, found = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if index >= found:
            raise TrainingError(
                f"process {index} of this machine has no CUDA device, torch finds {found}; start {found} processes, "
                "or use --device cpu",
                value=index,
            )
        torch.cuda.set_device(index)
        return torch.device("cuda", index)
    if name == "mps" or (name == "auto" and torch.backends.mps.is_available()):
        return torch.device("mps")
    return torch.device("cpu")


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """What to compute in. auto: bf16 where the processor has instructions for it; emulated, it would be slower."""
    named = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    if name in named:
        return named[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32
    return torch.float32


def pick_threads(asked: int, before: int | None = None) -> int:
    """torch's threads on the CPU. asked: the setting, 0 for as many as are free; before: what a resumed run had.

    Threads wait for each other, so that the slowest core is the pace of all: with another program on one of two cores,
    two threads are no faster than one, and take the core from it besides. A run keeps its threads when it is resumed,
    since what is learned depends on how batches are shared among them.
    """
    if asked or before:
        return asked or before or 1
    cores = _cores()
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # torchrun's processes share the machine
    return max(1, min(len(cores), round(_free(cores, 0.5))) // here)


def note_threads(threads: int) -> None:
    """Say on stderr where ``pick_threads`` left cores to others."""
    cores, here = len(_cores()), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if threads < cores // here:
        count = "1 thread" if threads == 1 else f"{threads} threads"
        said = f"{cores} cores, of which others leave {threads}: training on {count}"
        print(f"{said}; --threads {cores} takes all", file=sys.stderr, flush=True)


def _cores() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def _free(cores: set[int], seconds: float) -> float:
    """How many of the cores others leave free, measured for some seconds; all of them where the system tells nothing.

    Not the load average: that of the last minute still has in it what made the dataset.
    """
    before = _times()
    if not before:
        return len(cores)
    time.sleep(seconds)
    after = _times()
    free = 0.0
    for core in cores & set(before) & set(after):
        spent = [now - then for then, now in zip(before[core], after[core], strict=False)]
        _, nice, _, idle, waiting = spent[:5]  # programs of lower priority make way
        free += (nice + idle + waiting) / max(sum(spent[:8]), 1)
    return free


def _times() -> dict[int, list[int]]:
    """Linux's times of each core: user, nice, system, idle, iowait, irq, softirq, steal."""
    path = Path("/proc/stat")
    try:
        rows = [row.split() for row in path.read_text().splitlines()]
    except OSError:
        return {}
    named = [(row[0].removeprefix("cpu"), row[1:]) for row in rows if row and row[0].startswith("cpu")]
    return {int(core): [int(value) for value in values] for core, values in named if core.isdecimal()}
