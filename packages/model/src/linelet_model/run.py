"""The run folder: everything that a training writes.

run.json             settings, data and versions: what was done; the digests of weights, spec and checkpoint
spec.json            the reader spec
weights.safetensors  the best weights so far (the moving average), by CER on the held-out lines
checkpoint.pt        all that a resumed training needs: a plain dict that loads with weights_only=True
metrics.jsonl        one JSON object per epoch
predictions.txt      held-out lines as read after each epoch
curves.png           loss and CER over the epochs
sample.png           a screen of the app, where its recipe is known
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from linelet_common.digests import check_digest
from linelet_common.errors import LineletError, ReaderError
from linelet_common.files import digest_of, open_regular, read_bytes, write_atomically
from linelet_common.schema import read_json
from linelet_common.spec import FILE_NAME, ReaderSpec
from linelet_model.networks import network_class

VERSION = 1
RUN = "run.json"
WEIGHTS = "weights.safetensors"
CHECKPOINT = "checkpoint.pt"
METRICS = "metrics.jsonl"
PREDICTIONS = "predictions.txt"
CURVES = "curves.png"

_DIGESTS = "digests"  # in run.json: file -> SHA-256 of what it holds, first that of what it held before


def write_plan(folder: Path, plan: dict[str, Any]) -> None:
    """Write run.json. The digests of files that are there already stay."""
    known = read_run(folder).get(_DIGESTS, {}) if (folder / RUN).exists() else {}
    write_atomically(folder / RUN, json.dumps({**plan, _DIGESTS: known}, ensure_ascii=False, indent=1) + "\n")


def write_file(folder: Path, name: str, content: bytes | str) -> None:
    """Write a file of a run folder, and its digest into run.json, which must be there.

    The digest goes first, beside that of the file to be replaced: whenever a kill comes, the file there has one of the
    two. After such a kill that need not be the digest written last.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    plan = read_run(folder)
    digests = plan.setdefault(_DIGESTS, {})
    digest = hashlib.sha256(data).hexdigest()
    known = digests.get(name, [])
    there = digest_of(folder / name) if (folder / name).exists() else digest
    before = [there] if there != digest and (there in known or not known) else []
    digests[name] = [*before, digest]
    write_atomically(folder / RUN, json.dumps(plan, ensure_ascii=False, indent=1) + "\n")
    write_atomically(folder / name, data)


def check_file(folder: Path, name: str, error: type[LineletError] = ReaderError) -> None:
    """``error`` where a file of a run folder is not the one whose digest run.json holds. Older runs hold none."""
    digests = read_run(folder).get(_DIGESTS)
    known = digests.get(name) if isinstance(digests, dict) else None
    if isinstance(known, list) and known:
        remedy = "put back what was written, or train again into a new folder"
        check_digest(folder / name, [str(digest) for digest in known], RUN, error, remedy)


def write_weights(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    """Write the weights as safetensors, whole or not at all."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    write_file(folder, WEIGHTS, save(contiguous, metadata={"format": "pt"}))


def read_run(folder: Path) -> dict[str, Any]:
    """The run.json of a run folder. ReaderError if it is missing, broken or of another version."""
    path = folder / RUN
    try:
        content = read_bytes(path)
    except (FileNotFoundError, NotADirectoryError):
        raise ReaderError(
            f"{folder} is not a run folder (it has no {RUN}); name one of 'linelet train'", place=folder
        ) from None
    except OSError as failure:
        raise ReaderError(f"{path} cannot be read ({failure.strerror}); train again", place=path) from None
    data = read_json(content, str(path), ReaderError, "train again")
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
    for name in (FILE_NAME, WEIGHTS):
        check_file(folder, name)
    spec = ReaderSpec.load(folder / FILE_NAME)
    network = network_class(spec.network)(spec.classes)
    load_weights(folder, network, f"the network {spec.network}")
    return network.eval(), spec


def load_weights(folder: Path, network: nn.Module, name: str) -> None:
    """Give a network, called ``name`` in messages, the weights of a run folder. ReaderError if they do not fit."""
    path = folder / WEIGHTS
    try:
        open_regular(path).close()  # safetensors would wait for a pipe
        network.load_state_dict(load_file(path))
    except FileNotFoundError:
        raise ReaderError(f"{folder} has no {WEIGHTS} yet; let its first epoch finish", place=folder) from None
    except (SafetensorError, OSError) as failure:
        reason = getattr(failure, "strerror", None) or failure
        raise ReaderError(f"{path} is damaged ({reason}); train again", place=path) from None
    except RuntimeError as failure:
        first = str(failure).splitlines()[-1].strip()
        raise ReaderError(f"{path} does not fit {name} ({first}); train again", place=path) from None
