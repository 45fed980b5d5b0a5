"""Where training lines come from, epoch by epoch: datasets in memory, or a recipe that never repeats a line.

Datasets that are too large for memory are in streams.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from importlib.metadata import entry_points
from typing import NamedTuple, Protocol

import numpy as np

from linelet_common.bidi import Direction
from linelet_common.errors import DatasetError, TrainingError
from linelet_common.fields import Field
from linelet_common.grammar import Grammar
from linelet_common.learnable import sample_problem
from linelet_common.lines import LineDataset
from linelet_common.preprocess import Pixels
from linelet_common.spec import ReaderSpec
from linelet_model.lines import Lines, bad_lines, epoch_batches, load_lines, split_by_text
from linelet_model.settings import Settings
from linelet_model.workers import Waiting, outcome, start_workers

HELD_OUT = 2000  # lines at most, over all datasets: more tell nothing new, and are read after each epoch
_CHUNK = 500  # lines a worker makes at a time
_MOST_BAD = 0.01  # share of made lines that are left out; where more cannot be learned, the recipe is at fault


class Part(NamedTuple):
    """A dataset of a training, as it was named, and its weight."""

    path: str
    dataset: LineDataset
    weight: float


def check_split(path: str, lines: int, train: int, held: int) -> None:
    """DatasetError where a dataset has nothing to train on or nothing to judge by."""
    if not train or not held:
        raise DatasetError(f"{path} has {lines} lines, too few different texts to hold some out; add more", place=path)


class LineSource(Protocol):
    """An endless numbered stream of labelled lines; sample i depends on nothing but the source and i."""

    name: str
    charset: str
    digest: str  # of all that decides its samples, but the seed
    unknown: bool
    direction: Direction | None
    grammar: Grammar | None
    fields: Mapping[str, Field]

    def samples(self, numbers: Sequence[int]) -> Iterator[tuple[Pixels, str]]:
        """Grey uint8 (H, W) and label of the lines of some numbers."""
        ...

    def screen(self) -> Pixels:
        """A screen of the app, RGB uint8 (H, W, 3)."""
        ...


class Epoch(Protocol):
    """The batches of an epoch, a pure function of what the feed was made from and the epoch's number."""

    steps: int

    def batches(self, start: int) -> Iterator[Lines]:
        """The lines of each batch, from step ``start`` on."""
        ...


def check_direction(part: Part, spec: ReaderSpec) -> None:
    """DatasetError for a dataset that says its lines run another way than the reader's."""
    manifest = part.dataset.manifest
    if manifest and manifest.direction != spec.direction:
        ways = {None: "from left to right", "rtl": "from right to left"}
        raise DatasetError(
            f"{part.path} has lines {ways[manifest.direction]}, the reader's run {ways[spec.direction]}; "
            "train on it alone",
            place=part.path,
        )


class Feed(Protocol):
    """Lines of every epoch, and the held-out lines to judge by."""

    held_out: Lines
    skipped: int
    digest: str  # of the lines, or of all that decides them

    def epoch(self, number: int) -> Epoch:
        """An epoch, counted from 0."""
        ...

    def close(self) -> None:
        """Release what the feed holds."""
        ...


class MemoryEpoch:
    """An epoch of lines in memory."""

    def __init__(self, lines: Lines, size: int, seed: int, number: int) -> None:
        self.lines = lines
        self._batches = epoch_batches(lines, size, seed, number)
        self.steps = len(self._batches)

    def batches(self, start: int) -> Iterator[Lines]:
        """The lines of each batch, from step ``start`` on."""
        return (self.lines.subset(numbers) for numbers in self._batches[start:])


class DatasetFeed:
    """Datasets in memory, with weights: an epoch takes lines of each in proportion, as many in all as they hold.

    A dataset of weight 4 beside one of weight 1 gives four lines in five; its lines repeat if it is the smaller one.
    """

    def __init__(self, parts: Sequence[Part], settings: Settings, spec: ReaderSpec) -> None:
        self._parts: list[tuple[Lines, float]] = []
        self._settings = settings
        self.held_out = Lines()
        self.skipped = 0
        digests = []
        for path, dataset, weight in parts:
            lines, skipped = load_lines(dataset, spec, settings.skip_bad)
            digests.append(lines.digest())
            train, held = split_by_text(lines.labels, settings.validation, settings.seed)
            check_split(path, len(lines), len(train), len(held))
            self._parts.append((lines.subset(train), weight))
            self.held_out.extend(lines.subset(held[: HELD_OUT // len(parts)]))
            self.skipped += skipped
        self.digest = ",".join(digests)

    def epoch(self, number: int) -> MemoryEpoch:
        """An epoch, counted from 0."""
        seed = self._settings.seed
        if len(self._parts) == 1:
            return MemoryEpoch(self._parts[0][0], self._settings.batch, seed, number)
        total = sum(len(lines) for lines, _ in self._parts)
        weights = sum(weight for _, weight in self._parts)
        rng = np.random.default_rng([seed, number, 1])
        mixed = Lines()
        for lines, weight in self._parts:
            count = round(total * weight / weights)
            turns = [rng.permutation(len(lines)) for _ in range(-(-count // len(lines)))]
            mixed.extend(lines.subset(np.concatenate(turns)[:count].tolist()))
        return MemoryEpoch(mixed, self._settings.batch, seed, number)

    def close(self) -> None:
        """Nothing to release."""


class RecipeFeed:
    """Fresh lines every epoch, made by worker processes while the epoch before is trained on."""

    def __init__(self, settings: Settings, spec: ReaderSpec, waiting: Waiting) -> None:
        assert settings.recipe
        self._arguments = (settings.recipe, settings.seed, settings.look, "train")
        self._settings, self._spec, self._waiting = settings, spec, waiting
        self._pool = start_workers(settings.workers)
        self._pending: dict[int, list[Future[Lines]]] = {}
        self.skipped = 0
        source = open_source(settings.recipe, settings.seed, settings.look, "validation")
        self.held_out = _make(source, spec, range(1000))
        self.skipped += 1000 - len(self.held_out)
        self.digest = source.digest

    def _request(self, number: int) -> None:
        if number not in self._pending:
            size = self._settings.epoch_lines
            start, end = number * size, (number + 1) * size
            chunks = [range(i, min(i + _CHUNK, end)) for i in range(start, end, _CHUNK)]
            self._pending[number] = [self._pool.submit(_work, self._arguments, self._spec, chunk) for chunk in chunks]

    def epoch(self, number: int) -> MemoryEpoch:
        """An epoch, counted from 0; the next one's lines are begun."""
        self._request(number)
        self._request(number + 1)
        lines = Lines()
        for future in self._pending.pop(number):
            lines.extend(outcome(future, self._waiting))
        self.skipped += self._settings.epoch_lines - len(lines)
        return MemoryEpoch(lines, self._settings.batch, self._settings.seed, number)

    def close(self) -> None:
        """Stop the workers."""
        self._pool.shutdown(cancel_futures=True)


_SOURCES: dict[tuple[str, int, str | None, str], LineSource] = {}


def _work(arguments: tuple[str, int, str | None, str], spec: ReaderSpec, numbers: range) -> Lines:
    if arguments not in _SOURCES:
        _SOURCES[arguments] = open_source(*arguments)
    return _make(_SOURCES[arguments], spec, numbers)


def _make(source: LineSource, spec: ReaderSpec, numbers: range) -> Lines:
    """Samples of a source, without the few that a network of this spec has no frames for. DatasetError for many.

    Nobody can mend a sample that is made: one among a million is to end no training of hours.
    """
    lines, found = Lines(), []
    for i, (image, label) in zip(numbers, source.samples(numbers), strict=True):
        problem = sample_problem(image, label, f"sample {i} of {source.name}", spec)
        if problem:
            found.append(problem)
        else:
            lines.add(image, label, spec)
    if len(found) > max(1, _MOST_BAD * len(numbers)):
        raise DatasetError(f"of {len(numbers)} samples, {bad_lines(found, len(found))}; change the recipe")
    return lines


def open_source(recipe: str, seed: int, look: str | None, split: str) -> LineSource:
    """Open a recipe as a stream through the package that brings recipes; TrainingError if it isn't installed."""
    for point in entry_points(group="linelet.sources", name="recipe"):
        source: LineSource = point.load()(recipe, seed, look, split)
        return source
    raise TrainingError("training from a recipe needs the package linelet-synth; pip install linelet-synth")


def weighted(text: str) -> tuple[str, float]:
    """``DIR`` or ``DIR:4`` -> (DIR, weight). TrainingError for a weight that is not above 0."""
    path, colon, weight = text.rpartition(":")
    if not colon or not path:
        return text, 1.0
    try:
        value = float(weight)
    except ValueError:
        return text, 1.0
    if not 0 < value < 1e6:
        raise TrainingError(f"--data {text}: the weight {weight} is not above 0; write DIR or DIR:4")
    return path, value
