"""CLI → the official gateway → sandbox: what arrives at the far end is what was asked."""

from __future__ import annotations

import json

from tests.conftest import CLIENT_KEY, OfficialGateway
from tests.support import Outcome, run

IDENTITY = (
    "--customer-id",
    "acme",
    "--custom-id",
    "run-7",
    "-M",
    "agent=committer",
    "-H",
    "anthropic-beta: x-1",
)


def test_a_message_passes_through_streamed_with_its_metadata_untouched(
    official_gateway: OfficialGateway,
) -> None:
    env = {"HOME": "/nowhere", "RESPAN_API_KEY": CLIENT_KEY, "RESPAN_BASE_URL": official_gateway.url}
    done = run("send", "Hello through two gateways", *IDENTITY, env=env)
    assert done == Outcome(0, "Hello through two gateways\n", "")
    assert official_gateway.sandbox.requests[-1]["body"]["metadata"] == {
        "respan_params": {
            "customer_identifier": "acme",
            "custom_identifier": "run-7",
            "metadata": {"agent": "committer"},
        },
        "extra_headers": {"anthropic-beta": "x-1"},
    }


def test_a_wrong_client_key_is_an_authentication_failure(official_gateway: OfficialGateway) -> None:
    env = {"HOME": "/nowhere", "RESPAN_API_KEY": "wrong", "RESPAN_BASE_URL": official_gateway.url}
    done = run("send", "--json", "Hello", env=env)
    assert (done.code, done.out) == (4, "")
    error = json.loads(done.err)
    assert (error["exit_code"], error["error"]["status"]) == (4, 401)
    assert "wrong" not in done.err


def test_identity_that_a_provider_of_another_format_cannot_get_is_explained(
    official_gateway: OfficialGateway,
) -> None:
    env = {"HOME": "/nowhere", "RESPAN_API_KEY": CLIENT_KEY, "RESPAN_BASE_URL": official_gateway.url}
    done = run("send", "Hello", "-m", "openai/gpt-4o", *IDENTITY, env=env)
    assert done == Outcome(
        5,
        "",
        "error: the request was refused (HTTP 400)\n"
        "  why:  'metadata' in the request cannot be translated to another format yet\n"
        "  next: identity (--customer-id, --custom-id, -M) and forwarded headers (-H) are sent in "
        "'metadata', which this gateway cannot pass on to that provider: leave them out, or use a "
        "provider with an Anthropic endpoint\n",
    )
