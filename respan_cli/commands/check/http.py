"""The layers that make a host a gateway: an answer that is one, and a key that is taken. Neither costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from respan_cli.commands.check.context import CheckContext
from respan_cli.commands.check.stages import Finding
from respan_cli.errors import BadResponseError, NetworkError
from respan_cli.gateway.client import GatewayClient
from respan_cli.gateway.error_body import words
from respan_cli.gateway.http import HttpResponse
from respan_cli.gateway.sdk import load_sdk

CLOCK_LIMIT = 300.0  # seconds by which the clocks may differ before it is worth a word


def http(state: CheckContext) -> Finding:
    """Whether a gateway answers, and not a page for people: a request without a key, which costs nothing.

    Raises:
        RespanError: nothing answers, or what answers is no gateway.
    """
    load_sdk()
    state.start_clock()  # the import was our time, not the gateway's
    response = _probe(state, state.without_key())
    if response.status == 407 and state.hop:
        reason = f"{response.what}: {words(response.body)}"
        raise NetworkError("the proxy did not pass the request on", reason=reason, kind="proxy_auth")
    _expect_a_gateway(state, response)
    state.keyless_status = response.status
    skew = response.skew
    facts = {
        "status": response.status,
        "server": response.headers.get("server"),
        "clock_skew_s": None if skew is None else round(skew),
    }
    return Finding(
        f"a gateway answers: {response.what}", facts, tuple(_http_warnings(response, skew)), response.ms
    )


def _http_warnings(response: HttpResponse, skew: float | None) -> list[str]:
    found = []
    if skew is not None and abs(skew) > CLOCK_LIMIT:
        way = "ahead of" if skew > 0 else "behind"
        found.append(f"this machine's clock is {abs(skew) / 60:.0f} minutes {way} the gateway's")
    if response.status == 404:
        found.append("HTTP 404: there may be no v1/messages under this base URL")
    if _in_trouble(response):
        found.append(f"{response.what}: {words(response.body)}")
    return found


def _in_trouble(response: HttpResponse) -> bool:
    """Whether a real message would not get through just now."""
    return response.status in (402, 429) or response.status >= 500


def _expect_a_gateway(state: CheckContext, response: HttpResponse) -> None:
    """A gateway refuses what says nothing, in JSON. One that does not mind answers with a message."""
    if not response.is_json or 300 <= response.status < 400:
        raise response.failure(state.asked)
    kind = response.body.get("type") if isinstance(response.body, dict) else None
    if response.status < 300 and kind != "message":
        what = f"{response.what} where a gateway refuses an empty message"
        raise BadResponseError(what, reason=words(response.body))


def authentication(state: CheckContext) -> Finding:
    """Whether the key is taken: the same request with it. Its conversation is empty, so that nothing is paid.

    A key is proven when the request is refused without it, and got further with it. A gateway that looks at
    the conversation first leaves it open, and the message decides.

    Raises:
        AuthenticationError: 401 or 403.
        RespanError: no answer, or none of a gateway.
    """
    response = _probe(state, state.with_key())
    if response.status in (401, 403):
        raise response.failure(state.asked)
    _expect_a_gateway(state, response)
    proven = state.keyless_status in (401, 403)
    facts = {"status": response.status, "proven": proven, "key_source": state.target.key_source}
    if not proven:
        first = "the gateway looks at the message before the key"
        told = first if response.status in (400, 422) else f"{response.what} says nothing of the key"
        return Finding(f"open: {told}", facts, skipped=True)
    state.case = replace(state.case, proven=True)
    told = f"the key was taken, and then: {response.what}: {words(response.body)}"
    warnings = (told,) if _in_trouble(response) else ()
    return Finding(f"the key from {state.target.key_source} was taken", facts, warnings, response.ms)


def _probe(state: CheckContext, client: GatewayClient) -> HttpResponse:
    with client:
        return client.request("POST", _endpoint(state), _refusable(state), state.deadline, state.observer())


def _endpoint(state: CheckContext) -> str:
    return f"{state.at}v1/messages"


def _refusable(state: CheckContext) -> dict[str, Any]:
    """A message that the API refuses before any model sees it: it says nothing."""
    return {"model": state.current.model, "max_tokens": 1, "messages": []}
