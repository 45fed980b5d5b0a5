"""Where training lines come from, epoch by epoch: datasets in memory, or a recipe that never repeats a line."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from importlib.metadata import entry_points
from multiprocessing import get_context
from typing import Protocol

import numpy as np

from linelet_common.cli import Progress
from linelet_common.datasets import open_dataset
from linelet_common.errors import DatasetError, TrainingError
from linelet_common.fields import Field
from linelet_common.grammar import Grammar
from linelet_common.learnable import sample_problem
from linelet_common.preprocess import Pixels
from linelet_common.processes import end_with_parent
from linelet_common.spec import ReaderSpec
from linelet_model.data import Lines, load_lines, split_by_text

_CHUNK = 500  # lines a worker makes at a time


class LineSource(Protocol):
    """An endless numbered stream of labelled lines; sample i depends on nothing but the source and i."""

    name: str
    charset: str
    digest: str  # of all that decides its samples, but the seed
    unknown: bool
    grammar: Grammar | None
    fields: Mapping[str, Field]

    def samples(self, numbers: Sequence[int]) -> Iterator[tuple[Pixels, str]]:
        """Grey uint8 (H, W) and label of the lines of some numbers."""
        ...


class Feed(Protocol):
    """Lines of every epoch, and the held-out lines to judge by."""

    held_out: Lines
    skipped: int
    digest: str  # of the lines, or of all that decides them

    def epoch(self, number: int) -> Lines:
        """The lines of an epoch, counted from 0."""
        ...

    def close(self) -> None:
        """Release what the feed holds."""
        ...


class DatasetFeed:
    """Datasets with weights: an epoch takes lines of each in proportion, as many in all as the datasets hold.

    A dataset of weight 4 beside one of weight 1 gives four lines in five; its lines repeat if it is the smaller one.
    """

    def __init__(
        self,
        data: Sequence[str],
        spec: ReaderSpec,
        share: float,
        seed: int,
        skip_bad: bool,
        at_most: int = 2000,
        follow_links: bool = False,
    ) -> None:
        self._parts: list[tuple[Lines, float]] = []
        self._seed = seed
        self.held_out = Lines()
        self.skipped = 0
        digests = []
        for path, weight in map(weighted, data):
            lines, skipped = load_lines(open_dataset(path, follow_links), spec, skip_bad)
            digests.append(lines.digest())
            train, held = split_by_text(lines.labels, share, seed)
            if not train or not held:
                raise DatasetError(
                    f"{path} has {len(lines)} lines, too few different texts to hold some out; add more", place=path
                )
            self._parts.append((lines.subset(train), weight))
            held = held[: at_most // len(data)]
            self.held_out.extend(lines.subset(held))
            self.skipped += skipped
        self.digest = ",".join(digests)

    def epoch(self, number: int) -> Lines:
        """The lines of an epoch."""
        if len(self._parts) == 1:
            return self._parts[0][0]
        total = sum(len(lines) for lines, _ in self._parts)
        weights = sum(weight for _, weight in self._parts)
        rng = np.random.default_rng([self._seed, number, 1])
        mixed = Lines()
        for lines, weight in self._parts:
            count = round(total * weight / weights)
            turns = [rng.permutation(len(lines)) for _ in range(-(-count // len(lines)))]
            mixed.extend(lines.subset(np.concatenate(turns)[:count].tolist()))
        return mixed

    def close(self) -> None:
        """Nothing to release."""


class RecipeFeed:
    """Fresh lines every epoch, made by worker processes while the epoch before is trained on."""

    def __init__(self, recipe: str, look: str | None, spec: ReaderSpec, seed: int, size: int, workers: int) -> None:
        self._arguments = (recipe, seed, look, "train")
        self._spec, self._size = spec, size
        # spawn: forking a process that holds torch's threads can hang.
        self._pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_start_worker)
        self._pending: dict[int, list[Future[Lines]]] = {}
        self.skipped = 0
        source = open_source(recipe, seed, look, "validation")
        self.held_out = _make(source, spec, range(1000))
        self.digest = source.digest

    def _request(self, number: int) -> None:
        if number not in self._pending:
            start, end = number * self._size, (number + 1) * self._size
            chunks = [range(i, min(i + _CHUNK, end)) for i in range(start, end, _CHUNK)]
            self._pending[number] = [self._pool.submit(_work, self._arguments, self._spec, chunk) for chunk in chunks]

    def epoch(self, number: int) -> Lines:
        """The lines of an epoch; the next one's are begun."""
        self._request(number)
        self._request(number + 1)
        lines, progress = Lines(), Progress(self._size, "lines made")
        for future in self._pending.pop(number):
            part = future.result()
            lines.extend(part)
            progress.advance(len(part))
        return lines

    def close(self) -> None:
        """Stop the workers."""
        self._pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    """Give way to the training, and end with it."""
    if hasattr(os, "nice"):
        # torch's threads wait for each other at every layer: one that a worker takes the core from stops them all.
        os.nice(10)
    end_with_parent()


_SOURCES: dict[tuple[str, int, str | None, str], LineSource] = {}


def _work(arguments: tuple[str, int, str | None, str], spec: ReaderSpec, numbers: range) -> Lines:
    if arguments not in _SOURCES:
        _SOURCES[arguments] = open_source(*arguments)
    return _make(_SOURCES[arguments], spec, numbers)


def _make(source: LineSource, spec: ReaderSpec, numbers: range) -> Lines:
    lines = Lines()
    for i, (image, label) in zip(numbers, source.samples(numbers), strict=True):
        problem = sample_problem(image, label, f"sample {i} of {source.name}", spec)
        if problem:
            raise DatasetError(problem)
        lines.add(image, label, spec)
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
