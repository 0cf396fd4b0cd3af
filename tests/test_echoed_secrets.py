"""A gateway that repeats a request, cuts the key or splits it, does not make us show a secret."""

from __future__ import annotations

import json

import pytest

from respan_cli.sandbox import Sandbox, api
from tests.support import KEY, run

Env = dict[str, str]
# Nothing in common: a part of one would hide a part of another.
SECRETS = ("9f8e7d6c5b4a3210", "forwarded-provider", "password-of-someone", "mcp.server.bearer")
NESTED = (
    *("-H", f"x-provider-key: {SECRETS[0]}", "--gateway-header", f"x-corp-token: {SECRETS[1]}"),
    *("--param", json.dumps({"auth": {"password": SECRETS[2]}}).join(("customer_params:=", ""))),
    *("--extra-body", json.dumps({"mcp_servers": [{"url": "x", "authorization_token": SECRETS[3]}]})),
)


def refusal(detail: str) -> bytes:
    """A response whose words are these."""
    body = json.dumps({"detail": detail}).encode()
    head = f"HTTP/1.1 400 No\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize("mode", [(), ("--json",), ("--debug",), ("--events",)], ids=str)
def test_a_gateway_that_repeats_the_request_shows_no_secret(
    mode: tuple[str, ...], env: Env, sandbox: Sandbox
) -> None:
    assert run("send", "hi", *NESTED, env=env).code == 0
    sandbox.replies.append(refusal(json.dumps(sandbox.requests[-1]["body"])))
    done = run("send", "hi", *NESTED, *mode, env=env)
    assert done.code == 5
    assert [secret for secret in SECRETS if secret in done.out + done.err] == []
    assert "[hidden]" in done.err


@pytest.mark.parametrize("mode", [("-n",), ("--as", "curl"), ("--as", "python"), ("--json",), ("--debug",)])
def test_what_shows_a_request_hides_its_secrets_at_any_depth(mode: tuple[str, ...], env: Env) -> None:
    done = run("send", "hi", *NESTED, *mode, env=env)
    assert done.code == 0
    assert [secret for secret in SECRETS if secret in done.out + done.err] == []
    assert "[hidden]" in done.out + done.err


def test_show_secrets_prints_a_program_with_all_of_them_but_the_key(env: Env) -> None:
    done = run("send", "hi", *NESTED, "--as", "python", "--show-secrets", env=env)
    assert (done.code, done.err) == (0, "")
    assert [secret for secret in SECRETS if secret not in done.out] == []
    assert KEY not in done.out


@pytest.mark.parametrize("before", [*range(560, 600, 3), *range(2380, 2402, 3), *range(3980, 4002, 3)])
def test_where_a_message_is_cut_no_part_of_the_key_is_left(before: int, env: Env, sandbox: Sandbox) -> None:
    words = ("no " * 2000)[:before]
    sandbox.replies.append(refusal(words + KEY + " is wrong"))
    done = run("send", "hi", env=env)
    assert (done.code, done.out) == (5, "")
    assert KEY[:8] not in done.err


@pytest.mark.parametrize(
    "gap",
    ["\n", "\r\n\t ", "\u200b", "\u2060", "\ufeff", "\u00ad", "\U000e0041", "\u200d", "\x00", "\x1b"],
    ids=ascii,
)
@pytest.mark.parametrize("mode", [(), ("--json",), ("--debug",)], ids=str)
def test_a_key_that_is_split_unseen_is_hidden(
    gap: str, mode: tuple[str, ...], env: Env, sandbox: Sandbox
) -> None:
    sandbox.replies.append(refusal(f"({KEY[:12]}{gap}{KEY[12:]}) is wrong"))
    done = run("send", "hi", *mode, env=env)
    assert (done.code, done.out) == (5, "")
    assert "([hidden]) is wrong" in done.err
    assert KEY[:12] not in done.err
    assert KEY[12:] not in done.err


@pytest.mark.parametrize("person", [False, True], ids=["pipe", "terminal"])
@pytest.mark.parametrize("cut", range(1, len(KEY), 3))
def test_a_key_split_over_two_thinking_deltas_is_hidden(
    cut: int, person: bool, env: Env, sandbox: Sandbox
) -> None:
    deltas = ("The key is ", KEY[:cut], KEY[cut:], ", I think")
    events = [
        api.event("message_start", message={"type": "message", "role": "assistant", "usage": {}}),
        api.event("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""}),
        *(
            api.event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": delta})
            for delta in deltas
        ),
        api.event("content_block_stop", index=0),
        api.event("content_block_start", index=1, content_block={"type": "text", "text": ""}),
        api.event("content_block_delta", index=1, delta={"type": "text_delta", "text": "Done"}),
        api.event("content_block_stop", index=1),
        api.event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 1}),
        api.event("message_stop"),
    ]
    body = b"".join(events)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n"
    sandbox.replies.append(head.encode() + body)
    done = run("send", "hi", "--show-thinking", "-q", env={**env, "TERM": "dumb"}, stderr_is_terminal=person)
    assert done == (0, "Done\n", "The key is [hidden], I think\n")
