"""The models that answer as real servers do outside the API's shapes; failures by count; latency; limits."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from respan_cli.sandbox import Sandbox
from respan_cli.sandbox.quirks import QUIRKS
from tests.hostile import EXTREMES, extreme, gzipped_twice
from tests.sandbox_client import Answered, call, open_stream, read_to_the_end, send, stream

OVERLOADED = {"type": "overloaded_error", "message": "The sandbox was asked for overloaded_error."}


def kinds(answer: Answered) -> list[str]:
    return [event.get("type", "") for event in answer.events()]


@pytest.mark.parametrize(
    ("model", "before"),
    [
        ("sandbox-overloaded", []),
        ("sandbox-overloaded-ping", ["ping"]),
        ("sandbox-overloaded-start", ["message_start"]),
    ],
)
def test_an_overload_can_come_before_any_text(sandbox: Sandbox, model: str, before: list[str]) -> None:
    answer = stream(sandbox, model=model)
    assert (answer.status, kinds(answer)) == (200, [*before, "error"])
    assert answer.events()[-1]["error"] == OVERLOADED
    flaky = model.replace("sandbox-", "sandbox-flaky-")
    assert [kinds(stream(sandbox, model=flaky))[-1] for _ in range(3)] == ["error", "message_stop", "error"]


def test_an_error_can_lack_its_type(sandbox: Sandbox) -> None:
    data = {"error": {"type": "overloaded_error", "message": "Overloaded"}}
    assert stream(sandbox, model="sandbox-untyped-error").events() == [data]
    late = stream(sandbox, model="sandbox-untyped-error-late").events()
    assert late[-2]["delta"]["text"]
    assert late[-1] == data


@pytest.mark.parametrize(
    ("model", "kind", "start"),
    [
        ("sandbox-200-401", "application/json", b'{"type":"error","error":{"type":"authentication_error"'),
        ("sandbox-200-402", "application/json", b'{"type":"error","error":{"type":"billing_error"'),
        ("sandbox-200-529", "application/json", b'{"type":"error","error":{"type":"overloaded_error"'),
        ("sandbox-sse-529", "text/event-stream; charset=utf-8", b'{"type":"error","error":{"type":"over'),
        (
            "sandbox-sse-detail",
            "text/event-stream; charset=utf-8",
            b'{"detail":"You have no credits left"}',
        ),
        ("sandbox-sse-html", "text/event-stream; charset=utf-8", b"<!doctype html>"),
        ("sandbox-whole", "application/json", b'{"id":"msg_'),
    ],
)
def test_a_body_can_contradict_its_status_or_its_label(
    sandbox: Sandbox, model: str, kind: str, start: bytes
) -> None:
    answer = stream(sandbox, model=model)
    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    assert answer.body.startswith(start)


def test_chunks_can_be_those_of_openai(sandbox: Sandbox) -> None:
    body = stream(sandbox, model="sandbox-openai").body
    *chunks, done = [line[6:] for line in body.split(b"\n") if line]
    assert done == b"[DONE]"
    assert {json.loads(chunk)["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert json.loads(chunks[1])["choices"][0]["delta"] == {"content": "Hello, gateway!"}


def test_done_can_come_before_message_stop(sandbox: Sandbox) -> None:
    body = stream(sandbox, model="sandbox-done").body
    assert body.index(b"text_delta") < body.index(b"data: [DONE]\n\n") < body.index(b"event: message_stop")


def test_a_stream_can_start_twice(sandbox: Sandbox) -> None:
    first, second, third = stream(sandbox, model="sandbox-start-twice").events()[:3]
    assert first == second
    assert third["type"] == "content_block_start"


def test_the_text_can_be_in_message_start(sandbox: Sandbox) -> None:
    answer = stream(sandbox, model="sandbox-start-text")
    assert kinds(answer) == ["message_start", "message_delta", "message_stop"]
    assert answer.events()[0]["message"]["content"] == [{"type": "text", "text": "Hello, gateway!"}]


def test_an_answer_can_lack_its_usage(sandbox: Sandbox) -> None:
    answer = stream(sandbox, model="sandbox-no-usage")
    assert answer.text() == "Hello, gateway!"
    assert b'"usage"' not in answer.body
    assert "usage" not in send(sandbox, model="sandbox-no-usage").json()


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("sandbox-pause-turn", "pause_turn"),
        ("sandbox-stop-null", None),
        ("sandbox-stop-unknown", "sandbox_reason"),
    ],
)
def test_a_whole_answer_can_have_any_stop_reason(sandbox: Sandbox, model: str, reason: str | None) -> None:
    answer = stream(sandbox, model=model)
    assert (answer.text(), answer.delta()["stop_reason"]) == ("Hello, gateway!", reason)
    assert send(sandbox, model=model).json()["stop_reason"] == reason


@pytest.mark.parametrize(
    ("model", "blocks", "stop"),
    [
        ("sandbox-no-text", [], "end_turn"),
        ("sandbox-thinking-only", ["thinking"], "end_turn"),
        ("sandbox-tool-use", ["tool_use"], "tool_use"),
    ],
)
def test_an_answer_can_lack_text(sandbox: Sandbox, model: str, blocks: list[str], stop: str) -> None:
    answer = stream(sandbox, model=model)
    assert [event["content_block"]["type"] for event in answer.of_type("content_block_start")] == blocks
    assert (answer.text(), answer.delta()["stop_reason"], kinds(answer)[-1]) == ("", stop, "message_stop")
    assert [block["type"] for block in send(sandbox, model=model).json()["content"]] == blocks


def test_the_halves_of_a_surrogate_pair_can_come_apart(sandbox: Sandbox) -> None:
    answer = stream(sandbox, model="sandbox-surrogates")
    texts = [event["delta"]["text"] for event in answer.of_type("content_block_delta")]
    assert texts == ["a \ud83d", "\ude00 b"]


def test_the_servers_wishes_about_retries_come_as_headers(sandbox: Sandbox) -> None:
    limited = send(sandbox, model="sandbox-429-ms")
    assert (limited.status, limited.headers["retry-after-ms"], limited.headers["retry-after"]) == (
        429,
        "50",
        None,
    )
    wanted = [send(sandbox, model="sandbox-retry-true") for _ in range(2)]
    assert [(one.status, one.headers["x-should-retry"]) for one in wanted] == [(400, "true"), (200, None)]
    unwanted = [send(sandbox, model="sandbox-retry-false") for _ in range(2)]
    assert [(one.status, one.headers["x-should-retry"]) for one in unwanted] == [(529, "false"), (200, None)]


@pytest.mark.parametrize("model", sorted(QUIRKS))
def test_every_quirk_answers_whole_messages_too(sandbox: Sandbox, model: str) -> None:
    answer = send(sandbox, model=model)
    assert answer.status in (200, 400, 429, 529)
    assert answer.body


# --- by count


@pytest.mark.parametrize(
    ("model", "statuses"),
    [
        ("sandbox-fail-every-3", [200, 200, 529, 200, 200, 529]),
        ("sandbox-fail-every-2-500", [200, 500, 200, 500, 200, 500]),
        ("sandbox-fail-every-1-429", [429] * 6),
        ("sandbox-fail-every-N", [200, 529, 200, 529, 200, 529]),
        ("sandbox-fail-every-0", [404] * 6),
        ("sandbox-fail-every-3-999", [404] * 6),
    ],
)
def test_a_model_can_fail_at_every_nth_request(sandbox: Sandbox, model: str, statuses: list[int]) -> None:
    assert [send(sandbox, model=model).status for _ in range(6)] == statuses


# --- latency and limits


def test_the_latency_comes_before_the_first_byte_of_messages_alone() -> None:
    with Sandbox(latency_ms=10**7) as sandbox, open_stream(sandbox, "claude-test") as connection:
        assert call(sandbox, "GET", "/nowhere").status == 404
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        connection.settimeout(10)
        sandbox.close()
        assert read_to_the_end(connection) == b""


@pytest.mark.parametrize(("retry_after", "header"), [(None, None), (7, "7")])
def test_more_messages_at_once_than_allowed_are_refused(retry_after: int | None, header: str | None) -> None:
    with Sandbox(max_concurrent=2, retry_after=retry_after) as sandbox:
        with open_stream(sandbox, "sandbox-stall") as first, open_stream(sandbox, "sandbox-stall") as second:
            for connection in (first, second):
                assert connection.recv(100)
            refused = send(sandbox)
            assert (refused.status, refused.headers["retry-after"]) == (429, header)
            assert refused.json()["error"] == {
                "type": "rate_limit_error",
                "message": "The sandbox answers 2 requests at once.",
            }
            assert refused.headers["x-respan-log-id"]
        assert answered(lambda: send(sandbox).status == 200)


def answered(holds: Callable[[], bool]) -> bool:
    """Whether it holds soon: the sandbox has to notice that a client has left."""
    return any(holds() for _ in range(1000))


def test_a_limit_is_exact_under_load() -> None:
    with Sandbox(max_concurrent=3, latency_ms=20) as sandbox, ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda _: send(sandbox).status, range(120)))
    assert set(statuses) == {200, 429}
    assert statuses.count(200) >= 3


def test_a_limit_no_client_reaches_refuses_nothing() -> None:
    with Sandbox(max_concurrent=4) as sandbox, ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: send(sandbox).status, range(80))) == {200}


# --- what only the fuzz plays


@pytest.mark.parametrize("name", EXTREMES)
def test_an_extreme_stream_reaches_the_client_as_it_is(sandbox: Sandbox, name: str) -> None:
    sandbox.replies.append(extreme(name))
    answer = stream(sandbox)
    assert (answer.status, answer.body) == (200, EXTREMES[name]())
    assert answer.body.startswith(b'data: {"type":"message_start"')
    assert answer.body.endswith(b'data: {"type":"message_stop"}\n\n')


def test_a_body_can_be_packed_twice(sandbox: Sandbox) -> None:
    sandbox.replies.append(gzipped_twice())
    answer = stream(sandbox)
    assert answer.headers["content-encoding"] == "gzip, gzip"
    assert len(answer.body) < 10_000
    assert len(gzip.decompress(gzip.decompress(answer.body))) > 64 * 1024 * 1024
