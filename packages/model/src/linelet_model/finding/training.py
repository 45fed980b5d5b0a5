"""The finder's training loop: AdamW, warm-up and cosine, a moving average of the weights, exact resumption.

An epoch takes four crops of each screen. Each batch is a pure function of (seed, epoch, step), so that a run killed
anywhere and resumed goes on as if nothing had happened.
"""

import json
import math
import platform
import sys
import time
from copy import deepcopy
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from linelet_common.boxes import FILE_NAME, FinderSpec
from linelet_common.errors import TrainingError
from linelet_common.files import alone, sweep, write_atomically
from linelet_model import checkpoint, run
from linelet_model.average import follow
from linelet_model.device import note_threads, pick_threads
from linelet_model.finding.crops import make_batch
from linelet_model.finding.judging import Found, judge_finder
from linelet_model.finding.loss import map_loss
from linelet_model.finding.run import load_finder
from linelet_model.finding.screens import TrainingScreens
from linelet_model.finding.settings import FinderSettings
from linelet_model.meter import Meter
from linelet_model.networks.finder import Finder
from linelet_model.start import check_data

CROPS = 4  # of each screen in an epoch: loading a screen costs more than cutting it


def train_finder(settings: FinderSettings, out: Path, resume: bool = False) -> Found:
    """Train a finder into the run folder ``out``; returns how it finds the lines of the held-out screens.

    Raises TrainingError or DatasetError for settings and data that cannot be trained on, for an ``out`` that holds
    another run or is being written by one, and for a loss that is no longer a number.
    """
    settings = settings.checked()
    with alone(out, TrainingError):
        return _train(settings, out, resume)


def _train(settings: FinderSettings, out: Path, resume: bool) -> Found:
    _claim(settings, out, resume)
    threads = pick_threads(settings.threads, run.read_run(out).get("threads") if resume else None)
    torch.set_num_threads(threads)
    torch.manual_seed(settings.seed)
    spec = FinderSpec(step=Finder.step, stride=Finder.stride)
    screens = TrainingScreens(settings, spec)
    if resume:
        check_data(out, screens.digest)
    elif not settings.threads:
        note_threads(threads)
    network = load_finder(Path(settings.start))[0] if settings.start else Finder()
    state = State(settings, network, len(screens))
    _write_run(settings, out, spec, state, screens)
    if resume:
        state.restore(out)

    found: Found | None = None
    meter = Meter("crops")
    while state.progress() < 1:
        order = np.random.default_rng((settings.seed, state.epoch)).permutation(CROPS * len(screens)) % len(screens)
        while state.step < state.steps and state.progress() < 1:
            chosen = order[state.step * settings.batch :][: settings.batch]
            seed = (settings.seed, state.epoch, state.step, 1)
            state.train_step(make_batch([screens[int(i)] for i in chosen], settings.crop, spec, seed))
            place = f"epoch {state.epoch + 1}, step {state.step} of {state.steps}"
            meter.step(place, len(chosen), state.losses[-1], state.progress(), 0.0)
            if state.checkpoint_due():
                state.save(out)
        found = judge_finder(state.average, spec, screens.held_out)
        state.end_epoch(found)
        meter.clear()
        _write_epoch(state, out)
    return found or judge_finder(state.average, spec, screens.held_out)  # a run that was finished has no epoch left


class State:
    """All that changes while training: weights, their average, the optimiser, the place in the data, history."""

    def __init__(self, settings: FinderSettings, network: nn.Module, screens: int) -> None:
        self.settings = settings
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch lacks it
        self.average = deepcopy(self.network).eval()
        matrices = [p for p in self.network.parameters() if p.ndim > 1]
        vectors = [p for p in self.network.parameters() if p.ndim <= 1]
        groups: list[dict[str, Any]] = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=settings.lr, weight_decay=settings.weight_decay)
        self.steps = max(1, CROPS * screens // settings.batch)  # of an epoch
        self.epoch = self.step = self.updates = 0
        self.losses: list[float] = []  # of the epoch at hand
        self.history: list[dict[str, Any]] = []
        self._spent = 0.0  # seconds of the sessions before this one
        self._start: float | None = None  # set by the first step: loading does not count
        self._saved = time.monotonic() - checkpoint.SECONDS + checkpoint.FIRST_SECONDS

    def seconds(self) -> float:
        """Wall time trained so far, earlier sessions included."""
        return self._spent + (time.monotonic() - self._start if self._start is not None else 0.0)

    def progress(self) -> float:
        """Share of the training done, 0-1."""
        if self.settings.minutes is not None:
            return min(1.0, self.seconds() / (60 * self.settings.minutes))
        assert self.settings.epochs is not None
        return min(1.0, (self.epoch + self.step / self.steps) / self.settings.epochs)

    def learning_rate(self) -> float:
        """Linear warm-up, then half a cosine to zero."""
        settings, progress = self.settings, self.progress()
        if progress < settings.warmup:
            return settings.lr * max(progress / settings.warmup, 0.01)
        return settings.lr * 0.5 * (1 + math.cos(math.pi * (progress - settings.warmup) / (1 - settings.warmup)))

    def train_step(self, batch: Any) -> None:
        """Forward, backward, update. TrainingError where the loss is no number."""
        if self._start is None:
            self._start = time.monotonic()
        self.network.train()
        screens = torch.from_numpy(batch.screens).to(memory_format=torch.channels_last)
        loss = map_loss(self.network(screens), torch.from_numpy(batch.inside), torch.from_numpy(batch.weight))
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(f"the loss is {value} in epoch {self.epoch + 1}, step {self.step + 1}; lower --lr")
        loss.backward()  # type: ignore[no-untyped-call]
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step, self.updates = self.step + 1, self.updates + 1
        self.losses.append(value)
        follow(self.average, self.network, self.settings.ema, self.updates)

    def end_epoch(self, found: Found) -> None:
        """Write the epoch into the history and go to the next."""
        self.history.append(
            {
                "epoch": self.epoch + 1,
                "steps": self.updates,
                "seconds": round(self.seconds(), 1),
                "train_loss": float(np.mean(self.losses)) if self.losses else None,
                "recall": found.recall,
                "precision": found.precision,
            }
        )
        self.losses = []
        self.epoch, self.step = self.epoch + 1, 0

    def checkpoint_due(self) -> bool:
        """Whether a kill would cost more work than it may."""
        return time.monotonic() - self._saved > checkpoint.SECONDS

    def save(self, out: Path) -> None:
        """Write checkpoint.pt, whole or not at all, and the first epoch's weights, whose end may be an hour away."""
        if not self.history:
            run.write_weights(out, self.average.state_dict())
        content = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "counters": [self.epoch, self.step, self.updates, self.seconds()],
            "losses": self.losses,
            "history": json.dumps(self.history),
        }
        checkpoint.save(out, content)
        self._saved = time.monotonic()

    def restore(self, out: Path) -> None:
        """Go on from the checkpoint, if there is one. TrainingError if it is damaged or of another training."""
        checkpoint.restore(out, self._take, torch.device("cpu"))

    def _take(self, saved: dict[str, Any]) -> None:
        self.network.load_state_dict(saved["network"])
        self.average.load_state_dict(saved["average"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.epoch, self.step, self.updates, self._spent = saved["counters"]
        self.losses, self.history = saved["losses"], json.loads(saved["history"])


def _claim(settings: FinderSettings, out: Path, resume: bool) -> None:
    """Make sure that ``out`` is this run's: new, or resumed with the settings it was begun with."""
    if resume:
        saved = run.read_run(out).get("settings")
        if not isinstance(saved, dict):
            raise TrainingError(f"{out / run.RUN} holds no settings; train again", place=out / run.RUN)
        now = json.loads(json.dumps(settings.to_dict()))
        saved = {"follow_links": False, **saved}  # runs from before there was that setting
        changed = [f"--{k.replace('_', '-')} {now.get(k)} (was {saved.get(k)})" for k in now if now[k] != saved.get(k)]
        if changed:
            raise TrainingError(
                f"{out} was begun with other settings: {', '.join(changed)}; resume with the same", place=out
            )
        sweep(out)
        return
    sweep(out, run.RUN)  # all that a run killed at its very start leaves behind
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        remedy = "--resume goes on with it" if (out / run.RUN).exists() else "name a new folder with --out"
        raise TrainingError(f"{out} exists and is not empty; {remedy}", place=out)


def _write_run(settings: FinderSettings, out: Path, spec: FinderSpec, state: State, screens: TrainingScreens) -> None:
    """Write run.json and finder.json: what is about to be done."""
    plan = {
        "version": run.VERSION,
        "task": "find",
        "settings": settings.to_dict(),
        "parameters": sum(p.numel() for p in state.network.parameters()),
        "threads": torch.get_num_threads(),
        "screens": len(screens),
        "held_out_screens": len(screens.held_out),
        "data_digest": screens.digest,
        "versions": {
            "linelet": version("linelet-model"),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
    run.write_plan(out, plan)
    run.write_file(out, FILE_NAME, spec.to_json())


def _write_epoch(state: State, out: Path) -> None:
    """Write what an epoch brought: weights, metrics, a checkpoint, a line on stderr."""
    run.write_weights(out, state.average.state_dict())
    write_atomically(out / run.METRICS, "".join(json.dumps(row) + "\n" for row in state.history))
    state.save(out)
    row = state.history[-1]
    print(
        f"epoch {row['epoch']}: {row['steps']} steps in {row['seconds']:.0f} s, loss {row['train_loss'] or 0:.4f}; "
        f"held out: recall {100 * row['recall']:.2f} %, precision {100 * row['precision']:.2f} %",
        file=sys.stderr,
        flush=True,
    )
