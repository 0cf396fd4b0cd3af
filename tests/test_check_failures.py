"""`respan check` with each layer broken, for real: what was seen, what it means, what to type."""

from __future__ import annotations

import json
import shlex
import socket
import time
from pathlib import Path

import pytest

from respan_cli.commands.check.diagnosis import DiagnosisContext, diagnose
from respan_cli.commands.check.diagnosis_texts import TEXTS
from respan_cli.errors import ProviderError, ResponseTimeoutError
from respan_cli.sandbox import Sandbox
from tests.check_support import UNKEYED, at, check, in_json, without_times
from tests.conftest import OfficialGateway
from tests.hosts import deaf_host, free_port, host, page, saying, silent
from tests.support import KEY, PATIENCE, run

POST = "respan send ping --max-tokens 1 --no-stdin --as curl"


def lines_of(stage: str, seen: str, means: str, command: str) -> str:
    return f"error: {stage}: {seen}\n  why:  {means}\n  next: {command}\n"


def test_no_key_stops_before_the_network(sandbox: Sandbox, env: dict[str, str]) -> None:
    del env["RESPAN_API_KEY"]
    done = run("check", env=env)
    seen, means = "no API key in profile 'default'", TEXTS["settings"][0]
    assert (done.code, without_times(done.out)) == (
        3,
        f"settings\tfailed\tMS\t{seen}\n"
        "verdict\tnot_ready\t\tNot ready: profile 'default' cannot send (settings).\n",
    )
    assert done.err.startswith(f"error: settings: {seen}\n  why:  {means}\n  next: ")
    assert "respan config init" in done.err
    assert check(env=env).facts("settings")["key"] == {"present": False, "source": None}
    assert sandbox.requests == []


def test_a_profile_that_does_not_exist_is_the_settings_stage(env: dict[str, str]) -> None:
    done = check("-p", "nobody", env=env)
    assert (done.code, done.shown["failure"]["stage"]) == (3, "settings")
    assert done.shown["base_url"] is None
    assert set(done.verdicts().values()) == {"failed", "skipped"}


@pytest.mark.parametrize("flag", ["--header", "--gateway-header"])
def test_a_header_without_its_variable_stops_before_the_network(
    sandbox: Sandbox, env: dict[str, str], flag: str
) -> None:
    done = check(flag, "X-Team: env:NO_SUCH_TEAM", env=env)
    failure = done.shown["failure"]
    assert (done.code, failure["stage"]) == (3, "settings")
    assert failure["seen"].endswith("needs the environment variable NO_SUCH_TEAM, which is not set")
    assert failure["next"].startswith("set NO_SUCH_TEAM")
    assert done.facts("settings")["key"] == {"present": True, "source": "RESPAN_API_KEY"}
    assert sandbox.requests == []


def test_a_flag_that_cannot_be_used_is_explained_by_the_help(env: dict[str, str]) -> None:
    done = check("--timeout", "soon", env=env)
    assert (done.code, done.shown["failure"]["stage"]) == (2, "settings")
    assert done.shown["failure"]["next"] == "respan check --help"


def test_a_name_that_nobody_knows_is_dns(env: dict[str, str]) -> None:
    done = run("check", env={**env, "RESPAN_BASE_URL": "https://gateway.invalid"})
    assert done.code == 8
    row = without_times(done.out).splitlines()[1]
    assert row.startswith("dns\tfailed\tMS\tno address for gateway.invalid: ")
    why, what_next = done.err.splitlines()[1:]
    assert (why, what_next) == (f"  why:  {TEXTS['dns'][0]}", "  next: respan config show --origin")


def test_a_port_nobody_listens_on_is_tcp(env: dict[str, str]) -> None:
    port = free_port()
    done = run("check", env=at(port, env))
    seen = f"no connection to 127.0.0.1:{port}: Connection refused"
    assert done.code == 8
    assert without_times(done.out).splitlines()[2:] == [
        f"tcp\tfailed\tMS\t{seen}",
        "verdict\tnot_ready\t\tNot ready: profile 'default' cannot send (tcp).",
    ]
    assert done.err == lines_of("tcp", seen, TEXTS["tcp_refused"][0], "respan config show --origin")


def test_a_listener_that_never_accepts_is_tcp(env: dict[str, str]) -> None:
    with deaf_host() as port:
        done = check("--timeout", "0.3", env=at(port, env))
    assert done.code == 8
    assert done.shown["failure"]["stage"] == "tcp"
    assert done.shown["failure"]["type"] == "tcp_timeout"
    assert done.shown["failure"]["seen"] == f"tcp: no connection to 127.0.0.1:{port}: no answer in time"


@pytest.mark.parametrize(("scheme", "stage"), [("http", "message"), ("https", "tls")])
def test_a_listener_that_stays_silent_is_the_layer_that_waits_for_it(
    env: dict[str, str], scheme: str, stage: str
) -> None:
    with host(silent) as port:
        done = check("--timeout", "1.5", env=at(port, env, scheme))
    assert (done.code, done.shown["failure"]["stage"]) == (8, stage)
    assert done.shown["failure"]["means"].startswith("something accepts the connection and then does nothing")


PLACES = {
    "captive portal": (page("200 OK", "<title>Sign in</title>"), 9, "Sign in"),
    "web server": (page("404 Not Found", "<h1>Nothing here</h1>"), 5, "Nothing here"),
    "redirect": (
        page("302 Found", "", Location="http://hotel.example/"),
        5,
        "points to http://hotel.example/",
    ),
    "maintenance": (page("503 Down", "<title>Maintenance</title>"), 7, "(HTTP 503): Maintenance"),
    "portal API": (in_json("200 OK", '{"captive": true}'), 9, '{"captive": true}'),
    "mail server": (b"220 mail.example ESMTP\r\n\r\n", 9, "sent a reply that is not HTTP"),
    "closed": (b"", 8, "the connection was closed"),
}


@pytest.mark.parametrize(("answer", "code", "seen"), PLACES.values(), ids=PLACES)
def test_at_what_is_no_gateway_the_message_fails_and_the_request_can_be_repeated(
    env: dict[str, str], answer: bytes, code: int, seen: str
) -> None:
    with host(saying(answer)) as port:
        done = check(env=at(port, env))
        unpaid = check("--no-send", env=at(port, env))
    assert (done.code, done.shown["failure"]["stage"]) == (code, "message")
    assert done.verdicts()["http"] == "warned"
    assert seen in done.shown["failure"]["seen"]
    assert done.shown["failure"]["next"] in (f"{POST} | sh", "sleep 30; respan check")
    if done.facts("http"):
        assert (unpaid.code, unpaid.shown["verdict"]) == (0, "not_proven")
    else:  # nothing answered
        assert (unpaid.code, unpaid.shown["failure"]["stage"]) == (code, "http")


def test_a_refused_key_is_authentication(tmp_path: Path) -> None:
    with Sandbox(key="another") as sandbox:
        env = {"HOME": str(tmp_path), "RESPAN_API_KEY": KEY, "RESPAN_BASE_URL": sandbox.url}
        done = run("check", env=env)
        asked = len(sandbox.requests)
    assert (done.code, asked) == (4, 3)
    assert done.out.splitlines()[-2].endswith("\tthe key was not accepted (HTTP 401): invalid x-api-key")
    seen, why, what_next, ids = done.err.splitlines()
    assert seen == "error: authentication: the key was not accepted (HTTP 401): invalid x-api-key"
    assert why.startswith("  why:  the key from RESPAN_API_KEY is not valid there")
    assert what_next == "  next: export RESPAN_API_KEY='the new key'"
    assert ids.startswith("  ids:  request req_")


def test_a_refused_key_means_the_same_when_the_gateway_says_it_in_its_own_words(env: dict[str, str]) -> None:
    answer = page("401 Unauthorized", '{"detail": "Invalid API key."}', Content_Type="application/json")
    with host(saying(answer)) as port:
        done = check(env=at(port, env))
    failure = done.shown["failure"]
    assert (done.code, failure["stage"], failure["type"]) == (4, "authentication", "authentication")
    assert failure["means"].startswith("the key from RESPAN_API_KEY is not valid there")
    assert failure["next"] == "export RESPAN_API_KEY='the new key'"


def test_a_key_of_the_profile_is_set_anew_where_it_stands(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    with Sandbox(key="another") as sandbox:
        config.write_text(f'[profiles."my team"]\napi_key = "{KEY}"\nbase_url = "{sandbox.url}"\n')
        config.chmod(0o600)
        env = {"HOME": str(tmp_path), "RESPAN_CLI_CONFIG": str(config)}
        done = check("-p", "my team", env=env)
    assert done.shown["failure"]["next"] == "respan config set api_key - -p 'my team'"
    assert done.warnings("settings") == []


def test_the_official_gateway_refuses_a_wrong_client_key(official_gateway: OfficialGateway) -> None:
    env = {"HOME": "/nowhere", "RESPAN_API_KEY": KEY, "RESPAN_BASE_URL": official_gateway.url}
    done = check(env=env)
    assert (done.code, done.shown["failure"]["stage"]) == (4, "authentication")
    assert done.verdicts()["http"] == "ok"


def test_a_key_that_the_gateway_repeats_is_shown_nowhere(tmp_path: Path, env: dict[str, str]) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[profiles.default]\napi_key = "{KEY}"\n')
    config.chmod(0o600)
    del env["RESPAN_API_KEY"]
    env["RESPAN_CLI_CONFIG"] = str(config)
    body = json.dumps({"detail": f"unknown key {KEY}"})
    with host(saying(page("401 Unauthorized", body, Content_Type="application/json"))) as port:
        for form in ((), ("--json",)):
            done = run("check", *form, env=at(port, env))
            assert done.code == 4
            assert "unknown key [hidden]" in done.out
            assert KEY not in done.out + done.err


@pytest.mark.parametrize(
    ("model", "code", "command"),
    [
        ("sandbox-401", 4, "respan check --model claude-sonnet-5-5"),
        ("sandbox-403", 4, "respan check --model claude-sonnet-5-5"),
        ("sandbox-stream-error-authentication_error", 4, "respan check --model claude-sonnet-5-5"),
        ("sandbox-close-early", 8, "respan check --count 5"),
        ("sandbox-402", 6, "respan check"),
        ("sandbox-404", 5, "respan check --model claude-sonnet-5-5"),
        ("sandbox-400", 5, "respan send --dry-run ping"),
        ("sandbox-429", 6, "sleep 1; respan check --no-probe"),
        ("sandbox-500", 7, "sleep 30; respan check"),
        ("sandbox-529", 7, "sleep 30; respan check"),
        ("sandbox-redirect", 5, f"{POST} | sh"),
        ("sandbox-html", 9, "respan check --count 5"),
        ("sandbox-cut", 9, "respan check --count 5"),
        ("sandbox-close", 9, "respan check --count 5"),
        ("sandbox-reset", 9, "respan check --count 5"),
        ("sandbox-stream-error-overloaded_error", 7, "sleep 30; respan check"),
    ],
)
def test_a_message_that_fails_is_explained(
    sandbox: Sandbox, env: dict[str, str], model: str, code: int, command: str
) -> None:
    done = check(env={**env, "RESPAN_MODEL": model})
    assert (done.code, done.shown["failure"]["stage"]) == (code, "message")
    assert done.shown["failure"]["next"] == command
    assert done.error is not None
    assert done.error["exit_code"] == done.shown["exit_code"] == code
    # One attempt: a check shows what fails, and does not hide it. A limit is not asked any further.
    limited = model == "sandbox-429"
    assert done.facts("authentication")["proven"] is not limited
    probes = [request for request in sandbox.requests if request["method"] == "POST"]
    assert len(probes) == (2 if limited else 3)  # beside the public status of the model


def test_a_message_without_an_answer_ends_in_time(env: dict[str, str]) -> None:
    done = check("--timeout", "1.5", env={**env, "RESPAN_MODEL": "sandbox-silent"})
    assert (done.code, done.shown["failure"]["stage"]) == (8, "message")


def test_an_answer_that_only_trickles_ends_in_time_too(sandbox: Sandbox, env: dict[str, str]) -> None:
    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for _ in range(int(PATIENCE / 0.05)):  # or until the client has closed the connection
            connection.sendall(b'event: ping\ndata: {"type": "ping"}\n\n')
            time.sleep(0.05)

    sandbox.replies += [UNKEYED, trickle]
    done = check("--timeout", "1", env=env)
    assert (done.code, done.shown["failure"]["stage"]) == (8, "message")
    assert done.shown["failure"]["seen"] == "message: the answer had not ended in time"
    assert done.shown["failure"]["next"] == "respan check --timeout 60"


def test_the_command_to_type_next_is_the_same_check_again(sandbox: Sandbox, env: dict[str, str]) -> None:
    done = check("--base-url", sandbox.url, "-m", "sandbox-529", env=env)
    again = f"respan check --base-url {sandbox.url}/ --model sandbox-529"
    assert done.shown["failure"]["next"] == f"sleep 30; {again}"


def test_the_command_to_type_next_says_who_asks_again_but_no_secret(env: dict[str, str]) -> None:
    identity = ("--customer-id", "acme inc", "-M", "team=a b", "-H", "X-A: b", "--insecure-http")
    secret = (
        "--gateway-header",
        "X-Api-Key: hush-hush",
        "--param",
        'customer_credentials={"a": "hush-hush"}',
    )
    done = check(*identity, *secret, "--sandbox", "-m", "sandbox-400", env=env)
    typed = "--customer-identifier 'acme inc' --metadata 'team=a b' --header 'X-A: b' --insecure-http"
    assert done.shown["failure"]["next"] == (
        f"respan send --dry-run ping --sandbox --model sandbox-400 {typed}"
    )
    dry = run(*shlex.split(done.shown["failure"]["next"])[1:], env=env)
    assert (dry.code, dry.err) == (0, "")


def test_another_model_is_tried_at_the_same_gateway(sandbox: Sandbox, env: dict[str, str]) -> None:
    done = check("--base-url", sandbox.url, "-m", "sandbox-404", env=env)
    assert done.shown["failure"]["next"] == (
        f"respan check --base-url {sandbox.url}/ --model claude-sonnet-5-5"
    )
    assert run(*done.shown["failure"]["next"].split()[1:], env=env).code == 0


def test_where_a_typed_url_leads_nowhere_the_one_of_the_settings_is_next(env: dict[str, str]) -> None:
    done = check("--base-url", f"http://127.0.0.1:{free_port()}", "-M", "a=b", env=env)
    assert (
        done.shown["failure"]["next"]
        == "respan check --metadata a=b  # without --base-url: the one of your settings"
    )


def test_a_limit_that_was_too_short_is_made_longer() -> None:
    case = DiagnosisContext(timeout=90, log_timeout=900)
    late = diagnose(ResponseTimeoutError("x"), "message", case)
    missing = diagnose(ProviderError("x", kind="log_missing"), "log", case)
    assert late.hint == "respan check --timeout 180"
    assert missing.hint == "respan check --log --log-timeout 1800"
