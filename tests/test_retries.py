"""Which failures are retried, how often, after which delay, and what is printed about it."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from respan_cli.errors import ProviderError, RespanError, ResponseTimeoutError
from respan_cli.gateway.api_errors import RequestContext
from respan_cli.gateway.client import FIRST_BACKOFF_S, MAX_BACKOFF_S, MAX_WAIT_S, GatewayClient
from respan_cli.gateway.error_body import retry_after
from respan_cli.sandbox import Sandbox
from tests.support import Outcome, run

Env = dict[str, str]


def answer(status: int, *headers: str, body: str = "") -> bytes:
    """A whole HTTP response."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", body]).encode()


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529, 599])
def test_a_passing_failure_is_tried_again(status: int, env: Env, sandbox: Sandbox) -> None:
    sandbox.replies += [answer(status, "Retry-After: 0")] * 2
    assert run("send", "hi", "--max-retries", "2", env=env) == Outcome(0, "hi\n", "")
    assert len(sandbox.requests) == 3
    assert sandbox.requests[0] == sandbox.requests[1] == sandbox.requests[2]


@pytest.mark.parametrize("status", [301, 307, 400, 401, 402, 403, 404, 413, 422, 424])
def test_a_lasting_failure_is_not(status: int, env: Env, sandbox: Sandbox) -> None:
    sandbox.replies.append(answer(status, "Retry-After: 0", "Location: /"))
    assert run("send", "hi", "--max-retries", "2", env=env).code in (4, 5, 6)
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_as_often_as_max_retries_says(retries: int, env: Env, sandbox: Sandbox) -> None:
    sandbox.replies += [answer(529, "Retry-After: 0")] * 5
    done = run("send", "hi", "--max-retries", str(retries), env=env)
    after = f" after {retries + 1} attempts" if retries else ""
    assert done.err.startswith(f"error: the gateway or the provider failed (HTTP 529){after}\n")
    assert (done.code, len(sandbox.requests)) == (7, retries + 1)


@pytest.mark.parametrize(
    ("seconds", "told"), [("59.2", "60 s"), ("119", "119 s"), ("121", "3 min"), ("86400", "24 h")]
)
def test_a_wait_is_told_in_a_unit_that_a_person_would_use(
    seconds: str, told: str, env: Env, sandbox: Sandbox
) -> None:
    sandbox.replies.append(answer(429, f"Retry-After: {seconds}"))
    done = run("send", "hi", "--max-retries", "0", env=env)
    assert (done.code, done.err.splitlines()[-1]) == (6, f"  next: wait {told}, then try again")


def test_twice_when_nobody_says_how_often(env: Env, sandbox: Sandbox) -> None:
    sandbox.replies += [answer(529, "Retry-After: 0")] * 5
    del env["RESPAN_MAX_RETRIES"]
    assert run("send", "hi", env=env).code == 7
    assert len(sandbox.requests) == 3


@pytest.mark.parametrize(
    "model",
    [
        "sandbox-cut",
        "sandbox-close",
        "sandbox-reset",
        "sandbox-json",
        "sandbox-stream-error-overloaded_error",
    ],
)
def test_never_once_an_answer_has_begun(model: str, env: Env, sandbox: Sandbox) -> None:
    assert run("send", "hi", "-m", model, "--max-retries", "2", env=env).code in (7, 9)
    assert len(sandbox.requests) == 1


def test_never_when_the_gateway_stayed_silent(env: Env, sandbox: Sandbox) -> None:
    argv = ("-m", "sandbox-silent", "--timeout", "0.1", "--max-retries", "2")
    assert run("send", "hi", *argv, env=env).code == 8
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        answer(429, "Retry-After: 0.03"),
        answer(429, f"Retry-After: {formatdate(0, usegmt=True)}"),
        answer(429, body='{"detail": "Slow down.", "retry_after": 0.03}'),
        answer(429, body='{"error": {"type": "rate_limit_error", "message": "Slow.", "retry_after": 0}}'),
    ],
    ids=["seconds", "a date that has passed", "the body", "the error in the body"],
)
def test_the_wait_is_the_one_the_server_asks_for(reply: bytes, env: Env, sandbox: Sandbox) -> None:
    sandbox.replies.append(reply)
    done = run("send", "hi", "--max-retries", "1", env=env, stderr_is_terminal=True)
    said = "HTTP 429, retry 1 of 1 in 0.0 s"
    assert done == Outcome(0, "hi\n", f"\x1b[2mrespan: \x1b[0m{said}\n")


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "7"}, None, 7.0),
        ({"retry-after": "-7"}, None, 0.0),
        ({"retry-after": "7"}, {"retry_after": 9}, 7.0),
        ({}, {"retry_after": "9"}, 9.0),
        ({"retry-after": "soon"}, {"retry_after": 9}, 9.0),
        ({"retry-after": "nan"}, None, None),
        ({"retry-after": "inf"}, None, None),
        ({"retry-after": "9" * 400}, None, None),
        ({"retry-after": "Mon, 99 Jan 2026 00:00:00 GMT"}, None, None),
        ({}, {"retry_after": {}}, None),
        ({}, ["retry_after"], None),
        ({}, None, None),
    ],
)
def test_what_a_server_may_say_of_the_wait(
    headers: dict[str, str], body: object, seconds: float | None
) -> None:
    assert retry_after(headers, body) == seconds


def test_a_date_is_a_wait_until_then() -> None:
    wait = retry_after({"retry-after": formatdate(time.time() + 100, usegmt=True)}, None)
    assert wait is not None
    assert 90 < wait <= 100


def test_a_wait_beyond_reason_is_told_instead_of_waited_for(env: Env, sandbox: Sandbox) -> None:
    sandbox.replies.append(answer(503, f"Retry-After: {MAX_WAIT_S + 1:g}"))
    done = run("send", "hi", "--max-retries", "2", env=env)
    assert done.code == 7
    assert "  next: wait 61 s, then try again\n" in done.err
    assert len(sandbox.requests) == 1


def waits(failure: RespanError, retries: int = 8) -> list[float | None]:
    """The wait before each attempt after this failure."""
    context = RequestContext("http://127.0.0.1:9/", "m", "default", "RESPAN_API_KEY")
    client = GatewayClient(context, [], timeout=1, max_retries=retries)
    found = [client.wait_after(failure, attempts) for attempts in range(retries + 1)]
    return [wait.seconds if wait else None for wait in found]


def test_without_a_word_of_the_server_the_wait_doubles_up_to_a_cap_and_is_never_the_same() -> None:
    failure = ProviderError("it failed", retryable=True)
    for wait, longest in zip(waits(failure)[:-1], [0.5, 1, 2, 4, 8, 8, 8, 8], strict=True):
        assert wait is not None
        assert longest * 0.75 <= wait <= longest
    assert (FIRST_BACKOFF_S, MAX_BACKOFF_S) == (0.5, 8)
    assert len({waits(failure)[0] for _ in range(20)}) > 1
    assert waits(failure)[-1] is None


def test_what_must_not_be_tried_again_has_no_wait() -> None:
    assert waits(ProviderError("no"), 1) == [None, None]
    assert waits(ResponseTimeoutError("silent", retryable=True), 1) == [None, None]


def test_a_wait_is_announced_to_a_person_and_not_to_a_script(env: Env, sandbox: Sandbox) -> None:
    sandbox.replies += [answer(529, "Retry-After: 0"), answer(503, "Retry-After: 0")]
    done = run("send", "hi", "--max-retries", "2", "--color", "never", env=env, stderr_is_terminal=True)
    assert done == Outcome(
        0,
        "hi\n",
        "respan: HTTP 529, retry 1 of 2 in 0.0 s\nrespan: HTTP 503, retry 2 of 2 in 0.0 s\n",
    )
    sandbox.replies += [answer(529, "Retry-After: 0"), answer(503, "Retry-After: 0")]
    assert run("send", "hi", "--max-retries", "2", env=env) == Outcome(0, "hi\n", "")
