"""Lines -> batches of tensors, and the light changes made to each batch.

Every batch is a pure function of (seed, epoch, step): a resumed training sees what an uninterrupted one would.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from linelet_common.codec import UNKNOWN
from linelet_common.spec import ReaderSpec
from linelet_model.lines import Lines


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
