"""Lines in memory, batches of similar widths, and the light changes made to each batch.

Every batch is a pure function of (seed, epoch, step): a resumed training sees what an uninterrupted one would.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linelet_common.cli import Progress
from linelet_common.codec import UNKNOWN
from linelet_common.errors import DatasetError, ImageError
from linelet_common.learnable import sample_problem
from linelet_common.lines import LineDataset
from linelet_common.preprocess import Pixels, resize
from linelet_common.spec import ReaderSpec

# Problems shown in one message; the rest is counted.
_SHOWN = 20


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
    lines, found = Lines(), []
    progress = Progress(len(dataset), "lines loaded")
    for i in range(len(dataset)):
        try:
            image, label = dataset.image(i), spec.codec.fold(dataset.label(i))
            problem = sample_problem(image, label, dataset.place(i), spec)
        except ImageError as failure:
            problem = f"{dataset.place(i)}: {failure}"
        if problem:
            found.append(problem)
        else:
            lines.add(image, label, spec)
        progress.advance()
    if found and not skip_bad:
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        shown = "; ".join(found[:_SHOWN]) + more
        raise DatasetError(f"{len(found)} bad lines: {shown}; mend them or pass --skip-bad")
    if not lines:
        raise DatasetError(f"no usable line is left of {len(dataset)}; check the labels")
    return lines, len(found)


def split_by_text(labels: Sequence[str], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Numbers of the lines to train on and of those held out, about ``share`` (0-1) of all.

    The text decides, so that no text stands on both sides: lines are held out whose text's hash is small. Of a few
    lines chance may hold out none, or all: then those of the smallest hash are held out, and the others are not.
    """
    hashes = [_hash(label, seed) for label in labels]
    held_out = [i for i, value in enumerate(hashes) if value < share * 2**64]
    if not held_out or len(held_out) == len(labels):
        least = min(hashes, default=0)
        held_out = [i for i, value in enumerate(hashes) if value == least]
    kept = set(held_out)
    return [i for i in range(len(labels)) if i not in kept], held_out


def _hash(label: str, seed: int) -> int:
    digest = blake2b(label.encode(), digest_size=8, key=seed.to_bytes(8, "little")).digest()
    return int.from_bytes(digest, "little")


@dataclass
class Batch:
    """images float32 (N, 1, H, W); mask float32 (N, 1, 1, W), 0 on the padding; targets int64 (sum of lengths,).

    undecided: bool (N,), lines that show nothing of the charset and have no class for it, whatever their targets say.
    """

    images: Tensor
    mask: Tensor
    targets: Tensor
    lengths: Tensor
    undecided: Tensor

    def share(self, rank: int, size: int) -> "Batch":
        """The part of one of ``size`` processes: every size-th line."""
        if size == 1:
            return self
        rows = list(range(len(self.lengths)))[rank::size]
        targets = torch.split(self.targets, self.lengths.tolist())
        parts = torch.cat([targets[i] for i in rows]) if rows else self.targets[:0]
        return Batch(self.images[rows], self.mask[rows], parts, self.lengths[rows], self.undecided[rows])


def epoch_batches(lines: Lines, size: int, seed: int, epoch: int) -> list[list[int]]:
    """Numbers of the lines of each batch: every line once, lines of similar width together, in random order."""
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(lines))
    # Sorting within pools of 32 batches rather than over all lines keeps batches mixed yet wastes little padding.
    pool = 32 * size
    batches: list[list[int]] = []
    for start in range(0, len(order), pool):
        near = sorted(order[start : start + pool].tolist(), key=lambda i: lines.images[i].shape[1])
        # Equal parts: a last batch of one line would upset batch normalisation.
        batches += [part.tolist() for part in np.array_split(near, -(-len(near) // size))]
    return [batches[i] for i in rng.permutation(len(batches))]


def collate(lines: Lines, indices: Sequence[int], spec: ReaderSpec) -> Batch:
    """Pad lines to one width the network takes and normalise them."""
    width = spec.padded_width(max(lines.images[i].shape[1] for i in indices))
    images = np.full((len(indices), 1, spec.height, width), 0, dtype=np.uint8)
    mask = np.zeros((len(indices), 1, 1, width), dtype=np.float32)
    for row, i in enumerate(indices):
        image = lines.images[i]
        images[row, 0, :, : image.shape[1]] = image
        mask[row, ..., : image.shape[1]] = 1
    kept = torch.from_numpy(mask)
    scaled = (torch.from_numpy(images).float() / 255 - spec.mean[0]) / spec.std[0]
    return Batch(
        scaled * kept + spec.pad * (1 - kept),
        kept,
        torch.from_numpy(np.concatenate([lines.classes[i] for i in indices])),
        torch.tensor([len(lines.classes[i]) for i in indices]),
        torch.zeros(len(indices), dtype=torch.bool),
    )


def augment(batch: Batch, spec: ReaderSpec, seed: Sequence[int]) -> Batch:
    """Augment a batch as screens vary: contrast x 0.75-1.2, brightness +-0.2, a fifth inverted, noise, 2 rows' shift.

    All of it per line; the padding keeps the spec's value, as it will when reading.
    """
    generator = torch.Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
    n = len(batch.images)

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(n, 1, 1, 1).uniform_(low, high, generator=generator)

    images = batch.images
    shift = int(torch.randint(-2, 3, (1,), generator=generator))
    if shift:
        images = torch.roll(images, shift, dims=2)
        edge = images[:, :, shift : shift + 1] if shift > 0 else images[:, :, shift - 1 : shift]
        rows = slice(0, shift) if shift > 0 else slice(shift, None)
        images[:, :, rows] = edge
    sign = 1 - 2 * (uniform(0, 1) < 0.2).float()
    images = images * uniform(0.75, 1.2) * sign + uniform(-0.2, 0.2)
    amount = uniform(-0.12, 0.06).clamp(min=0)
    images = images + amount * torch.randn(images.shape, generator=generator)
    images = images.clamp(-1, 1) * batch.mask + spec.pad * (1 - batch.mask)
    return Batch(images, batch.mask, batch.targets, batch.lengths, batch.undecided)


def scramble(batch: Batch, spec: ReaderSpec, share: float, seed: Sequence[int]) -> Batch:
    """Scramble a share (0-1) of the lines: the upper part moved against the lower by a third of the height or more.

    What a line then shows is made of the same strokes, in the same faces, but of no character that anybody knows: it is
    U+FFFD where the reader has that class, else the network is to stay undecided. Lines of one character stay: of a
    point, say, nothing would have changed.
    """
    generator = torch.Generator().manual_seed(int(np.random.SeedSequence([*seed, 1]).generate_state(1)[0]))
    chosen = (torch.rand(len(batch.lengths), generator=generator) < share) & (batch.lengths > 1)
    images, height = batch.images.clone(), spec.height
    for row in torch.nonzero(chosen).flatten().tolist():
        cut = int(torch.randint(height * 2 // 5, height * 3 // 5 + 1, (1,), generator=generator))
        shift = int(torch.randint(height // 3, height * 2 // 3, (1,), generator=generator))
        width = int(batch.mask[row].sum())
        images[row, :, :cut, :width] = torch.roll(images[row, :, :cut, :width], shift, dims=2)
    if not spec.unknown:
        return Batch(images, batch.mask, batch.targets, batch.lengths, batch.undecided | chosen)
    unknown = torch.from_numpy(spec.codec.encode(UNKNOWN))
    parts = torch.split(batch.targets, batch.lengths.tolist())
    targets = torch.cat([unknown if new else part for new, part in zip(chosen.tolist(), parts, strict=True)])
    return Batch(images, batch.mask, targets, torch.where(chosen, 1, batch.lengths), batch.undecided)
