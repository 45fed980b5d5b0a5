"""The training loop: CTC, Muon and AdamW, warm-up, a moving average of the weights, exact resumption.

``train`` is the whole of it. Each batch is a pure function of (seed, epoch, step), so that a run killed anywhere and
resumed goes on as if nothing had happened.
"""

import dataclasses
import math
import time
from contextlib import closing, nullcontext
from pathlib import Path

import torch

from linelet_common.datasets import open_dataset
from linelet_common.errors import TrainingError
from linelet_common.files import alone
from linelet_common.spec import FILE_NAME, ReaderSpec
from linelet_model import run
from linelet_model.calibration import fit_temperature
from linelet_model.data import augment, collate, scramble
from linelet_model.device import note_threads, pick_device, pick_threads
from linelet_model.distributed import World
from linelet_model.feeds import DatasetFeed, Epoch, Feed, Part, RecipeFeed, check_direction, weighted
from linelet_model.judging import Judged, judge
from linelet_model.meter import Meter
from linelet_model.records import open_tensorboard, write_epoch, write_run, write_sample
from linelet_model.settings import Settings
from linelet_model.start import build_network, check_data, claim_run
from linelet_model.state import State
from linelet_model.streams import StreamFeed
from linelet_model.workers import Waiting

# Lines that are kept in memory, some 8 KB each; of more than that, few are at a time.
IN_MEMORY = 50_000
# Logits by which confidences are calibrated, 400 MB: of a thousand lines with some 1,500 classes.
_CALIBRATED = 100_000_000


def train(settings: Settings, out: Path, resume: bool = False) -> Judged:
    """Train a reader into the run folder ``out``; returns how its best weights read the held-out lines.

    Raises TrainingError, DatasetError or ReaderError for settings and data that cannot be trained on, for an ``out``
    that holds another run or is being written by one, and for a loss that is no longer a number (its batch is saved as
    bad-batch.pt).
    """
    settings, world = settings.checked(), World.join()
    with alone(out, TrainingError) if world.first else nullcontext():
        return _train(settings, out, resume, world)


def _train(settings: Settings, out: Path, resume: bool, world: World) -> Judged:
    settings = claim_run(settings, out, resume, world)
    device = pick_device(settings.device)
    threads = pick_threads(settings.threads, run.read_run(out).get("threads") if resume else None)
    torch.set_num_threads(threads)
    torch.manual_seed(settings.seed)
    network, spec = build_network(settings)
    network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch lacks it
    meter = Meter("lines", world.first)
    with closing(_open_feed(settings, spec, meter.waiting)) as feed:  # its workers end, whatever comes
        if resume:
            check_data(out, feed.digest)
        elif world.first and not settings.threads:
            note_threads(threads)  # not before: bad input is one line
        if world.first:
            write_run(settings, out, spec, network, feed, device, world)
            write_sample(settings, out)
        state = State(settings, network, device, world, threads)
        if resume:
            state.restore(out)
        writer = open_tensorboard(settings, out, world)
        while not state.finished():
            _train_epoch(state, feed.epoch(state.epoch), spec, out, meter)
            judged = judge(state.average, feed.held_out, spec, device)
            state.end_epoch(judged)
            meter.clear()
            if world.first:
                write_epoch(state, judged, out, spec, writer)
                state.save(out)
            world.wait()

    best, spec = run.load_network(out)
    judged = judge(best, feed.held_out, spec, torch.device("cpu"), kept=_CALIBRATED)
    if world.first:
        temperature = fit_temperature(judged.scores, feed.held_out.labels[: len(judged.scores)], spec.codec)
        spec = spec.model_copy(update={"temperature": round(temperature, 4)})
        run.write_file(out, FILE_NAME, spec.to_json())
    world.leave()
    return judged


def _train_epoch(state: State, epoch: Epoch, spec: ReaderSpec, out: Path, meter: Meter) -> None:
    """Train on an epoch's lines, from the step where the state stands to the end of the epoch or of the training."""
    settings = state.settings
    state.steps = epoch.steps
    # A network must learn what characters are before it can learn what none is.
    share = settings.scramble if state.epoch or settings.start else 0.0
    asked = time.monotonic()
    for step, lines in enumerate(epoch.batches(state.step), state.step):
        waited = time.monotonic() - asked
        seed = (settings.seed, state.epoch, step)
        batch = augment(scramble(collate(lines, range(len(lines)), spec), spec, share, seed), spec, seed)
        loss = state.train_step(batch, spec)
        if not math.isfinite(loss):
            torch.save(dataclasses.asdict(batch), out / "bad-batch.pt")
            raise TrainingError(
                f"the loss is {loss} in epoch {state.epoch + 1}, step {step + 1}; its batch is saved as "
                f"{out / 'bad-batch.pt'}; lower --lr or use --precision fp32",
                place=out / "bad-batch.pt",
            )
        progress = state.progress()
        if progress >= 1:
            break
        meter.step(f"epoch {state.epoch + 1}, step {step + 1} of {epoch.steps}", len(lines), loss, progress, waited)
        if state.world.first and state.checkpoint_due():
            state.save(out)
        asked = time.monotonic()


def _open_feed(settings: Settings, spec: ReaderSpec, waiting: Waiting) -> Feed:
    if settings.recipe:
        return RecipeFeed(settings, spec, waiting)
    named = [weighted(data) for data in settings.data]
    parts = [Part(path, open_dataset(path, settings.follow_links), weight) for path, weight in named]
    for part in parts:
        check_direction(part, spec)
    if sum(len(part.dataset) for part in parts) <= IN_MEMORY:
        return DatasetFeed(parts, settings, spec)
    return StreamFeed(parts, settings, spec, waiting)
