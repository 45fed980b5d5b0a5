"""How weights read the held-out lines while they are trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile

import Levenshtein
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from linelet_common.codec import Reading
from linelet_common.reader import group_by_width
from linelet_common.spec import ReaderSpec
from linelet_model.data import collate
from linelet_model.lines import Lines
from linelet_model.loss import ctc_loss


@dataclass(frozen=True)
class Judged:
    """Held-out lines as read: labels, readings, mean loss per line, and the logits float32 (T, C) of the first."""

    labels: Sequence[str]
    readings: Sequence[Reading]
    loss: float
    scores: Sequence[NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def cer(self) -> float:
        """Micro-averaged character error rate: all edits over all characters of the labels."""
        pairs = zip(self.labels, self.readings, strict=True)
        return sum(Levenshtein.distance(label, r.text) for label, r in pairs) / max(sum(map(len, self.labels)), 1)

    @property
    def exact(self) -> float:
        """Share of lines read without any mistake, 0-1."""
        pairs = zip(self.labels, self.readings, strict=True)
        return sum(label == reading.text for label, reading in pairs) / max(len(self), 1)


def judge(
    network: nn.Module, lines: Lines, spec: ReaderSpec, device: torch.device, size: int = 64, kept: int = 0
) -> Judged:
    """Read lines exactly as a reader would: padded to their own width, in float32.

    kept: how many logits to keep at most; thousands of classes have a million in a line.
    """
    widths = [spec.padded_width(image.shape[1]) for image in lines.images]
    sizes = accumulate(width // spec.stride * spec.classes for width in widths)
    first = sum(1 for _ in takewhile(lambda size: size <= kept, sizes))
    scores: dict[int, NDArray[np.float32]] = {}
    readings: dict[int, Reading] = {}
    total = 0.0
    with torch.inference_mode():
        for indices in group_by_width(widths, size):
            batch = collate(lines, indices, spec)
            output = network(batch.images.to(device, memory_format=torch.channels_last))
            total += float(ctc_loss(output, batch, spec).sum())
            logits = output.float().cpu().numpy()
            readings.update(zip(indices, spec.codec.decode(logits, spec.temperature), strict=True))
            scores.update((i, line.copy()) for i, line in zip(indices, logits, strict=True) if i < first)
    count = len(lines)
    return Judged(lines.labels, [readings[i] for i in range(count)], total / count, [scores[i] for i in range(first)])
