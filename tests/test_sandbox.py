"""The sandbox, over real sockets: what it takes, what it answers, and that each fault does its one thing."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from respan_cli.sandbox import FAULTS, Sandbox
from respan_cli.sandbox.replies import SandboxRequest
from tests.sandbox_client import (
    BEARER,
    Json,
    call,
    connect,
    message,
    open_stream,
    read_to_the_end,
    send,
    stream,
)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


# --- what goes in


def test_a_request_without_a_key_is_refused_with_401(sandbox: Sandbox) -> None:
    refused = call(sandbox, "POST", "/v1/messages", message(), headers={})
    assert refused.status == 401
    assert refused.json() == {
        "type": "error",
        "error": {"type": "authentication_error", "message": "invalid x-api-key"},
        "request_id": refused.headers["request-id"],
    }


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-api-key": "right"}, 200),
        ({"Authorization": "Bearer right"}, 200),
        ({"authorization": "bearer right"}, 200),
        ({"x-api-key": "wrong"}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer right", "x-api-key": "of a profile"}, 200),
        ({"Authorization": "Bearer wrong", "x-api-key": "wrong"}, 401),
        ({"Authorization": "Basic right"}, 401),
        ({"Authorization": "Bearer "}, 401),
    ],
)
def test_only_the_given_key_is_accepted(headers: dict[str, str], status: int) -> None:
    with Sandbox(key="right") as sandbox:
        assert call(sandbox, "POST", "/v1/messages", message(), headers).status == status


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"not json", "The request body is not valid JSON: an object is expected"),
        ([], "The request body is not valid JSON: an object is expected"),
        ({}, "model: Field required"),
        ({"model": "m", "messages": []}, "max_tokens: Field required"),
        (message(max_tokens="9"), "max_tokens: Input should be a valid integer"),
        (message(max_tokens=True), "max_tokens: Input should be a valid integer"),
        (message(max_tokens=0), "max_tokens: Input should be greater than or equal to 1"),
        (message(messages=[]), "messages: at least one message is required"),
        (message(messages={}), "messages: Input should be a valid list"),
        (message(messages=["x"]), "messages.0: Input should be a valid dictionary"),
        (message(messages=[{"content": "x"}]), "messages.0.role: Field required"),
        (message(messages=[{"role": "user"}]), "messages.0.content: Field required"),
        (
            message(messages=[{"role": "tool", "content": "x"}]),
            "messages.0.role: Input should be 'user' or 'assistant'",
        ),
        (message(5), "messages.0.content: Input should be a valid string or list"),
        (message(""), "messages.0: user messages must have non-empty content"),
        (message(" \n"), "messages: text content blocks must contain non-whitespace text"),
        (message([{}]), "messages.0.content.0.type: Field required"),
        (message([{"type": "text"}]), "messages.0.content.0.text.text: Field required"),
        (message([{"type": "text", "text": ""}]), "messages: text content blocks must be non-empty"),
        (message(metadata=[]), "metadata: Input should be a valid dictionary"),
        (message(xyz=1), "xyz: Extra inputs are not permitted"),
        (message(customer_identifier="x"), "customer_identifier: Extra inputs are not permitted"),
    ],
)
def test_a_malformed_request_gets_the_complaint_of_the_api(
    sandbox: Sandbox, body: Any, complaint: str
) -> None:
    refused = call(sandbox, "POST", "/v1/messages", body)
    assert refused.status == 400
    assert refused.json()["error"] == {"type": "invalid_request_error", "message": complaint}


def test_every_field_of_the_messages_api_is_taken(sandbox: Sandbox) -> None:
    fields: Json = {"temperature": 1, "top_p": 0.5, "top_k": 3, "tools": [], "tool_choice": {"type": "auto"}}
    fields |= {"system": "Be brief.", "service_tier": "auto", "cache_control": {"type": "ephemeral"}}
    fields |= {"metadata": {"respan_params": "not an object", "extra_headers": {"a": "b"}}, "speed": "fast"}
    assert send(sandbox, **fields).status == 200
    assert sandbox.requests[0]["body"]["metadata"] == fields["metadata"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_ten_megabytes_arrives_whole(sandbox: Sandbox, chunked: bool) -> None:
    text = "0123456789abcdé\n" * 650_000
    body = json.dumps(message(text)).encode()
    pieces = iter([body[:70_000], body[70_000:]])
    connection = connect(sandbox)
    connection.request("POST", "/v1/messages", pieces if chunked else body, BEARER, encode_chunked=chunked)
    assert connection.getresponse().status == 200
    connection.close()
    assert sandbox.requests[0]["body"]["messages"][0]["content"] == text


def test_a_length_beyond_reason_is_refused_unread(sandbox: Sandbox) -> None:
    too_large = {**BEARER, "Content-Length": str(10**12)}
    answered = call(sandbox, "POST", "/v1/messages", None, too_large)
    assert (answered.status, answered.json()["error"]["type"]) == (413, "request_too_large")


@pytest.mark.parametrize(
    "length", ["Content-Length: abc", "Content-Length: -5", "Transfer-Encoding: chunked"]
)
def test_a_length_that_is_no_number_is_refused_as_the_api_would(sandbox: Sandbox, length: str) -> None:
    host, port = sandbox.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"POST /v1/messages HTTP/1.1\r\nX-Api-Key: k\r\n{length}\r\n\r\nzz\r\n".encode())
        head, _, body = read_to_the_end(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"] == {
        "type": "invalid_request_error",
        "message": "The length of the request body is not a number",
    }


def test_it_keeps_what_it_received_and_shows_it_without_the_key(sandbox: Sandbox) -> None:
    path = "/api/anthropic/v1/messages?beta=true"
    assert call(sandbox, "POST", path, message(), {**BEARER, "X-Two": "2"}).status == 200
    call(sandbox, "PUT", "/elsewhere", b"plain text", {"x-api-key": "sk-secret"})
    first, second = sandbox.requests
    assert first["method"] == "POST"
    assert first["path"] == path
    assert first["headers"]["authorization"] == "Bearer sk-test"
    assert first["headers"]["x-two"] == "2"
    assert first["body"] == message()
    assert second["body"] == "plain text"
    shown = call(sandbox, "GET", "/requests", headers={})
    assert b"sk-test" not in shown.body
    assert b"sk-secret" not in shown.body
    assert [request["body"] for request in shown.json()] == [message(), "plain text"]


# --- what comes out


def test_a_stream_is_the_one_of_the_api(sandbox: Sandbox) -> None:
    answer = stream(sandbox, "one two three four five six seven")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    kinds = [event["type"] for event in answer.events()]
    assert kinds == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert answer.body.startswith(b"event: message_start\ndata: {")
    assert answer.text() == "one two three four five six seven"
    assert answer.events()[0]["message"]["usage"]["input_tokens"] == 9
    assert answer.delta()["stop_reason"] == "end_turn"
    assert answer.delta()["output_tokens"] == 9


def test_without_stream_the_answer_is_one_message(sandbox: Sandbox) -> None:
    answer = send(sandbox).json()
    assert answer["content"] == [{"type": "text", "text": "Hello, gateway!"}]
    assert answer["stop_reason"] == "end_turn"
    usage = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    assert answer["usage"] == {"input_tokens": 4, "output_tokens": 4, **usage}


@pytest.mark.parametrize(
    "text", ["a", "  spaces  \n\n kept ", "漢字 🎉 \u202e\x1b[31m\r\n", "x" * 99, " \nx" * 99]
)
def test_the_echo_is_verbatim(sandbox: Sandbox, text: str) -> None:
    assert stream(sandbox, text).text() == text


def test_images_and_documents_are_echoed_as_what_they_are(sandbox: Sandbox) -> None:
    blocks: list[Json] = [
        {"type": "text", "text": "Look:"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJDRA=="}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "é"}},
        {"type": "document", "source": {"type": "url", "url": "https://example.com"}},
    ]
    text = stream(sandbox, blocks).text()
    assert text == "Look:\n[image/png, 4 bytes]\n[text/plain, 2 bytes]\n[document]"


def test_max_tokens_cuts_the_answer(sandbox: Sandbox) -> None:
    answer = stream(sandbox, "one two three", max_tokens=2)
    assert answer.text() == "one two "
    assert answer.delta()["stop_reason"] == "max_tokens"
    assert answer.delta()["output_tokens"] == 2


def test_a_stop_sequence_ends_the_answer(sandbox: Sandbox) -> None:
    answer = stream(sandbox, "one two three", stop_sequences=["three", "two", "four", 4, ""])
    assert answer.text() == "one "
    assert answer.delta()["stop_reason"] == "stop_sequence"
    assert answer.delta()["stop_sequence"] == "two"


def test_a_schema_gets_a_document_with_what_it_requires(sandbox: Sandbox) -> None:
    schema = {
        "type": "object",
        "required": ["name", "size", "tags", "kind", "child", "twin"],
        "properties": {
            "name": {"type": ["string", "null"]},
            "size": {"type": "integer"},
            "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "minItems": 2},
            "kind": {"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]},
            "child": {"$ref": "#"},
            "twin": {"$ref": "#"},
            "unneeded": {"type": "number"},
        },
        "$defs": {"tag": {"const": "t"}},
    }
    config = {"format": {"type": "json_schema", "schema": schema}}
    document = json.loads(stream(sandbox, output_config=config).text())
    child, twin = document.pop("child"), document.pop("twin")
    assert child == twin
    assert document == {"name": "text", "size": 1, "tags": ["t", "t"], "kind": "a"}
    assert child["child"]["tags"] == ["t", "t"]


@pytest.mark.parametrize("schema", [None, 3, {"type": 3, "enum": {}}, {"type": "object", "required": [[]]}])
def test_a_schema_that_is_none_does_not_break_it(sandbox: Sandbox, schema: Any) -> None:
    assert send(sandbox, output_config={"format": {"type": "json_schema", "schema": schema}}).status == 200


@pytest.mark.parametrize("fields", [{"thinking": {"type": "adaptive"}}, {"model": "sandbox-thinking"}])
def test_thinking_comes_in_a_block_before_the_text(sandbox: Sandbox, fields: Json) -> None:
    answer = stream(sandbox, **fields)
    deltas = [(event["index"], event["delta"]["type"]) for event in answer.of_type("content_block_delta")]
    assert deltas == [(0, "thinking_delta"), (0, "signature_delta"), (1, "text_delta")]
    whole = send(sandbox, **fields).json()
    assert [block["type"] for block in whole["content"]] == ["thinking", "text"]


def test_the_same_requests_get_the_same_bytes_and_ids_in_every_run() -> None:
    def run() -> list[tuple[bytes, str, str]]:
        with Sandbox() as sandbox:
            answers = [stream(sandbox), send(sandbox), send(sandbox, model="sandbox-500")]
        return [(a.body, a.headers["request-id"], a.headers["x-respan-log-id"]) for a in answers]

    first = run()
    assert first == run()
    assert len({log_id for _, _, log_id in first}) == 3


def test_one_connection_serves_many_requests(sandbox: Sandbox) -> None:
    connection = connect(sandbox)
    for path, body in [("/v1/messages", message(stream=True)), ("/v1/messages", message()), ("/nowhere", {})]:
        connection.request("POST", path, json.dumps(body), BEARER)
        used = connection.sock
        connection.getresponse().read()
        assert connection.sock is used
    connection.close()


def test_many_requests_at_once_are_all_kept_and_numbered(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: stream(sandbox, f"number {n}"), range(64)))
    assert [answer.text() for answer in answers] == [f"number {n}" for n in range(64)]
    assert len({answer.headers["request-id"] for answer in answers}) == 64
    assert len(sandbox.requests) == 64


def test_the_sdk_takes_it_for_the_api(sandbox: Sandbox) -> None:
    from anthropic import Anthropic, RateLimitError

    with Anthropic(base_url=sandbox.url, api_key="sk-test", max_retries=0) as client:
        turn: Any = {"role": "user", "content": "Hello, SDK!"}
        with client.messages.stream(model="claude-test", max_tokens=99, messages=[turn]) as told:
            assert told.get_final_text() == "Hello, SDK!"
        whole = client.messages.create(model="claude-test", max_tokens=99, messages=[turn])
        assert whole.usage.output_tokens == 3
        with pytest.raises(RateLimitError, match="rate limit"):
            client.messages.create(model="sandbox-429", max_tokens=99, messages=[turn])


# --- the other routes


def test_it_names_itself_at_its_root(sandbox: Sandbox) -> None:
    assert call(sandbox, "GET", "/", headers={}).json()["name"] == "respan sandbox"


def test_head_gets_no_body(sandbox: Sandbox) -> None:
    host, port = sandbox.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"HEAD /api/anthropic/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        answer = read_to_the_end(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n")


def test_its_models_are_its_faults(sandbox: Sandbox) -> None:
    assert [model["id"] for model in call(sandbox, "GET", "/v1/models").json()["data"]] == list(FAULTS)
    assert call(sandbox, "GET", "/v1/models", headers={}).status == 401


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_anything_else_is_not_found(sandbox: Sandbox, method: str) -> None:
    missing = call(sandbox, method, "/v1/nothing")
    assert (missing.status, missing.json()) == (404, {"detail": "Not found."})
    assert missing.headers["x-respan-log-id"]


PARAMS: Json = {"customer_identifier": "c" * 300, "custom_identifier": "run-1", "metadata": {"agent": 7}}


def test_a_log_comes_late_and_holds_the_identity(sandbox: Sandbox) -> None:
    sent = send(sandbox, metadata={"respan_params": PARAMS})
    path = f"/api/request-logs/{sent.headers['x-respan-log-id']}/"
    assert [call(sandbox, "GET", path).status for _ in range(4)] == [404, 404, 200, 200]
    log = call(sandbox, "GET", path).json()
    assert log["unique_id"] == sent.headers["x-respan-log-id"]
    assert log["customer_identifier"] == "c" * 254
    assert log["custom_identifier"] == "run-1"
    assert log["metadata"] == {"agent": "7"}
    assert (log["status_code"], log["prompt_tokens"], log["completion_tokens"]) == (200, 4, 4)


def test_a_log_can_be_found_by_its_custom_identifier() -> None:
    with Sandbox(log_delay=1) as sandbox:
        for name in ("run-1", "run-2"):
            send(sandbox, metadata={"respan_params": {"custom_identifier": name}})
        wanted = {"filters": {"custom_identifier": {"operator": "", "value": ["run-2"]}}, "page_size": 5}
        found = [call(sandbox, "POST", "/api/request-logs/list/", wanted).json() for _ in range(2)]
    assert [answer["count"] for answer in found] == [0, 1]
    assert [log["custom_identifier"] for log in found[1]["results"]] == ["run-2"]


@pytest.mark.parametrize("filters", [None, [], {"model": "m"}, {"model": {"value": "m"}}], ids=json.dumps)
def test_filters_that_are_none_are_refused(sandbox: Sandbox, filters: Any) -> None:
    send(sandbox)
    answered = call(sandbox, "POST", "/api/request-logs/list/", {"filters": filters})
    assert answered.status == 400
    assert answered.json()["detail"].startswith("filters: ")


def test_a_log_is_only_for_those_with_a_key(sandbox: Sandbox) -> None:
    assert call(sandbox, "GET", "/api/request-logs/x/", headers={}).status == 401


def test_a_log_can_lose_the_metadata() -> None:
    with Sandbox(log_delay=0) as sandbox:
        sent = send(sandbox, model="sandbox-log-drops", metadata={"respan_params": PARAMS})
        log = call(sandbox, "GET", f"/api/request-logs/{sent.headers['x-respan-log-id']}/").json()
    assert (log["metadata"], log["custom_identifier"]) == ({}, "run-1")


# --- faults

STATUSES = [400, 401, 402, 403, 404, 408, 409, 413, 422, 424, 429, 500, 502, 503, 504, 529]
STREAM_ERRORS = [name for name in FAULTS if name.startswith("sandbox-stream-error-")]


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_can_be_asked_for(sandbox: Sandbox, status: int) -> None:
    refused = stream(sandbox, model=f"sandbox-{status}")
    assert refused.status == status
    assert refused.json()["type"] == "error"
    assert refused.json()["request_id"] == refused.headers["request-id"]
    assert refused.headers["x-respan-log-id"]


def test_the_wait_after_429_can_stand_in_header_date_or_body(sandbox: Sandbox) -> None:
    assert send(sandbox, model="sandbox-429").headers["retry-after"] == "1"
    assert send(sandbox, model="sandbox-429-long").headers["retry-after"] == "86400"
    in_body = send(sandbox, model="sandbox-429-body")
    assert (in_body.headers["retry-after"], in_body.json()["retry_after"]) == (None, 1)
    dated = send(sandbox, model="sandbox-429-date").headers
    wait = parsedate_to_datetime(dated["retry-after"]) - parsedate_to_datetime(dated["date"])
    assert wait.total_seconds() in (1, 2)


@pytest.mark.parametrize("status", [429, 500, 529])
def test_a_flaky_model_fails_at_every_odd_request(sandbox: Sandbox, status: int) -> None:
    answers = [send(sandbox, model=f"sandbox-flaky-{status}") for _ in range(4)]
    assert [answer.status for answer in answers] == [status, 200, status, 200]
    assert answers[0].headers["retry-after"] == "0"


def test_a_flaky_connection_works_the_second_time(sandbox: Sandbox) -> None:
    with pytest.raises(ConnectionResetError):
        send(sandbox, model="sandbox-flaky-reset")
    assert send(sandbox, model="sandbox-flaky-reset").status == 200


@pytest.mark.parametrize(
    ("model", "status", "kind", "body"),
    [
        ("sandbox-detail", 400, "application/json", b'{"detail":"The detail of it."}'),
        ("sandbox-error-string", 400, "application/json", b'{"error":"The error as a string."}'),
        ("sandbox-error-object", 400, "application/json", b'{"error":{"type":"invalid_request_error",'),
        ("sandbox-error-text", 400, "text/plain", b"Not today."),
        ("sandbox-html", 200, "text/html", b"<!doctype html>"),
        ("sandbox-html-502", 502, "text/html", b"<!doctype html>"),
    ],
)
def test_a_body_can_be_what_the_api_never_sends(
    sandbox: Sandbox, model: str, status: int, kind: str, body: bytes
) -> None:
    answer = stream(sandbox, model=model)
    assert (answer.status, answer.headers["content-type"]) == (status, kind)
    assert answer.body.startswith(body)


def test_a_body_can_be_empty_or_huge(sandbox: Sandbox) -> None:
    assert stream(sandbox, model="sandbox-error-none")[::2] == (400, b"")
    assert stream(sandbox, model="sandbox-empty")[::2] == (200, b"")
    huge = stream(sandbox, model="sandbox-error-huge")
    assert len(huge.body) > 3_000_000
    assert "\x1b]0;" in huge.json()["error"]["message"]


def test_a_redirect_names_where_it_points(sandbox: Sandbox) -> None:
    answer = stream(sandbox, model="sandbox-redirect")
    assert (answer.status, answer.headers["location"]) == (307, "/elsewhere")


def test_a_cut_stream_is_well_formed_and_never_finished(sandbox: Sandbox) -> None:
    answer = stream(sandbox, "one two three four five six seven", model="sandbox-cut")
    assert answer.text() == "one two three four five "
    assert answer.events()[-1]["type"] == "content_block_delta"


def test_even_the_shortest_cut_stream_has_some_text(sandbox: Sandbox) -> None:
    assert stream(sandbox, "hi", model="sandbox-cut").text() == "hi"


def test_a_closed_stream_lacks_its_last_chunk(sandbox: Sandbox) -> None:
    with open_stream(sandbox, "sandbox-close") as connection:
        received = read_to_the_end(connection)
    assert b"text_delta" in received
    assert not received.endswith(b"0\r\n\r\n")
    with open_stream(sandbox, "sandbox-close-early") as connection:
        assert read_to_the_end(connection) == b""


def test_a_reset_is_a_reset(sandbox: Sandbox) -> None:
    for model in ("sandbox-reset", "sandbox-reset-early"):
        with open_stream(sandbox, model) as connection, pytest.raises(ConnectionResetError):
            read_to_the_end(connection)


def test_a_stalled_stream_sends_some_text_and_then_nothing_until_the_sandbox_closes(sandbox: Sandbox) -> None:
    with open_stream(sandbox, "sandbox-stall") as connection:
        received = b""
        while b"text_delta" not in received:
            received += connection.recv(65536)
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        connection.settimeout(10)
        sandbox.close()
        assert connection.recv(1) == b""


def test_a_silent_model_sends_nothing_until_the_sandbox_closes(sandbox: Sandbox) -> None:
    with open_stream(sandbox, "sandbox-silent") as connection:
        assert send(sandbox).status == 200
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        connection.settimeout(10)
        sandbox.close()
        assert connection.recv(1) == b""


def test_a_slow_answer_takes_seconds_and_does_not_keep_the_sandbox_open(sandbox: Sandbox) -> None:
    with open_stream(sandbox, "sandbox-slow") as connection:
        received = connection.recv(65536)
        while b"message_start" not in received:
            received += connection.recv(65536)
        assert send(sandbox).status == 200
        sandbox.close()
        received += read_to_the_end(connection)
    assert b"message_stop" not in received


def test_a_slow_answer_is_fifteen_words_with_a_pause_after_each() -> None:
    reply = FAULTS["sandbox-slow"].play(SandboxRequest(message(stream=True), 1))
    assert reply.pause > 0
    assert isinstance(reply.body, Iterable)
    assert sum(b"text_delta" in piece for piece in reply.body if isinstance(piece, bytes)) == 15


def test_a_damaged_event_stands_between_good_ones(sandbox: Sandbox) -> None:
    broken = stream(sandbox, model="sandbox-json")
    with pytest.raises(json.JSONDecodeError):
        broken.events()
    assert b'"message_stop"' in broken.body
    with pytest.raises(UnicodeDecodeError):
        stream(sandbox, model="sandbox-utf8").body.decode()


@pytest.mark.parametrize("model", STREAM_ERRORS)
def test_an_error_can_come_inside_the_stream(sandbox: Sandbox, model: str) -> None:
    answer = stream(sandbox, model=model)
    assert answer.status == 200
    assert answer.text()
    last = answer.events()[-1]
    assert (last["type"], last["error"]["type"]) == ("error", model.removeprefix("sandbox-stream-error-"))


def test_a_stop_reason_can_be_asked_for(sandbox: Sandbox) -> None:
    refused = stream(sandbox, model="sandbox-refusal").delta()
    assert (refused["stop_reason"], refused["stop_details"]["type"]) == ("refusal", "refusal")
    assert stream(sandbox, model="sandbox-max-tokens").delta()["stop_reason"] == "max_tokens"


def test_a_hostile_answer_is_full_of_escape_sequences(sandbox: Sandbox) -> None:
    text = stream(sandbox, model="sandbox-hostile").text()
    for danger in ("\x1b[2J", "\x1b]8;;", "\x1bP", "\x9b", "\u202e", "\x00", "\r", "[red]"):
        assert danger in text


def test_long_answers_have_as_many_deltas_as_asked_for(sandbox: Sandbox) -> None:
    answer = stream(sandbox, model="sandbox-long-1234", max_tokens=1)
    assert answer.text() == "lorem ipsum" * 1234
    assert answer.delta()["output_tokens"] == 1234
    assert send(sandbox, model="sandbox-long-3").json()["content"][0]["text"] == "lorem ipsum" * 3
    markdown = stream(sandbox, model="sandbox-markdown")
    assert len(stream(sandbox, model="sandbox-long").text()) > 10 * len(markdown.text())


def test_unknown_events_stand_in_the_middle_of_a_whole_answer(sandbox: Sandbox) -> None:
    answer = stream(sandbox, model="sandbox-unknown-event")
    assert answer.of_type("weather")
    assert answer.text() == "Hello, gateway!"
    assert answer.of_type("message_stop")


def test_the_log_id_can_be_missing(sandbox: Sandbox) -> None:
    answer = stream(sandbox, model="sandbox-no-log-id")
    assert "x-respan-log-id" not in answer.headers
    assert answer.headers["request-id"]


def test_an_unknown_sandbox_model_is_not_found_and_the_known_ones_are_named(sandbox: Sandbox) -> None:
    missing = send(sandbox, model="sandbox-typo")
    assert missing.status == 404
    assert "sandbox-flaky-429" in missing.json()["error"]["message"]


def test_every_fault_has_a_line_of_help() -> None:
    assert all(fault.help and "\n" not in fault.help for fault in FAULTS.values())


# --- raw replies


def test_raw_replies_are_sent_as_they_are_and_then_the_connection_closes(sandbox: Sandbox) -> None:
    raw = [b"HTTP/1.1 200 OK\r\nContent-", b"Type: text/event-stream\r\n\r\n", b": \xff hello\n\n"]
    sandbox.replies += [raw, b"".join(raw), lambda connection: connection.sendall(b"".join(raw))]
    for _ in range(3):
        with open_stream(sandbox, "claude-test") as connection:
            assert read_to_the_end(connection) == b"".join(raw)
    assert stream(sandbox).text() == "Hello, gateway!"
    assert len(sandbox.requests) == 4


def test_raw_replies_wait_for_a_message(sandbox: Sandbox) -> None:
    sandbox.replies.append(b"")
    assert call(sandbox, "GET", "/").status == 200
    assert len(sandbox.replies) == 1


# --- beginning and end


def test_it_listens_on_loopback_alone() -> None:
    with Sandbox() as sandbox:
        assert sandbox.url.startswith("http://127.0.0.1:")
        port = int(sandbox.url.rpartition(":")[2])
        # All of 127.0.0.0/8 is loopback where this connects at all; a wildcard socket would answer there.
        with pytest.raises(OSError, match=r"refused|assign|timed out"):
            socket.create_connection(("127.0.0.2", port), timeout=1)


def test_a_port_that_is_taken_is_an_error() -> None:
    with Sandbox() as sandbox, pytest.raises(OSError, match="in use"):
        Sandbox(port=int(sandbox.url.rpartition(":")[2]))


def test_closing_ends_kept_connections_and_every_thread() -> None:
    before = threading.active_count()
    with Sandbox() as sandbox:
        connection = connect(sandbox)
        connection.request("POST", "/v1/messages", json.dumps(message()), BEARER)
        connection.getresponse().read()
    assert threading.active_count() == before
    with pytest.raises(ConnectionError):
        call(sandbox, "GET", "/")
    sandbox.close()
    connection.close()


def test_a_sandbox_that_never_started_can_be_closed() -> None:
    Sandbox().close()


def test_an_interrupt_ends_it_in_the_foreground() -> None:
    program = (
        "import os, signal, threading\n"
        "from respan_cli.sandbox import Sandbox\n"
        "sandbox = Sandbox()\n"
        "threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGINT]).start()\n"
        "try:\n    sandbox.serve_forever()\nexcept KeyboardInterrupt:\n    print('interrupted')\n"
        "sandbox.close()\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=20, check=True
    )
    assert (run.stdout, run.stderr) == ("interrupted\n", "")


def test_importing_it_loads_no_third_party_package() -> None:
    program = (
        "import sys, respan_cli.sandbox\n"
        "print([name for name in ('anthropic', 'typer', 'rich', 'httpx2') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
