"""All that changes while a reader is trained, and its checkpoint."""

import json
import math
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from linelet_common.spec import ReaderSpec
from linelet_model import checkpoint, run
from linelet_model.average import follow
from linelet_model.data import Batch
from linelet_model.device import pick_precision
from linelet_model.distributed import World, plain
from linelet_model.judging import Judged
from linelet_model.loss import ctc_loss
from linelet_model.optimiser import build_optimisers
from linelet_model.settings import Settings
from linelet_model.shares import Shares, count_shares

_PLATEAU = 5  # epochs without a lower CER after which the plateau schedule halves the learning rate


class State:
    """All that changes while training: weights, their average, optimisers, place in the data, history."""

    def __init__(
        self, settings: Settings, network: nn.Module, device: torch.device, world: World, threads: int = 1
    ) -> None:
        self.settings, self.device, self.world = settings, device, world
        self.network = world.wrap(network, device)
        self.bare = plain(self.network)
        self.average = deepcopy(self.bare).eval()
        self.forward = torch.compile(self.network) if settings.compile else self.network
        self.precision = pick_precision(settings.precision, device)
        count = count_shares(settings.batch, threads)
        alone = device.type == "cpu" and world.size == 1 and not settings.compile and self.precision != torch.float16
        self.shares = Shares(self.bare, count, threads) if alone and count > 1 else None
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision == torch.float16)
        self.optimisers = build_optimisers(
            self.bare, settings, device.type != "mps", self.precision, self.shares.map if self.shares else map
        )
        self.epoch = self.step = self.updates = self.lines = 0
        self.steps = 0  # of the epoch at hand, known once its lines are
        self.slowdown = 1.0  # what the plateau schedule has multiplied the learning rate by
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
            return min(1.0, self.world.agree(self.seconds()) / (60 * self.settings.minutes))
        assert self.settings.epochs is not None
        return min(1.0, (self.epoch + (self.step / self.steps if self.steps else 0.0)) / self.settings.epochs)

    def finished(self) -> bool:
        """Whether the time or the epochs are over, or patience is at an end."""
        patience = self.settings.patience
        return self.progress() >= 1 or (patience is not None and self.epochs_since_best() >= patience)

    def train_step(self, batch: Batch, spec: ReaderSpec) -> float:
        """Forward and backward; every ``accumulate`` steps and at the epoch's end the weights change. The loss."""
        if self._start is None:
            self._start = time.monotonic()
        # Each process or thread has a part of the batch: its loss is its part of the whole batch's mean.
        lines = len(batch.lengths)
        if self.shares:
            loss = self.shares.backward(lambda network, share: self._backward(network, share, lines, spec), batch)
        else:
            self.network.train()
            share = batch.share(self.world.rank, self.world.size)
            # Gradients are averaged over processes, and are to be those of the sum.
            loss = self._backward(self.forward, share, lines / self.world.size, spec)
        self.step += 1
        self.lines += len(batch.lengths)
        if self.step % self.settings.accumulate == 0 or self.step == self.steps:
            self._update()
        value = self.world.mean(loss)
        self.losses.append(value)
        return value

    def _backward(self, forward: Callable[[Tensor], Tensor], share: Batch, lines: float, spec: ReaderSpec) -> float:
        """Add the gradients of a share of a batch of so many lines; its loss's part of the batch's."""
        images = share.images.to(self.device, memory_format=torch.channels_last)
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            scores = forward(images)
        loss = ctc_loss(scores, share, spec).sum() / lines
        self.scaler.scale(loss / self.settings.accumulate).backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _update(self) -> None:
        lr = self.learning_rate()
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = lr
            self.scaler.unscale_(optimiser)
        norm = nn.utils.clip_grad_norm_(self.bare.parameters(), self.settings.clip)
        # The scaler would let that optimiser step whose own gradients are finite, though clipping has just spoilt them.
        overflown = self.scaler.is_enabled() and not bool(norm.isfinite())
        for optimiser in self.optimisers:
            if not overflown:
                self.scaler.step(optimiser)
            optimiser.zero_grad(set_to_none=True)
        self.scaler.update()
        self.updates += 1
        follow(self.average, self.bare, self.settings.ema, self.updates)

    def learning_rate(self) -> float:
        """Linear warm-up, then half a cosine to zero, or constant and halved on plateaus."""
        settings, progress = self.settings, self.progress()
        if progress < settings.warmup:
            return settings.lr * max(progress / settings.warmup, 0.01)
        if settings.schedule == "plateau":
            return settings.lr * self.slowdown
        return settings.lr * 0.5 * (1 + math.cos(math.pi * (progress - settings.warmup) / (1 - settings.warmup)))

    def end_epoch(self, judged: Judged) -> None:
        """Write the epoch into the history and go to the next."""
        self.history.append(
            {
                "epoch": self.epoch + 1,
                "lines": self.lines,
                "lr": self.optimisers[0].param_groups[0]["lr"],
                "train_loss": float(np.mean(self.losses)),
                "loss": judged.loss,
                "cer": judged.cer,
                "exact": judged.exact,
            }
        )
        self.losses = []
        self.epoch, self.step = self.epoch + 1, 0
        waited = self.epochs_since_best()
        if self.settings.schedule == "plateau" and waited and waited % _PLATEAU == 0:
            self.slowdown /= 2

    def epochs_since_best(self) -> int:
        """Epochs since the lowest CER; of equal ones the lowest loss counts."""
        if not self.history:
            return 0
        best = min(range(len(self.history)), key=lambda i: (self.history[i]["cer"], self.history[i]["loss"]))
        return len(self.history) - 1 - best

    def checkpoint_due(self) -> bool:
        """Whether a kill would cost more work than it may; never between the steps whose gradients add up."""
        return self.step % self.settings.accumulate == 0 and time.monotonic() - self._saved > checkpoint.SECONDS

    def save(self, out: Path) -> None:
        """Write checkpoint.pt, whole or not at all, and the first epoch's weights, whose end may be hours away."""
        if not self.history:
            run.write_weights(out, self.average.state_dict())
        content = {
            "network": self.bare.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "scaler": self.scaler.state_dict(),
            "counters": [self.epoch, self.step, self.updates, self.lines, self.slowdown, self.seconds()],
            "losses": self.losses,
            "history": json.dumps(self.history),
        }
        checkpoint.save(out, content)
        self._saved = time.monotonic()

    def restore(self, out: Path) -> None:
        """Go on from the checkpoint, if there is one. TrainingError if it is damaged or of another training."""
        checkpoint.restore(out, self._take, self.device)

    def _take(self, saved: dict[str, Any]) -> None:
        self.bare.load_state_dict(saved["network"])
        self.average.load_state_dict(saved["average"])
        for optimiser, state in zip(self.optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        self.scaler.load_state_dict(saved["scaler"])
        self.epoch, self.step, self.updates, self.lines, self.slowdown, self._spent = saved["counters"]
        self.losses, self.history = saved["losses"], json.loads(saved["history"])
