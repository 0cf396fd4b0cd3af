"""Every way to fail has its exit code and its words: one table, one row a fault, over real sockets.

Each row is played three times, for plain output, `--json` and `--events`, and compared whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from respan_cli.sandbox import FAULTS, Sandbox
from respan_cli.sandbox.quirks import QUIRKS
from tests.support import Outcome, run

Env = dict[str, str]
Script = bytes | Callable[[Any], None]

PROMPT = "first half of it, second half of it"
HALF = "first half of it, "
REQUEST_ID = "req_000000000000000000000001"
LOG_ID = "23cd0118-8a49-58a7-92f7-c1bb4388b5f6"

KEYS = "the key came from RESPAN_API_KEY; create one at https://platform.respan.ai/platform/api/api-keys"
PERMISSIONS = (
    "the key from RESPAN_API_KEY may not do this; see what it may do at "
    "https://platform.respan.ai/platform/api/api-keys"
)
CREDITS = (
    "add credits at https://platform.respan.ai/platform/api/credits, "
    "or a provider key at https://platform.respan.ai/platform/api/integrations"
)
MODEL = "model '{model}' came from --model; the base URL is {url}"
DRY_RUN = "--dry-run shows the request"
SHORTER = "a shorter prompt, or fewer files"
LATER = "wait a moment, then try again"
NOT_WHOLE = "what has arrived is not the whole answer; send it again"
WHOSE = (
    "is the base URL right? 'respan config show --origin' tells where it came from; "
    "a captive portal or a company proxy answers like this too"
)
REDIRECTED = "the gateway redirected the request, which is not followed: key and prompt go to one host"
THERE = "set the base URL to where it points, if you trust that host"
FROM = "'respan config show --origin' tells where the base URL came from"
UNREADABLE = "the stream is damaged: an event cannot be read"
FAILED = "the gateway or the provider failed"
REJECTED = "the request was refused"
BUSY = "too many requests, or the quota is used up"
IN_STREAM = "the stream ended with an error"
GONE = "wait a moment, then try again; is it a gateway? " + FROM


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One row: how the fault is played, and everything that must be seen of it."""

    code: int
    type: str
    message: str
    why: str | None
    next: str | None
    model: str = "claude-any"
    reply: Script | None = None  # a whole response, instead of what the model's name makes the sandbox do
    argv: tuple[str, ...] = ()
    status: int | None = None
    retryable: bool = False
    retry_after: float | None = None
    request_id: str | None = REQUEST_ID
    log_id: str | None = LOG_ID
    out: str = ""  # the partial answer


def http(status: int, body: bytes, kind: str = "application/json", **headers: str) -> bytes:
    """A whole HTTP response."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def stream(*lines: str) -> bytes:
    """A stream that begins well, and goes on with these lines."""
    start = [
        'data: {"type":"message_start","message":{"id":"msg_1","content":[],"usage":{}}}',
        'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
        'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"HALF"}}',
    ]
    start[-1] = start[-1].replace("HALF", HALF)
    return http(200, "".join(f"{line}\n\n" for line in [*start, *lines]).encode(), "text/event-stream")


def chunked(response: bytes, rest: bytes) -> bytes:
    """The response with its body as one chunk, and what follows it."""
    head, _, body = response.partition(b"\r\n\r\n")
    head = head.replace(b"Content-Length", b"Transfer-Encoding: chunked\r\nX-Length")
    return b"%b\r\n\r\n%x\r\n%b\r\n%b" % (head, len(body), body, rest)


def with_ids(response: bytes) -> bytes:
    """The response with the ids that the sandbox gives its first."""
    ids = f"request-id: {REQUEST_ID}\r\nX-Respan-Log-Id: {LOG_ID}\r\n".encode()
    return response.replace(b"\r\n", b"\r\n" + ids, 1)


def bare(**row: Any) -> Fault:
    """A row of a response that has no ids."""
    return Fault(**{"request_id": None, "log_id": None, **row})


def status(number: int, code: int, message: str, next: str, kind: str, why: str, **row: Any) -> Fault:  # noqa: A002
    """A row of an HTTP status that the sandbox plays."""
    return Fault(
        model=f"sandbox-{number}",
        code=code,
        status=number,
        type=kind,
        message=f"{message} (HTTP {number})",
        why=why,
        next=next,
        **row,
    )


def body(sent: bytes, why: str | None, kind: str = "application/json", **row: Any) -> Fault:
    """A row of a 400 with a body of some shape."""
    known = {
        "code": 5,
        "type": "refused",
        "message": f"{REJECTED} (HTTP 400)",
        "next": DRY_RUN,
        "status": 400,
    }
    return bare(**{**known, "reply": http(400, sent, kind), "why": why, **row})


def in_stream(kind: str, code: int, next: str, **row: Any) -> Fault:  # noqa: A002
    """A row of an error event after half an answer."""
    return Fault(
        model=f"sandbox-stream-error-{kind}",
        code=code,
        status=200,
        type=kind,
        message=IN_STREAM,
        why=f"The sandbox was asked for {kind}.",
        next=next,
        out=HALF,
        **row,
    )


def broke(why: str, **row: Any) -> Fault:
    """A row of an answer that broke off after half of it."""
    known = {"code": 9, "type": "broken_reply", "message": "the answer broke off", "next": NOT_WHOLE}
    return Fault(**{**known, "retryable": True, "out": HALF, "why": why, **row})


def damaged(*lines: str, **row: Any) -> Fault:
    """A row of a stream with something in it that is not the API's."""
    return broke(UNREADABLE, reply=stream(*lines), request_id=None, log_id=None, **row)


TABLE: dict[str, Fault] = {
    # --- a status ---
    "400 is a refused request": status(
        400, 5, REJECTED, DRY_RUN, "invalid_request_error", "The sandbox was asked for a bad request."
    ),
    "401 names the source of the key": status(
        401, 4, "the key was not accepted", KEYS, "authentication_error", "invalid x-api-key"
    ),
    "402 names the pages for credits and provider keys": status(
        402,
        6,
        "no credits, or no provider key",
        CREDITS,
        "billing_error",
        "Your credit balance is too low to access the API.",
    ),
    "403 names the source of the key": status(
        403,
        4,
        "not permitted",
        PERMISSIONS,
        "permission_error",
        "Your API key does not have permission to use the specified resource.",
    ),
    "404 names the model and where it came from": status(
        404, 5, "not found", MODEL, "not_found_error", "The requested resource could not be found."
    ),
    "408 may be tried again": status(
        408, 5, REJECTED, LATER, "timeout_error", "The request was not received in time.", retryable=True
    ),
    "409 may be tried again": status(
        409, 5, REJECTED, LATER, "conflict_error", "The request conflicts with another one.", retryable=True
    ),
    "413 is too large a request": status(
        413, 5, "the request is too large", SHORTER, "request_too_large", "Request exceeds the maximum size"
    ),
    "422 is a refused request": status(
        422, 5, REJECTED, DRY_RUN, "invalid_request_error", "The request could not be processed."
    ),
    "424 is a refused request": status(
        424, 5, REJECTED, DRY_RUN, "invalid_request_error", "A dependency of the request failed."
    ),
    "418 is a refused request too": body(
        b"", None, reply=http(418, b""), status=418, message=f"{REJECTED} (HTTP 418)"
    ),
    "429 tells the wait of its header": status(
        429,
        6,
        BUSY,
        "wait 1 s, then try again",
        "rate_limit_error",
        "This request would exceed your rate limit.",
        retryable=True,
        retry_after=1.0,
    ),
    "429 tells the wait of its body": Fault(
        model="sandbox-429-body",
        code=6,
        type="limit",
        status=429,
        message=f"{BUSY} (HTTP 429)",
        why="Rate limit exceeded.",
        next="wait 1 s, then try again",
        retryable=True,
        retry_after=1.0,
    ),
    "429 that asks for a day": Fault(
        model="sandbox-429-long",
        argv=("--max-retries", "2"),
        code=6,
        type="rate_limit_error",
        status=429,
        message=f"{BUSY} (HTTP 429)",
        why="This request would exceed your rate limit.",
        next="wait 24 h, then try again",
        retryable=True,
        retry_after=86400.0,
    ),
    **{
        f"429 that asks for {asked} s": bare(
            reply=http(429, b"", Retry_After=asked),
            code=6,
            type="limit",
            status=429,
            message=f"{BUSY} (HTTP 429)",
            why=None,
            next=f"wait {told}, then try again",
            retryable=True,
            retry_after=min(float(asked), 1e9),
        )
        for asked, told in (("1.25", "2 s"), ("12345678", "143 days"), ("1e308", "11,575 days"))
    },
    "429 with a wait that is no number": bare(
        reply=http(429, b"", Retry_After="soon", Date="x"),
        code=6,
        type="limit",
        status=429,
        message=f"{BUSY} (HTTP 429)",
        why=None,
        next=LATER,
        retryable=True,
    ),
    **{
        f"{number} is a failure of the gateway or the provider": status(
            number, 7, FAILED, LATER, kind, why, retryable=True
        )
        for number, kind, why in (
            (500, "api_error", "Internal server error"),
            (502, "api_error", "Bad gateway"),
            (503, "api_error", "Service unavailable"),
            (504, "timeout_error", "Gateway timeout"),
            (529, "overloaded_error", "Overloaded"),
        )
    },
    "502 with a page shows its title": Fault(
        model="sandbox-html-502",
        code=7,
        type="provider",
        status=502,
        message=f"{FAILED} (HTTP 502)",
        why="Sign in",
        next=LATER,
        retryable=True,
    ),
    "a redirect names where it pointed": Fault(
        model="sandbox-redirect",
        code=5,
        type="refused",
        status=307,
        message=f"{REDIRECTED} (HTTP 307)",
        why="it points to {url}elsewhere",
        next=THERE,
    ),
    "a redirect to another host": body(
        b"",
        "it points to https://evil.example/v1/messages",
        reply=http(301, b"", Location="https://evil.example/v1/messages"),
        status=301,
        message=f"{REDIRECTED} (HTTP 301)",
        next=THERE,
    ),
    "a redirect to no URL": body(
        b"",
        "it points to http://[",
        reply=http(302, b"", Location="http://["),
        status=302,
        message=f"{REDIRECTED} (HTTP 302)",
        next=THERE,
    ),
    "a redirect to nowhere": body(
        b"", None, reply=http(304, b""), status=304, message=f"{REDIRECTED} (HTTP 304)", next=THERE
    ),
    # --- the shape of an error's body ---
    "a body with a detail": body(b'{"detail": "The detail of it."}', "The detail of it."),
    "a body with the error as a string": body(b'{"error": "As a string."}', "As a string."),
    "a body with the error as an object": body(
        b'{"error": {"type": "invalid_request_error", "message": "As an object."}}',
        "As an object.",
        type="invalid_request_error",
    ),
    "a body with the request's id in it": body(
        b'{"error": {"message": "Once."}, "request_id": "req_7"}', "Once.", request_id="req_7"
    ),
    "an empty body": body(b"", None),
    "a body in plain text": body(b"Not today.", "Not today.", "text/plain"),
    "a page with a title": body(b"<html><title>A &amp; B</title><body>x</body>", "A & B", "text/html"),
    "a page without a title": body(b"<html><h1>Oh</h1> <p>no</p>", "Oh no", "text/html"),
    "a body that is a list": body(b'["one", 2]', '["one", 2]'),
    "a body that is a number": body(b"7", "7"),
    "a body with a list of details": body(
        b'{"detail": [{"loc": ["model"]}]}', '{"detail": [{"loc": ["model"]}]}'
    ),
    "a body of the wrong types": body(
        b'{"error": {"type": 5, "message": {"a": 1}}, "request_id": [1], "retry_after": {}}',
        '{"error": {"type": 5, "message": {"a": 1}}, "request_id": [1], "retry_after": {}}',
    ),
    "a type that is no name": body(
        b'{"error": {"type": "\\u001b[31m red", "message": "Said \\u001b[2Jquietly\\u202e."}}',
        "Said [2Jquietly.",
    ),
    "a body that is not UTF-8": body(b'{"detail": "caf\xe9"}', "caf\ufffd"),
    "a body that is compressed wrongly": body(
        b"", None, reply=http(400, b"this is not gzip", Content_Encoding="gzip")
    ),
    "a body shorter than promised": body(
        b"", "cut sh", reply=b"HTTP/1.1 400 No\r\nContent-Length: 99\r\n\r\ncut sh"
    ),
    "a body nested deeper than any parser goes": body(b"[" * 50_000, "[" * 599 + "…"),
    # --- not the API ---
    "200 with a page": Fault(
        model="sandbox-html",
        code=9,
        type="broken_reply",
        message="{url} sent a reply of type text/html where the API sends a stream of events",
        why="Sign in",
        next=WHOSE,
    ),
    "200 and nothing": Fault(
        model="sandbox-empty",
        code=9,
        type="broken_reply",
        message="{url} sent an empty reply where the API sends a stream of events",
        why=None,
        next=WHOSE,
    ),
    "204": bare(
        reply=b"HTTP/1.1 204 No Content\r\n\r\n",
        code=9,
        type="broken_reply",
        message="{url} sent an empty reply where the API sends a stream of events",
        why=None,
        next=WHOSE,
    ),
    "200 with a JSON object": bare(
        reply=http(200, b'{"message": "Welcome."}'),
        code=9,
        type="broken_reply",
        message="{url} sent a reply of type application/json where the API sends a stream of events",
        why="Welcome.",
        next=WHOSE,
    ),
    "something that is not HTTP": bare(
        reply=b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        code=9,
        type="broken_reply",
        message="{host} sent a reply that is not HTTP",
        why="illegal status line: bytearray(b'SSH-2.0-OpenSSH_9.6')",
        next="is it https://, or another port? " + FROM,
    ),
    # --- an answer that breaks off ---
    "a clean end before message_stop": broke("the stream ended before message_stop", model="sandbox-cut"),
    "a connection closed in the middle": broke(
        "the connection was closed",
        model="sandbox-close",
    ),
    "a reset in the middle": broke("the connection was reset", model="sandbox-reset"),
    "silence in the middle": broke(
        "no byte came for 0.2 s", model="sandbox-stall", argv=("--timeout", "0.2")
    ),
    "a chunk without a length": broke(
        "illegal chunk header: bytearray(b'what?\\r\\n')",
        reply=chunked(stream(), b"what?\r\n"),
        request_id=None,
        log_id=None,
    ),
    "damaged JSON in an event": broke(UNREADABLE, model="sandbox-json"),
    "invalid UTF-8 in an event": broke(UNREADABLE, model="sandbox-utf8"),
    "a delta of a block that never began": broke(
        "an event of the stream is not the API's",
        reply=with_ids(
            stream('data: {"type":"content_block_delta","index":9,"delta":{"type":"text_delta"}}')
        ),
    ),
    "an end without a beginning": broke(
        "an event of the stream is not the API's",
        reply=with_ids(http(200, b'data: {"type":"message_stop"}\n\n', "text/event-stream")),
        out="",
    ),
    "an event that is a list": damaged("data: [1]"),
    "an event without a type": damaged('data: {"index":0}'),
    "an event with a number that JSON does not have": damaged('data: {"type":"x","n":NaN}'),
    "an event with a number beyond all numbers": damaged('data: {"type":"x","n":1e999}'),
    "an event nested deeper than any parser goes": damaged("data: " + "[" * 50_000),
    # --- an error inside the stream ---
    "overloaded_error in the stream": in_stream("overloaded_error", 7, LATER, retryable=True),
    "api_error in the stream": in_stream("api_error", 7, LATER, retryable=True),
    "timeout_error in the stream": in_stream("timeout_error", 7, LATER, retryable=True),
    "rate_limit_error in the stream": in_stream("rate_limit_error", 6, LATER, retryable=True),
    "billing_error in the stream": in_stream("billing_error", 6, CREDITS),
    "authentication_error in the stream": in_stream("authentication_error", 4, KEYS),
    "permission_error in the stream": in_stream("permission_error", 4, PERMISSIONS),
    "invalid_request_error in the stream": in_stream("invalid_request_error", 5, DRY_RUN),
    "not_found_error in the stream": in_stream("not_found_error", 5, MODEL),
    "request_too_large in the stream": in_stream("request_too_large", 5, SHORTER),
    "an error nobody knows in the stream": bare(
        reply=stream('event: error\ndata: {"error": {"type": "new_error", "message": "New."}}'),
        code=7,
        status=200,
        type="new_error",
        message=IN_STREAM,
        why="New.",
        next=LATER,
        retryable=True,
        out=HALF,
    ),
    "an error in the stream that is no JSON": bare(
        reply=stream("event: error\ndata: upstream went away"),
        code=7,
        status=200,
        type="provider",
        message=IN_STREAM,
        why="upstream went away",
        next=LATER,
        retryable=True,
        out=HALF,
    ),
    "an error in the stream that only its data calls so": bare(
        reply=stream('data: {"type": "error", "error": {"type": "overloaded_error", "message": "Later."}}'),
        code=7,
        status=200,
        type="overloaded_error",
        message=IN_STREAM,
        why="Later.",
        next=LATER,
        retryable=True,
        out=HALF,
    ),
    # --- no answer at all ---
    "silence before the first byte": bare(
        model="sandbox-silent",
        argv=("--timeout", "0.2", "--max-retries", "2"),
        code=8,
        type="timeout",
        message="no answer from {host}",
        why="no byte came for 0.2 s",
        next="--timeout waits longer",
        retryable=True,
    ),
    "a reset before the first byte": bare(
        model="sandbox-reset-early",
        code=8,
        type="unreached",
        message="no answer from {host}",
        why="the connection was reset",
        next=GONE,
        retryable=True,
    ),
    "a connection closed before the first byte": bare(
        model="sandbox-close-early",
        code=8,
        type="unreached",
        message="no answer from {host}",
        why="the connection was closed",
        next=GONE,
        retryable=True,
    ),
    "a connection closed between two headers": bare(
        reply=b"HTTP/1.1 200 OK\r\nContent-Type: text/event-str",
        code=8,
        type="unreached",
        message="no answer from {host}",
        why="the connection was closed",
        next=GONE,
        retryable=True,
    ),
}


def block(fault: Fault) -> str:
    """The error as a person reads it."""
    ids = [f"request {fault.request_id}"] * bool(fault.request_id) + [f"log {fault.log_id}"] * bool(
        fault.log_id
    )
    lines = {"why": fault.why, "next": fault.next, "ids": ", ".join(ids)}
    shown = "".join(f"  {name + ':':6}{text}\n" for name, text in lines.items() if text)
    return f"error: {fault.message}\n{shown}"


def line(fault: Fault) -> dict[str, Any]:
    """The error as a script reads it."""
    details = {
        "type": fault.type,
        "message": f"{fault.message}: {fault.why}" if fault.why else fault.message,
        "status": fault.status,
        "retryable": fault.retryable,
        "retry_after": fault.retry_after,
        "request_id": fault.request_id,
        "log_id": fault.log_id,
        "hint": fault.next,
    }
    return {"error": details, "exit_code": fault.code}


@pytest.mark.parametrize("fault", TABLE.values(), ids=TABLE)
def test_a_fault_has_its_code_and_its_words(fault: Fault, env: Env, sandbox: Sandbox) -> None:
    host = sandbox.url.removeprefix("http://")

    def played(*argv: str) -> Outcome:
        with Sandbox() as fresh:  # whose ids begin anew
            if fault.reply is not None:
                fresh.replies.append(fault.reply)
            address = {**env, "RESPAN_BASE_URL": fresh.url}
            done = run("send", PROMPT, "--model", fault.model, *fault.argv, *argv, env=address)
            same = fresh.url.removeprefix("http://")
            assert len(fresh.requests) == 1
        return Outcome(done.code, done.out, done.err.replace(same, host))

    def filled(text: str) -> str:
        for name, value in (("url", sandbox.url + "/"), ("host", host), ("model", fault.model)):
            text = text.replace(f"{{{name}}}", value)
        return text

    as_json = filled(json.dumps(line(fault), ensure_ascii=False)) + "\n"
    assert played() == Outcome(fault.code, fault.out, filled(block(fault)))
    assert played("--json") == Outcome(fault.code, "", as_json)
    events = played("--events")
    assert events == Outcome(fault.code, events.out, as_json)
    assert text_of(events.out) == fault.out


def text_of(lines: str) -> str:
    """The text of an answer from its events, none of which is a result."""
    events = [json.loads(line) for line in lines.splitlines()]
    assert all(event["type"] != "result" for event in events)
    return "".join(event["delta"].get("text", "") for event in events if "delta" in event)


def test_the_table_leaves_out_no_fault_of_the_sandbox() -> None:
    played = {fault.model for fault in TABLE.values()}
    fine = {"echo", "refusal", "max-tokens", "thinking", "hostile", "markdown", "long", "long-N", "slow"}
    fine |= {"unknown-event", "no-log-id", "log-drops", "log-blurred"}
    shapes = {"detail", "error-string", "error-object", "error-none", "error-text"}  # of a body: above
    elsewhere = {"error-huge", "429-date", "flaky-429", "flaky-500", "flaky-529", "flaky-reset"}
    elsewhere |= {"fail-every-N", "fail-every-N-STATUS"}
    assert set(FAULTS) - set(QUIRKS) - played == {f"sandbox-{name}" for name in fine | shapes | elsewhere}


def test_a_body_of_megabytes_is_cut(env: Env) -> None:
    done = run("send", PROMPT, "--model", "sandbox-error-huge", env=env)
    said = ("]0;owned[2J31m" + "no " * 600)[:599] + "…"
    known = {"request_id": REQUEST_ID, "log_id": LOG_ID, "type": "x", "code": 5}
    fault = Fault(message=f"{REJECTED} (HTTP 400)", why=said, next=DRY_RUN, **known)  # type: ignore[arg-type]
    assert done == Outcome(5, "", block(fault))
    as_json = json.loads(run("send", PROMPT, "--model", "sandbox-error-huge", "--json", env=env).err)
    assert as_json["error"]["type"] == "invalid_request_error"


def test_an_endless_error_is_not_read_to_its_end(env: Env, sandbox: Sandbox) -> None:
    def endless(connection: Any) -> None:
        connection.sendall(b"HTTP/1.1 500 Oh\r\nContent-Type: text/plain\r\n\r\n")
        while True:  # until the other side has had enough, which the sandbox takes for the end
            connection.sendall(b"no " * 10_000)

    sandbox.replies.append(endless)
    done = run("send", PROMPT, env=env)
    assert done.code == 7
    assert len(done.err) < 1000


def test_the_partial_answer_ends_its_line_on_a_terminal_and_nowhere_else(env: Env) -> None:
    asked = ("send", PROMPT, "--model", "sandbox-cut")
    shown = run(*asked, "--render", "plain", env=env, stdout_is_terminal=True)
    assert (shown.code, shown.out) == (9, HALF + "\n")
    rendered = run(*asked, env=env, stdout_is_terminal=True)
    assert (rendered.code, rendered.out) == (9, HALF.rstrip() + "\r\n")


@pytest.mark.parametrize("model", ["sandbox-cut", "sandbox-reset", "sandbox-529", "sandbox-html"])
def test_the_file_of_output_stays_as_it_was(model: str, env: Env, tmp_path: Any) -> None:
    path = tmp_path / "answer.txt"
    path.write_text("the old answer")
    assert run("send", PROMPT, "--model", model, "-o", str(path), env=env).code in (7, 9)
    assert path.read_text() == "the old answer"
    assert [entry.name for entry in tmp_path.iterdir()] == ["answer.txt"]


def test_what_a_person_reads_is_coloured_only_on_a_terminal(env: Env) -> None:
    done = run("send", PROMPT, "--model", "sandbox-400", env=env, stderr_is_terminal=True)
    assert done.err.startswith("\x1b[31m\x1b[1merror: \x1b[0m")
    assert "\x1b" not in run("send", PROMPT, "--model", "sandbox-400", env=env).err
    assert re.fullmatch(r"(\x1b\[\d+m|[^\x1b])*", done.err)
