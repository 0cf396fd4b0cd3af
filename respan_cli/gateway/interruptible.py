"""Work in a thread of its own, so that Ctrl-C ends the wait for it at once.

The main thread is the only one that hears of a signal. While it looks up a host name it hears nothing
(the C library does that, and takes as long as it likes); while it imports a module, that module's own
`except` may swallow what it heard. So it waits instead, and lets others do both.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from threading import Event, Thread, current_thread, main_thread
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")

# A wait is cut into pieces: on Windows none can be interrupted, and elsewhere a signal that comes between the
# interpreter's last look for one and the wait itself would be heard only after it.
_POLL_INTERVAL_S = 0.1  # seconds


def run_interruptibly(work: Callable[[], T], timeout_s: float | None = None) -> T:
    """Do the work beside us and wait for it; return what it returns, raise what it raises.

    An interrupt, or a signal that ends the program, ends the wait; the thread is left to itself and ends
    with the process.

    Raises:
        TimeoutError: the work took longer than `timeout_s`.
    """
    if timeout_s is None and current_thread() is not main_thread():  # which hears of no signal anyway
        return work()
    task = _Task(work)
    Thread(target=task.run, name="respan-work", daemon=True).start()
    end = inf if timeout_s is None else monotonic() + timeout_s
    while not task.done.wait(min(_POLL_INTERVAL_S, max(0.0, end - monotonic()))):
        if monotonic() >= end:
            raise TimeoutError
    return task.outcome()


class _Task(Generic[T]):
    """One piece of work, and what came of it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._result: list[T] = []
        self._failure: BaseException | None = None
        self.done = Event()

    def run(self) -> None:
        try:
            self._result.append(self._work())
        except BaseException as error:
            self._failure = error
        self.done.set()

    def outcome(self) -> T:
        failure, self._failure = self._failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # or error and traceback would hold each other
        return self._result.pop()
