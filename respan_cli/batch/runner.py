"""A running batch: one thread reads rows, others send them, and the main thread handles signals."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event, Lock, Thread
from time import monotonic
from typing import Protocol

from respan_cli.batch.journal import start_of_line
from respan_cli.batch.limiter import Limiter, jittered
from respan_cli.batch.output import CompletionOrder, InputOrder
from respan_cli.batch.report import Tally
from respan_cli.batch.requests import RowRequest
from respan_cli.batch.rows import Row
from respan_cli.batch.scheduler import ORDERED_WINDOW, Scheduler, Task
from respan_cli.errors import (
    AuthenticationError,
    BadResponseError,
    LimitError,
    RespanError,
    ResponseTimeoutError,
    TerminationSignal,
)
from respan_cli.exchange import exchange
from respan_cli.gateway.client import GatewayClient
from respan_cli.output.result import Result

GRACE_S = 5.0  # for answers under way when a signal ends the run
MAX_PAUSE_S = 3600.0  # a gateway that asks for more is not waited for
FIRST_BACKOFF_S, MAX_BACKOFF_S = 0.5, 30.0
TICK_S = 0.25  # between two looks at the counts
# One request too many: by its status, or as an event of a stream under status 200.
_REFUSALS = (429, 529)
_REFUSAL_KINDS = ("rate_limit_error", "overloaded_error")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a batch is run.

    Args:
        jobs: requests at once at most.
        max_retries: further attempts for a row, after failures that are not refusals for being too many.
        max_failures: failed rows after which the run ends; None for any number.
        ordered: whether to keep the order of the input.
        profile: for the results.
    """

    jobs: int
    max_retries: int
    max_failures: int | None
    ordered: bool
    profile: str


class RunListener(Protocol):
    """An observer of a run; called on any thread, one call at a time."""

    def write(self, line: str) -> None:
        """Write the line of a finished row."""

    def row_failed(self, row: Row, failure: RespanError) -> None:
        """A row has failed for good."""

    def tick(self, tally: Tally, active: int) -> None:
        """Show the counts. Called by the main thread every `TICK_S`."""

    def stopping(self, active: int) -> None:
        """After a signal no new row starts; so many requests are still running."""


class Runner:
    """Sends the rows of one run.

    Args:
        client: an open client that makes no retries of its own.
        options: how to run.
        listener: where lines and failures go.
        tally: the counts.
    """

    def __init__(
        self, client: GatewayClient, options: RunOptions, listener: RunListener, tally: Tally
    ) -> None:
        self.tally = tally
        self.failure: BaseException | None = None  # why the run ends early
        self._client = client
        self._options = options
        self._listener = listener
        window = ORDERED_WINDOW * options.jobs if options.ordered else None
        self._scheduler = Scheduler(Limiter(options.jobs, monotonic), options.jobs, window)
        self._order = (InputOrder if options.ordered else CompletionOrder)(listener.write)
        self._lock = Lock()  # held while the output is written and the counts are changed
        self._closed = False
        self._done = Event()
        self._running = 0

    def run(self, requests: Iterator[RowRequest]) -> None:
        """Send every row; return once all have ended, or the run ends early (see `failure`).

        Raises:
            KeyboardInterrupt, TerminationSignal: a signal; what was under way has been given `GRACE_S`.
        """
        self.tally.began = monotonic()
        self._running = min(self._options.jobs, self.tally.total or self._options.jobs)
        threads = [Thread(target=self._work, name="respan-batch", daemon=True) for _ in range(self._running)]
        threads.append(Thread(target=self._read, args=(requests,), name="respan-batch-reader", daemon=True))
        for thread in threads:
            thread.start()
        try:
            self._wait(None)
        except (KeyboardInterrupt, TerminationSignal):
            self._scheduler.stop()
            self._listener.stopping(self._scheduler.active)
            self._wait(GRACE_S)
            raise
        finally:
            self._scheduler.stop()
            with self._lock:  # a line that is being written is finished
                self._closed = True
                if not self.failure:
                    self._order.close()

    def _wait(self, seconds: float | None) -> None:
        end = None if seconds is None else monotonic() + seconds
        while not self._done.wait(TICK_S) and (end is None or monotonic() < end):
            self._listener.tick(self.tally, self._scheduler.active)

    def _read(self, requests: Iterator[RowRequest]) -> None:
        try:
            for request in requests:
                if not self._scheduler.put(request):
                    return
        except BaseException as error:
            self._end(error)
        self._scheduler.end_input()

    def _work(self) -> None:
        try:
            while task := self._scheduler.take():
                self._send(task)
        except BaseException as error:  # the output cannot be written, or a defect
            self._end(error)
        with self._lock:
            self._running -= 1
            if not self._running:
                self._done.set()

    def _send(self, task: Task) -> None:
        try:
            result = self._exchange(task)
        except RespanError as failure:
            self._failed(task, failure)
            return
        # Made outside of the lock, so that only writing is done one at a time.
        head = start_of_line(task.request.row.id, task.request.digest)
        line = json.dumps({**head, **result.as_json()}, ensure_ascii=False, separators=(",", ":")) + "\n"
        with self._lock:
            if not self._closed:
                self._order.finish(task.number, line)
                self.tally.add(result)
        self._scheduler.finish(task, answered=True)

    def _exchange(self, task: Task) -> Result:
        for item in exchange(self._client, task.request.request, profile=self._options.profile):
            if isinstance(item, Result):
                return item
        raise AssertionError("an exchange ends with a result")

    def _failed(self, task: Task, failure: RespanError) -> None:
        if failure.retryable and (failure.status in _REFUSALS or failure.kind in _REFUSAL_KINDS):
            self._refused(task, failure)
        elif _ends_the_run(failure):
            self._end(failure)
            self._scheduler.finish(task, answered=False)
        elif _is_transient(failure) and task.retries < self._options.max_retries:
            self._retry(task, failure)
        else:
            self._give_up(task, failure)

    def _refused(self, task: Task, failure: RespanError) -> None:
        """The gateway has too much to do: fewer at once from now on, and this row again."""
        wait = failure.retry_after
        self._put_back(task, 0.0, lambda limiter: limiter.refused(task.began, wait))
        if self._scheduler.limiter.is_hopeless or (wait or 0) > MAX_PAUSE_S:
            self._end(failure)

    def _retry(self, task: Task, failure: RespanError) -> None:
        wait = failure.retry_after
        delay = 0.0 if wait is not None else min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2**task.retries)
        task.retries += 1
        self._put_back(task, jittered(delay), lambda limiter: limiter.pause(min(wait or 0, MAX_PAUSE_S)))

    def _put_back(self, task: Task, delay: float, change: Callable[[Limiter], None]) -> None:
        with self._lock:
            self.tally.retries += 1
        self._scheduler.put_back(task, delay, change=change)

    def _give_up(self, task: Task, failure: RespanError) -> None:
        with self._lock:
            if not self._closed:
                self.tally.failed += 1
                self._listener.row_failed(task.request.row, failure)
                self._order.finish(task.number, None)
        limit = self._options.max_failures
        if limit is not None and self.tally.failed >= limit:
            self._scheduler.stop()
        self._scheduler.finish(task, answered=False)

    def _end(self, failure: BaseException) -> None:
        """End the run early; the first reason given counts."""
        self.failure = self.failure or failure
        self._scheduler.stop()


def _ends_the_run(failure: RespanError) -> bool:
    """Whether every other row would fail like this: the key, the permission, the credits, the quota."""
    return isinstance(failure, AuthenticationError | LimitError)


def _is_transient(failure: RespanError) -> bool:
    """Whether a retry may succeed. Timeouts and incomplete responses would be paid for twice."""
    return failure.retryable and not isinstance(failure, ResponseTimeoutError | BadResponseError)
