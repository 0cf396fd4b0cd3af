"""The status line: an animated line during a wait, erased afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import cycle

from respan_cli.terminal.encoding import as_displayed
from respan_cli.terminal.text import truncate

FRAME_INTERVAL_S = 0.1
_BRAILLE, _ASCII = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\"
_MARGIN = 3  # columns left free: a line that wraps cannot be erased, and an ellipsis may be three dots
_ERASE = "\r\x1b[K"

StatusText = Callable[[], str]  # called for every frame: the text of the status line


class Spinner:
    """Draws its line at once, and again ten times a second on a thread of its own, until it is stopped.

    Whatever else is written to the same terminal is written inside `paused`. The cursor stays visible:
    a program that is killed has nothing to restore.

    Args:
        write: writes a string to the terminal at once.
        width: the columns of the terminal, asked for each frame.
        encoding: what the terminal can represent.
    """

    def __init__(self, write: Callable[[str], None], width: Callable[[], int], *, encoding: str) -> None:
        self._write = write
        self._width = width
        self._encoding = encoding
        self._frames = cycle(_BRAILLE if as_displayed(_BRAILLE, encoding) == _BRAILLE else _ASCII)
        self._text: StatusText = lambda: ""
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._spin, name="respan-spinner", daemon=True)

    def update(self, text: StatusText) -> None:
        """Show this text from now on; the first time starts the spinner."""
        with self._lock:
            self._text = text
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
        """Erase the line. May be called again, from any thread."""
        with self._lock:
            if not self._stopped.is_set():
                self._stopped.set()
                self._write(_ERASE)

    def _spin(self) -> None:
        while not self._stopped.wait(FRAME_INTERVAL_S):
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        if not self._stopped.is_set():
            line = as_displayed(f"{next(self._frames)} {self._text()}", self._encoding)
            line = truncate(line, self._width() - _MARGIN)
            self._write(f"\r{line}\x1b[K")


class StatusLine:
    """At most one spinner at a time, and none where it could not be drawn.

    Args:
        new_spinner: makes a spinner for the terminal.
    """

    def __init__(self, new_spinner: Callable[[], Spinner]) -> None:
        self._new_spinner = new_spinner
        self._spinner: Spinner | None = None

    @property
    def active(self) -> bool:
        """Whether it is shown."""
        return self._spinner is not None

    def start(self) -> None:
        """Show it from the next `update` on."""
        self._spinner = self._spinner or self._new_spinner()

    def update(self, text: StatusText) -> None:
        """Change the text, if it is shown."""
        if self._spinner:
            self._spinner.update(text)

    def stop(self) -> None:
        """Erase it."""
        spinner, self._spinner = self._spinner, None
        if spinner:
            spinner.stop()

    def paused(self) -> AbstractContextManager[None]:
        """A clean line to write on, whether or not it is shown."""
        return self._spinner.paused() if self._spinner else nullcontext()
