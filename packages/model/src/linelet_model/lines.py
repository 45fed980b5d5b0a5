"""Lines in memory, and which of them make a batch. Imports no torch: the processes that read lines need none."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from linelet_common.cli import Progress
from linelet_common.errors import DatasetError, ImageError
from linelet_common.learnable import Labels, sample_problem
from linelet_common.lines import LineDataset
from linelet_common.preprocess import Pixels, resize
from linelet_common.spec import ReaderSpec

SHOWN = 20  # problems in one message; the rest is counted

Numbers = TypeVar("Numbers", list[int], "array[int]")


@dataclass
class Lines:
    """Lines at the reader's height: pictures uint8 (H, W), W of each its own, labels and their classes."""

    images: list[Pixels] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    classes: list[NDArray[np.int64]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.labels)

    def add(self, image: Pixels, label: str, spec: ReaderSpec) -> None:
        """Add a picture of any size."""
        self.images.append(np.ascontiguousarray(resize(image, spec)))
        self.labels.append(label)
        self.classes.append(spec.codec.encode(label))

    def subset(self, indices: Sequence[int]) -> "Lines":
        """The lines of these numbers."""
        return Lines(
            [self.images[i] for i in indices], [self.labels[i] for i in indices], [self.classes[i] for i in indices]
        )

    def digest(self) -> str:
        """A hash of the lines, pictures and labels: of what is trained on, wherever it lies."""
        whole = blake2b(digest_size=16)
        for image, label in zip(self.images, self.labels, strict=True):
            whole.update(b"%d %d " % image.shape[:2] + image.tobytes() + label.encode() + b"\0")
        return whole.hexdigest()

    def extend(self, other: "Lines") -> None:
        """Add the lines of another."""
        self.images += other.images
        self.labels += other.labels
        self.classes += other.classes


def load_lines(dataset: LineDataset, spec: ReaderSpec, skip_bad: bool = False) -> tuple[Lines, int]:
    """All lines of a dataset and the number of bad ones left out. Labels are folded as the reader writes them.

    Unreadable pictures and labels that cannot be learned raise DatasetError, which lists them all with their places;
    with ``skip_bad`` they are left out and counted.
    """
    lines, found, labels = Lines(), [], Labels(dataset)
    progress = Progress(len(dataset), "lines loaded")
    for i in range(len(dataset)):
        if problem := labels.problem(i) or add_line(lines, dataset, i, spec):
            found.append(problem)
        progress.advance()
    if found and not skip_bad:
        raise DatasetError(f"{bad_lines(found, len(found))}; fix them or pass --skip-bad")
    if not lines:
        raise DatasetError(f"no usable line is left of {len(dataset)}; check the labels")
    return lines, len(found)


def add_line(lines: Lines, dataset: LineDataset, i: int, spec: ReaderSpec) -> str | None:
    """Add line i of a dataset to others. Where it cannot be learned it is left out, and the reason returned."""
    try:
        image, label = dataset.image(i), spec.codec.fold(dataset.label(i))
        problem = sample_problem(image, label, dataset.place(i), spec)
    except ImageError as failure:
        return f"{dataset.place(i)}: {failure}"
    if problem is None:
        lines.add(image, label, spec)
    return problem


def bad_lines(found: Sequence[str], count: int) -> str:
    """The first of ``count`` problems, for a message."""
    more = f"; and {count - len(found[:SHOWN])} more" if count > len(found[:SHOWN]) else ""
    return f"{count} bad lines: " + "; ".join(found[:SHOWN]) + more


def text_hash(label: str, seed: int) -> int:
    """What decides whether a text is held out: 64 bits."""
    return int.from_bytes(blake2b(label.encode(), digest_size=8, key=seed.to_bytes(8, "little")).digest(), "little")


def held_out(value: int, share: float) -> bool:
    """Whether lines of a text are held out: where its hash lies in the first ``share`` (0-1) of all hashes.

    The text decides, so that no text stands on both sides.
    """
    return value < share * 2**64


def settle_split(train: Numbers, held: Numbers, spare: Numbers) -> tuple[Numbers, Numbers]:
    """The lines to train on and those held out, neither empty where there are two texts.

    Of a few lines chance may hold out none, or all; then those of the least hash, ``spare``, are held out alone.
    """
    if train and held:
        return train, held
    kept, rest = set(spare), train[:0]
    rest.extend(i for i in (*train, *held) if i not in kept)
    return rest, spare


def split_by_text(labels: Sequence[str], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Numbers of the lines to train on and of those held out, about ``share`` (0-1) of all."""
    hashes = [text_hash(label, seed) for label in labels]
    train = [i for i, value in enumerate(hashes) if not held_out(value, share)]
    held = [i for i, value in enumerate(hashes) if held_out(value, share)]
    least = min(hashes, default=0)
    return settle_split(train, held, [i for i, value in enumerate(hashes) if value == least])


def pool_size(size: int) -> int:
    """Lines that are sorted by width together: as many as keep batches of ``size`` mixed yet waste little padding."""
    return 32 * size


def pool_batches(widths: Sequence[int], count: int) -> list[list[int]]:
    """A pool's lines in ``count`` batches of similar width: numbers from 0, in the order of their widths."""
    near = sorted(range(len(widths)), key=widths.__getitem__)
    # Equal parts: a last batch of one line would upset batch normalisation.
    return [part.tolist() for part in np.array_split(near, count)]


def epoch_batches(lines: Lines, size: int, seed: int, epoch: int) -> list[list[int]]:
    """Numbers of the lines of each batch: every line once, lines of similar width together, in random order."""
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(lines))
    batches: list[list[int]] = []
    for start in range(0, len(order), pool_size(size)):
        pool = order[start : start + pool_size(size)].tolist()
        parts = pool_batches([lines.images[i].shape[1] for i in pool], -(-len(pool) // size))
        batches += [[pool[i] for i in part] for part in parts]
    return [batches[i] for i in rng.permutation(len(batches))]
