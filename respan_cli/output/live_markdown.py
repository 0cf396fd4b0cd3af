"""The answer as Markdown: drawn on a terminal while it arrives, or laid out for paper."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from respan_cli.messages.answer import Event
from respan_cli.output.renderers import Renderer
from respan_cli.output.result import Result
from respan_cli.terminal.encoding import as_displayed
from respan_cli.terminal.signals import block_signals
from respan_cli.terminal.terminal import Terminal

if TYPE_CHECKING:
    from respan_cli.output.markdown import MarkdownStream

_FRAME_INTERVAL_S = 1 / 15  # seconds from one look at what has arrived to the next
_IDLE_DRAW_S = 0.2  # seconds without new text after which all of the old is drawn
_LAST_DRAW_TIMEOUT_S = 0.2  # for the current frame, when a signal ends the program


class LiveMarkdown(Renderer):
    """A renderer that draws on a terminal itself, on a thread of its own.

    So drawing never holds up the network, Ctrl-C never interrupts half a frame, and what arrived is drawn
    though nothing follows it.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._pen: _DrawThread | None = None

    def prepare(self) -> None:
        """Import the drawing modules during the wait for the network."""
        self._ready()

    def _ready(self) -> _DrawThread:
        if not self._pen:
            self._pen = _DrawThread(self._terminal)
            self._pen.start()
        return self._pen

    def render(self, event: Event, text: str) -> str:
        """Nothing: the text is drawn."""
        if text:
            self._ready().add(text)
        return ""

    def finish_block(self) -> None:
        """Draw everything so far for good; later text starts on a new line."""
        pen, self._pen = self._pen, None
        if pen:
            pen.finish()

    def finish(self, result: Result) -> str:
        """Nothing: all is drawn."""
        self.finish_block()
        return ""

    def abort(self) -> str:
        """Nothing: all text so far is drawn."""
        self.finish_block()
        return ""


class _DrawThread(threading.Thread):
    """Draws one stretch of text as it arrives."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(name="respan-drawing", daemon=True)
        self._terminal = terminal
        self._arrived: deque[str] = deque()
        self._begun = False
        self._stirred = threading.Event()
        self._over = threading.Event()
        self._failure: BaseException | None = None

    def add(self, text: str) -> None:
        """More text. Raises what drawing the text before it raised."""
        if self._failure:
            raise self._failure
        self._arrived.append(text)
        self._begun = True
        self._stirred.set()

    def finish(self) -> None:
        """That was all: wait until it is drawn."""
        self._over.set()
        self._stirred.set()
        if self._begun:  # else it is still getting ready for nothing, and an error need not wait for that
            self.join(_LAST_DRAW_TIMEOUT_S if self._terminal.interrupted else None)
        if self._failure:
            raise self._failure

    def run(self) -> None:
        block_signals()
        try:
            stream = _stream(self._terminal, self._terminal.write_now, live=True)
            while not self._over.is_set():
                if self._stirred.wait(_IDLE_DRAW_S if stream.is_behind else None):
                    self._stirred.clear()
                    self._feed(stream)
                else:
                    stream.catch_up()
                self._over.wait(_FRAME_INTERVAL_S)
            if not self._terminal.interrupted:
                self._feed(stream)
                stream.close()
        except BaseException as failure:  # raised again in `add` and `finish`
            self._failure = failure

    def _feed(self, stream: MarkdownStream) -> None:
        text = "".join(self._arrived.popleft() for _ in range(len(self._arrived)))
        stream.feed(as_displayed(text, self._terminal.encoding))


class StaticMarkdown(Renderer):
    """A renderer of finished Markdown, for a pipe, a file, or a terminal that cannot move its cursor."""

    def __init__(self, terminal: Terminal) -> None:
        self._rows: list[str] = []
        self._terminal = terminal
        self._stream = _stream(terminal, self._rows.append, live=False)

    def render(self, event: Event, text: str) -> str:
        """The blocks that this text completes."""
        if text:
            self._stream.feed(as_displayed(text, self._terminal.encoding))
        return self._take()

    def finish(self, result: Result) -> str:
        """The last block."""
        return self.abort()

    def abort(self) -> str:
        """The text of the last block so far."""
        self._stream.close()
        return self._take()

    def _take(self) -> str:
        rows = "".join(self._rows)
        self._rows.clear()
        return rows


def _stream(terminal: Terminal, write: Callable[[str], None], *, live: bool) -> MarkdownStream:
    from respan_cli.output.markdown import MarkdownStream

    colors = terminal.use_color() and (live or not terminal.stdout_isatty)
    # NO_COLOR is about colours (https://no-color.org): bold stays bold. --color=never leaves the text alone.
    styles = colors or (live and terminal.color == "auto")
    return MarkdownStream(
        write, terminal.size, color_system="standard" if styles else None, no_color=not colors, live=live
    )
