"""Random numbers of one sample: a pure function of (digest, seed, i), cheap enough for hundreds of throws a line.

Each sample has a PCG64 generator of its own, whose state is a hash of the three. Uniform doubles come from it in
blocks: a Python list is read ten times faster than a generator is asked.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")

_BLOCK = 256


class Dice:
    """Dice of the samples of one (recipe digest, seed); ``throw(i)`` takes up those of sample i."""

    def __init__(self, digest: bytes, seed: int) -> None:
        self._key = digest + b"/%d/" % seed
        self._bits = np.random.PCG64(0)
        self._generator = np.random.Generator(self._bits)
        self._numbers: list[float] = []
        self.throw(0)

    def throw(self, i: int) -> None:
        """Start the sequence of sample i."""
        number = int.from_bytes(hashlib.blake2b(self._key + b"%d" % i, digest_size=32).digest(), "little")
        state = {"state": number >> 128, "inc": (number & ((1 << 128) - 1)) | 1}  # PCG's increment is odd
        # numpy's stub wants a private class here, its code a dict.
        self._bits.state = {"bit_generator": "PCG64", "state": state, "has_uint32": 0, "uinteger": 0}  # type: ignore[typeddict-item]
        self._refill()

    def _refill(self) -> None:
        self._numbers = self._generator.random(_BLOCK).tolist()

    def unit(self) -> float:
        """A number in [0, 1)."""
        if not self._numbers:
            self._refill()
        return self._numbers.pop()

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self.unit()

    def whole(self, low: int, high: int) -> int:
        """A whole number of low..high, both included."""
        return low + int((high - low + 1) * self.unit())

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.unit() < probability

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, each equally likely."""
        return items[int(len(items) * self.unit())]

    def pick_weighted(self, items: Sequence[T], cumulative: Sequence[float]) -> T:
        """One of the items; ``cumulative`` are running sums of their weights, ending at 1."""
        number = self.unit()
        for item, bound in zip(items, cumulative, strict=True):
            if number < bound:
                return item
        return items[-1]
