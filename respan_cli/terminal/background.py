"""Work on a thread of its own, whose result or failure reaches the thread that waits for it."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from threading import Event, Thread
from time import monotonic
from typing import Generic, Self, TypeVar

T = TypeVar("T")

# Waits are cut into pieces: on Windows a wait cannot be interrupted, and elsewhere a signal that arrives
# between the interpreter's last check and the wait itself would only be handled after it.
POLL_INTERVAL_S = 0.1


class BackgroundTask(Generic[T]):
    """One function call on a daemon thread.

    Ctrl-C interrupts `wait` and `result`, not the work: the thread is left alone and ends with the process.
    """

    def __init__(self, work: Callable[[], T], *, name: str = "respan-background") -> None:
        self._work = work
        self._results: list[T] = []
        self._failure: BaseException | None = None
        self._done = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> Self:
        """Start the work."""
        self._thread.start()
        return self

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the work is done, for at most `timeout` seconds; return whether it is."""
        return self._done.wait(timeout)

    def result(self, timeout_s: float | None = None) -> T:
        """Wait until the work is done; return what it returned, or raise what it raised. Call it once.

        Raises:
            TimeoutError: the work takes longer than `timeout_s`.
        """
        end = inf if timeout_s is None else monotonic() + timeout_s
        # In pieces, so that no signal is missed in the moment before a wait.
        while not self._done.wait(min(POLL_INTERVAL_S, max(0.0, end - monotonic()))):
            if monotonic() >= end:
                raise TimeoutError
        failure, self._failure = self._failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # or the error and its traceback would keep each other alive
        return self._results.pop()

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except BaseException as error:
            self._failure = error
        self._done.set()
