"""Text deltas in, frames out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from respan_cli.output.markdown.blocks import LONG_LINE, LONG_ROW, Blocks
from respan_cli.output.markdown.rows import Rows, absorb
from respan_cli.output.markdown.screen import Row, Screen, paint
from respan_cli.terminal.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from respan_cli.output.markdown.blocks import Block

FRAME = 1 / 15  # seconds between two frames, at least
WORK = 32  # characters that may be rendered for each byte of text
IDLE = 10  # the time a frame took is followed by so many times as much without one
RATIO = 8  # frames may bring what is written to so many bytes for each byte of text
# Of the window's height only so much is live, where there is a choice: a terminal that is made half as wide
# wraps one row into up to three, and what no longer fits goes into the scrollback.
LIVE = 3
HANDFUL = 4096  # characters that are taken in at once without a frame
_MARKS = " -*+_=#>`~|:.)0123456789"
_TAB = 4


class MarkdownStream:
    """Markdown that arrives in pieces, on a terminal.

    Finished blocks are written once. The last, unfinished one is live: it is drawn again in place, and
    what of it can no longer change is handed to the scrollback when it outgrows the screen.

    Args:
        write: takes a complete string for the terminal, to be written and flushed at once.
        size: columns and lines of the terminal, asked for each frame.
        color_system: as Rich names it; None writes no styles at all.
        no_color: keep bold and the like, but no colours.
        live: False for paper, or whatever else cannot take back what is written: finished rows only, no
            cursor movement.
        clock: seconds, for the rate of frames.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        size: Callable[[], tuple[int, int]],
        *,
        color_system: str | None = "standard",
        no_color: bool = False,
        live: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._size = size
        self._is_live = live
        self._clock = clock
        self._blocks = Blocks()
        self._rows = Rows(color_system, no_color=no_color)
        self._screen = Screen()
        self._pending: list[str] = []
        self._pending_size = 0
        self._line = ""  # the start of a line whose end has not come
        self._long = False  # that start is already in `blocks`
        self._column = 0
        self._partial = False  # the live rows leave out some of a long table
        self._finished: list[Row] = []  # rows that will not change, not written yet
        self._next_frame = clock()
        self._received = 0  # bytes of text
        self._shown = 0  # bytes of text that the last frame knew of
        self._enough = 0  # bytes of text that the next frame waits for
        self._written = 0
        self.rendered = 0  # characters rendered so far, a measure of the work done

    def feed(self, delta: str) -> None:
        """Take some text, and draw if it is time to."""
        self._pending.append(delta)
        self._received += len(delta.encode(errors="replace"))
        self._pending_size += len(delta)
        if not self._is_live:
            if "\n" in delta or self._pending_size >= HANDFUL:
                self._take()
                self._print()
        elif self.is_behind and self._received >= self._enough and self._clock() >= self._next_frame:
            self._take()
            self._frame()
        elif self._pending_size >= HANDFUL:
            self._take()

    @property
    def is_behind(self) -> bool:
        """Whether text has come that is not drawn yet."""
        return self._received > self._shown

    def catch_up(self) -> None:
        """Draw what was held back to save work, now that nothing more seems to come."""
        if self.is_behind and self._clock() >= self._next_frame:
            self._take()
            self._frame()

    def close(self) -> None:
        """Draw what is left; the cursor stands on a new line afterwards."""
        self._take()
        if self._line:
            self._end_line()
        self._finish_all()
        self._partial = False
        if self._is_live:
            self._draw([])
        else:
            self._print()

    def _print(self) -> None:
        if self._finished:
            self._write("".join(paint(row) + "\n" for row in self._finished))
            self._finished = []

    def _take(self) -> None:
        text = self._expand(clean("".join(self._pending)))
        self._pending.clear()
        self._pending_size = 0
        *lines, rest = text.split("\n")
        for line in lines:
            self._add(line)
            self._end_line()
        self._add(rest)

    def _expand(self, text: str) -> str:
        if "\t" in text:
            offset = self._column % _TAB
            text = (" " * offset + text).expandtabs(_TAB)[offset:]
        newline = text.rfind("\n")
        self._column = len(text) - newline - 1 + (self._column if newline < 0 else 0)
        return text

    def _add(self, part: str) -> None:
        if self._long:
            self._blocks.extend(part)
            return
        self._line += part
        while len(self._line) > (limit := _long(self._line)) and not self._long:
            rest = self._line[limit:]
            self._finish(self._line[:limit], goes_on=True)
            self._long = self._blocks.extend(rest)
            self._line = "" if self._long else rest

    def _end_line(self) -> None:
        if not self._long:
            self._finish(self._line)
        self._line = ""
        self._long = False

    def _finish(self, line: str, *, goes_on: bool = False) -> None:
        width = self._width()
        for block in self._blocks.line(line, goes_on=goes_on):
            self._finished += self._rows.whole(block, width)

    def _finish_all(self) -> None:
        width = self._width()
        for block in self._blocks.close():
            self._finished += self._rows.whole(block, width)

    def _width(self) -> int:
        return max(1, self._size()[0])

    def _frame(self) -> None:
        begin = self._clock()
        width, height = self._size()
        block = self._blocks.block
        if block:
            if block.size > width * height:
                self._settle(block)
            absorb(block)
        live = self._live()
        if block and len(live) > height // LIVE:
            live = live[self._settle(block) :]
        self._draw(live, within=RATIO * self._received)
        now = self._clock()
        self._next_frame = now + max(FRAME, IDLE * (now - begin))

    def _settle(self, block: Block) -> int:
        """Hand the upper rows of a block to the scrollback; how many there were."""
        width, height = self._size()
        rows = self._rows.settled(block, width, height // LIVE // 2)
        self._finished += rows
        return len(rows)

    def _live(self) -> list[Row]:
        """The rows of what is unfinished; of a long table the head and the rows that find room."""
        unfinished = self._unfinished()
        blocks = [block.newest(self._size()[1]) for block in unfinished]
        self._partial = any(len(a.lines) < len(b.lines) for a, b in zip(blocks, unfinished, strict=True))
        work = sum(block.size for block in blocks)
        if self._blocks.block:
            work += len(self._blocks.block.lines)
        self.rendered += work
        self._enough = self._received + work // WORK
        return [row for block in blocks for row in self._rows.whole(block, self._width())]

    def _unfinished(self) -> list[Block]:
        """The open block; a line that is only marks so far waits for its meaning."""
        if self._line.strip(_MARKS):
            return self._blocks.peek(self._line)
        return [self._blocks.block] if self._blocks.block else []

    def _draw(self, live: list[Row], within: int | None = None) -> None:
        change, screen = self._screen.draw(self._finished, live, self._size(), partial=self._partial)
        cost = len(change.encode())
        if within is not None and self._written + cost > within:
            self._enough = max(self._enough, (self._written + cost) // RATIO)
            return
        if change:
            self._write(change)
        self._written += cost
        self._shown = self._received
        self._finished = []
        self._screen = screen


def _long(line: str) -> int:
    """The characters after which it is not waited any more for the end of this line."""
    return LONG_ROW if "|" in line[:LONG_LINE] else LONG_LINE
