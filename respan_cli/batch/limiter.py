"""How many requests may be under way at once, learned from what the gateway refuses. Pure.

Begins low and doubles until the first refusal; halves on each; then grows by one a round, and waits longer
before it tries again what was refused (additive increase, multiplicative decrease, as TCP does it).
"""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_LIMIT = 4
PROBE_ROUNDS = 8  # rounds without a refusal before the limit goes above the last ceiling again
FIRST_PAUSE_S, MAX_PAUSE_S = 0.5, 30.0
MAX_REFUSALS_ALONE = 6  # in a row, with one request at a time and no success between them

Jitter = Callable[[float], float]  # a pause of about so many seconds


def jittered(seconds: float) -> float:
    """A random factor of 0.5 to 1.5, so that clients do not all retry at the same time."""
    return seconds * random.uniform(0.5, 1.5)  # noqa: S311


class Limiter:
    """The number of requests that may be under way, and the moment before which none may begin.

    Args:
        most: the number that is never exceeded.
        now: the clock, in seconds.
        jitter: makes pauses uneven.
    """

    def __init__(self, most: int, now: Callable[[], float], jitter: Jitter = jittered) -> None:
        self.limit = min(FIRST_LIMIT, most)
        self._most = most
        self._now = now
        self._jitter = jitter
        self._doubles = True
        self._was_full = False  # since the limit last changed: else it proves nothing
        self._ceiling: int | None = None  # what was last found to be allowed
        self._successes = 0  # since the limit last changed
        self._last_cut = -1.0
        self._cuts = 0  # without a success between them
        self._alone = 0  # refusals at a limit of one, likewise
        self._resume_at = 0.0

    def wait(self, active: int) -> float | None:
        """Seconds until another request may begin; None if not before one of the active ones ends."""
        if active >= self.limit:
            self._was_full = True
            return None
        return max(0.0, self._resume_at - self._now())

    def pause(self, seconds: float) -> None:
        """Begin nothing for so long: the gateway asked for it."""
        self._resume_at = max(self._resume_at, self._now() + seconds)

    def succeeded(self) -> None:
        """A request was answered."""
        self._cuts = self._alone = 0
        if not self._was_full or self.limit >= self._most:
            return
        self._successes += 1
        if self._successes >= self._needed():
            self.limit += 1
            self._successes = 0
            self._was_full = self._doubles
            if self._ceiling is not None and self.limit > self._ceiling + 1:
                self._ceiling = None  # the gateway accepts more

    def refused(self, began: float, retry_after: float | None = None) -> None:
        """A request that began at this moment was refused for being one too many."""
        if retry_after is not None:
            self.pause(retry_after)
        if began < self._last_cut:
            return  # it was on its way when the limit was cut: no news
        self._alone += self.limit == 1 and retry_after is None
        self._ceiling = max(1, self.limit - 1)
        self.limit = max(1, self.limit // 2)
        self._doubles = self._was_full = False
        self._successes = 0
        self._last_cut = self._now()
        if self._cuts and retry_after is None:
            self.pause(self._jitter(min(MAX_PAUSE_S, FIRST_PAUSE_S * 2 ** (self._cuts - 1))))
        self._cuts += 1

    @property
    def is_hopeless(self) -> bool:
        """Whether single requests are refused repeatedly, with no `Retry-After`."""
        return self._alone >= MAX_REFUSALS_ALONE

    def _needed(self) -> int:
        """Successes before one more is tried: one each doubles the limit every round."""
        if self._doubles:
            return 1
        at_ceiling = self._ceiling is not None and self.limit >= self._ceiling
        return self.limit * (PROBE_ROUNDS if at_ceiling else 1)
