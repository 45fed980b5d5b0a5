"""Datasets too large for memory: their pictures are read while the network is trained.

An epoch is one permutation of all lines, since every form of dataset can be read at any place. It is cut into pools of
32 batches, which worker processes read ahead. Within a pool lines of similar width make a batch, and its batches come
in random order. All of that depends on (seed, epoch) alone, so that a resumed training begins with the pool it was in.
What stays in memory: four bytes a line for its place in the epoch, four more for its number, and three pools.
"""

import sys
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from hashlib import blake2b
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from linelet_common.cli import Progress
from linelet_common.errors import DatasetError
from linelet_common.learnable import label_problem
from linelet_common.lines import LineDataset
from linelet_common.spec import ReaderSpec
from linelet_model.feeds import HELD_OUT, Part, check_split
from linelet_model.lines import (
    SHOWN,
    Lines,
    add_line,
    bad_lines,
    held_out,
    pool_batches,
    pool_size,
    settle_split,
    text_hash,
)
from linelet_model.settings import Settings
from linelet_model.workers import Waiting, outcome, start_workers

Numbers = NDArray[np.integer]
Seed = tuple[int, ...]
Request = list[Future[tuple[Lines, list[str]]]]

_AHEAD = 2  # pools that are being read while one is trained on
_CHUNK = 256  # lines that a worker reads at a time


class Survey:
    """What the labels of a dataset tell, without its pictures: which lines are trained on, and which are held out.

    train, held: numbers of lines, uint32. bad: lines that cannot be learned; the first of them are in ``problems``.
    Labels that cannot be learned raise DatasetError, which names them, unless the settings skip bad lines.
    """

    def __init__(self, part: Part, settings: Settings, spec: ReaderSpec) -> None:
        train, held = array("I"), array("I")
        spare, least = array("I"), 1 << 64  # the lines of the least hash: what is held out where chance holds out none
        self.problems: list[str] = []
        self.bad = 0
        whole = blake2b(digest_size=16)
        progress = Progress(len(part.dataset), "labels read")
        for i in range(len(part.dataset)):
            label = spec.codec.fold(part.dataset.label(i))
            whole.update(label.encode() + b"\0")
            if spec.codec.missing(label):
                self._note(label_problem(label, part.dataset.place(i), spec) or "")
            else:
                value = text_hash(label, settings.seed)
                (held if held_out(value, settings.validation) else train).append(i)
                if value < least:
                    spare, least = array("I"), value
                if value == least:
                    spare.append(i)
            progress.advance()
        if self.bad and not settings.skip_bad:
            raise DatasetError(f"{bad_lines(self.problems, self.bad)}; fix them or pass --skip-bad")
        train, held = settle_split(train, held, spare)
        check_split(part.path, len(part.dataset), len(train), len(held))
        self.train, self.held = np.frombuffer(train, np.uintc), np.frombuffer(held, np.uintc)
        manifest = part.dataset.manifest
        for name, digest in sorted(manifest.digests.items() if manifest else ()):
            whole.update(f"{name} {digest}\0".encode())
        self.digest = whole.hexdigest()

    def _note(self, problem: str) -> None:
        self.bad += 1
        if len(self.problems) < SHOWN:
            self.problems.append(problem)


class StreamFeed:
    """Datasets with weights, in the proportions of DatasetFeed, of which few lines are in memory at a time.

    Its digest is that of labels and manifests: pictures are not all read to know whether a run goes on with its data.
    A picture that cannot be learned raises DatasetError once it is read, or is left out of its batch if the settings
    skip bad lines, and the first of those are told on stderr.
    """

    def __init__(self, parts: Sequence[Part], settings: Settings, spec: ReaderSpec, waiting: Waiting) -> None:
        self.settings, self._waiting = settings, waiting
        self._weights = [part.weight for part in parts]
        datasets = [part.dataset for part in parts]
        self._starts = [0, *accumulate(len(dataset) for dataset in datasets)]
        surveys = [Survey(part, settings, spec) for part in parts]
        self._train = [survey.train for survey in surveys]
        self.skipped = sum(survey.bad for survey in surveys)
        self.digest = ",".join(survey.digest for survey in surveys)
        self._told = 0
        self._pool = start_workers(settings.workers, _prepare, datasets, self._starts, spec)
        at_most = HELD_OUT // len(parts)
        firsts = zip(surveys, self._starts, strict=False)
        judged = [survey.held[:at_most].astype(np.int64) + first for survey, first in firsts]
        try:
            self.held_out = self.lines(self.request(np.concatenate(judged)))
            if not self.held_out:
                raise DatasetError(f"no held-out line of {parts[0].path} can be read; fix its pictures")
        except BaseException:
            self.close()  # nobody else has the pool yet
            raise

    def epoch(self, number: int) -> "StreamEpoch":
        """An epoch, counted from 0."""
        order = epoch_order(self._train, self._starts, self._weights, (self.settings.seed, number, 1))
        return StreamEpoch(self, order, number)

    def request(self, numbers: Numbers) -> Request:
        """Have lines read."""
        return [self._pool.submit(_read, numbers[i : i + _CHUNK].tolist()) for i in range(0, len(numbers), _CHUNK)]

    def lines(self, requested: Request) -> Lines:
        """The lines requested, without those that cannot be learned. DatasetError if they are not to be skipped."""
        lines, problems = Lines(), []
        for future in requested:
            part, found = outcome(future, self._waiting)
            lines.extend(part)
            problems += found
        if problems and not self.settings.skip_bad:
            remedy = "fix them and continue with --resume, or start again with --skip-bad"
            raise DatasetError(f"{bad_lines(problems, len(problems))}; {remedy}")
        for problem in problems[: max(0, SHOWN - self._told)]:
            self._told += 1
            print(f"left out: {problem}", file=sys.stderr, flush=True)
        return lines

    def close(self) -> None:
        """Stop the workers."""
        self._pool.shutdown(cancel_futures=True)


def epoch_order(train: Sequence[Numbers], starts: Sequence[int], weights: Sequence[float], seed: Seed) -> Numbers:
    """An epoch's lines in their order: numbers over all datasets, one dataset after the other.

    train: numbers of each dataset's lines; starts: of each one's first line over all, and the number of all.
    """
    rng = np.random.default_rng(seed)
    total = sum(map(len, train))
    counts = [round(total * weight / sum(weights)) for weight in weights]
    order: Numbers = np.empty(sum(counts), np.min_scalar_type(starts[-1]))
    end = 0
    for lines, count, first in zip(train, counts, starts, strict=False):
        begin, end = end, end + count
        whole = len(lines) * (count // len(lines))
        order[begin : begin + whole].reshape(-1, len(lines))[:] = lines
        if whole < count:  # of the last turn, some
            order[begin + whole : end] = rng.permutation(lines)[: count - whole]
        order[begin:end] += order.dtype.type(first)
    rng.shuffle(order)
    return order


class StreamEpoch:
    """An epoch of lines that are read as it goes on."""

    def __init__(self, feed: StreamFeed, order: Numbers, number: int) -> None:
        self._feed, self._number, size = feed, number, feed.settings.batch
        # Equal pools: a last one of few lines might have none that can be read.
        self._pools = np.array_split(order, -(-len(order) // pool_size(size)))
        self._first = [0, *accumulate(-(-len(pool) // size) for pool in self._pools)]  # step of each pool
        self.steps = self._first[-1]

    def batches(self, start: int) -> Iterator[Lines]:
        """The lines of each batch, from step ``start`` on."""
        begin = bisect_right(self._first, start) - 1
        ahead: deque[Request] = deque()
        for k in range(begin, len(self._pools)):
            while len(ahead) <= _AHEAD and k + len(ahead) < len(self._pools):
                ahead.append(self._feed.request(self._pools[k + len(ahead)]))
            lines = self._feed.lines(ahead.popleft())
            for numbers in self._batches(lines, k)[max(0, start - self._first[k]) :]:
                yield lines.subset(numbers)

    def _batches(self, lines: Lines, k: int) -> list[list[int]]:
        """The batches of pool k, as many as if all of its lines could be read."""
        steps = self._first[k + 1] - self._first[k]
        if len(lines) < steps:
            raise DatasetError(f"{len(lines)} of {len(self._pools[k])} lines can be read; fix the dataset's pictures")
        batches = pool_batches([image.shape[1] for image in lines.images], steps)
        order = np.random.default_rng([self._feed.settings.seed, self._number, 2, k]).permutation(steps)
        return [batches[i] for i in order]


# What a worker reads from: the datasets, the number of each one's first line, and the reader's spec.
_sources: tuple[Sequence[LineDataset], Sequence[int], ReaderSpec]


def _prepare(datasets: Sequence[LineDataset], starts: Sequence[int], spec: ReaderSpec) -> None:
    global _sources  # a process of a pool has no other place that tasks can see
    _sources = (datasets, starts, spec)


def _read(numbers: Sequence[int]) -> tuple[Lines, list[str]]:
    """Lines by their numbers over all datasets, and why others cannot be learned."""
    datasets, starts, spec = _sources
    lines, problems = Lines(), []
    for number in numbers:
        k = bisect_right(starts, number) - 1
        if problem := add_line(lines, datasets[k], number - starts[k], spec):
            problems.append(problem)
    return lines, problems
