"""Signals: turned into exceptions, put off, left to another program, or kept away from a thread."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# The signals that ask a program to end; Windows has no SIGHUP.
TERMINATION_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


def in_main_thread() -> bool:
    """Whether this is the thread in which Python runs signal handlers, and the only one that may set them."""
    return threading.current_thread() is threading.main_thread()


def raise_on_termination(error: type[BaseException]) -> None:
    """Raise `error(number)` for SIGTERM and SIGHUP, so that temporary files are removed on the way out.

    A signal that the parent process told us to ignore, as `nohup` does with SIGHUP, stays ignored.
    """

    def handle(number: int, _frame: object) -> None:
        raise error(number)

    for number in TERMINATION_SIGNALS:
        if number != signal.SIGINT and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, handle)


@contextmanager
def ignore_interrupts() -> Iterator[None]:
    """Leave Ctrl-C to the program that runs in the foreground meanwhile, such as an editor.

    SIGINT gets a handler that does nothing: unlike SIG_IGN, a handler is not inherited by that program.
    """
    previous = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def defer_signals() -> Iterator[None]:
    """Handle a termination signal that arrives meanwhile at the end, with the handlers set before.

    A signal that is ignored or has its default action keeps it: a program started meanwhile inherits that.
    In any other thread than the main one, which handles all signals, this does nothing.
    """
    if not in_main_thread():
        yield
        return
    arrived: list[int] = []
    handlers = {number: signal.getsignal(number) for number in TERMINATION_SIGNALS}
    replaced = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in replaced:
        signal.signal(number, lambda number, _frame: arrived.append(number))
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
        for number in arrived:
            signal.raise_signal(number)


def block_signals() -> None:
    """Have termination signals delivered to other threads than this one; `signal_pending` still sees them."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, TERMINATION_SIGNALS)


def signal_pending() -> bool:
    """Whether a termination signal has arrived that this thread has blocked and no other has handled."""
    return sys.platform != "win32" and not signal.sigpending().isdisjoint(TERMINATION_SIGNALS)


@contextmanager
def wakeup_pipe() -> Iterator[int]:
    """A file descriptor that becomes readable the moment a signal arrives. Only in the main thread."""
    reading, writing = os.pipe()
    for descriptor in (reading, writing):
        os.set_blocking(descriptor, False)
    previous = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(previous)
        os.close(reading)
        os.close(writing)
