"""The training loop: CTC, Muon and AdamW, warm-up, a moving average of the weights, exact resumption.

``train`` is the whole of it; ``State`` is what changes while it runs. Each batch is a pure function of
(seed, epoch, step), so that a run killed anywhere and resumed goes on as if nothing had happened.
"""

import dataclasses
import io
import itertools
import json
import math
import os
import platform
import sys
import time
from copy import deepcopy
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from linelet_common.charset import Charset
from linelet_common.datasets import Manifest
from linelet_common.errors import TrainingError
from linelet_common.files import write_atomically
from linelet_common.reader import shipped_reader
from linelet_common.spec import FILE_NAME, ReaderSpec
from linelet_model import run
from linelet_model.calibration import fit_temperature
from linelet_model.curves import draw_curves
from linelet_model.data import Batch, Lines, collate, epoch_batches, estrange, vary
from linelet_model.distributed import World, plain
from linelet_model.evaluation import Evaluation, line_of
from linelet_model.feeds import DatasetFeed, Feed, LineSource, RecipeFeed, open_source, weighted
from linelet_model.networks import network_class
from linelet_model.optimiser import build_optimisers
from linelet_model.settings import Settings, flag_of

_PREDICTIONS = 20  # held-back lines whose readings are written down after each epoch
_CHECKPOINT_SECONDS = 60.0  # the most work that a kill costs
_PLATEAU = 5  # epochs without a lower CER after which the plateau schedule halves the learning rate


def train(settings: Settings, out: Path, resume: bool = False) -> Evaluation:
    """Train a reader into the run folder ``out``; returns how its best weights read the held-back lines.

    Raises TrainingError, DatasetError or ReaderError for settings and data that cannot be trained on, for an ``out``
    that holds another run, and for a loss that is no longer a number (its batch is saved as bad-batch.pt).
    """
    world = World.join()
    settings = _claim(settings.checked(), out, resume, world)
    device = pick_device(settings.device)
    torch.set_num_threads(settings.threads or os.cpu_count() or 1)
    torch.manual_seed(settings.seed)
    network, spec = _begin(settings)
    feed = _open_feed(settings, spec)
    if world.first:
        _write_run(settings, out, spec, network, feed, device, world)
    network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch lacks it
    state = State(settings, network, device, world)
    if resume:
        state.restore(out)
    writer = _tensorboard(settings, out, world)

    while not state.finished():
        lines = feed.epoch(state.epoch)
        batches = epoch_batches(lines, settings.batch, settings.seed, state.epoch)
        state.steps = len(batches)
        # A network must learn what characters are before it can learn what none is.
        foreign = settings.foreign if state.epoch or settings.start else 0.0
        for step, indices in itertools.islice(enumerate(batches), state.step, None):
            seed = (settings.seed, state.epoch, step)
            batch = vary(estrange(collate(lines, indices, spec), spec, foreign, seed), spec, seed)
            loss = state.train_step(batch, spec)
            if not math.isfinite(loss):
                torch.save(dataclasses.asdict(batch), out / "bad-batch.pt")
                raise TrainingError(
                    f"the loss is {loss} in epoch {state.epoch + 1}, step {step + 1}; its batch is saved as "
                    f"{out / 'bad-batch.pt'}; lower --lr or use --precision fp32"
                )
            if state.progress() >= 1:
                break
            if world.first and state.checkpoint_due():
                state.save(out)
        judged = judge(state.average, feed.held_back, spec, device)
        state.end_epoch(judged)
        if world.first:
            _write_epoch(state, judged, out, spec, writer)
            state.save(out)
        world.wait()
    feed.close()

    best, spec = run.load_network(out)
    judged = judge(best, feed.held_back, spec, torch.device("cpu"))
    if world.first:
        temperature = fit_temperature(judged.scores, feed.held_back.labels, spec.codec)
        spec = spec.model_copy(update={"temperature": round(temperature, 4)})
        write_atomically(out / FILE_NAME, spec.to_json())
    world.leave()
    return judged.evaluation


class State:
    """All that changes while training: weights, their average, optimisers, place in the data, history."""

    def __init__(self, settings: Settings, network: nn.Module, device: torch.device, world: World) -> None:
        self.settings, self.device, self.world = settings, device, world
        self.network = world.wrap(network, device)
        self.bare = plain(self.network)
        self.average = deepcopy(self.bare).eval()
        self.forward = torch.compile(self.network) if settings.compile else self.network
        self.precision = pick_precision(settings.precision, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision == torch.float16)
        self.optimisers = build_optimisers(
            self.bare, settings.optimiser, settings.lr, settings.weight_decay, fused=device.type != "mps"
        )
        self.epoch = self.step = self.updates = self.lines = 0
        self.steps = 0  # of the epoch at hand, known once its lines are
        self.slowdown = 1.0  # what the plateau schedule has multiplied the learning rate by
        self.losses: list[float] = []  # of the epoch at hand
        self.history: list[dict[str, Any]] = []
        self._spent = 0.0  # seconds of the sessions before this one
        self._start: float | None = None  # set by the first step: loading does not count
        self._saved = time.monotonic()

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
        self.network.train()
        share = batch.share(self.world.rank, self.world.size)
        images = share.images.to(self.device, memory_format=torch.channels_last)
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            scores = self.forward(images)
        # Each process has a part of the batch; averaging the gradients over processes needs each part's loss times
        # their number to add up to the whole batch's mean.
        loss = ctc_loss(scores, share, spec).sum() * self.world.size / len(batch.lengths)
        self.scaler.scale(loss / self.settings.accumulate).backward()  # type: ignore[no-untyped-call]
        self.step += 1
        self.lines += len(batch.lengths)
        if self.step % self.settings.accumulate == 0 or self.step == self.steps:
            self._update()
        value = self.world.mean(float(loss.detach()))
        self.losses.append(value)
        return value

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
        # A young average follows quickly, or the first epochs would be read with random weights.
        decay = min(self.settings.ema, (1 + self.updates) / (10 + self.updates))
        with torch.no_grad():
            for kept, now in zip(self.average.state_dict().values(), self.bare.state_dict().values(), strict=True):
                if kept.dtype.is_floating_point:
                    kept.lerp_(now, 1 - decay)
                else:
                    kept.copy_(now)

    def learning_rate(self) -> float:
        """Linear warm-up, then half a cosine to zero, or constant and halved on plateaus."""
        settings, progress = self.settings, self.progress()
        if progress < settings.warmup:
            return settings.lr * max(progress / settings.warmup, 0.01)
        if settings.schedule == "plateau":
            return settings.lr * self.slowdown
        return settings.lr * 0.5 * (1 + math.cos(math.pi * (progress - settings.warmup) / (1 - settings.warmup)))

    def end_epoch(self, judged: "Judged") -> None:
        """Write the epoch into the history and go to the next."""
        self.history.append(
            {
                "epoch": self.epoch + 1,
                "lines": self.lines,
                "lr": self.optimisers[0].param_groups[0]["lr"],
                "train_loss": float(np.mean(self.losses)),
                "loss": judged.loss,
                "cer": judged.evaluation.cer,
                "exact": judged.evaluation.exact,
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
        """Whether a kill would cost more work than it may."""
        return time.monotonic() - self._saved > _CHECKPOINT_SECONDS

    def save(self, out: Path) -> None:
        """Write checkpoint.pt, whole or not at all."""
        buffer = io.BytesIO()
        counters = [self.epoch, self.step, self.updates, self.lines, self.slowdown, self.seconds()]
        torch.save(
            {
                "version": run.VERSION,
                "network": self.bare.state_dict(),
                "average": self.average.state_dict(),
                "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
                "scaler": self.scaler.state_dict(),
                "counters": counters,
                "losses": self.losses,
                "history": json.dumps(self.history),
            },
            buffer,
        )
        write_atomically(out / run.CHECKPOINT, buffer.getvalue())
        self._saved = time.monotonic()

    def restore(self, out: Path) -> None:
        """Go on from checkpoint.pt. TrainingError if it is damaged or of another version."""
        path = out / run.CHECKPOINT
        try:
            saved = torch.load(path, map_location=self.device, weights_only=True)
        except FileNotFoundError:
            return  # killed before the first checkpoint: beginning again is going on
        except Exception as failure:  # pickle, zip and torch each raise their own
            reason = (str(failure).splitlines() or [type(failure).__name__])[0]
            raise TrainingError(f"{path} is damaged ({reason}); train again into a new folder") from None
        if saved.get("version") != run.VERSION:
            raise TrainingError(f"{path} is of version {saved.get('version')!r}, not {run.VERSION}; train again")
        self.bare.load_state_dict(saved["network"])
        self.average.load_state_dict(saved["average"])
        for optimiser, state in zip(self.optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        self.scaler.load_state_dict(saved["scaler"])
        self.epoch, self.step, self.updates, self.lines, self.slowdown, self._spent = saved["counters"]
        self.losses, self.history = saved["losses"], json.loads(saved["history"])


def ctc_loss(scores: Tensor, batch: Batch, spec: ReaderSpec) -> Tensor:
    """CTC loss per character of each line, float32 (N,), of logits (N, T, C).

    Every frame counts, padding too: a reader sees it, so it must learn to write nothing there. Foreign lines are to
    leave it undecided: their loss is the cross entropy to even probabilities, averaged over frames (outlier exposure,
    Hendrycks et al. 2019).
    """
    log_probs = scores.float().log_softmax(2).permute(1, 0, 2)  # (T, N, C)
    frames = torch.full((log_probs.shape[1],), log_probs.shape[0], dtype=torch.long)
    targets, lengths = batch.targets.to(scores.device), batch.lengths
    losses = F.ctc_loss(log_probs, targets, frames, lengths, blank=spec.blank, reduction="none")
    losses = losses / lengths.clamp(min=1).to(losses.device)
    undecided = -log_probs.mean(dim=(0, 2)) - math.log(log_probs.shape[2])  # 0 where even
    return torch.where(batch.foreign.to(losses.device), undecided, losses)


@dataclass(frozen=True)
class Judged:
    """How weights read the held-back lines: evaluation, mean loss a line, logits (T, C) of each line."""

    evaluation: Evaluation
    loss: float
    scores: list[NDArray[np.float32]]


def judge(network: nn.Module, lines: Lines, spec: ReaderSpec, device: torch.device, size: int = 64) -> Judged:
    """Read lines exactly as a reader would: padded to their own width, in float32."""
    by_width: dict[int, list[int]] = {}
    for i, image in enumerate(lines.images):
        by_width.setdefault(spec.padded_width(image.shape[1]), []).append(i)
    scores: dict[int, NDArray[np.float32]] = {}
    total = 0.0
    with torch.inference_mode():
        for same in by_width.values():
            for start in range(0, len(same), size):
                indices = same[start : start + size]
                batch = collate(lines, indices, spec)
                output = network(batch.images.to(device, memory_format=torch.channels_last))
                total += float(ctc_loss(output, batch, spec).sum())
                scores.update(zip(indices, output.float().cpu().numpy(), strict=True))
    ordered = [scores[i] for i in range(len(lines))]
    evaluation = Evaluation()
    for i, (line, label) in enumerate(zip(ordered, lines.labels, strict=True)):
        (reading,) = spec.codec.decode(line[None], spec.temperature)
        evaluation.lines.append(line_of(i, f"held-back line {i}", label, reading))
    return Judged(evaluation, total / len(lines), ordered)


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


def _claim(settings: Settings, out: Path, resume: bool, world: World) -> Settings:
    """Make sure that ``out`` is this run's: new, or resumed with the settings it was begun with."""
    path = out / run.RUN
    if resume:
        saved = Settings.from_dict(run.read_run(out)["settings"], str(path))
        if settings != saved:
            pairs = zip(dataclasses.fields(saved), settings.to_dict().values(), saved.to_dict().values(), strict=True)
            changed = [f"{flag_of(f.name)} {new} (was {old})" for f, new, old in pairs if new != old]
            raise TrainingError(f"{out} was begun with other settings: {', '.join(changed)}; resume with the same")
        return saved
    if world.first and out.exists() and (not out.is_dir() or any(out.iterdir())):
        remedy = "--resume goes on with it" if path.exists() else "name a new folder with --out"
        raise TrainingError(f"{out} exists and is not empty; {remedy}")
    world.wait()
    return settings


def _begin(settings: Settings) -> tuple[nn.Module, ReaderSpec]:
    """A fresh network, or the one to start from, and its spec; the charset comes from the data or the start."""
    kind = network_class(settings.network)
    if settings.start:
        return _continue(settings)
    found = _described(settings)
    if found is None:
        raise TrainingError(f"{settings.data[0]} has no dataset.json with its charset; give --from READER or add one")
    spec = ReaderSpec(
        name=found.name,
        network=settings.network,
        charset=found.charset,
        grammar=found.grammar,
        height=kind.height,
        stride=kind.stride,
        frames_lost=kind.frames_lost,
    )
    return kind(spec.classes), spec


def _continue(settings: Settings) -> tuple[nn.Module, ReaderSpec]:
    """The network to start from. Characters that only the new data has get classes of their own behind the old ones.

    The new data's grammar takes the old one's place, if it has one.
    """
    assert settings.start
    folder = Path(settings.start)
    if not folder.exists():
        folder = shipped_reader(settings.start) or folder
    old, spec = run.load_network(folder)
    if spec.network != settings.network:
        raise TrainingError(f"--from {settings.start} is a {spec.network}; add --network {spec.network}")
    found = _described(settings)
    added = Charset(spec.charset).missing(found.charset) if found else ""
    grammar = (found.grammar if found else None) or spec.grammar
    spec = spec.model_copy(update={"temperature": 1.0, "charset": spec.charset + added, "grammar": grammar})
    if not added:
        return old.train(), spec
    network = network_class(spec.network)(spec.classes)
    weights = network.state_dict()
    for key, kept in old.state_dict().items():
        # Only the last layer knows the classes; its new rows keep their fresh values.
        if kept.shape == weights[key].shape:
            weights[key] = kept
        else:
            weights[key][: len(kept)] = kept
    network.load_state_dict(weights)
    return network, spec


def _described(settings: Settings) -> LineSource | Manifest | None:
    """What names the charset: the recipe, or the manifest of the first dataset that has one; None if none does."""
    if settings.recipe:
        return open_source(settings.recipe, settings.seed, settings.look, "train")
    for data in settings.data:
        manifest = Manifest.load(Path(weighted(data)[0]))
        if manifest:
            return manifest
    return None


def _open_feed(settings: Settings, spec: ReaderSpec) -> Feed:
    if settings.recipe:
        return RecipeFeed(settings.recipe, settings.look, spec, settings.seed, settings.epoch_lines, settings.workers)
    return DatasetFeed(settings.data, spec, settings.validation, settings.seed, settings.skip_bad)


def _write_run(
    settings: Settings, out: Path, spec: ReaderSpec, network: nn.Module, feed: Feed, device: torch.device, world: World
) -> None:
    """Write run.json and spec.json: what is about to be done."""
    plan = {
        "version": run.VERSION,
        "settings": settings.to_dict(),
        "parameters": sum(p.numel() for p in network.parameters()),
        "held_back_lines": len(feed.held_back),
        "skipped_lines": feed.skipped,
        "device": str(device),
        "precision": str(pick_precision(settings.precision, device)).removeprefix("torch."),
        "processes": world.size,
        "versions": {
            "linelet": version("linelet-model"),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
    write_atomically(out / run.RUN, json.dumps(plan, ensure_ascii=False, indent=1) + "\n")
    write_atomically(out / FILE_NAME, spec.to_json())


def _write_epoch(state: State, judged: Judged, out: Path, spec: ReaderSpec, writer: Any) -> None:
    """Write what an epoch brought: metrics, sample predictions, curves, and the weights if they are the best."""
    history = state.history
    if state.epochs_since_best() == 0:
        run.write_weights(out, state.average.state_dict())
    write_atomically(out / run.METRICS, "".join(json.dumps(row) + "\n" for row in history))
    write_atomically(out / run.CURVES, draw_curves(history, f"{spec.name}, {spec.network}"))
    rows = [f"epoch {len(history)}: label, read, confidence"]
    for line in judged.evaluation.lines[:_PREDICTIONS]:
        mark = "ok   " if line.distance == 0 else "WRONG"
        rows.append(f"{mark} {line.label}\t{line.reading.text}\t{line.reading.confidence:.3f}")
    write_atomically(out / run.PREDICTIONS, "\n".join(rows) + "\n")
    row = history[-1]
    if writer:
        for key in ("train_loss", "loss", "cer", "exact", "lr"):
            writer.add_scalar(key, row[key], row["lines"])
    print(
        f"epoch {row['epoch']}: {row['lines']} lines in {state.seconds():.0f} s, loss {row['train_loss']:.4f}; "
        f"held back: CER {100 * row['cer']:.2f} %, exact {100 * row['exact']:.2f} %",
        file=sys.stderr,
        flush=True,
    )


def _tensorboard(settings: Settings, out: Path, world: World) -> Any:
    """A TensorBoard writer, or None. TrainingError if it is asked for and not installed."""
    if not settings.tensorboard or not world.first:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise TrainingError("--tensorboard needs it installed; pip install 'linelet-model[tensorboard]'") from None
    return SummaryWriter(str(out / "tensorboard"))
