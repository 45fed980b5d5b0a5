"""Where to train and in which precision."""

import os

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
        index = int(os.environ.get("LOCAL_RANK", "0"))
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
