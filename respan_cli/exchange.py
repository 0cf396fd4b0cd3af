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

from respan_cli.errors import OutputError, RespanError
from respan_cli.gateway.api_errors import RequestContext
from respan_cli.gateway.client import GatewayClient
from respan_cli.gateway.response import StreamedResponse
from respan_cli.gateway.sdk import load_sdk
from respan_cli.messages.answer import Answer, Event
from respan_cli.messages.request import MessageRequest
from respan_cli.output import renderers
from respan_cli.output.answer_file import AnswerFile
from respan_cli.output.progress import observer_for
from respan_cli.output.result import Result, Timing
from respan_cli.settings.headers import on_the_wire, resolve_references
from respan_cli.settings.pages import REQUESTS_PAGE
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.redact import secret_values
from respan_cli.terminal.terminal import Terminal


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


@contextmanager
def sink_for(path: Path | None, terminal: Terminal) -> Iterator[Sink]:
    """Standard output, or the file of `-o`, which keeps its old content unless all goes well."""
    if path is None:
        with terminal.interruptible_output():
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
) -> GatewayClient:
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
    terminal.add_secrets(target.key, *secret_values(gateway_headers))
    return GatewayClient(
        RequestContext(target.url, current.model, current.sources["model"], target.key_source),
        on_the_wire(gateway_headers, authorization=f"Bearer {target.key}", sources=current.sources),
        timeout=current.timeout,
        max_retries=current.max_retries,
        watcher=observer_for(terminal, on_sent),
        on_warning=on_warning or (lambda text: terminal.warn(text) if terminal.stderr_isatty else None),
    )


def exchange(
    gateway: GatewayClient,
    request: MessageRequest,
    current: Settings,
    renderer: renderers.Renderer,
    sink: Sink,
    aside: Callable[[Event], None] = lambda _: None,
    is_whole: Callable[[Result], bool] = lambda _: True,
) -> Result:
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
    timing = Timing(monotonic())
    try:
        with gateway.ask(request) as reply, _named_by(reply):
            answer = _follow(reply, renderer, sink, timing, aside)
            result = Result(
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
def _named_by(reply: StreamedResponse) -> Iterator[None]:
    """Whatever goes wrong from here on, the answer is paid for: say by which ids it can be found again."""
    try:
        yield
    except RespanError as error:
        error.request_id = error.request_id or reply.request_id
        error.log_id = error.log_id or reply.log_id
        if isinstance(error, OutputError) and error.log_id:
            error.hint = f"the log may still have the answer: {REQUESTS_PAGE}"
        raise


def _follow(
    reply: StreamedResponse,
    renderer: renderers.Renderer,
    sink: Sink,
    timing: Timing,
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
