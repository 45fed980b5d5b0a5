"""checkpoint.pt of a run folder: all that a resumed training needs, a plain dict that loads with weights_only=True."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from linelet_common.errors import TrainingError
from linelet_common.files import open_regular
from linelet_model import run

SECONDS = 60.0  # the most work that a kill costs
FIRST_SECONDS = 20.0  # after which there is a first checkpoint, and first weights


def save(folder: Path, content: dict[str, Any]) -> None:
    """Write the checkpoint, whole or not at all."""
    buffer = io.BytesIO()
    torch.save({"version": run.VERSION, **content}, buffer)
    run.write_file(folder, run.CHECKPOINT, buffer.getvalue())


def restore(folder: Path, take: Callable[[dict[str, Any]], None], device: torch.device) -> None:
    """Hand what was saved to ``take``, its tensors on ``device``.

    Without a checkpoint nothing happens: a run killed before its first one goes on by beginning again. TrainingError
    if it is damaged, of another version, or not what ``take`` can use.
    """
    path = folder / run.CHECKPOINT
    run.check_file(folder, run.CHECKPOINT, TrainingError)
    try:
        with open_regular(path) as file:
            saved = torch.load(file, map_location=device, weights_only=True)
    except FileNotFoundError:
        return
    except Exception as failure:  # pickle, zip and torch each raise their own
        raise TrainingError(
            f"{path} is damaged ({_said(failure)}); train again into a new folder", place=path
        ) from None
    found = saved.get("version") if isinstance(saved, dict) else None
    if found != run.VERSION:
        raise TrainingError(f"{path} is of version {found!r}, not {run.VERSION}; train again", value=found, place=path)
    try:
        take(saved)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as failure:
        reason = f"{type(failure).__name__}: {_said(failure)}"
        raise TrainingError(f"{path} does not fit this training ({reason}); train again", place=path) from None


def _said(failure: Exception) -> str:
    return (str(failure).splitlines() or [type(failure).__name__])[0]
