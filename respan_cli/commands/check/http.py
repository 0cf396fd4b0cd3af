"""The layers that make a host a gateway: an answer that is one, and a key that is taken. Neither costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from respan_cli.commands.check.context import State
from respan_cli.commands.check.stages import Finding
from respan_cli.errors import BrokenReplyError, UnreachedError
from respan_cli.gateway import Called, load_sdk
from respan_cli.gateway.api_errors import words

CLOCK_LIMIT = 300.0  # seconds by which the clocks may differ before it is worth a word


def http(state: State) -> Finding:
    """Whether a gateway answers, and not a page for people: a request without a key, which costs nothing.

    Raises:
        RespanError: nothing answers, or what answers is no gateway.
    """
    load_sdk()
    state.start_clock()  # the import was our time, not the gateway's
    called = state.without_key().call("POST", _endpoint(state), _refusable(state), state.deadline)
    if called.status == 407 and state.hop:
        reason = f"{called.what}: {words(called.body)}"
        raise UnreachedError("the proxy did not pass the request on", reason=reason, kind="proxy_auth")
    _expect_a_gateway(state, called)
    state.keyless_status = called.status
    skew = called.skew
    facts = {
        "status": called.status,
        "server": called.headers.get("server"),
        "clock_skew_s": None if skew is None else round(skew),
    }
    return Finding(f"a gateway answers: {called.what}", facts, tuple(_http_warnings(called, skew)), called.ms)


def _http_warnings(called: Called, skew: float | None) -> list[str]:
    found = []
    if skew is not None and abs(skew) > CLOCK_LIMIT:
        way = "ahead of" if skew > 0 else "behind"
        found.append(f"this machine's clock is {abs(skew) / 60:.0f} minutes {way} the gateway's")
    if called.status == 404:
        found.append("HTTP 404: there may be no v1/messages under this base URL")
    if _in_trouble(called):
        found.append(f"{called.what}: {words(called.body)}")
    return found


def _in_trouble(called: Called) -> bool:
    """Whether a real message would not get through just now."""
    return called.status in (402, 429) or called.status >= 500


def _expect_a_gateway(state: State, called: Called) -> None:
    """A gateway refuses what says nothing, in JSON. One that does not mind answers with a message."""
    if not called.is_json or 300 <= called.status < 400:
        raise called.failure(state.asked)
    kind = called.body.get("type") if isinstance(called.body, dict) else None
    if called.status < 300 and kind != "message":
        what = f"{called.what} where a gateway refuses an empty message"
        raise BrokenReplyError(what, reason=words(called.body))


def authentication(state: State) -> Finding:
    """Whether the key is taken: the same request with it. Its conversation is empty, so that nothing is paid.

    A key is proven when the request is refused without it, and got further with it. A gateway that looks at
    the conversation first leaves it open, and the message decides.

    Raises:
        AuthenticationError: 401 or 403.
        RespanError: no answer, or none of a gateway.
    """
    called = state.with_key().call("POST", _endpoint(state), _refusable(state), state.deadline)
    if called.status in (401, 403):
        raise called.failure(state.asked)
    _expect_a_gateway(state, called)
    proven = state.keyless_status in (401, 403)
    facts = {"status": called.status, "proven": proven, "key_source": state.target.key_source}
    if not proven:
        first = "the gateway looks at the message before the key"
        told = first if called.status in (400, 422) else f"{called.what} says nothing of the key"
        return Finding(f"open: {told}", facts, skipped=True)
    state.case = replace(state.case, proven=True)
    told = f"the key was taken, and then: {called.what}: {words(called.body)}"
    warnings = (told,) if _in_trouble(called) else ()
    return Finding(f"the key from {state.target.key_source} was taken", facts, warnings, called.ms)


def _endpoint(state: State) -> str:
    return f"{state.at}v1/messages"


def _refusable(state: State) -> dict[str, Any]:
    """A message that the API refuses before any model sees it: it says nothing."""
    return {"model": state.current.model, "max_tokens": 1, "messages": []}
