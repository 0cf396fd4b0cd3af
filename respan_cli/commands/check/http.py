"""The layers that make a host a gateway: it answers HTTP, and it accepts the key. Neither costs anything.

No answer of a probe is final where a message follows: a gateway on which `send` works never fails a check.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from respan_cli.commands.check import probe_answers
from respan_cli.commands.check.context import CheckContext
from respan_cli.commands.check.message import attempt
from respan_cli.commands.check.stages import Finding
from respan_cli.errors import (
    AuthenticationError,
    FailureKind,
    LimitError,
    NetworkError,
    RespanError,
    ResponseTimeoutError,
)
from respan_cli.gateway.client import GatewayClient
from respan_cli.gateway.deadline import Deadline
from respan_cli.gateway.error_body import words
from respan_cli.gateway.http import HttpResponse
from respan_cli.gateway.sdk import load_sdk

CLOCK_LIMIT_S = 300.0  # by which the clocks may differ before it is worth a warning
_NO_PROBE = "--no-probe"


def http(context: CheckContext) -> Finding:
    """How the gateway answers a request without a key, which costs nothing.

    Raises:
        RespanError: nothing answers, and no message follows that could decide; or a message would fail alike.
    """
    if context.options.no_probe:
        return Finding(f"not looked at ({_NO_PROBE})", {"why": _NO_PROBE}, skipped=True)
    with context.own_time():
        load_sdk()
    try:
        response = _probe(context, context.without_key())
    except RespanError as failure:
        if not context.sends or failure.kind != failure.default_kind:
            raise
        return _odd(context, "no answer to a request without a key", failure.reason or failure.message, {})
    if response.status == 407 and context.proxy_endpoint:
        raise NetworkError(
            "the proxy did not pass the request on",
            reason=f"{response.what}: {words(response.body)}",
            kind=FailureKind.PROXY_AUTH,
        )
    context.keyless = response
    return _answered(context, response)


def _answered(context: CheckContext, response: HttpResponse) -> Finding:
    skew = response.skew
    facts = {
        "status": response.status,
        "server": response.headers.get("server"),
        "clock_skew_s": None if skew is None else round(skew),
    }
    summary, odd = probe_answers.describe(response)
    finding = _odd(context, summary, odd, facts) if odd else Finding(summary, facts)
    clock: tuple[str, ...] = ()
    if skew is not None and abs(skew) > CLOCK_LIMIT_S:
        way = "ahead of" if skew > 0 else "behind"
        clock = (f"this machine's clock is {abs(skew) / 60:.0f} minutes {way} the gateway's",)
    return replace(finding, warnings=clock + finding.warnings, ms=response.ms)


def _odd(context: CheckContext, summary: str, what: str, facts: dict[str, Any]) -> Finding:
    context.diagnosis = replace(context.diagnosis, odd=True)
    rest = "the message decides" if context.sends else "only a message can tell whether it is a gateway"
    return Finding(summary, facts, (f"without a key: {what}; {rest}",))


def authentication(context: CheckContext) -> Finding:
    """Whether the gateway accepts the key: by the message, or by the same unpaid request with the key.

    A key is proven when the request is refused without it and the gateway looks at the message with it.

    Raises:
        AuthenticationError: the key was not accepted.
        RespanError: without a message: no answer.
    """
    return _by_message(context) if context.sends else _by_probe(context)


def _by_message(context: CheckContext) -> Finding:
    sent = context.attempt = attempt(context)
    if sent.failure is None:
        if context.keyless and probe_answers.answers(context.keyless):
            return _open(context, "the gateway asks for no key")
        return _proven(context, status=None)
    response = _second_probe(context, sent.failure)
    if response and probe_answers.speaks_of_message(response):
        return _proven(context, status=response.status)
    if isinstance(sent.failure, AuthenticationError):
        raise sent.failure
    status = response.status if response else None
    return _open(context, "the message failed, and nothing else proves the key", status)


def _second_probe(context: CheckContext, failure: RespanError) -> HttpResponse | None:
    """The same request as that of the HTTP stage with the key, where its answer may prove the key.

    After a failed message only: it tells the key apart from what the provider refuses.
    """
    limited = isinstance(failure, LimitError) and failure.status != HTTPStatus.PAYMENT_REQUIRED
    if limited or isinstance(failure, ResponseTimeoutError) or not context.keyless:
        return None
    if not probe_answers.asks_for_key(context.keyless):
        return None
    with suppress(RespanError):
        return _probe(context, context.with_key())
    return None


def _by_probe(context: CheckContext) -> Finding:
    if context.keyless is None:
        return _open(context, _NO_PROBE)
    if probe_answers.leaves_key_open(context.keyless):
        return _open(context, "only a message can tell")
    response = _probe(context, context.with_key())
    if probe_answers.asks_for_key(response):
        raise response.failure(context.request_context)
    if not probe_answers.asks_for_key(context.keyless):
        return _open(context, "only a message can tell", response.status)
    if probe_answers.speaks_of_message(response):
        return replace(_proven(context, status=response.status), ms=response.ms, timed=True)
    finding = _open(context, f"with the key {probe_answers.seen(response)}", response.status)
    warning = f"{probe_answers.seen(response)} to a request with the key, which proves nothing"
    return replace(finding, warnings=(warning,), skipped=False, ms=response.ms)


def _proven(context: CheckContext, *, status: int | None) -> Finding:
    context.diagnosis = replace(context.diagnosis, proven=True)
    source = context.target.key_source
    return Finding(f"the key from {source} was accepted", _facts(context, status, proven=True), timed=False)


def _open(context: CheckContext, why: str, status: int | None = None) -> Finding:
    return Finding(f"not proven: {why}", _facts(context, status, proven=False), skipped=True)


def _facts(context: CheckContext, status: int | None, *, proven: bool) -> dict[str, Any]:
    return {"status": status, "proven": proven, "key_source": context.target.key_source}


def _probe(context: CheckContext, client: GatewayClient) -> HttpResponse:
    """Send a message that the API refuses before any model sees it."""
    body = {"model": context.settings.model, "max_tokens": 1, "messages": []}
    with client:
        url = f"{context.base_url}v1/messages"
        return client.request("POST", url, body, Deadline(context.probe_time), context.observer())
