"""A real message, and on request many of them, measured."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any
from uuid import uuid4

from respan_cli.commands.check.context import Attempt, CheckContext, Measured
from respan_cli.commands.check.spread import MEASURES, spread
from respan_cli.commands.check.stages import Finding
from respan_cli.errors import ProviderError, RespanError, ResponseTimeoutError
from respan_cli.exchange import exchange
from respan_cli.gateway.client import GatewayClient
from respan_cli.gateway.deadline import Deadline
from respan_cli.gateway.log_api import LogApi
from respan_cli.gateway.observer import DelegatingObserver, RequestObserver
from respan_cli.gateway.sdk import deprecation, load_sdk
from respan_cli.messages.request import AUTO, MessageRequest, build, user_turn
from respan_cli.output.progress import observer_for, remark
from respan_cli.output.result import Result
from respan_cli.settings.headers import resolve_references
from respan_cli.terminal.redact import redact

PROMPT = "ping"


def attempt(context: CheckContext) -> Attempt:
    """Send the message, streamed, as `send` sends it, with the profile's identity and headers; one token."""
    with context.own_time():
        load_sdk()
    warning = deprecation(context.settings.model)
    warnings = (warning,) if warning else ()
    begin = time.monotonic()
    try:
        request = _request(context)
        if context.options.log:
            request = _findable(context, request)
        context.client = client = context.message_client(context.deadline.left())
        context.stack.enter_context(client)
        context.first = _send(context, client, request, context.deadline)
    except RespanError as failure:
        return Attempt((time.monotonic() - begin) * 1000, failure, warnings)
    return Attempt(context.first.result.timing.total_ms, None, warnings)


def message(context: CheckContext) -> Finding:
    """The outcome of the message."""
    if not context.sends:
        warning = deprecation(context.settings.model)  # the SDK gives it when the message is sent
        warnings = (warning,) if warning else ()
        return Finding("not sent (--no-send)", {"why": "--no-send"}, warnings, skipped=True)
    sent = context.attempt
    if sent.failure is not None:
        return Finding("", failure=_with_public_status(context, sent.failure), ms=sent.ms)
    result = context.first.result
    model = str(result.answer.message.get("model") or result.request.model)
    facts = {
        "model": model,
        **context.first.times(),
        "stop_reason": result.answer.stop_reason,
        "usage": dict(result.answer.usage),
        "request_id": result.ids.request_id,
        "log_id": result.ids.log_id,
        "respan_params": redact(result.request.respan_params),
    }
    return Finding(_summary(model, result), facts, sent.warnings, sent.ms)


def _with_public_status(context: CheckContext, failure: RespanError) -> RespanError:
    """After a failure of the provider, add the public status of the model in the last hour."""
    if not isinstance(failure, ProviderError):
        return failure
    from respan_cli.gateway.models_api import status_line
    from respan_cli.settings.headers import on_the_wire

    headers = [header for header in on_the_wire({}, authorization="") if header.name != "Authorization"]
    line = status_line(context.request_context, headers, context.settings.model)
    if line is None:
        return failure
    return failure.with_reason("; ".join(part for part in (failure.reason, line) if part))


def _summary(model: str, result: Result) -> str:
    first = result.timing.first_token_ms
    parts = [
        f"{model} answered",
        f"first token {first:.0f} ms" if first is not None else "",
        f"log id {result.ids.log_id}" if result.ids.log_id else "",
    ]
    return ", ".join(part for part in parts if part)


def _request(context: CheckContext) -> MessageRequest:
    settings = replace(context.settings, max_tokens=1)
    return build(settings, [user_turn(PROMPT)], resolve_references(settings.headers, context.terminal.env))


def _findable(context: CheckContext, request: MessageRequest) -> MessageRequest:
    """The request with a custom identifier by which the log can find it, should there be no log id.

    One that the settings fix is left as it is: what the log has under it already is noted instead.
    """
    fixed = context.settings.custom_identifier
    if fixed in (None, AUTO):
        made = {"custom_identifier": f"respan-check-{uuid4()}"}
        return replace(request, respan_params={**request.respan_params, **made})
    with suppress(RespanError), context.log_reader() as client:  # a failure is the log stage's to tell
        log = LogApi(client, context.deadline, context.observer())
        context.known_logs = log.ids_of(fixed or "")
    return request


class _Stopwatch(DelegatingObserver):
    """Times the connection (None if it was open already), and enforces the timeout."""

    def __init__(self, other: RequestObserver, deadline: Deadline) -> None:
        super().__init__(other)
        self._deadline = deadline
        self.connect_ms: float | None = None

    def connected(self, ms: float) -> None:
        """Remember it."""
        self.connect_ms = ms

    def idle(self) -> None:
        """End a response that is too slow."""
        if self._deadline.passed:
            raise ResponseTimeoutError("the answer had not ended in time", retryable=True)


def _send(
    context: CheckContext, client: GatewayClient, request: MessageRequest, deadline: Deadline
) -> Measured:
    watch = _Stopwatch(observer_for(context.terminal), deadline)
    *_, result = exchange(client, request, profile=context.settings.profile, observer=watch)
    assert isinstance(result, Result)
    return Measured(result, watch.connect_ms)


def repeat(context: CheckContext) -> Finding | None:
    """Messages over the connection that is open now, and as many each over a new one.

    Raises:
        RespanError: one of them failed, and ended it.
    """
    count = context.options.count
    if count is None or context.options.no_send:
        return None
    apart = f", {(context.options.interval or 0):g} s apart" if context.options.interval else ""
    remark(f"{count} messages over one connection, {count} over new ones{apart}", context.terminal)
    start = time.monotonic()
    kept = [_another(context, context.client, number) for number in range(1, count + 1)]
    # The message before was the first over a new connection.
    new = [context.first.times(), *(_over_new(context, count + number) for number in range(1, count))]
    facts = {"count": count, "kept": _spreads(kept), "new": _spreads(new)}
    ms = (time.monotonic() - start) * 1000
    return Finding(f"{2 * count} messages came through", facts, ms=ms)


def _another(context: CheckContext, client: GatewayClient, number: int) -> Mapping[str, float | None]:
    which = f"message {number + 1} of {2 * (context.options.count or 0)}"
    context.terminal.update_status(which)
    time.sleep(context.options.interval or 0)
    try:
        return _send(context, client, _request(context), Deadline(context.timeout)).times()
    except RespanError as failure:
        raise failure.with_message(f"{which}: {failure.message}") from failure.__cause__


def _over_new(context: CheckContext, number: int) -> Mapping[str, float | None]:
    # Made before the clock starts: a client is our time, not the gateway's.
    with context.message_client(context.timeout) as client:
        return _another(context, client, number)


def _spreads(times: list[Mapping[str, float | None]]) -> dict[str, Any]:
    found = {}
    for name in MEASURES:
        values = [one[name] for one in times]
        known = [value for value in values if value is not None]
        measured = spread(known)
        found[name] = {**asdict(measured), "values": known} if measured else None
    return found
