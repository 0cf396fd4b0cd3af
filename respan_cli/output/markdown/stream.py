"""Text deltas in, frames out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from respan_cli.output.markdown.blocks import BlockParser
from respan_cli.output.markdown.rows import Rows, parse_start
from respan_cli.output.markdown.screen import Row, Screen, paint
from respan_cli.terminal.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from respan_cli.output.markdown.reader import Block

FRAME_INTERVAL_S = 1 / 15
IDLE_FACTOR = 10  # the time a frame took is followed by so many times as much without one
CHARS_PER_BYTE = 32  # characters that may be rendered for each byte of text
BYTES_PER_BYTE = 8  # bytes that frames may write for each byte of text
# Of the window's height only a third is live, where there is a choice: a terminal that is made half as wide
# wraps one row into up to three, and what no longer fits goes into the scrollback.
LIVE_FRACTION = 3
CHUNK_SIZE = 4096  # characters that are taken in at once without a frame
LONG_LINE = 400  # characters after which the end of a line is not waited for
LONG_ROW = 1000  # the same for a line that may be the row of a table
TAB_SIZE = 4
_MARKS = " -*+_=#>`~|:.)0123456789"


class MarkdownStream:
    """Markdown that arrives in pieces, on a terminal.

    Finished blocks are written once. The last, unfinished one is live: it is drawn again in place, and
    what of it can no longer change is handed to the scrollback when it outgrows the screen.

    Args:
        write: takes a complete string for the terminal, to be written and flushed at once.
        size: columns and lines of the terminal, asked for each frame.
        color_system: as Rich names it; None writes no styles at all.
        no_color: keep bold and the like, but no colours.
        live: False where what is written cannot be taken back, as in a file: finished rows only.
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
        self._parser = BlockParser()
        self._rows = Rows(color_system, no_color=no_color)
        self._screen = Screen()
        self._pending: list[str] = []
        self._pending_size = 0
        self._line = ""  # the start of a line whose end has not come
        self._column = 0
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
            if "\n" in delta or self._pending_size >= CHUNK_SIZE:
                self._drain()
                self._print()
        elif self.is_behind and self._received >= self._enough and self._clock() >= self._next_frame:
            self._drain()
            self._frame()
        elif self._pending_size >= CHUNK_SIZE:
            self._drain()

    @property
    def is_behind(self) -> bool:
        """Whether text has come that is not drawn yet."""
        return self._received > self._shown

    def catch_up(self) -> None:
        """Draw what was held back to save work, now that nothing more seems to come."""
        if self.is_behind and self._clock() >= self._next_frame:
            self._drain()
            self._frame()

    def close(self) -> None:
        """Draw the remaining text; the cursor is on a new line afterwards."""
        self._drain()
        self._finish(self._parser.peek(self._line))
        if self._is_live:
            self._draw([])
        else:
            self._print()

    def _print(self) -> None:
        if self._finished:
            self._write("".join(paint(row) + "\n" for row in self._finished))
            self._finished = []

    def _drain(self) -> None:
        """Pass the new text to the parser."""
        text = self._expand_tabs(clean("".join(self._pending)))
        self._pending.clear()
        self._pending_size = 0
        *lines, self._line = (self._line + text).split("\n")
        if lines:
            self._finish(self._parser.feed(lines))
        start = self._line.rstrip(" ")
        limit = LONG_ROW if "|" in start[:LONG_LINE] else LONG_LINE
        if len(start) > limit or (start and self._parser.is_within_line):
            finished = self._parser.feed_start(start)
            if finished is not None:
                self._finish(finished)
                self._line = self._line[len(start) :]

    def _expand_tabs(self, text: str) -> str:
        if "\t" in text:
            offset = self._column % TAB_SIZE
            text = (" " * offset + text).expandtabs(TAB_SIZE)[offset:]
        newline = text.rfind("\n")
        self._column = len(text) - newline - 1 + (self._column if newline < 0 else 0)
        return text

    def _finish(self, blocks: list[Block]) -> None:
        width = self._width()
        for block in blocks:
            self._finished += self._rows.whole(block, width)

    def _width(self) -> int:
        return max(1, self._size()[0])

    def _frame(self) -> None:
        begin = self._clock()
        width, height = self._size()
        block = self._parser.block
        if block:
            if len(block.source) > width * height:
                self._commit_rows(block)
            parse_start(block)
        live, is_partial = self._live()
        if block and len(live) > height // LIVE_FRACTION:
            live = live[self._commit_rows(block) :]
        self._draw(live, is_partial=is_partial, within=BYTES_PER_BYTE * self._received)
        now = self._clock()
        self._next_frame = now + max(FRAME_INTERVAL_S, IDLE_FACTOR * (now - begin))

    def _commit_rows(self, block: Block) -> int:
        """Hand the upper rows of a block to the scrollback; how many there were."""
        width, height = self._size()
        rows = self._rows.commit_rows(block, width, height // LIVE_FRACTION // 2)
        self._finished += rows
        return len(rows)

    def _live(self) -> tuple[list[Row], bool]:
        """The rows of the unfinished text; and whether they leave out some of a long table."""
        width, height = self._size()
        # A line that is only marks so far waits for its meaning.
        unfinished = self._parser.peek(self._line if self._line.strip(_MARKS) else None)
        blocks = [block.newest(height) for block in unfinished]
        work = sum(len(block.source) for block in blocks) + self._parser.pending
        self.rendered += work
        self._enough = self._received + work // CHARS_PER_BYTE
        rows = [row for block in blocks for row in self._rows.whole(block, width)]
        return rows, any(shown is not block for shown, block in zip(blocks, unfinished, strict=True))

    def _draw(self, live: list[Row], *, is_partial: bool = False, within: int | None = None) -> None:
        change, screen = self._screen.draw(self._finished, live, self._size(), partial=is_partial)
        cost = len(change.encode())
        if within is not None and self._written + cost > within:
            self._enough = max(self._enough, (self._written + cost) // BYTES_PER_BYTE)
            return
        if change:
            self._write(change)
        self._written += cost
        self._shown = self._received
        self._finished = []
        self._screen = screen
