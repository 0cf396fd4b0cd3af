"""A sign of life: one line that moves while nothing else does, and is gone without a trace."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle

from respan_cli.terminal.encoding import as_displayed
from respan_cli.terminal.text import truncate

FRAME_INTERVAL_S = 0.1
_BRAILLE, _ASCII = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\"
_ROOM = 3  # columns left free: a line that wraps cannot be erased, and an ellipsis may be three dots
_ERASE = "\r\x1b[K"

StatusText = Callable[[], str]  # what is being waited for, asked anew for every frame


class Spinner:
    """Draws its line at once, and again ten times a second on a thread of its own, until it is stopped.

    Whatever else is written to the same terminal is written inside `paused`. The cursor stays visible:
    a program that is killed has nothing to put right.

    Args:
        write: takes a string for the terminal, to be written at once.
        width: the columns of the terminal, asked for each frame.
        encoding: what the terminal can represent.
    """

    def __init__(self, write: Callable[[str], None], width: Callable[[], int], *, encoding: str) -> None:
        self._write = write
        self._width = width
        self._encoding = encoding
        self._frames = cycle(_BRAILLE if as_displayed(_BRAILLE, encoding) == _BRAILLE else _ASCII)
        self._words: StatusText = lambda: ""
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._spin, name="respan-spinner", daemon=True)

    def say(self, words: StatusText) -> None:
        """Say something else from now on; the first time starts it all."""
        with self._lock:
            self._words = words
            self._draw()
        if not self._thread.ident:
            self._thread.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """A clean line to write on; the next frame comes below it."""
        with self._lock:
            self._write(_ERASE)
            yield

    def stop(self) -> None:
        """Leave nothing behind. May be called again, from any thread."""
        with self._lock:
            if not self._over.is_set():
                self._over.set()
                self._write(_ERASE)

    def _spin(self) -> None:
        while not self._over.wait(FRAME_INTERVAL_S):
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        if not self._over.is_set():
            line = as_displayed(f"{next(self._frames)} {self._words()}", self._encoding)
            line = truncate(line, self._width() - _ROOM)
            self._write(f"\r{line}\x1b[K")
