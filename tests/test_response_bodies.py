"""What a gateway sends is judged by what it is: streams, messages, errors and pages under any label."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from respan_cli.gateway.sse import MAX_EVENT_BYTES, EventTooLargeError, SseDecoder
from respan_cli.sandbox import Sandbox
from tests.support import Outcome, run

Env = dict[str, str]

START = {"type": "message_start", "message": {"id": "msg_1", "model": "m", "content": [], "usage": {}}}
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
BLOCK_END = {"type": "content_block_stop", "index": 0}
STOP = {"type": "message_stop"}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hello."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


def text(words: str) -> dict[str, Any]:
    """A delta of the answer."""
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": words}}


def end(reason: str | None = "end_turn") -> dict[str, Any]:
    """The end of the message's fields."""
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 2}}


def http(body: bytes, kind: str = "text/event-stream", *headers: str) -> bytes:
    """A response with status 200."""
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def stream(*events: dict[str, Any] | str) -> bytes:
    """A stream of events; a text stands for the data of one."""
    datas = (event if isinstance(event, str) else json.dumps(event) for event in events)
    return http("".join(f"data: {data}\n\n" for data in datas).encode())


WHOLE = stream(START, BLOCK, text("Hello."), BLOCK_END, end(), STOP)


@pytest.fixture
def env(env: Env) -> Env:
    """One retry, and no wait worth mentioning."""
    return {**env, "RESPAN_MAX_RETRIES": "1"}


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream", "text/plain"])
def test_a_whole_message_is_an_answer_in_every_form(kind: str, env: Env, sandbox: Sandbox) -> None:
    reply = http(json.dumps(MESSAGE).encode(), kind)
    sandbox.replies += [reply] * 3
    assert run("send", "hi", env=env) == Outcome(0, "Hello.\n", "")
    found = json.loads(run("send", "hi", "--json", env=env).out)
    assert found["message"] == MESSAGE
    assert (found["text"], found["usage"]) == ("Hello.", MESSAGE["usage"])
    events = [json.loads(line) for line in run("send", "hi", "--events", env=env).out.splitlines()]
    assert [event["type"] for event in events] == [
        *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
        *("message_delta", "message_stop", "result"),
    ]


@pytest.mark.parametrize(
    "before",
    [(), ({"type": "ping"},), (START,), (START, BLOCK)],
    ids=["first", "after a ping", "after the start", "after a block began"],
)
def test_an_overload_before_any_text_is_retried(
    before: tuple[dict[str, Any], ...], env: Env, sandbox: Sandbox
) -> None:
    error = {**OVERLOADED, "error": {**OVERLOADED["error"], "retry_after": 0}}  # type: ignore[dict-item]
    sandbox.replies += [stream(*before, error), WHOLE]
    assert run("send", "hi", env=env) == Outcome(0, "Hello.\n", "")
    assert len(sandbox.requests) == 2


def test_an_overload_after_text_is_never_retried(env: Env, sandbox: Sandbox) -> None:
    sandbox.replies += [stream(START, BLOCK, text("Hel"), OVERLOADED), WHOLE]
    done = run("send", "hi", env=env)
    assert (done.code, done.out) == (7, "Hel")
    assert "  why:  Overloaded\n" in done.err
    assert len(sandbox.requests) == 1


def test_a_refusal_inside_a_stream_is_not_retried(env: Env, sandbox: Sandbox) -> None:
    refusal = {"type": "error", "error": {"type": "invalid_request_error", "message": "No such field."}}
    sandbox.replies += [stream(refusal), WHOLE]
    done = run("send", "hi", "--json", env=env)
    assert (done.code, json.loads(done.err)["error"]["type"]) == (5, "invalid_request_error")
    assert len(sandbox.requests) == 1


UNTYPED = {"error": {"message": "Rate limited by LiteLLM", "type": "rate_limit_error"}}
ERRORS = {
    "an untyped event, first": (stream(UNTYPED), 6, "Rate limited by LiteLLM", "rate_limit_error"),
    "an untyped event in mid-stream": (
        stream(START, BLOCK, text("Hel"), UNTYPED),
        *(6, "Rate limited by LiteLLM", "rate_limit_error"),
    ),
    "a code instead of a type": (
        stream({"error": {"message": "Too many", "type": "None", "code": "429"}}),
        *(6, "Too many", "None"),
    ),
    "a detail labelled as a stream": (
        http(b'{"detail": "You have no credits left"}'),
        *(7, "You have no credits left", "provider"),
    ),
    "an error object labelled as JSON": (
        http(json.dumps(OVERLOADED).encode(), "application/json"),
        *(7, "Overloaded", "overloaded_error"),
    ),
    "a bad key labelled as JSON": (
        http(
            b'{"type":"error","error":{"type":"authentication_error","message":"bad key"}}',
            "application/json",
        ),
        *(4, "bad key", "authentication_error"),
    ),
    "a page labelled as a stream": (
        http(b"<html><title>Sign in</title></html>"),
        *(9, "Sign in", "broken_reply"),
    ),
    "words labelled as a stream": (http(b"upstream unavailable"), 9, "upstream unavailable", "broken_reply"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_under_status_200_has_the_words_and_the_code_of_its_type(
    name: str, env: Env, sandbox: Sandbox
) -> None:
    reply, code, words, kind = ERRORS[name]
    sandbox.replies.append(reply)
    done = run("send", "hi", "--json", "--max-retries", "0", env=env)
    error = json.loads(done.err)["error"]
    assert (done.code, error["type"]) == (code, kind)
    assert words in error["message"]
    assert done.out == ""


def test_no_credits_under_status_200_are_not_worth_another_attempt(env: Env, sandbox: Sandbox) -> None:
    sandbox.replies += [http(b'{"detail": "You have no credits left"}'), WHOLE]
    done = run("send", "hi", "--json", env=env)
    assert (done.code, json.loads(done.err)["error"]["retryable"]) == (7, False)


@pytest.mark.parametrize(
    "reply",
    [
        stream(
            {"id": "x", "object": "chat.completion.chunk", "choices": [{"delta": {"content": "Hi"}}]},
            "[DONE]",
        ),
        http(
            b'{"object": "chat.completion", "choices": [{"message": {"content": "Hi"}}]}', "application/json"
        ),
    ],
    ids=["chunks", "whole"],
)
def test_an_answer_of_openais_api_is_named_and_points_to_the_base_url(
    reply: bytes, env: Env, sandbox: Sandbox
) -> None:
    sandbox.replies += [reply, WHOLE]
    done = run("send", "hi", "--json", env=env)
    error = json.loads(done.err)["error"]
    assert (done.code, error["retryable"]) == (9, False)
    assert "OpenAI" in error["message"]
    assert "base URL" in error["hint"]
    assert len(sandbox.requests) == 1


def test_done_before_the_end_is_skipped(env: Env, sandbox: Sandbox) -> None:
    sandbox.replies.append(stream(START, BLOCK, text("Hello."), BLOCK_END, end(), "[DONE]", STOP))
    assert run("send", "hi", env=env) == Outcome(0, "Hello.\n", "")


def test_a_start_that_is_sent_twice_is_harmless(env: Env, sandbox: Sandbox) -> None:
    sandbox.replies.append(stream(START, START, BLOCK, text("Hello."), BLOCK_END, end(), STOP))
    assert run("send", "hi", env=env) == Outcome(0, "Hello.\n", "")


def test_text_in_the_start_of_a_message_is_not_lost(env: Env, sandbox: Sandbox) -> None:
    start = {"type": "message_start", "message": {**START["message"], "content": MESSAGE["content"]}}  # type: ignore[dict-item]
    sandbox.replies += [stream(start, end(), STOP)] * 2
    assert run("send", "hi", env=env) == Outcome(0, "Hello.\n", "")
    assert json.loads(run("send", "hi", "--json", env=env).out)["text"] == "Hello."


def test_tokens_that_are_not_counted_are_unknown_and_not_0(env: Env, sandbox: Sandbox) -> None:
    end_without_usage = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    sandbox.replies += [stream(START, BLOCK, text("Hello."), BLOCK_END, end_without_usage, STOP)] * 2
    shown = run("send", "hi", "--usage", env=env)
    assert (shown.code, shown.out) == (0, "Hello.\n")
    assert "token" not in shown.err.replace("first token", "")
    found = json.loads(run("send", "hi", "--json", env=env).out)
    assert (found["usage"], found["timing"]["output_tokens_per_second"]) == ({}, None)


@pytest.mark.parametrize(
    ("headers", "sent"),
    [(("x-should-retry: false",), 1), (("x-should-retry: true", "retry-after-ms: 1"), 2)],
    ids=["not wished", "wished"],
)
def test_the_server_says_whether_another_attempt_is_worth_it(
    headers: tuple[str, ...], sent: int, env: Env, sandbox: Sandbox
) -> None:
    status = "503 Busy" if sent == 1 else "400 Odd"
    refusal = (
        f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n" + "".join(f"{line}\r\n" for line in headers) + "\r\n"
    )
    sandbox.replies += [refusal.encode(), WHOLE]
    done = run("send", "hi", env=env)
    assert (done.code, len(sandbox.requests)) == (7 if sent == 1 else 0, sent)


def test_halves_of_a_surrogate_pair_are_joined(env: Env, sandbox: Sandbox, tmp_path: Path) -> None:
    halves = [
        r'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\ud83d"}}',
        r'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\ude00b"}}',
    ]
    sandbox.replies += [stream(START, BLOCK, *halves, BLOCK_END, end(), STOP)] * 3
    assert run("send", "hi", env=env) == Outcome(0, "a😀b\n", "")
    assert run("send", "hi", "-o", str(tmp_path / "out"), env=env) == Outcome(0, "", "")
    assert (tmp_path / "out").read_text("utf-8") == "a😀b\n"
    assert json.loads(run("send", "hi", "--json", env=env).out)["text"] == "a😀b"


NOT_WHOLE = {
    "no text block": (stream(START, end(), STOP), "the answer has no text"),
    "white space": (stream(START, BLOCK, text(" \n"), BLOCK_END, end(), STOP), "the answer has no text"),
    "thinking only": (
        stream(
            START,
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "thinking", "thinking": "Hm"},
            },
            *(BLOCK_END, end(), STOP),
        ),
        "the answer has no text",
    ),
    "an unasked tool call": (
        stream(
            START,
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
            },
            *(BLOCK_END, end("tool_use"), STOP),
        ),
        "the model called a tool, and the request had none",
    ),
    "pause_turn": (stream(START, BLOCK, text("Hel"), BLOCK_END, end("pause_turn"), STOP), "pause_turn"),
    "no reason": (stream(START, BLOCK, text("Hel"), BLOCK_END, end(None), STOP), "gave no reason to stop"),
    "an unknown reason": (stream(START, BLOCK, text("Hel"), BLOCK_END, end("new_one"), STOP), "'new_one'"),
}


@pytest.mark.parametrize("name", NOT_WHOLE)
def test_an_answer_that_is_not_whole_is_a_warning_and_keeps_the_file_with_strict(
    name: str, env: Env, sandbox: Sandbox, tmp_path: Path
) -> None:
    reply, words = NOT_WHOLE[name]
    sandbox.replies += [reply, reply]
    warned = run("send", "hi", env=env)
    assert warned.code == 0
    assert warned.err.startswith("warning: ")
    assert words in warned.err
    notes = tmp_path / "notes.md"
    notes.write_text("old")
    strict = run("send", "hi", "--strict", "-o", str(notes), env=env)
    assert (strict.code, notes.read_text()) == (10, "old")
    assert words in strict.err


def test_a_tool_call_that_was_asked_for_is_a_whole_answer(env: Env, sandbox: Sandbox) -> None:
    sandbox.replies.append(NOT_WHOLE["an unasked tool call"][0])
    tools = '{"tools": [{"name": "f", "input_schema": {"type": "object"}}]}'
    done = run("send", "hi", "--strict", "--json", "--extra-body", tools, env=env)
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out)["stop_reason"] == "tool_use"


MALFORMED = {
    "a block that is a list": {**BLOCK, "content_block": []},
    "a type that is a list": {**BLOCK, "content_block": {"type": []}},
    "thinking that is a number": {**BLOCK, "content_block": {"type": "thinking", "thinking": 7}},
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("argv", [(), ("--show-thinking",), ("--json",), ("--events",)], ids=" ".join)
def test_a_malformed_event_is_no_defect_of_ours(
    name: str, argv: tuple[str, ...], env: Env, sandbox: Sandbox
) -> None:
    sandbox.replies.append(stream(START, MALFORMED[name], STOP))
    assert run("send", "hi", *argv, env=env).code == 9


@pytest.mark.parametrize("piece", ["[" * 100_000, "NaN", '{"a": NaN}'], ids=["deep", "NaN", "inner NaN"])
def test_the_input_of_a_tool_that_is_not_json_stays_text(piece: str, env: Env, sandbox: Sandbox) -> None:
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": piece}
    sandbox.replies.append(
        stream(
            START,
            {**BLOCK, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            *(BLOCK_END, end("tool_use"), STOP),
        )
    )
    done = run("send", "hi", "--json", env=env)
    assert done.code == 0
    found = json.loads(done.out, parse_constant=pytest.fail)
    assert found["message"]["content"][0]["input"] == piece


def test_content_that_is_encoded_twice_is_not_unpacked(env: Env, sandbox: Sandbox) -> None:
    sandbox.replies.append(http(b"anything", "text/event-stream", "Content-Encoding: gzip, gzip"))
    done = run("send", "hi", env=env)
    assert done.code == 9
    assert "encoded more than once" in done.err


def test_an_event_has_a_limit() -> None:
    decoder = SseDecoder()
    piece = b"x" * 2**20
    for _ in range(MAX_EVENT_BYTES // len(piece)):
        assert list(decoder.feed(piece)) == []
    with pytest.raises(EventTooLargeError):
        next(decoder.feed(piece))


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_the_same_in_whatever_pieces_they_come(newline: bytes, size: int) -> None:
    lines = [
        b": comment",
        b"event: one",
        b"data: a",
        b"data:b",
        b"id: 7",
        b"",
        b"",
        b"data",
        b"",
        b"data: c",
        b"",
    ]
    whole = newline.join(lines) + newline
    decoder = SseDecoder()
    found = [event for at in range(0, len(whole), size) for event in decoder.feed(whole[at : at + size])]
    assert [tuple(event) for event in found] == [("one", "a\nb"), ("message", ""), ("message", "c")]
