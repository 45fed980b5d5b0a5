"""Random numbers of one sample: a pure function of (digest, seed, i), cheap enough for hundreds of draws per line.

They are SHAKE-128's output for the three, read 32 bits at a time: no generator to set up, and the same numbers whatever
the versions of Python and numpy.
"""

import hashlib
import struct
from bisect import bisect_right
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

# What one round of SHAKE-128 gives: most lines of the plain look need no more.
_BLOCK = struct.Struct("<42I")
_UNIT = 2.0**-32


class Rng:
    """Rng of the samples of one (recipe digest, seed); ``seek(i)`` takes up those of sample i."""

    def __init__(self, digest: bytes, seed: int) -> None:
        self._key = digest + b"/%d/" % seed
        self.seek(0)

    def seek(self, i: int) -> None:
        """Start the sequence of sample i."""
        self._sample = self._key + b"%d" % i
        self._blocks = 1
        self._numbers: list[int] = list(_BLOCK.unpack(hashlib.shake_128(self._sample).digest(_BLOCK.size)))

    def _refill(self) -> list[int]:
        key = self._sample + b"/%d" % self._blocks
        self._blocks += 1
        self._numbers += _BLOCK.unpack(hashlib.shake_128(key).digest(_BLOCK.size))
        return self._numbers

    # Every kind of draw takes its number itself: a call to random() would double what it costs.

    def random(self) -> float:
        """A number in [0, 1)."""
        return (self._numbers or self._refill()).pop() * _UNIT

    def uniform(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * ((self._numbers or self._refill()).pop() * _UNIT)

    def integer(self, low: int, high: int) -> int:
        """A whole number of low..high, both included."""
        return low + ((high - low + 1) * (self._numbers or self._refill()).pop() >> 32)

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return (self._numbers or self._refill()).pop() * _UNIT < probability

    def choice(self, items: Sequence[T]) -> T:
        """One of the items, each equally likely."""
        return items[len(items) * (self._numbers or self._refill()).pop() >> 32]

    def choice_weighted(self, items: Sequence[T], cumulative: Sequence[float]) -> T:
        """One of the items; ``cumulative`` are running sums of their weights, ending at 1."""
        return items[bisect_right(cumulative, (self._numbers or self._refill()).pop() * _UNIT)]
