"""The training loop: CTC, Muon and AdamW, warm-up, a moving average of the weights, exact resumption.

``train`` is the whole of it. Each batch is a pure function of (seed, epoch, step), so that a run killed anywhere and
resumed goes on as if nothing had happened.
"""

import dataclasses
import itertools
import math
import os
from contextlib import closing, nullcontext
from pathlib import Path

import torch

from linelet_common.errors import TrainingError
from linelet_common.files import alone
from linelet_common.spec import FILE_NAME, ReaderSpec
from linelet_model import run
from linelet_model.calibration import fit_temperature
from linelet_model.data import Lines, augment, collate, epoch_batches, scramble
from linelet_model.device import pick_device
from linelet_model.distributed import World
from linelet_model.feeds import DatasetFeed, Feed, RecipeFeed
from linelet_model.judging import Judged, judge
from linelet_model.records import open_tensorboard, write_epoch, write_run
from linelet_model.settings import Settings
from linelet_model.start import build_network, check_data, claim_run
from linelet_model.state import State


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
    torch.set_num_threads(settings.threads or os.cpu_count() or 1)
    torch.manual_seed(settings.seed)
    network, spec = build_network(settings)
    network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch lacks it
    with closing(_open_feed(settings, spec)) as feed:  # its workers end, whatever comes
        if resume:
            check_data(out, feed.digest)
        if world.first:
            write_run(settings, out, spec, network, feed, device, world)
        state = State(settings, network, device, world)
        if resume:
            state.restore(out)
        writer = open_tensorboard(settings, out, world)
        while not state.finished():
            _train_epoch(state, feed.epoch(state.epoch), spec, out)
            judged = judge(state.average, feed.held_out, spec, device)
            state.end_epoch(judged)
            if world.first:
                write_epoch(state, judged, out, spec, writer)
                state.save(out)
            world.wait()

    best, spec = run.load_network(out)
    judged = judge(best, feed.held_out, spec, torch.device("cpu"))
    if world.first:
        temperature = fit_temperature(judged.scores, feed.held_out.labels, spec.codec)
        spec = spec.model_copy(update={"temperature": round(temperature, 4)})
        run.write_file(out, FILE_NAME, spec.to_json())
    world.leave()
    return judged


def _train_epoch(state: State, lines: Lines, spec: ReaderSpec, out: Path) -> None:
    """Train on the epoch's lines, from the step where the state stands to the end of the epoch or of the training."""
    settings = state.settings
    batches = epoch_batches(lines, settings.batch, settings.seed, state.epoch)
    state.steps = len(batches)
    # A network must learn what characters are before it can learn what none is.
    share = settings.scramble if state.epoch or settings.start else 0.0
    for step, indices in itertools.islice(enumerate(batches), state.step, None):
        seed = (settings.seed, state.epoch, step)
        batch = augment(scramble(collate(lines, indices, spec), spec, share, seed), spec, seed)
        loss = state.train_step(batch, spec)
        if not math.isfinite(loss):
            torch.save(dataclasses.asdict(batch), out / "bad-batch.pt")
            raise TrainingError(
                f"the loss is {loss} in epoch {state.epoch + 1}, step {step + 1}; its batch is saved as "
                f"{out / 'bad-batch.pt'}; lower --lr or use --precision fp32",
                place=out / "bad-batch.pt",
            )
        if state.progress() >= 1:
            break
        if state.world.first and state.checkpoint_due():
            state.save(out)


def _open_feed(settings: Settings, spec: ReaderSpec) -> Feed:
    if settings.recipe:
        return RecipeFeed(settings.recipe, settings.look, spec, settings.seed, settings.epoch_lines, settings.workers)
    return DatasetFeed(
        settings.data,
        spec,
        settings.validation,
        settings.seed,
        settings.skip_bad,
        follow_links=settings.follow_links,
    )
