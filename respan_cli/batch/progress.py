"""The counts of a run while it is under way: a bar at a terminal, or a line now and then for a log."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING

from respan_cli.batch.choices import ProgressMode
from respan_cli.batch.report import Tally, duration, progress_line, time_left
from respan_cli.terminal.terminal import Terminal

if TYPE_CHECKING:
    from rich.text import Text

PLAIN_INTERVAL_S = 30.0
_ERASE = "\r\x1b[K"
_MARGIN = 1  # columns left free at the right: a line that wraps cannot be erased
_GAP = 2  # columns between two fields
_WIDEST_BAR, _NARROWEST_BAR = 40, 8
_NARROWEST_WINDOW = 30  # columns; in a narrower window there is no bar


class Progress:
    """Shows the counts. This one shows nothing."""

    def update(self, tally: Tally, active: int) -> None:
        """Show the counts as they are now."""

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Standard error as a place to write lines on."""
        yield

    def close(self) -> None:
        """Leave nothing behind."""


class PlainProgress(Progress):
    """A line every `PLAIN_INTERVAL_S`, for the logs of CI.

    Args:
        terminal: where to.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._due = monotonic() + PLAIN_INTERVAL_S

    def update(self, tally: Tally, active: int) -> None:
        """Show the counts, if it is time for that."""
        if monotonic() >= self._due:
            self._due += PLAIN_INTERVAL_S
            self._terminal.note(progress_line(tally, active), label="respan: ")


class BarProgress(Progress):
    """One line, redrawn in place; fields that do not fit in the window are left out.

    Args:
        terminal: where to.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._lock = RLock()
        self._is_shown = False

    def update(self, tally: Tally, active: int) -> None:
        """Draw the counts as they are now."""
        with self._lock:
            width = self._terminal.size(notes=True)[0] - _MARGIN
            color = self._terminal.use_color(notes=True)
            self._terminal.write_control(f"\r{rendered(tally, active, width, color=color)}\x1b[K")
            self._is_shown = True

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Clear the bar for a line of text; it is redrawn below."""
        with self._lock:
            self.close()
            yield

    def close(self) -> None:
        """Erase the line."""
        with self._lock:
            if self._is_shown:
                self._is_shown = False
                self._terminal.write_control(_ERASE)


def progress_for(mode: ProgressMode, terminal: Terminal, *, writes_to_terminal: bool) -> Progress:
    """What shows the counts.

    Args:
        mode: what `--progress` says.
        terminal: where to.
        writes_to_terminal: whether the answers go to the same place.
    """
    if mode is ProgressMode.PLAIN:
        return PlainProgress(terminal)
    can_draw = terminal.stderr_isatty and not terminal.is_dumb and not writes_to_terminal
    return BarProgress(terminal) if mode is ProgressMode.AUTO and can_draw else Progress()


def rendered(tally: Tally, active: int, width: int, *, color: bool) -> str:
    """The counts as one line for a terminal, with colour escapes and without a newline."""
    from rich.console import Console
    from rich.progress_bar import ProgressBar

    has_bar = bool(tally.total) and width >= _NARROWEST_WINDOW
    fields = _fitting(tally, active, width - (_NARROWEST_BAR + _GAP if has_bar else 0))
    room = width - sum(len(field) + _GAP for field in fields)
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=True,
        legacy_windows=False,
        color_system="standard" if color else None,
    )
    with console.capture() as capture:
        if has_bar:
            console.print(ProgressBar(tally.total, tally.ended, width=min(room, _WIDEST_BAR)), end="")
        for index, field in enumerate(fields):
            gap = " " * _GAP if index or has_bar else ""
            console.print(gap, field, sep="", end="", soft_wrap=True)
    return capture.get().replace("\n", "")


def _fitting(tally: Tally, active: int, width: int) -> list[Text]:
    """The fields in their order on the line, as many as fit."""
    from rich.text import Text

    total = "" if tally.total is None else f"/{tally.total:,}"
    percent = f"{tally.ended / tally.total:.0%}" if tally.total else ""
    left = time_left(tally)
    # Text, style, and how soon it is left out.
    fields = [
        (percent, "bold", 2),
        (f"{tally.ended:,}{total}", "", 0),
        (f"{tally.failed:,} failed" if tally.failed else "", "red", 1),
        (f"{active} in flight", "dim", 6),
        (f"{tally.output_tokens:,} tokens", "dim", 5),
        (f"{tally.rate:,.1f} rows/s", "", 4),
        (f"{left} left" if left else duration(tally.seconds), "cyan", 3),
    ]
    fields = [field for field in fields if field[0]]
    while len(fields) > 1 and sum(len(text) + _GAP for text, _, _ in fields) > width:
        fields.remove(max(fields, key=lambda field: field[2]))
    return [Text(text, style=style) for text, style, _ in fields]
