"""Many digests in little memory: 8 bytes a key, where a dict takes a hundred and fifty."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import Literal

_BUCKETS = 1024
_WORD = 8  # bytes of a digest that are kept; with a million rows two differ with odds of 1 to 3e7


class DigestMap:
    """A mapping from digests to whole numbers.

    Each bucket is a sorted array: looking up is a binary search, and inserting moves a few kilobytes.

    Args:
        kind: how a number is kept, as `array` has it: "Q" in 8 bytes, "I" in 4.
    """

    def __init__(self, kind: Literal["Q", "I"]) -> None:
        self._keys = [array("Q") for _ in range(_BUCKETS)]
        self._values = [array(kind) for _ in range(_BUCKETS)]

    def get(self, digest: bytes) -> int | None:
        """The number of a digest, or None."""
        key = word(digest)
        keys = self._keys[key % _BUCKETS]
        at = bisect_left(keys, key)
        return self._values[key % _BUCKETS][at] if at < len(keys) and keys[at] == key else None

    def set(self, digest: bytes, value: int) -> None:
        """Set the number of a digest."""
        key = word(digest)
        keys, values = self._keys[key % _BUCKETS], self._values[key % _BUCKETS]
        at = bisect_left(keys, key)
        if at < len(keys) and keys[at] == key:
            values[at] = value
        else:
            keys.insert(at, key)
            values.insert(at, value)

    def __len__(self) -> int:
        return sum(map(len, self._keys))


class DigestSet:
    """A set of digests."""

    def __init__(self) -> None:
        self._keys = [array("Q") for _ in range(_BUCKETS)]

    def add(self, digest: bytes) -> bool:
        """Add a digest; False if it was there."""
        key = word(digest)
        keys = self._keys[key % _BUCKETS]
        at = bisect_left(keys, key)
        if at < len(keys) and keys[at] == key:
            return False
        keys.insert(at, key)
        return True


def word(digest: bytes) -> int:
    """The first bytes of a digest as a number."""
    return int.from_bytes(digest[:_WORD], "big")
