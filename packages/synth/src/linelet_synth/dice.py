"""Random numbers of one sample: a pure function of (digest, seed, i), cheap enough for hundreds of throws a line.

They are SHAKE-128's output for the three, read 32 bits at a time: no generator to set up, and the same numbers whatever
the versions of Python and numpy.
"""

import bisect
import hashlib
import struct
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_BLOCK = struct.Struct("<64I")
_UNIT = 2.0**-32


class Dice:
    """Dice of the samples of one (recipe digest, seed); ``throw(i)`` takes up those of sample i."""

    def __init__(self, digest: bytes, seed: int) -> None:
        self._key = digest + b"/%d/" % seed
        self.throw(0)

    def throw(self, i: int) -> None:
        """Start the sequence of sample i."""
        self._sample = self._key + b"%d" % i
        self._blocks = 1
        self._numbers: list[int] = list(_BLOCK.unpack(hashlib.shake_128(self._sample).digest(_BLOCK.size)))

    def _refill(self) -> None:
        key = self._sample + b"/%d" % self._blocks
        self._blocks += 1
        self._numbers += _BLOCK.unpack(hashlib.shake_128(key).digest(_BLOCK.size))

    def unit(self) -> float:
        """A number in [0, 1)."""
        if not self._numbers:
            self._refill()
        return self._numbers.pop() * _UNIT

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
        return items[min(bisect.bisect_right(cumulative, self.unit()), len(items) - 1)]
