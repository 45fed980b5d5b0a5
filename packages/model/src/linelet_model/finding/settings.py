"""How to train a finder: the options, kept in run.json. Imports no torch."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from linelet_common.errors import TrainingError

EPOCHS = 10  # where neither minutes nor epochs are given


def _option(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class FinderSettings:
    """Everything that decides a finder's training."""

    data: tuple[str, ...] = _option((), "screens with boxes; may be given several times")
    start: str | None = _option(None, "finder to start from: a run folder")
    minutes: float | None = _option(None, "minutes of wall time to train, loading not counted")
    epochs: int | None = _option(None, f"how many epochs to train ({EPOCHS} if --minutes isn't given either)")
    batch: int = _option(16, "crops per step")
    crop: int = _option(320, "side of the crops to train on, in pixels, a multiple of 32")
    lr: float = _option(3e-3, "peak learning rate")
    weight_decay: float = _option(0.01, "decoupled weight decay")
    warmup: float = _option(0.02, "share of the training during which the learning rate warms up")
    clip: float = _option(1.0, "norm to which gradients are clipped")
    ema: float = _option(0.998, "EMA decay per step; the finder gets the averaged weights")
    threads: int = _option(0, "torch's threads on the CPU; 0: one for each core that is free at the start")
    validation: float = _option(0.03, "share of the screens held out for validation")
    seed: int = _option(0, "seed of the initial weights, the order of screens and their augmentation")
    follow_links: bool = _option(False, "also read pictures that are links out of the dataset's folder")

    def checked(self) -> "FinderSettings":
        """The settings with their dependent defaults; TrainingError for values that make no sense."""
        if not self.data:
            raise TrainingError("give --data DIR with the screens to train on; 'linelet synth --screens' makes them")
        ranges: dict[str, tuple[float, float]] = {
            "minutes": (1e-3, 1e6),
            "epochs": (1, 1e9),
            "batch": (1, 4096),
            "crop": (64, 4096),
            "lr": (1e-9, 10),
            "weight_decay": (0, 10),
            "warmup": (0, 0.99),
            "clip": (1e-9, 1e9),
            "ema": (0, 0.999999),
            "threads": (0, 4096),
            "validation": (1e-6, 0.9),
            "seed": (0, 2**63 - 1),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                flag = f"--{name.replace('_', '-')}"
                raise TrainingError(
                    f"{flag} {value} is outside {low:g} to {high:g}; choose a value within", value=value
                )
        if self.crop % 32:
            raise TrainingError(f"--crop {self.crop} is not a multiple of 32; take {self.crop // 32 * 32}")
        if self.minutes is not None and self.epochs is not None:
            raise TrainingError("--minutes and --epochs are both given; give one, which the learning rate then follows")
        if self.minutes is None and self.epochs is None:
            return dataclasses.replace(self, epochs=EPOCHS)
        return self

    def to_dict(self) -> dict[str, Any]:
        """Plain data for run.json."""
        return dataclasses.asdict(self)
