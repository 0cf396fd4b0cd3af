"""CLI → the official gateway → sandbox: what arrives at the far end is what was asked."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from tests.conftest import CLIENT_KEY, OfficialGateway
from tests.support import Outcome, process_env, run, run_process

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


def test_a_gateway_elsewhere_is_reached_through_the_proxy_of_the_environment(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"http://127.0.0.1:{server.getsockname()[1]}"
    env = process_env(tmp_path, RESPAN_API_KEY="k", RESPAN_MAX_RETRIES="0", HTTPS_PROXY=closed)
    done = run_process("send", "--no-stdin", "Hello", env=env)
    assert (done.code, done.out) == (8, "")
    assert done.err.startswith("error: cannot reach api.respan.ai:443\n")
