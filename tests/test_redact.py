"""Secrets are hidden by their names at any depth, and by their values however a text repeats them."""

from __future__ import annotations

import base64
import json
import random
from typing import Any
from urllib.parse import quote

import pytest

from respan_cli.terminal.redact import HIDDEN, is_secret, redact, secret_values
from respan_cli.terminal.secret_filter import SecretFilter, SecretStream

SECRET = "sk-respan-0123456789abcdefghij/+~ZYXW"

SECRET_NAMES = """
authorization Proxy-Authorization x-api-key api_key apiKey cookie Set-Cookie token access_token auth_tokens
X-Amz-Security-Token client_secret password passwd db_passphrase customer_credentials credential_override
x-signature private_key accessKey provider-key oauth_state token_secret max_tokens_secret refresh_tokens
""".split()
OPEN_NAMES = """
max_tokens input_tokens output_tokens budget_tokens cache_read_input_tokens cache_creation_input_tokens
ephemeral_5m_input_tokens total_request_tokens prompt_tokens completion_tokens tokens_per_second
output_tokens_per_second time_to_first_token first_token_ms first_token_timeout token_count tokenizer
anthropic-ratelimit-tokens-remaining anthropic-ratelimit-input-tokens-limit x-ratelimit-remaining-tokens
max_tokens_to_sample maxTokens idempotency-key idempotency_key author authority session_identifier
anthropic-beta customer_identifier keyword monkey
""".split()


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_name_that_says_credential_is_secret(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", OPEN_NAMES)
def test_counts_and_identifiers_are_no_secrets(name: str) -> None:
    assert not is_secret(name)


def test_secrets_are_hidden_at_any_depth_and_nothing_else_is() -> None:
    value = {
        "max_tokens": 5,
        "customer_params": {"name": "a", "auth": {"password": SECRET}},
        "mcp_servers": [{"url": "https://x", "authorization_token": SECRET, "tool_tokens": 7}],
        "token": None,
        "cookie": "",
        "secret": 12345678,
        "use_token": True,
    }
    shown = {
        "max_tokens": 5,
        "customer_params": {"name": "a", "auth": HIDDEN},
        "mcp_servers": [{"url": "https://x", "authorization_token": HIDDEN, "tool_tokens": 7}],
        "token": None,
        "cookie": "",
        "secret": HIDDEN,
        "use_token": True,
    }
    assert redact(value) == shown
    assert redact(value, show_secrets=True) == value
    assert secret_values(value) == {SECRET, "12345678"}


def test_a_reference_stays_readable_only_where_there_are_references() -> None:
    assert redact({"x-token": "env:TOKEN"}, keep_references=True) == {"x-token": "env:TOKEN"}
    assert redact({"x-token": "env:TOKEN"}) == {"x-token": HIDDEN}


def test_a_schema_and_a_thoughts_signature_are_no_secrets() -> None:
    value: dict[str, Any] = {
        "properties": {"password": {"type": "string", "description": "new one"}},
        "content": [{"type": "thinking", "thinking": "hm", "signature": "EqQBCgIYAhIM"}],
    }
    assert redact(value) == value
    disguised: dict[str, Any] = {"token": {"type": "bearer", "value": SECRET}}
    assert redact(disguised) == {"token": HIDDEN}


def test_of_a_credential_with_a_scheme_the_credential_is_a_secret_too() -> None:
    headers = {"authorization": f"Bearer {SECRET}", "cookie": "session=0123456789; theme=dark"}
    assert secret_values(headers) >= {f"Bearer {SECRET}", SECRET, "0123456789"}


def everything_hidden(secret: str = SECRET) -> SecretFilter:
    secrets = SecretFilter()
    secrets.add(secret)
    return secrets


SPLIT = [
    SECRET,
    SECRET[:20] + "\n" + SECRET[20:],
    SECRET[:9] + " \u200b\u2060\ufeff\U000e0041 " + SECRET[9:],
    "\u00ad".join(SECRET),
    SECRET[:20] + "\x1b" + SECRET[20:],
    json.dumps(SECRET[:20] + "\n\u200b" + SECRET[20:])[1:-1],
    json.dumps(SECRET)[1:-1],
    quote(SECRET, safe=""),
    quote(SECRET, safe="").replace("%2F", "%2f"),
    SECRET[:22],
    SECRET[-20:],
]


@pytest.mark.parametrize("text", SPLIT, ids=range(len(SPLIT)))
def test_a_secret_is_found_however_a_text_repeats_it(text: str) -> None:
    assert everything_hidden().hide(f"the key ({text}) is wrong") == f"the key ({HIDDEN}) is wrong"


@pytest.mark.parametrize("user", ["", "a", "ab", "user", "someone"])
def test_a_secret_is_found_in_basic_authentication(user: str) -> None:
    encoded = base64.b64encode(f"{user}:{SECRET}".encode()).decode()
    shown = everything_hidden().hide(f"Basic {encoded}.")
    assert HIDDEN in shown
    kept = shown.removeprefix("Basic ").removesuffix(".").replace(HIDDEN, "")
    assert len(kept) <= len(user) * 4 / 3 + 10


def test_words_that_a_secret_shares_with_ordinary_text_stay() -> None:
    text = "sk-respan- 0123 is not a key; see https://platform.respan.ai/platform/api/api-keys"
    assert everything_hidden().hide(text) == text
    secrets = SecretFilter()
    secrets.add("short", "")
    assert secrets.hide("a short text") == "a short text"


def test_a_secret_is_hidden_wherever_a_stream_is_split() -> None:
    text = f"I see {SECRET} and {SECRET[:9]}\n{SECRET[9:]}, twice."
    choices = random.Random(7)
    for _ in range(500):
        stream, shown, rest = SecretStream(everything_hidden()), "", text
        while rest:
            size = choices.choice((1, 2, 3, 8, 30))
            shown += stream.feed(rest[:size])
            assert SECRET[:9] not in shown
            rest = rest[size:]
        assert shown + stream.flush() == f"I see {HIDDEN} and {HIDDEN}, twice."


def test_every_part_that_matters_is_hidden_for_secrets_of_any_length() -> None:
    choices = random.Random(11)
    for length in range(8, 70):
        secret = "".join(choices.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=length))
        part = max(8, (length + 1) // 2)
        start = choices.randrange(length - part + 1)
        for before in range(part):
            text = "." * before + secret[start : start + part] + "!"
            assert everything_hidden(secret).hide(text) == "." * before + HIDDEN + "!"


def test_hiding_is_linear_in_the_length_of_the_text() -> None:
    secrets: Any = everything_hidden("a" * 40)
    assert secrets.hide("a" * 100_000) == HIDDEN
    assert len(everything_hidden().hide("x " * 200_000)) == 400_000
