"""A moment by which something must have ended."""

from __future__ import annotations

import time

_LEAST = 0.01  # seconds; a timeout of zero would mean "do not block" to a socket


class Deadline:
    """A moment by which everything must have ended.

    Args:
        seconds: from now.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def extend(self, seconds: float) -> None:
        """Move it: so much time was not the gateway's."""
        self._end += seconds

    def left(self) -> float:
        """Seconds until then, rounded, and never so few that they mean something else."""
        return max(_LEAST, round(self._end - time.monotonic(), 2))

    @property
    def passed(self) -> bool:
        """Whether it is too late."""
        return time.monotonic() >= self._end
