"""The layer that all of it is for: a real message, and on request many of them, measured."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any
from uuid import uuid4

from respan_cli.commands.check.context import CheckContext, Measured
from respan_cli.commands.check.log import RequestLog
from respan_cli.commands.check.spread import MEASURES, spread
from respan_cli.commands.check.stages import Finding
from respan_cli.errors import RespanError, ResponseTimeoutError
from respan_cli.exchange import exchange
from respan_cli.gateway.client import GatewayClient
from respan_cli.gateway.deadline import Deadline
from respan_cli.gateway.observer import DelegatingObserver, RequestObserver
from respan_cli.gateway.sdk import deprecation
from respan_cli.messages.request import AUTO, MessageRequest, build, user_turn
from respan_cli.output.progress import observer_for, remark
from respan_cli.output.result import Result
from respan_cli.settings.headers import resolve_references
from respan_cli.terminal.redact import redact

PROMPT = "ping"


def message(state: CheckContext) -> Finding:
    """A real message, streamed, as `send` sends it, with the profile's identity and headers; one token.

    Raises:
        RespanError: of every kind that `send` knows.
    """
    if state.options.no_send:
        warning = deprecation(state.current.model)  # which is the SDK's to give when the message is sent
        warnings = (warning,) if warning else ()
        return Finding("not sent (--no-send)", {"why": "--no-send"}, warnings, skipped=True)
    told: list[str] = []
    request = _request(state)
    if state.options.log:
        request = _findable(state, request)
    state.gateway = gateway = state.sender(state.deadline.left(), keep_alive=1)
    state.stack.enter_context(gateway)
    if warning := deprecation(request.model):
        told.append(warning)
    measured = _send(state, gateway, request, state.deadline)
    state.first = measured
    result = measured.result
    answered = str(result.answer.message.get("model") or request.model)
    facts = {
        "model": answered,
        **measured.times(),
        "stop_reason": result.answer.stop_reason,
        "usage": dict(result.answer.usage),
        "request_id": result.ids.request_id,
        "log_id": result.ids.log_id,
        "respan_params": redact(request.respan_params),
    }
    return Finding(_told(answered, result), facts, tuple(told), result.timing.total_ms)


def _told(model: str, result: Result) -> str:
    first = result.timing.first_token_ms
    parts = [
        f"{model} answered",
        f"first token {first:.0f} ms" if first is not None else "",
        f"log id {result.ids.log_id}" if result.ids.log_id else "",
    ]
    return ", ".join(part for part in parts if part)


def _request(state: CheckContext) -> MessageRequest:
    current = replace(state.current, max_tokens=1)
    return build(current, [user_turn(PROMPT)], resolve_references(current.headers, state.terminal.env))


def _findable(state: CheckContext, request: MessageRequest) -> MessageRequest:
    """The request with a custom identifier by which the log can find it, should there be no log id.

    One that the settings fix is left as it is: what the log has under it already is noted instead.
    """
    fixed = state.current.custom_identifier
    if fixed in (None, AUTO):
        made = {"custom_identifier": f"respan-check-{uuid4()}"}
        return replace(request, respan_params={**request.respan_params, **made})
    with suppress(RespanError), state.log_reader() as client:  # a failure is the log stage's to tell
        log = RequestLog(client, state.asked, state.deadline, state.observer())
        state.known_logs = log.ids_of(fixed or "")
    return request


class _Stopwatch(DelegatingObserver):
    """Knows how long the connection took (None where there was one already), and ends what takes too long."""

    def __init__(self, other: RequestObserver, deadline: Deadline) -> None:
        super().__init__(other)
        self._deadline = deadline
        self.connect_ms: float | None = None

    def connected(self, ms: float) -> None:
        """Remember it."""
        self.connect_ms = ms

    def idle(self) -> None:
        """Give up on an answer that only trickles."""
        if self._deadline.passed:
            raise ResponseTimeoutError("the answer had not ended in time", retryable=True)


def _send(
    state: CheckContext, client: GatewayClient, request: MessageRequest, deadline: Deadline
) -> Measured:
    watch = _Stopwatch(observer_for(state.terminal), deadline)
    *_, result = exchange(client, request, profile=state.current.profile, observer=watch)
    assert isinstance(result, Result)
    return Measured(result, watch.connect_ms)


def repeat(state: CheckContext) -> Finding | None:
    """As many messages over the connection that is open now, and as many each over a new one.

    Raises:
        RespanError: one of them failed, and ended it.
    """
    count = state.options.count
    if count is None or state.options.no_send:
        return None
    apart = f", {(state.options.interval or 0):g} s apart" if state.options.interval else ""
    remark(f"{count} messages over one connection, {count} over new ones{apart}", state.terminal)
    start = time.monotonic()
    kept = [_another(state, state.gateway, number) for number in range(1, count + 1)]
    # The message before was the first over a new connection.
    new = [state.first.times(), *(_over_new(state, count + number) for number in range(1, count))]
    facts = {"count": count, "kept": _spreads(kept), "new": _spreads(new)}
    ms = (time.monotonic() - start) * 1000
    return Finding(f"{2 * count} messages came through", facts, ms=ms)


def _another(state: CheckContext, gateway: GatewayClient, number: int) -> Mapping[str, float | None]:
    which = f"message {number + 1} of {2 * (state.options.count or 0)}"
    state.terminal.update_status(which)
    time.sleep(state.options.interval or 0)
    try:
        return _send(state, gateway, _request(state), Deadline(state.timeout)).times()
    except RespanError as failure:
        raise failure.with_message(f"{which}: {failure.message}") from failure.__cause__


def _over_new(state: CheckContext, number: int) -> Mapping[str, float | None]:
    with state.sender(
        state.timeout, keep_alive=1
    ) as gateway:  # made before the clock starts: a client is our time, not the gateway's
        return _another(state, gateway, number)


def _spreads(times: list[Mapping[str, float | None]]) -> dict[str, Any]:
    found = {}
    for name in MEASURES:
        values = [one[name] for one in times]
        known = [value for value in values if value is not None]
        measured = spread(known)
        found[name] = {**asdict(measured), "values": known} if measured else None
    return found
