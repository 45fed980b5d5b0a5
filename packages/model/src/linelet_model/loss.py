"""The loss of a batch of lines: CTC, and for scrambled lines of a reader without U+FFFD, to be undecided."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from linelet_common.spec import ReaderSpec
from linelet_model.data import Batch


def ctc_loss(scores: Tensor, batch: Batch, spec: ReaderSpec) -> Tensor:
    """CTC loss per character of each line, float32 (N,), of logits (N, T, C).

    Every frame counts, padding too: a reader sees it, so it must learn to write nothing there. Scrambled lines are to
    leave it undecided: their loss is the cross entropy to even probabilities, averaged over frames (outlier exposure,
    Hendrycks et al. 2019).
    """
    log_probs = scores.float().log_softmax(2).permute(1, 0, 2)  # (T, N, C)
    frames = torch.full((log_probs.shape[1],), log_probs.shape[0], dtype=torch.long)
    targets, lengths = batch.targets.to(scores.device), batch.lengths
    losses = F.ctc_loss(log_probs, targets, frames, lengths, blank=spec.blank, reduction="none")
    losses = losses / lengths.clamp(min=1).to(losses.device)
    undecided = -log_probs.mean(dim=(0, 2)) - math.log(log_probs.shape[2])  # 0 where even
    return torch.where(batch.undecided.to(losses.device), undecided, losses)
