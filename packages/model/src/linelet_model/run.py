"""The run folder: everything that a training writes.

run.json             settings, data and versions: what was done
spec.json            the reader spec
weights.safetensors  the best weights so far (the moving average), by CER on the held-out lines
checkpoint.pt        all that a resumed training needs: a plain dict that loads with weights_only=True
metrics.jsonl        one JSON object per epoch
predictions.txt      held-out lines as read after each epoch
curves.png           loss and CER over the epochs
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from linelet_common.errors import ReaderError
from linelet_common.files import write_atomically
from linelet_common.spec import FILE_NAME, ReaderSpec
from linelet_model.networks import network_class

VERSION = 1
RUN = "run.json"
WEIGHTS = "weights.safetensors"
CHECKPOINT = "checkpoint.pt"
METRICS = "metrics.jsonl"
PREDICTIONS = "predictions.txt"
CURVES = "curves.png"


def write_weights(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    """Write the weights as safetensors, whole or not at all."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    write_atomically(folder / WEIGHTS, save(contiguous, metadata={"format": "pt"}))


def read_run(folder: Path) -> dict[str, Any]:
    """The run.json of a run folder. ReaderError if it is missing, broken or of another version."""
    path = folder / RUN
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ReaderError(
            f"{folder} is not a run folder (it has no {RUN}); name one of 'linelet train'", place=folder
        ) from None
    except (OSError, ValueError) as failure:
        raise ReaderError(f"{path} cannot be read ({failure}); train again", place=path) from None
    found = data.get("version") if isinstance(data, dict) else None
    if found != VERSION:
        raise ReaderError(
            f"{path} is of version {found!r}, this Linelet reads version {VERSION}; train again",
            value=found,
            place=path,
        )
    return dict(data)


def load_network(folder: Path) -> tuple[nn.Module, ReaderSpec]:
    """The trained network of a run folder, on the CPU and in evaluation mode, and its spec."""
    read_run(folder)
    spec = ReaderSpec.load(folder / FILE_NAME)
    network = network_class(spec.network)(spec.classes)
    path = folder / WEIGHTS
    try:
        network.load_state_dict(load_file(path))
    except FileNotFoundError:
        raise ReaderError(f"{folder} has no {WEIGHTS} yet; let its first epoch finish", place=folder) from None
    except (SafetensorError, OSError) as failure:
        raise ReaderError(f"{path} is damaged ({failure}); train again", place=path) from None
    except RuntimeError as failure:
        first = str(failure).splitlines()[-1].strip()
        raise ReaderError(
            f"{path} does not fit the network {spec.network} ({first}); train again", place=path
        ) from None
    return network.eval(), spec
