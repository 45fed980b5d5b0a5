"""Confidences that mean what they say: one temperature, fitted on lines that were not trained on.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017: dividing the logits by a temperature that maximises
the likelihood of held-out labels corrects a network's overconfidence and changes no text.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from linelet_common.codec import Codec, log_softmax

# A network that is right on every held-out line would be pushed to infinite confidence; 0.5 bounds what the few
# thousand lines can vouch for. Above 5 the network is not worth calibrating.
_LOW, _HIGH = 0.5, 5.0


def fit_temperature(scores: Sequence[NDArray[np.float32]], labels: Sequence[str], codec: Codec) -> float:
    """The temperature that gives labels the highest likelihood. scores: logits (T, C) a line, of any T."""
    groups: dict[int, list[int]] = {}
    for i, line in enumerate(scores):
        groups.setdefault(line.shape[0], []).append(i)
    stacked = [
        (np.stack([scores[i] for i in g]), [codec.encode(labels[i]).tolist() for i in g]) for g in groups.values()
    ]

    def loss(log_temperature: float) -> float:
        total = 0.0
        for batch, texts in stacked:
            log_probs = log_softmax(batch / np.float32(np.exp(log_temperature)))
            total -= float(np.log(np.maximum(codec.probability(log_probs, texts), 1e-12)).sum())
        return total

    # Golden-section search: the loss has one minimum in log T, for all that matters here.
    low, high = float(np.log(_LOW)), float(np.log(_HIGH))
    ratio = (5**0.5 - 1) / 2
    for _ in range(16):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))
