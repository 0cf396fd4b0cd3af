"""The progress of a request: the status line, retries, and the model's thoughts."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from time import monotonic

from respan_cli.gateway.observer import RequestObserver, RequestSent, RetryWait
from respan_cli.messages.answer import Event
from respan_cli.terminal.status import StatusText
from respan_cli.terminal.terminal import Terminal
from respan_cli.terminal.text import DIM, WordWrapper, duration, one_line

# What to say while a block of this type arrives.
_STAGES = {"thinking": "thinking", "redacted_thinking": "thinking", "text": "receiving the answer"}
SHOW_ELAPSED_AFTER_S = 3


class ThinkingView:
    """What a person may see of an answer beside its text: that, or what, the model thinks.

    Args:
        finish_block: called before the first thought after some text, so that the two do not mix.
        shown: whether to show the thoughts themselves.
    """

    def __init__(self, terminal: Terminal, finish_block: Callable[[], None], *, shown: bool) -> None:
        self._terminal = terminal
        self._finish_block = finish_block
        self._shown = shown
        self._flow: WordWrapper | None = None  # of the thoughts that are being shown
        self._secrets = terminal.secret_stream()  # two deltas may hold a half of the key each

    def feed(self, event: Event) -> None:
        """Look at an event that brought no text of the answer."""
        kind = event["type"]
        if kind == "content_block_start":
            if words := _STAGES.get(event["content_block"]["type"]):
                self._terminal.update_status(_since(monotonic(), words))
        elif kind == "content_block_delta" and self._shown:
            self._think(str(event["delta"].get("thinking") or ""))
        elif kind == "content_block_stop" and self._flow:
            # An empty line, where the answer follows on the same screen.
            self.close(gap="\n" if self._terminal.stdout_isatty else "")

    def close(self, gap: str = "") -> None:
        """End the line of a thought, even of an incomplete one."""
        if self._flow:
            rest = self._flow.feed(self._secrets.flush())
            self._terminal.write_thinking(rest + self._flow.flush() + gap)
            self._flow = None

    def _think(self, text: str) -> None:
        if not text:
            return
        if not self._flow:
            self._finish_block()
            self._flow = WordWrapper(
                self._terminal.size(notes=True)[0] if self._terminal.stderr_isatty else None
            )
        self._terminal.write_thinking(self._flow.feed(self._secrets.feed(text)))


def _since(start: float, words: str) -> StatusText:
    """Words that tell the seconds, once there are enough of them to wonder."""

    def told() -> str:
        seconds = int(monotonic() - start)
        return f"{words} · {seconds} s" if seconds >= SHOW_ELAPSED_AFTER_S else words

    return told


def _do_nothing() -> None:
    """The callback for a step that is ignored."""


def observer_for(
    terminal: Terminal,
    *,
    on_sent: Callable[[], None] = _do_nothing,
    on_idle: Callable[[], None] = _do_nothing,
) -> RequestObserver:
    """Tells a person why nothing happens for a while, and with `--debug` a log of everything.

    Args:
        on_sent: called when the request is sent and its response is waited for.
        on_idle: called when all that has arrived is taken.
    """
    return _with_debug_log(_Announcer(terminal, on_sent, on_idle), terminal)


def api_observer(terminal: Terminal) -> RequestObserver:
    """Shows waits between API requests, and with `--debug` logs everything."""
    return _with_debug_log(_Waits(terminal), terminal)


def _with_debug_log(observer: RequestObserver, terminal: Terminal) -> RequestObserver:
    if not terminal.debug:
        return observer
    from respan_cli.gateway.debug_log import DebugLog

    return DebugLog(lambda line: terminal.note(line, style=DIM), observer, terminal.redact_secrets)


class _Waits(RequestObserver):
    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def wait(self, wait: RetryWait) -> None:
        announce(wait, self._terminal)


class _Announcer(RequestObserver):
    def __init__(self, terminal: Terminal, on_sent: Callable[[], None], on_idle: Callable[[], None]) -> None:
        self._terminal = terminal
        self._on_sent = on_sent
        self._on_idle = on_idle

    def idle(self) -> None:
        self._on_idle()

    def request(self, sent: RequestSent) -> None:
        self._terminal.update_status("connecting")

    def sent(self) -> None:
        self._terminal.update_status(_since(monotonic(), "waiting for the first token"))
        self._on_sent()

    def wait(self, wait: RetryWait) -> None:
        announce(wait, self._terminal)


def remark(text: str, terminal: Terminal) -> None:
    """Print at a terminal only; in a script stderr stays empty."""
    if terminal.stderr_isatty:
        terminal.note(text, label="respan: ")


def announce(wait: RetryWait, terminal: Terminal) -> None:
    """Show the delay before the next attempt, with a countdown if the terminal can show it."""
    if not terminal.shows_status:
        remark(f"{describe_retry(wait)} in {duration(wait.seconds)}", terminal)
        return
    due = monotonic() + wait.seconds
    text = terminal.redact_secrets(describe_retry(wait))
    # Never "0 s": a pause that is over lasts until the next attempt says that it is on its way.
    terminal.update_status(lambda: f"{text} in {duration(max(1, ceil(due - monotonic())))}")


def describe_retry(wait: RetryWait) -> str:
    """What failed, and which retry follows: "HTTP 503, retry 2 of 5"."""
    failure = wait.failure
    # An error event has the status 200: its type says more.
    cause = f"HTTP {failure.status}" if failure.status and failure.status != 200 else failure.kind
    if not failure.status:
        cause = one_line(failure.message)
    return f"{cause}, retry {wait.retry} of {wait.max_retries}"
