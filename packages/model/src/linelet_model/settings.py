"""What to train, on what, and how: the options of ``linelet train``, kept in run.json. Imports no torch."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from linelet_common.errors import TrainingError
from linelet_model.networks import DEFAULT, NETWORKS

EPOCHS = 20  # where neither minutes nor epochs are given


def _option(default: Any, text: str, choices: tuple[str, ...] | None = None, former: Any = None) -> Any:
    """A setting. former: how runs behaved that were begun before it existed, where the default is not that."""
    return field(default=default, metadata={"help": text, "choices": choices, "former": former})


# Settings under the names that older runs wrote.
_RENAMED = {"foreign": "scramble"}


def flag_of(name: str) -> str:
    """The command's flag for a setting. ``from`` is a word that Python keeps for itself."""
    return "--from" if name == "start" else "--" + name.replace("_", "-")


@dataclass(frozen=True)
class Settings:
    """Everything that decides a training's result."""

    data: tuple[str, ...] = _option((), "dataset folder, DIR or DIR:WEIGHT; may be given several times")
    charset: str | None = _option(
        None,
        "the reader's characters, for data whose dataset.json does not name them; with Arabic or Hebrew letters among "
        "them, lines run from right to left",
    )
    recipe: str | None = _option(None, "train from this recipe directly, never on the same line twice")
    look: str | None = _option(None, "use only this look of the recipe")
    network: str = _option(DEFAULT, "network to train", tuple(NETWORKS))
    start: str | None = _option(None, "reader to start from: a run folder or a shipped reader such as health-app")
    trim: bool = _option(False, "with --from: drop the reader's characters that the data does not have")
    minutes: float | None = _option(None, "minutes of wall time to train, loading not counted")
    epochs: int | None = _option(None, f"how many epochs to train ({EPOCHS} if --minutes isn't given either)")
    batch: int = _option(64, "lines per step, over all devices")
    optimiser: str = _option("muon", "muon for inner matrices with AdamW for the rest, or adamw", ("muon", "adamw"))
    lr: float = _option(3e-3, "peak learning rate")
    weight_decay: float = _option(0.01, "decoupled weight decay")
    warmup: float = _option(0.01, "share of the training during which the learning rate warms up")
    schedule: str = _option(
        "cosine", "learning rate after the warm-up: to zero, or halved on plateaus", ("cosine", "plateau")
    )
    clip: float = _option(5.0, "norm to which gradients are clipped")
    ema: float = _option(0.998, "EMA decay per step; the reader gets the averaged weights")
    accumulate: int = _option(1, "steps whose gradients are accumulated before the weights are updated")
    patience: int | None = _option(None, "stop after this many epochs without a lower CER")
    precision: str = _option(
        "auto",
        "auto: bf16 where the device has it, else fp16 on CUDA and fp32 elsewhere",
        ("auto", "fp32", "bf16", "fp16"),
    )
    device: str = _option("auto", "auto takes CUDA, then MPS, then the CPU", ("auto", "cpu", "cuda", "mps"))
    threads: int = _option(0, "torch's threads on the CPU; 0: one for each core that is free at the start")
    workers: int = _option(2, "processes that make lines from a recipe, or read those of datasets too large for memory")
    epoch_lines: int = _option(20_000, "lines per epoch when training from a recipe")
    scramble: float = _option(
        0.04,
        "share of lines scrambled after the first epoch, so that other shapes are not read as characters",
        former=0.0,
    )
    validation: float = _option(0.05, "share of a dataset's texts held out for validation")
    seed: int = _option(0, "seed of the initial weights, the order of lines and their augmentation")
    compile: bool = _option(False, "compile the network with torch.compile; pays off only in long trainings")
    tensorboard: bool = _option(False, "also write TensorBoard events into the run folder")
    follow_links: bool = _option(False, "also read pictures that are links out of the dataset's folder")
    skip_bad: bool = _option(False, "leave bad lines out (counted) instead of refusing the dataset")

    def checked(self) -> "Settings":
        """The settings with their dependent defaults; TrainingError for values that make no sense."""
        if bool(self.data) == bool(self.recipe):
            raise TrainingError("a training takes either --data DIR or --recipe RECIPE; give one of them")
        if self.look and not self.recipe:
            raise TrainingError(f"--look {self.look} goes with --recipe; a dataset's look was chosen when it was made")
        if self.charset and self.recipe:
            raise TrainingError("--charset goes with --data; a recipe names its characters itself")
        if self.trim and not self.start:
            raise TrainingError("--trim goes with --from READER, whose characters it drops; leave it out")
        ranges: dict[str, tuple[float, float]] = {
            "minutes": (1e-3, 1e6),
            "epochs": (1, 1e9),
            "batch": (1, 65536),
            "lr": (1e-9, 10),
            "weight_decay": (0, 10),
            "warmup": (0, 0.99),
            "clip": (1e-9, 1e9),
            "ema": (0, 0.999999),
            "accumulate": (1, 1e6),
            "patience": (1, 1e6),
            "threads": (0, 4096),
            "workers": (1, 4096),
            "epoch_lines": (1, 1e9),
            "scramble": (0, 0.9),
            "validation": (1e-6, 0.9),
            "seed": (0, 2**63 - 1),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise TrainingError(
                    f"{flag_of(name)} {value} is outside {low:g} to {high:g}; choose a value within", value=value
                )
        if self.minutes is not None and self.epochs is not None:
            raise TrainingError("--minutes and --epochs are both given; give one, which the learning rate then follows")
        if self.minutes is None and self.epochs is None:
            return dataclasses.replace(self, epochs=EPOCHS)
        return self

    def to_dict(self) -> dict[str, Any]:
        """Plain data for run.json."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Any, where: str) -> "Settings":
        """Settings from run.json, also of a run begun before some of them existed: it goes on as it began."""
        if not isinstance(data, dict) or not isinstance(data.get("data"), list):
            raise TrainingError(f"{where} holds no settings; train again into a new folder", place=where)
        known = {f.name: f for f in dataclasses.fields(cls)}
        named = {_RENAMED.get(str(key), str(key)): value for key, value in data.items()}
        if unknown := sorted(set(named) - set(known)):
            raise TrainingError(
                f"{where} has settings that this Linelet does not know ({unknown}); use a newer one", place=where
            )
        for name, option in known.items():
            if name not in named:
                former = option.metadata["former"]
                named[name] = option.default if former is None else former
        return cls(**{**named, "data": tuple(named["data"])})
