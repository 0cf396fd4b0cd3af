"""Many measurements in few numbers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

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
