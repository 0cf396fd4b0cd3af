"""Decides which row is sent next, and when; the threads of a batch share it."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition, Lock
from time import monotonic

from respan_cli.batch.limiter import Limiter
from respan_cli.batch.requests import RowRequest

ORDERED_WINDOW = 8  # times --jobs: how far finished rows may be ahead of the oldest unfinished one


@dataclass(slots=True)
class Task:
    """A row on its way.

    Args:
        request: what to send.
        number: its place in the order of the input, among the rows that are sent.
        retries: further attempts after failures of its own.
        began: when the last attempt began.
    """

    request: RowRequest
    number: int
    retries: int = 0
    began: float = 0.0


@dataclass(order=True, slots=True)
class _Waiting:
    due: float
    number: int
    task: Task = field(compare=False)


class Scheduler:
    """Hands rows to the threads that send them, no more at once than the limiter allows.

    Args:
        limiter: how many at once.
        jobs: how many at most; as many rows are read ahead.
        window: how far rows may be begun ahead of the oldest one that has not ended; None for any.
    """

    def __init__(self, limiter: Limiter, jobs: int, window: int | None = None) -> None:
        self.limiter = limiter
        self.active = 0
        self._capacity = jobs
        self._window = window
        self._fresh: deque[Task] = deque()
        self._again: list[_Waiting] = []
        self._count = 0
        self._unfinished: set[int] = set()
        self._input_ended = False
        self._stopped = False
        lock = Lock()
        self._work = Condition(lock)
        self._room = Condition(lock)

    def put(self, request: RowRequest) -> bool:
        """Wait until the queue has space, then add a row; False once no new row may start."""
        with self._room:
            while not self._stopped and self._is_full():
                self._room.wait()
            if self._stopped:
                return False
            self._fresh.append(Task(request, self._count))
            if self._window is not None:
                self._unfinished.add(self._count)
            self._count += 1
            self._work.notify()
            return True

    def _is_full(self) -> bool:
        if len(self._fresh) >= self._capacity:
            return True
        return bool(
            self._window is not None
            and self._unfinished
            and self._count - min(self._unfinished) >= self._window
        )

    def end_input(self) -> None:
        """There are no more rows."""
        with self._work:
            self._input_ended = True
            self._work.notify_all()

    def stop(self) -> None:
        """Begin nothing any more."""
        with self._work:
            self._stopped = True
            self._work.notify_all()
            self._room.notify_all()

    @property
    def is_stopped(self) -> bool:
        """Whether no new row may start."""
        return self._stopped

    def take(self) -> Task | None:
        """The next row to send, once it may be sent; None if there is none any more."""
        with self._work:
            while True:
                if self._stopped or self._is_done():
                    self._work.notify()
                    return None
                wait = self._wait()
                if wait == 0:
                    return self._begin()
                self._work.wait(wait)

    def _is_done(self) -> bool:
        return self._input_ended and not (self._fresh or self._again or self.active)

    def _wait(self) -> float | None:
        """Seconds until a row may begin; None if not before something happens."""
        now = monotonic()
        if self._fresh:
            due = 0.0
        elif self._again:
            due = max(0.0, self._again[0].due - now)
        else:
            return None
        allowed = self.limiter.wait(self.active)
        return None if allowed is None else max(due, allowed)

    def _begin(self) -> Task:
        now = monotonic()
        if self._again and self._again[0].due <= now:
            task = heapq.heappop(self._again).task
        else:
            task = self._fresh.popleft()
            self._room.notify()
        task.began = now
        self.active += 1
        return task

    def finish(self, task: Task, *, answered: bool) -> None:
        """A row has ended, well or not."""
        with self._work:
            self.active -= 1
            if answered:
                self.limiter.succeeded()
            if self._window is not None:
                self._unfinished.discard(task.number)
                self._room.notify()
            if self._is_done():
                self._work.notify_all()
            else:
                self._work.notify(2)  # the place of this one, and the one that a success may add

    def put_back(self, task: Task, delay: float = 0.0, *, change: Callable[[Limiter], None]) -> None:
        """A row is to be sent again.

        Args:
            task: the row.
            delay: seconds until then.
            change: tells the limiter why.
        """
        with self._work:
            self.active -= 1
            change(self.limiter)
            heapq.heappush(self._again, _Waiting(monotonic() + delay, task.number, task))
            self._work.notify()
