"""Many measurements in few numbers, and as a picture. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

BINS = 8
MEASURES = ("connect_ms", "first_token_ms", "total_ms")


@dataclass(frozen=True, slots=True)
class Spread:
    """Least, median, 95th percentile and greatest of some milliseconds."""

    n: int
    min: float
    median: float
    p95: float
    max: float


def spread(values: Sequence[float]) -> Spread | None:
    """The spread of some values; the percentile is the nearest rank's, so it is one that was measured."""
    if not values:
        return None
    ordered = sorted(values)
    rank = ceil(0.95 * len(ordered))
    return Spread(len(ordered), ordered[0], round(median(ordered), 1), ordered[rank - 1], ordered[-1])


def chart(values: Sequence[float], low: float, high: float, width: int, bar: str) -> Iterator[str]:
    """A bar for each of `BINS` steps between `low` and `high`, the tallest `width` characters long.

    Args:
        values: milliseconds, none outside the range.
        low, high: the range, which several charts may share.
        width: characters.
        bar: one character.
    """
    step = (high - low) / BINS or 1.0
    counts = [0] * BINS
    for value in values:
        counts[min(BINS - 1, int((value - low) / step))] += 1
    for index, count in enumerate(counts):
        length = ceil(width * count / max(counts)) if count else 0
        yield f"{low + index * step:9.1f} ms  {bar * length}{f' {count}' if count else ''}".rstrip()
