"""One message on its way: from a request to a result, its answer written as it arrives.

`send` and `check` both come through here, so that what `check` proves is what `send` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from time import monotonic
from typing import Protocol

from respan_cli import render
from respan_cli.errors import RespanError, UnwrittenError
from respan_cli.gateway import Gateway, Reply, Sent, Wait, Watcher, load_sdk
from respan_cli.gateway.api_errors import Asked
from respan_cli.messages.answer import Answer, Event
from respan_cli.messages.request import MessageRequest
from respan_cli.output import AnswerFile
from respan_cli.settings.headers import on_the_wire, resolve_references
from respan_cli.settings.pages import REQUESTS_PAGE
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.redact import is_secret
from respan_cli.terminal.status import Words
from respan_cli.terminal.terminal import Terminal
from respan_cli.terminal.text import DIM, Flow, one_line

# What a block of the answer that has begun means for whoever waits for the text.
_STAGES = {"thinking": "thinking", "redacted_thinking": "thinking", "text": "receiving the answer"}
_WONDER = 3  # seconds of waiting after which a person is told how long it has been


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send, and with which key.

    Args:
        url: the base URL, with its final slash.
        key: the API key; not in the repr.
        key_source: where the key came from.
    """

    url: str
    key: str
    key_source: str

    def __repr__(self) -> str:
        return f"Target({self.url!r}, key from {self.key_source})"


class Sink(Protocol):
    """Where an answer is written."""

    def write(self, text: str) -> None:
        """Add to it."""

    def flush(self) -> None:
        """Pass on what was added."""

    def commit(self, *, whole: bool) -> None:
        """That was the answer: pass it on for good. A file is only replaced by a `whole` one."""


class Aside:
    """What a person may see of an answer beside its text: that, or what, the model thinks.

    Args:
        terminal: where to show it.
        settle: called before the first thought after some text, so that the two do not mix.
        shown: whether to show the thoughts themselves.
    """

    def __init__(self, terminal: Terminal, settle: Callable[[], None], *, shown: bool) -> None:
        self._terminal = terminal
        self._settle = settle
        self._shown = shown
        self._flow: Flow | None = None  # of the thoughts that are being shown

    def take(self, event: Event) -> None:
        """Look at an event that brought no text of the answer."""
        kind = event["type"]
        if kind == "content_block_start":
            words = _STAGES.get(event["content_block"].get("type"))
            if words:
                self._terminal.wait_for(_since(monotonic(), words))
        elif kind == "content_block_delta" and self._shown:
            self._think(event["delta"].get("thinking") or "")
        elif kind == "content_block_stop" and self._flow:
            # An empty line, where the answer follows on the same screen.
            self.close(gap="\n" if self._terminal.shows_answers else "")

    def close(self, gap: str = "") -> None:
        """End the line of a thought, even of one that broke off."""
        if self._flow:
            self._terminal.think(self._flow.end() + gap)
            self._flow = None

    def _think(self, text: str) -> None:
        if not text:
            return
        if not self._flow:
            self._settle()
            self._flow = Flow(self._terminal.size(notes=True)[0] if self._terminal.shows_notes else None)
        self._terminal.think(self._flow.take(text))


def _since(start: float, words: str) -> Words:
    """Words that tell the seconds, once there are enough of them to wonder."""

    def told() -> str:
        seconds = int(monotonic() - start)
        return f"{words} · {seconds} s" if seconds >= _WONDER else words

    return told


@contextmanager
def sink_for(path: Path | None, terminal: Terminal) -> Iterator[Sink]:
    """Standard output, or the file of `-o`, which keeps its old content unless all goes well."""
    if path is None:
        with terminal.answering():
            yield terminal
        return
    file = AnswerFile(path)
    try:
        yield file
    finally:
        file.discard()


def connect(
    target: Target,
    current: Settings,
    terminal: Terminal,
    on_sent: Callable[[], None] = lambda: None,
    on_warning: Callable[[str], None] | None = None,
) -> Gateway:
    """The gateway that the settings describe; nothing is sent yet. It tells the terminal what it waits for.

    Args:
        target: where to, with which key.
        current: the settings.
        terminal: where waits and warnings are shown, and the environment that headers may refer to.
        on_sent: called when the request is sent and its reply is waited for.
        on_warning: told what the SDK warns of; by default a person is told.

    Raises:
        SettingsError: a header refers to a variable that is not set.
    """
    gateway_headers = resolve_references(current.gateway_headers, terminal.env)
    terminal.hide(target.key, *(value for name, value in gateway_headers.items() if is_secret(name)))
    return Gateway(
        Asked(target.url, current.model, current.sources["model"], target.key_source),
        on_the_wire(gateway_headers, authorization=f"Bearer {target.key}", sources=current.sources),
        timeout=current.timeout,
        max_retries=current.max_retries,
        watcher=watcher_for(terminal, on_sent),
        on_warning=on_warning or (lambda text: terminal.warn(text) if terminal.shows_notes else None),
    )


def watcher_for(terminal: Terminal, on_sent: Callable[[], None] = lambda: None) -> Watcher:
    """Who is told of an exchange: a person, of its waits; with `--debug` the log, of everything."""
    announcer = _Announcer(terminal, on_sent)
    if not terminal.debug:
        return announcer
    from respan_cli.gateway.debug_log import DebugLog

    return DebugLog(lambda line: terminal.note(line, style=DIM), announcer)


class _Announcer(Watcher):
    """Says why nothing happens for a while."""

    def __init__(self, terminal: Terminal, on_sent: Callable[[], None]) -> None:
        self._terminal = terminal
        self._on_sent = on_sent

    def request(self, sent: Sent) -> None:
        self._terminal.wait_for("connecting")

    def sent(self) -> None:
        self._terminal.wait_for(_since(monotonic(), "waiting for the first token"))
        self._on_sent()

    def wait(self, wait: Wait) -> None:
        announce(wait, self._terminal)


def remark(text: str, terminal: Terminal) -> None:
    """Say something in passing, to a person only: in a script standard error stays silent."""
    if terminal.shows_notes:
        terminal.note(text, label="respan: ")


def announce(wait: Wait, terminal: Terminal) -> None:
    """Tell a person of a pause before the next attempt: counting down where that can be shown."""
    if not terminal.is_waiting:
        remark(f"{wait.failure.message}; retrying in {wait.seconds:.1f} s", terminal)
        return
    due = monotonic() + wait.seconds
    reason = one_line(wait.failure.message)
    # Never "0 s": a pause that is over lasts until the next attempt says that it is on its way.
    terminal.wait_for(lambda: f"retrying in {max(1, ceil(due - monotonic()))} s ({reason})")


def exchange(
    gateway: Gateway,
    request: MessageRequest,
    current: Settings,
    renderer: render.Renderer,
    sink: Sink,
    aside: Callable[[Event], None] = lambda _: None,
    is_whole: Callable[[render.Result], bool] = lambda _: True,
) -> render.Result:
    """Send the request and write the answer, from the first byte sent to the last one written.

    Args:
        gateway: where to.
        request: what.
        current: the settings, for the result's profile and base URL.
        renderer: the form of the answer.
        sink: where the answer is written.
        aside: shown every event that brings no text of the answer.
        is_whole: whether an answer is what was asked for.

    Raises:
        RespanError: of every kind that `gateway` and the sink know. What had come by then is written.
    """
    load_sdk()  # before the clock starts: its import is our time, not the gateway's
    timing = render.Timing(monotonic())
    try:
        with gateway.ask(request) as reply, _named_by(reply):
            answer = _follow(reply, renderer, sink, timing, aside)
            result = render.Result(
                answer, request, current.profile, gateway.url, timing, reply.log_id, reply.request_id
            )
            sink.write(renderer.end(result))
            sink.commit(whole=is_whole(result))
    except BaseException:
        with suppress(Exception):
            sink.write(renderer.broken())
            sink.flush()
        raise
    return result


@contextmanager
def _named_by(reply: Reply) -> Iterator[None]:
    """Whatever goes wrong from here on, the answer is paid for: say by which ids it can be found again."""
    try:
        yield
    except RespanError as error:
        error.request_id = error.request_id or reply.request_id
        error.log_id = error.log_id or reply.log_id
        if isinstance(error, UnwrittenError) and error.log_id:
            error.hint = f"the log may still have the answer: {REQUESTS_PAGE}"
        raise


def _follow(
    reply: Reply,
    renderer: render.Renderer,
    sink: Sink,
    timing: render.Timing,
    aside: Callable[[Event], None],
) -> Answer:
    answer = Answer()
    for event in reply.events(idle=sink.flush):
        text = answer.take(event)
        if timing.first is None and event["type"] == "content_block_delta":
            timing.first = monotonic()
        if not text:
            aside(event)
        sink.write(renderer.piece(event, text))
    timing.end = monotonic()
    return answer
