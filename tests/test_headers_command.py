"""`respan headers`: every subcommand, and that the headers it lists are the headers sent."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from respan_cli import __version__
from respan_cli.sandbox import Sandbox
from tests.support import KEY, Outcome, run

Env = dict[str, str]
DONE = Outcome(0, "", "")
PROFILE = """\
[profiles.default.headers]
anthropic-beta = "context-1m-2025-08-07"
x-api-key = "sk-provider"

[profiles.default.gateway_headers]
X-Corp = "env:CORP_TOKEN"
anthropic-version = "2023-06-01"
"""


def file_of(env: Env) -> Path:
    return Path(env["HOME"], ".config", "respan-cli", "config.toml")


def write(env: Env, text: str) -> None:
    file_of(env).parent.mkdir(parents=True)
    file_of(env).write_text(text)


def test_both_scopes_are_listed_with_and_without_the_word(env: Env) -> None:
    write(env, PROFILE)
    listed = Outcome(
        0,
        "forwarded\tanthropic-beta\tcontext-1m-2025-08-07\tprofile default\n"
        "forwarded\tx-api-key\t[hidden]\tprofile default\n"
        "gateway\tX-Corp\tenv:CORP_TOKEN\tprofile default\n"
        "gateway\tanthropic-version\t2023-06-01\tprofile default\n",
        "",
    )
    assert run("headers", env=env) == listed
    assert run("headers", "list", env=env) == listed
    assert run("headers", "list", "--gateway", env=env).out == "".join(listed.out.splitlines(True)[2:])
    assert "x-api-key\tsk-provider\t" in run("headers", "list", "--show-secrets", env=env).out
    assert run("headers", "list", "-p", "nope", env=env).code == 3


@pytest.mark.parametrize(
    "mode",
    [("-p", "work"), ("--json",), ("--effective",), ("--effective", "--json", "--gateway")],
    ids=" ".join,
)
def test_the_word_list_may_be_left_out_whatever_follows(env: Env, mode: tuple[str, ...]) -> None:
    write(env, PROFILE + '[profiles.work.headers]\nx-team = "blue"\n')
    env = {**env, "CORP_TOKEN": "corp-secret"}
    whole = run("headers", "list", *mode, env=env)
    assert (whole.code, whole.err) == (0, "")
    assert run("headers", *mode, env=env) == whole


def test_an_option_that_stands_before_the_word_is_not_ignored(env: Env) -> None:
    assert run("headers", "-p", "work", "set", "X-Team", "blue", env=env) == Outcome(
        2,
        "",
        "error: --profile stands before 'set', where it would do nothing\n"
        "  next: respan headers set --profile …\n",
    )
    assert not file_of(env).exists()


def test_the_list_is_json_on_request(env: Env) -> None:
    write(env, PROFILE)
    done = run("headers", "list", "--json", "--gateway", env=env)
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == [
        {"scope": "gateway", "name": "X-Corp", "value": "env:CORP_TOKEN", "source": "profile default"},
        {"scope": "gateway", "name": "anthropic-version", "value": "2023-06-01", "source": "profile default"},
    ]
    assert run("headers", "list", "--json", env={**env, "RESPAN_CLI_CONFIG": "/dev/null"}).out == "[]\n"


@pytest.mark.parametrize("profile", [PROFILE, "", '[profiles.default.gateway_headers]\nAccept = "*/*"\n'])
def test_what_is_listed_as_effective_is_what_the_gateway_receives(
    env: Env, sandbox: Sandbox, profile: str
) -> None:
    write(env, profile)
    env = {**env, "CORP_TOKEN": "corp-secret"}
    assert run("send", "Hello", env=env) == Outcome(0, "Hello\n", "")
    received = sandbox.requests[-1]
    done = run("headers", "list", "--effective", "--json", "--show-secrets", env=env)
    assert (done.code, done.err) == (0, "")
    rows = json.loads(done.out)
    wire = {row["name"].lower(): row["value"] for row in rows if row["scope"] == "gateway"}
    length = received["headers"].pop("content-length")
    assert int(length) > 0
    assert wire.pop("content-length") == "(length of the body)"
    assert wire == received["headers"]
    forwarded = {row["name"]: row["value"] for row in rows if row["scope"] == "forwarded"}
    assert forwarded == received["body"].get("metadata", {}).get("extra_headers", {})


def test_the_effective_list_hides_secrets_and_says_where_each_header_comes_from(
    env: Env, sandbox: Sandbox
) -> None:
    write(env, PROFILE)
    done = run("headers", "list", "--effective", env={**env, "CORP_TOKEN": "corp-secret"})
    host = sandbox.url.removeprefix("http://")
    assert (done.code, done.err) == (0, "")
    assert [line.split("\t") for line in done.out.splitlines()] == [
        ["forwarded", "anthropic-beta", "context-1m-2025-08-07", "profile default"],
        ["forwarded", "x-api-key", "[hidden]", "profile default"],
        ["gateway", "Host", host, "the HTTP client"],
        ["gateway", "Connection", "keep-alive", "the HTTP client"],
        ["gateway", "Content-Length", "(length of the body)", "the HTTP client"],
        ["gateway", "Accept", "application/json", "respan"],
        ["gateway", "Accept-Encoding", "gzip, deflate", "respan"],
        ["gateway", "Content-Type", "application/json", "respan"],
        ["gateway", "User-Agent", f"respan-cli/{__version__}", "respan"],
        ["gateway", "X-Corp", "env:CORP_TOKEN", "profile default"],
        ["gateway", "anthropic-version", "2023-06-01", "profile default"],
        ["gateway", "Authorization", "Bearer [hidden]", "RESPAN_API_KEY"],
    ]


def test_a_reference_to_a_variable_that_is_not_set_is_said(env: Env) -> None:
    write(env, PROFILE)
    words = "the header 'X-Corp' needs the environment variable CORP_TOKEN, which is not set"
    done = run("headers", "list", "--effective", env=env)
    assert (done.code, done.err) == (0, f"respan: {words}\n")
    assert "X-Corp\tenv:CORP_TOKEN\t" in done.out
    assert run("send", "Hello", env=env) == Outcome(
        3, "", f"error: {words}\n  next: set CORP_TOKEN, or remove the header: -H 'X-Corp:'\n"
    )


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.respan.ai", "api.respan.ai"),
        ("https://gateway.example.com:443", "gateway.example.com"),
        ("https://gateway.example.com:8443", "gateway.example.com:8443"),
        ("http://[::1]:80", "[::1]"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_the_host_is_written_as_http_does(env: Env, url: str, host: str) -> None:
    done = run("headers", "list", "--effective", env={**env, "RESPAN_BASE_URL": url})
    assert f"gateway\tHost\t{host}\tthe HTTP client\n" in done.out


def test_without_a_key_the_list_says_so(env: Env) -> None:
    del env["RESPAN_API_KEY"]
    assert "Authorization\tBearer (no key)\tnot set\n" in run("headers", "list", "--effective", env=env).out
    write(env, '[profiles.default]\napi_key_command = "false"\n')
    words = "Authorization\tBearer (from api_key_command)\tapi_key_command of profile default\n"
    assert words in run("headers", "list", "--effective", "--show-secrets", env=env).out


def test_a_header_set_once_goes_with_every_message(env: Env, sandbox: Sandbox) -> None:
    assert run("headers", "set", "anthropic-beta", "context-1m-2025-08-07", env=env) == DONE
    assert run("headers", "set", "--gateway", "X-Respan-Route-Provider", "anthropic", env=env) == DONE
    assert run("send", "Hello", env=env).code == 0
    request = sandbox.requests[-1]
    assert request["body"]["metadata"] == {"extra_headers": {"anthropic-beta": "context-1m-2025-08-07"}}
    assert request["headers"]["x-respan-route-provider"] == "anthropic"


def test_names_compare_without_case_and_an_unset_takes_the_header_away(env: Env) -> None:
    assert run("headers", "set", "X-Beta", "1", env=env) == DONE
    assert run("headers", "set", "x-BETA", "2", env=env) == DONE
    assert run("headers", env=env).out == "forwarded\tx-BETA\t2\tprofile default\n"
    assert run("headers", "unset", "X-Beta", "--gateway", env=env) == DONE
    assert run("headers", env=env).out != ""
    assert run("headers", "unset", "X-Beta", env=env) == DONE
    assert run("headers", env=env) == DONE


def test_a_value_from_standard_input_stands_in_no_command_line(env: Env) -> None:
    assert run("headers", "set", "x-api-key", "-", stdin=f"{KEY}\n".encode(), env=env) == DONE
    table = tomllib.loads(file_of(env).read_text())
    assert table == {"profiles": {"default": {"headers": {"x-api-key": KEY}}}}


def test_a_secret_on_the_command_line_is_remarked_on_to_a_person(env: Env) -> None:
    done = run("headers", "set", "x-api-key", "sk-1", env={**env, "NO_COLOR": "1"}, stderr_is_terminal=True)
    assert done == Outcome(
        0,
        "",
        "respan: profile 'default': headers.x-api-key = [hidden]\n"
        "respan: this value is now in your shell history; '-' reads it from standard input, "
        "and env:VARIABLE keeps it out of the file too\n",
    )
    for argv in (("x-api-key", "env:TOKEN"), ("x-plain", "1")):
        assert "history" not in run("headers", "set", *argv, env=env, stderr_is_terminal=True).err


@pytest.mark.parametrize("scope", [(), ("--gateway",)])
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("Authorization", "x", "sets 'Authorization', which cannot be set"),
        ("HOST", "x", "sets 'HOST', which cannot be set"),
        ("content-length", "0", "which cannot be set"),
        ("Transfer-Encoding", "chunked", "which cannot be set"),
        ("connection", "close", "which cannot be set"),
        ("bad name", "x", "has 'bad name' where a header name belongs"),
        ("bad:name", "x", "has 'bad:name' where a header name belongs"),
        ("", "x", "has '' where a header name belongs"),
        ("X-É", "x", "where a header name belongs"),
        ("X-A", "sk-1\r\nX-B: 2", "has a character that HTTP does not allow in the value of 'X-A'"),
        ("X-A", "sk-1\x00", "has a character that HTTP does not allow in the value of 'X-A'"),
        ("X-A", "sk-1é", "has a character that HTTP does not allow in the value of 'X-A'"),
        ("X-A", "env:not a name", "refers to no environment variable in 'X-A': write env:NAME"),
        ("X-A", "env:", "refers to no environment variable in 'X-A'"),
    ],
)
def test_what_http_or_the_contract_does_not_allow_is_refused(
    env: Env, scope: tuple[str, ...], name: str, value: str, words: str
) -> None:
    done = run("headers", "set", *scope, name, value, env=env)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert "sk-1" not in done.err
    assert not file_of(env).exists()


def test_a_header_needs_a_value(env: Env) -> None:
    assert run("headers", "set", "X-A", env=env) == Outcome(
        2, "", "error: X-A needs a value\n  next: give one, or - to read it from standard input\n"
    )
