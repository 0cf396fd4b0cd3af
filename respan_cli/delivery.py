"""One message on its way: from a request to a result, its answer written as it arrives.

`send` and `check` both come through here, so that what `check` proves is what `send` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Protocol

from respan_cli import message, render
from respan_cli.failures import Asked
from respan_cli.gateway import Gateway, Reply, Wait, Watcher, load_sdk
from respan_cli.headers import is_secret, on_the_wire, resolve_references
from respan_cli.message import MessageRequest
from respan_cli.output import AnswerFile
from respan_cli.settings import Settings
from respan_cli.terminal import DIM, YELLOW, Terminal


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


@contextmanager
def sink_for(path: Path | None, terminal: Terminal) -> Iterator[Sink]:
    """Standard output, or the file of `-o`, which keeps its old content unless all goes well."""
    if path is None or str(path) == "-":
        yield terminal
        return
    file = AnswerFile(path)
    try:
        yield file
        file.commit()
    finally:
        file.discard()


def connect(
    target: Target,
    current: Settings,
    terminal: Terminal,
    on_warning: Callable[[str], None] | None = None,
) -> Gateway:
    """The gateway that the settings describe; nothing is sent yet.

    Args:
        target: where to, with which key.
        current: the settings.
        terminal: where waits are remarked on, and the environment that headers may refer to.
        on_warning: told what the SDK warns of; by default it is remarked.

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
        watcher=watcher_for(terminal),
        on_warning=on_warning or (lambda text: remark(text, terminal)),
    )


def watcher_for(terminal: Terminal) -> Watcher:
    """Who is told of an exchange: a person, of its waits; with `--debug` the log, of everything."""
    announcer = _Announcer(terminal)
    if not terminal.debug:
        return announcer
    from respan_cli.gateway.debug import DebugLog

    return DebugLog(lambda line: terminal.note(line, style=DIM), announcer.wait)


class _Announcer(Watcher):
    """Says why nothing happens for a while."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def wait(self, wait: Wait) -> None:
        remark(f"{wait.failure.message}; retrying in {wait.seconds:.1f} s", self._terminal)


def remark(text: str, terminal: Terminal) -> None:
    """Say something in passing, to a person only: in a script standard error stays silent."""
    if terminal.shows_notes:
        terminal.note(f"respan: {text}", style=YELLOW)


def exchange(
    gateway: Gateway, request: MessageRequest, current: Settings, renderer: render.Renderer, sink: Sink
) -> render.Result:
    """Send the request and write the answer, from the first byte sent to the last one written.

    Args:
        gateway: where to.
        request: what.
        current: the settings, for the result's profile and base URL.
        renderer: the form of the answer.
        sink: where the answer is written.

    Raises:
        RespanError: of every kind that `gateway` and the sink know. What had come by then is written.
    """
    load_sdk()  # before the clock starts: its import is our time, not the gateway's
    timing = render.Timing(monotonic())
    try:
        with gateway.ask(request) as reply:
            answer = _follow(reply, renderer, sink, timing)
        result = render.Result(
            answer, request, current.profile, gateway.url, timing, reply.log_id, reply.request_id
        )
        sink.write(renderer.end(result))
        sink.flush()
    except BaseException:
        with suppress(Exception):
            sink.write(renderer.broken())
            sink.flush()
        raise
    return result


def _follow(reply: Reply, renderer: render.Renderer, sink: Sink, timing: render.Timing) -> message.Answer:
    answer = message.Answer()
    for event in reply.events(idle=sink.flush):
        text = answer.take(event)
        if timing.first is None and event["type"] == "content_block_delta":
            timing.first = monotonic()
        sink.write(renderer.piece(event, text))
    timing.end = monotonic()
    return answer
