"""One step on several cores: each thread computes a share of the batch, on a network that shares the weights.

torch's own threads meet at every layer, those here once a step: they wait less for each other where the processes that
make lines, or other programs, want the cores too.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import partial

import torch
from torch import nn

from linelet_model.data import Batch

LEAST = 16  # lines of a share: with fewer, layers' overheads and the noise of their statistics grow


def count_shares(batch: int, threads: int) -> int:
    """The shares of a batch of so many lines for so many threads."""
    return max(1, min(threads, batch // LEAST))


class Shares:
    """Copies of a network whose weights are the network's own, and whose gradients add up to the network's.

    Batch normalisation takes the statistics of each share (ghost batches: Hoffer et al. 2017); the network keeps the
    mean of the shares' running ones. Each thread has ``threads // count`` of torch's threads. What comes out depends on
    the count, not on which thread is faster.
    """

    def __init__(self, network: nn.Module, count: int, threads: int) -> None:
        self._network = network
        self._copies = [deepcopy(network) for _ in range(count)]
        for copy in self._copies:
            for own, shared in zip(copy.parameters(), network.parameters(), strict=True):
                own.data = shared.data
        # In a thread of its own, torch starts with one thread for each core.
        start = partial(torch.set_num_threads, max(1, threads // count))
        self._pool = ThreadPoolExecutor(count, "share", initializer=start)
        self.map = self._pool.map

    def backward(self, backward: Callable[[nn.Module, Batch], float], batch: Batch) -> float:
        """Call ``backward(network, share)`` for each share, and add up what it returns and the gradients it leaves."""
        shares = [batch.share(k, len(self._copies)) for k in range(min(len(self._copies), len(batch.lengths)))]
        for copy in self._copies:
            copy.train()
            for own, shared in zip(copy.buffers(), self._network.buffers(), strict=True):
                own.copy_(shared)
        total = sum(self.map(backward, self._copies, shares))
        with torch.no_grad():
            self._add_gradients()
            self._average_buffers(self._copies[: len(shares)])
        return total

    def _add_gradients(self) -> None:
        weights = list(self._network.parameters())
        for copy in self._copies:
            parts = [part.grad for part in copy.parameters()]
            copy.zero_grad(set_to_none=True)
            for weight, part in zip(weights, parts, strict=True):
                if weight.grad is None:
                    weight.grad = part
                elif part is not None:
                    weight.grad.add_(part)

    def _average_buffers(self, copies: list[nn.Module]) -> None:
        for kept, *parts in zip(self._network.buffers(), *(copy.buffers() for copy in copies), strict=True):
            if kept.dtype.is_floating_point:
                kept.copy_(torch.stack(parts).mean(0))
            else:
                kept.copy_(parts[0])  # a counter of steps
