"""What a training writes into its run folder beside weights and checkpoints."""

import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from linelet_common import sample
from linelet_common.errors import LineletError, TrainingError
from linelet_common.files import write_atomically
from linelet_common.spec import FILE_NAME, ReaderSpec
from linelet_model import run
from linelet_model.curves import draw_curves
from linelet_model.device import pick_precision
from linelet_model.distributed import World
from linelet_model.feeds import Feed, open_source, weighted
from linelet_model.judging import Judged
from linelet_model.settings import Settings
from linelet_model.state import State

_PREDICTIONS = 20  # held-out lines whose readings are written down after each epoch


def write_run(
    settings: Settings, out: Path, spec: ReaderSpec, network: nn.Module, feed: Feed, device: torch.device, world: World
) -> None:
    """Write run.json and spec.json: what is about to be done."""
    plan = {
        "version": run.VERSION,
        "settings": settings.to_dict(),
        "parameters": sum(p.numel() for p in network.parameters()),
        "held_out_lines": len(feed.held_out),
        "skipped_lines": feed.skipped,
        "data_digest": feed.digest,
        "device": str(device),
        "precision": str(pick_precision(settings.precision, device)).removeprefix("torch."),
        "processes": world.size,
        "threads": torch.get_num_threads(),
        "versions": {
            "linelet": version("linelet-model"),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
    run.write_plan(out, plan)
    run.write_file(out, FILE_NAME, spec.to_json())


def write_sample(settings: Settings, out: Path) -> None:
    """Draw a screen of the app as the reader's sample, where a recipe is known: the training's, or one of its data's.

    Without one it is that of the reader to start from, if there is any. Why none can be drawn is told on stderr.
    """
    folders = [Path(weighted(data)[0]) for data in settings.data]
    recipes = [folder / "recipe.toml" for folder in folders if (folder / "recipe.toml").exists()]
    recipe = settings.recipe or (str(recipes[0]) if recipes else None)
    former = Path(settings.start) / sample.FILE_NAME if settings.start else None
    if (out / sample.FILE_NAME).exists():
        return
    if recipe is None:
        if former and former.is_file():
            run.write_file(out, sample.FILE_NAME, former.read_bytes())
        return
    try:
        picture = open_source(recipe, settings.seed, None, "all").screen()
    except LineletError as failure:
        print(f"the reader gets no sample picture: {failure}", file=sys.stderr)
        return
    run.write_file(out, sample.FILE_NAME, sample.encode_sample(picture))


def write_epoch(state: State, judged: Judged, out: Path, spec: ReaderSpec, writer: Any) -> None:
    """Write what an epoch brought: metrics, sample predictions, curves, and the weights if they are the best."""
    history = state.history
    if state.epochs_since_best() == 0:
        run.write_weights(out, state.average.state_dict())
    write_atomically(out / run.METRICS, "".join(json.dumps(row) + "\n" for row in history))
    write_atomically(out / run.CURVES, draw_curves(history, f"{spec.name}, {spec.network}"))
    rows = [f"epoch {len(history)}: label, read, confidence"]
    for label, reading in list(zip(judged.labels, judged.readings, strict=True))[:_PREDICTIONS]:
        mark = "ok   " if label == reading.text else "WRONG"
        rows.append(f"{mark} {label}\t{reading.text}\t{reading.confidence:.3f}")
    write_atomically(out / run.PREDICTIONS, "\n".join(rows) + "\n")
    row = history[-1]
    if writer:
        for key in ("train_loss", "loss", "cer", "exact", "lr"):
            writer.add_scalar(key, row[key], row["lines"])
    print(
        f"epoch {row['epoch']}: {row['lines']} lines in {state.seconds():.0f} s, loss {row['train_loss']:.4f}; "
        f"held out: CER {100 * row['cer']:.2f} %, exact {100 * row['exact']:.2f} %",
        file=sys.stderr,
        flush=True,
    )


def open_tensorboard(settings: Settings, out: Path, world: World) -> Any:
    """A TensorBoard writer, or None. TrainingError if it is asked for and not installed."""
    if not settings.tensorboard or not world.first:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise TrainingError(
            "--tensorboard needs TensorBoard installed; pip install 'linelet-model[tensorboard]'"
        ) from None
    return SummaryWriter(str(out / "tensorboard"))
