"""Work on a thread of its own, so that Ctrl-C ends the wait for it at once.

Only the main thread handles signals. While it looks up a host name it handles none (the C library does the
lookup and takes as long as it likes); while it imports a module, that module's own `except` may swallow
the interrupt. So the main thread waits, and another thread does both.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import current_thread, main_thread
from typing import TypeVar

from respan_cli.terminal.background import BackgroundTask

T = TypeVar("T")


def run_interruptibly(work: Callable[[], T], timeout_s: float | None = None) -> T:
    """Do the work on another thread and wait for it; return what it returns, raise what it raises.

    An interrupt, or a signal that ends the program, ends the wait; the thread is left alone and ends with the
    process.

    Raises:
        TimeoutError: the work took longer than `timeout_s`.
    """
    if timeout_s is None and current_thread() is not main_thread():  # only the main thread gets signals
        return work()
    return BackgroundTask(work, name="respan-work").start().result(timeout_s)
