"""`respan check` from the settings to the log: what holds is told, the first broken layer explained."""

from __future__ import annotations

import json
import re
import shlex
import socket
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from respan_cli.commands.check.diagnosis import TEXTS, DiagnosisContext, diagnose
from respan_cli.commands.check.report import FINE, line
from respan_cli.commands.check.stages import NAMES, Stage, Verdict
from respan_cli.errors import ProviderError, ResponseTimeoutError
from respan_cli.sandbox import Sandbox
from respan_cli.sandbox.api import answer_to
from tests.conftest import CLIENT_KEY, OfficialGateway
from tests.hosts import deaf_host, free_port, host, http_date, in_front, page, saying, silent
from tests.support import KEY, PATIENCE, ROOT, Pty, process_env, run

Json = dict[str, Any]
ONE_DAY = "invalid value for '{}': Input should be less than or equal to 86400"
UNKEYED = "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\n"


class Checked(NamedTuple):
    """The exit code, the object of `--json`, and the error on standard error, if there was one."""

    code: int
    shown: Json
    error: Json | None

    def verdicts(self) -> dict[str, str]:
        return {name: stage["verdict"] for name, stage in self.shown["stages"].items()}

    def facts(self, stage: str) -> Json:
        facts: Json = self.shown["stages"][stage]["facts"]
        return facts

    def warnings(self, stage: str) -> list[str]:
        warnings: list[str] = self.shown["stages"][stage]["warnings"]
        return warnings


def check(*argv: str, env: dict[str, str]) -> Checked:
    done = run("check", "--json", *argv, env=env)
    assert KEY not in done.out + done.err
    return Checked(done.code, json.loads(done.out), json.loads(done.err) if done.err else None)


def without_times(text: str) -> str:
    return re.sub(r"(?<=\t)[\d.]+(?=\t)", "MS", text)


def at(port: int, env: dict[str, str], scheme: str = "http") -> dict[str, str]:
    return {**env, "RESPAN_BASE_URL": f"{scheme}://127.0.0.1:{port}"}


# --- all is well


def test_every_stage_is_a_row_for_scripts(sandbox: Sandbox, env: dict[str, str]) -> None:
    done = run("check", env=env)
    url = f"{sandbox.url}/"
    rows = without_times(done.out).splitlines()
    assert (done.code, done.err) == (0, "")
    assert rows[:6] == [
        f"settings\tok\tMS\tprofile default, {url} (RESPAN_BASE_URL), claude-sonnet-5-5 (default), "
        "key from RESPAN_API_KEY, max_retries from RESPAN_MAX_RETRIES",
        "dns\tok\tMS\t127.0.0.1: 127.0.0.1",
        f"tcp\tok\tMS\t{sandbox.url.removeprefix('http://')} answered",
        "tls\tskipped\t\thttp:// has none",
        "http\tok\tMS\ta gateway answers: HTTP 401 application/json",
        "authentication\tok\tMS\tthe key from RESPAN_API_KEY was taken",
    ]
    assert re.fullmatch(
        r"message\tok\tMS\tclaude-sonnet-5-5 answered, first token \d+ ms, log id [0-9a-f-]{36}", rows[6]
    )
    assert len(rows) == 7


def test_the_message_is_one_token_with_the_identity_and_the_headers_of_send(
    sandbox: Sandbox, env: dict[str, str]
) -> None:
    identity = ("--customer-id", "acme", "--custom-id", "run-7", "-M", "agent=x", "-H", "anthropic-beta: y")
    assert check(*identity, "--gateway-header", "X-Respan-Beta: z", env=env).code == 0
    request = sandbox.requests[-1]
    assert request["path"] == "/v1/messages"
    assert request["headers"]["authorization"] == f"Bearer {KEY}"
    assert request["headers"]["x-respan-beta"] == "z"
    assert request["body"] == {
        "model": "claude-sonnet-5-5",
        "max_tokens": 1,
        "messages": [{"role": "user", "content": "ping"}],
        "metadata": {
            "respan_params": {
                "customer_identifier": "acme",
                "custom_identifier": "run-7",
                "metadata": {"agent": "x"},
            },
            "extra_headers": {"anthropic-beta": "y"},
        },
        "stream": True,
    }


def test_nothing_secret_is_in_the_request_that_comes_before_the_key(
    sandbox: Sandbox, env: dict[str, str]
) -> None:
    check("--gateway-header", "X-Api-Key: hush", "--gateway-header", "X-Team: blue", env=env)
    first, second, _ = sandbox.requests
    assert not {"authorization", "x-api-key"} & first["headers"].keys()
    assert first["headers"]["x-team"] == "blue"
    assert second["headers"]["authorization"] == f"Bearer {KEY}"
    assert first["body"] == second["body"] == {"model": "claude-sonnet-5-5", "max_tokens": 1, "messages": []}


def test_without_sending_no_message_is_sent(sandbox: Sandbox, env: dict[str, str]) -> None:
    done = check("--no-send", env=env)
    assert (done.code, done.error) == (0, None)
    assert done.verdicts()["authentication"] == "ok"
    assert done.verdicts()["message"] == "skipped"
    assert [request["body"]["messages"] for request in sandbox.requests] == [[], []]


def test_the_json_has_every_stage_and_its_facts(sandbox: Sandbox, env: dict[str, str]) -> None:
    done = check("--customer-id", "acme", env=env)
    assert list(done.shown) == [
        "ok", "exit_code", "profile", "base_url", "model", "stages", "failure"
    ]  # fmt: skip
    assert (done.shown["ok"], done.shown["exit_code"], done.shown["failure"]) == (True, 0, None)
    assert tuple(done.shown["stages"]) == NAMES
    assert done.verdicts() == {
        **dict.fromkeys(NAMES, "ok"),
        **dict.fromkeys(("proxy", "tls", "repeat", "log"), "skipped"),
    }
    for name, stage in done.shown["stages"].items():
        assert list(stage) == ["verdict", "ms", "facts", "warnings"]
        assert (stage["ms"] is None) == (done.verdicts()[name] == "skipped")
    settings = done.facts("settings")
    assert settings["key"] == {"present": True, "source": "RESPAN_API_KEY"}
    assert settings["sources"]["customer_identifier"] == "--customer-identifier"
    assert settings["sources"]["base_url"] == "RESPAN_BASE_URL"
    assert done.facts("authentication") == {"status": 400, "proven": True, "key_source": "RESPAN_API_KEY"}
    assert done.facts("message")["respan_params"] == {"customer_identifier": "acme"}


def test_the_sandbox_needs_neither_key_nor_network(tmp_path: Path) -> None:
    done = check("--sandbox", env={"HOME": str(tmp_path)})
    assert (done.code, done.error) == (0, None)
    assert done.facts("settings")["key"]["source"] == "the sandbox"


def test_a_gateway_that_looks_at_the_message_first_leaves_the_key_open(env: dict[str, str]) -> None:
    answer = saying(page("400 Bad Request", '{"detail": "messages"}', Content_Type="application/json"))
    with host(answer) as port:
        done = check("--no-send", env=at(port, env))
    assert (done.code, done.error) == (0, None)
    assert done.verdicts()["authentication"] == "skipped"
    assert done.facts("authentication")["proven"] is False


@pytest.mark.parametrize("status", ["404 Not Found", "429 Too Many Requests", "529 Overloaded"])
def test_an_answer_that_says_nothing_of_the_key_is_not_taken_for_more(
    env: dict[str, str], status: str
) -> None:
    with host(saying(page(status, '{"detail": "no"}', Content_Type="application/json"))) as port:
        done = run("check", "--no-send", env=at(port, env))
    told = f"HTTP {status[:3]} application/json says nothing of the key"
    assert done.code == 0
    assert f"\nauthentication\tskipped\t\topen: {told}\n" in done.out
    assert done.err.startswith(f"warning: HTTP {status[:3]}")


def test_a_gateway_that_answers_an_empty_message_is_one(env: dict[str, str]) -> None:
    answer = json.dumps(answer_to({"model": "m", "max_tokens": 1, "messages": []}, 1).message())
    with host(saying(page("200 OK", answer, Content_Type="application/json"))) as port:
        done = check("--no-send", env=at(port, env))
    assert (done.code, done.verdicts()["http"]) == (0, "ok")


def test_the_official_gateway_passes(official_gateway: OfficialGateway) -> None:
    env = {"HOME": "/nowhere", "RESPAN_API_KEY": CLIENT_KEY, "RESPAN_BASE_URL": official_gateway.url}
    done = check(env=env)
    assert (done.code, done.error) == (0, None)
    assert done.facts("authentication")["proven"] is True


def test_every_fact_is_documented(env: dict[str, str]) -> None:
    page = (ROOT / "docs" / "check.md").read_text("utf-8")
    done = check("--log", "--count", "1", "--customer-id", "acme", env=env)
    rows = {row.split("`")[1]: row for row in page.splitlines() if row.startswith("| `")}
    for name, stage in [*done.shown["stages"].items(), *check("--no-send", env=env).shown["stages"].items()]:
        for fact in stage["facts"]:
            assert f"`{fact}`" in rows[name], (name, fact)
    assert set(NAMES) <= rows.keys()


# --- each layer broken, for real


def lines_of(stage: str, seen: str, means: str, command: str) -> str:
    return f"error: {stage}: {seen}\n  why:  {means}\n  next: {command}\n"


def test_no_key_stops_before_the_network(sandbox: Sandbox, env: dict[str, str]) -> None:
    del env["RESPAN_API_KEY"]
    done = run("check", env=env)
    seen, means = "no API key in profile 'default'", TEXTS["settings"][0]
    assert (done.code, without_times(done.out)) == (3, f"settings\tfailed\tMS\t{seen}\n")
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
    assert without_times(done.out).splitlines()[2:] == [f"tcp\tfailed\tMS\t{seen}"]
    assert done.err == lines_of("tcp", seen, TEXTS["tcp_refused"][0], "respan config show --origin")


def test_a_listener_that_never_accepts_is_tcp(env: dict[str, str]) -> None:
    with deaf_host() as port:
        done = check("--timeout", "0.3", env=at(port, env))
    assert done.code == 8
    assert done.shown["failure"]["stage"] == "tcp"
    assert done.shown["failure"]["type"] == "tcp_timeout"
    assert done.shown["failure"]["seen"] == f"tcp: no connection to 127.0.0.1:{port}: no answer in time"


@pytest.mark.parametrize(("scheme", "stage"), [("http", "http"), ("https", "tls")])
def test_a_listener_that_stays_silent_is_the_layer_that_waits_for_it(
    env: dict[str, str], scheme: str, stage: str
) -> None:
    with host(silent) as port:
        done = check("--timeout", "1.5", env=at(port, env, scheme))
    assert (done.code, done.shown["failure"]["stage"]) == (8, stage)
    assert done.shown["failure"]["means"].startswith("something takes the connection and then does nothing")


@pytest.mark.parametrize(
    ("answer", "code", "seen"),
    [
        (
            page("200 OK", "<title>Sign in</title>"),
            9,
            "HTTP 200 text/html where a gateway answers JSON: Sign in",
        ),
        (
            page("404 Not Found", "<h1>Nothing here</h1>"),
            9,
            "HTTP 404 text/html where a gateway answers JSON",
        ),
        (page("302 Found", "", Location="http://hotel.example/"), 5, "it points to http://hotel.example/"),
        (page("503 Service Unavailable", "<title>Maintenance</title>"), 7, "(HTTP 503): Maintenance"),
        (
            page("200 OK", '{"captive": true}', Content_Type="application/json"),
            9,
            'HTTP 200 application/json where a gateway refuses an empty message: {"captive": true}',
        ),
        (b"220 mail.example ESMTP\r\n\r\n", 9, "sent a reply that is not HTTP"),
        (b"", 8, "the connection was closed"),
    ],
    ids=["captive portal", "web server", "redirect", "maintenance", "portal API", "mail server", "closed"],
)
def test_what_is_no_gateway_is_http(env: dict[str, str], answer: bytes, code: int, seen: str) -> None:
    with host(saying(answer)) as port:
        done = check(env=at(port, env))
    assert (done.code, done.shown["failure"]["stage"]) == (code, "http")
    assert seen in done.shown["failure"]["seen"]
    assert done.shown["failure"]["next"].startswith(("curl -", "sleep 30; respan check"))


def test_a_refused_key_is_authentication(tmp_path: Path) -> None:
    with Sandbox(key="another") as sandbox:
        env = {"HOME": str(tmp_path), "RESPAN_API_KEY": KEY, "RESPAN_BASE_URL": sandbox.url}
        done = run("check", env=env)
        asked = len(sandbox.requests)
    assert (done.code, asked) == (4, 2)
    assert done.out.splitlines()[-1].endswith("\tthe key was not accepted (HTTP 401): invalid x-api-key")
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
        ("sandbox-429", 6, "sleep 1; respan check"),
        ("sandbox-500", 7, "sleep 30; respan check"),
        ("sandbox-529", 7, "sleep 30; respan check"),
        ("sandbox-redirect", 5, "curl -i {url}/"),
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
    assert done.shown["failure"]["next"] == command.format(url=sandbox.url)
    assert done.error is not None
    assert done.error["exit_code"] == done.shown["exit_code"] == code
    assert done.verdicts()["authentication"] == "ok"
    # One attempt: a check shows what fails, and does not hide it.
    assert len(sandbox.requests) == 3


def test_a_message_without_an_answer_ends_in_time(env: dict[str, str]) -> None:
    done = check("--timeout", "1.5", env={**env, "RESPAN_MODEL": "sandbox-silent"})
    assert (done.code, done.shown["failure"]["stage"]) == (8, "message")


def test_an_answer_that_only_trickles_ends_in_time_too(sandbox: Sandbox, env: dict[str, str]) -> None:
    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for _ in range(int(PATIENCE / 0.05)):  # or until nobody listens any more
            connection.sendall(b'event: ping\ndata: {"type": "ping"}\n\n')
            time.sleep(0.05)

    answer = page("401 Unauthorized", '{"detail": "no key"}', Content_Type="application/json")
    sandbox.replies += [answer, answer.replace(b"401 Unauthorized", b"400 Bad Request"), trickle]
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
        'customer_credentials:={"a": "hush-hush"}',
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
    assert done.shown["failure"]["next"] == "respan check --metadata a=b"


def test_a_limit_that_was_too_short_is_made_longer() -> None:
    case = DiagnosisContext(timeout=90, log_timeout=900)
    late = diagnose(ResponseTimeoutError("x"), "message", case)
    missing = diagnose(ProviderError("x", kind="log_missing"), "log", case)
    assert late.hint == "respan check --timeout 180"
    assert missing.hint == "respan check --log --log-timeout 1800"


# --- warnings


def test_what_is_not_known_before_the_settings_hold_is_null(env: dict[str, str]) -> None:
    done = check("-p", "none", env=env)
    assert done.code == 3
    assert [done.shown[name] for name in ("profile", "base_url", "model")] == [None, None, None]


def test_the_command_that_gives_the_key_is_told_once(sandbox: Sandbox, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[profiles.default]\napi_key_command = "echo {KEY}"\n')
    config.chmod(0o600)
    env = {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "RESPAN_CLI_CONFIG": str(config),
        "RESPAN_BASE_URL": sandbox.url,
    }
    done = run("check", env=env)
    assert (done.code, done.err) == (0, "")
    first = done.out.splitlines()[0]
    assert first.endswith("(default), key from api_key_command of profile default")


def test_a_clock_that_is_off_is_a_warning(sandbox: Sandbox, env: dict[str, str]) -> None:
    body = '{"detail": "no key"}'
    head = f"{UNKEYED}Date: {http_date(-600)}\r\nContent-Length: {len(body)}\r\n\r\n"
    sandbox.replies.append(head.encode() + body.encode())
    done = run("check", env=env)
    assert done.code == 0
    assert "\nhttp\twarned\t" in done.out
    assert done.err == "warning: this machine's clock is 10 minutes ahead of the gateway's\n"


def test_a_deprecated_model_is_a_warning(env: dict[str, str], deprecated_model: str) -> None:
    done = check("-m", deprecated_model, env=env)
    assert (done.code, done.verdicts()["message"]) == (0, "warned")
    assert "deprecated" in done.warnings("message")[0]
    unsent = check("-m", deprecated_model, "--no-send", env=env)
    assert (unsent.code, unsent.verdicts()["message"]) == (0, "skipped")
    assert unsent.warnings("message") == done.warnings("message")


def test_a_profile_file_that_others_can_read_is_a_warning(tmp_path: Path, env: dict[str, str]) -> None:
    config = tmp_path / "my config.toml"
    config.write_text("[profiles.default]\n")
    config.chmod(0o644)
    done = run("check", "--no-send", env={**env, "RESPAN_CLI_CONFIG": str(config)})
    assert (done.code, done.err) == (
        0,
        f"warning: others can read the profile file: chmod 600 '{config}'\n",
    )


@pytest.mark.parametrize("name", ["respan", "respan-cli"])
def test_a_link_to_this_program_is_this_program(tmp_path: Path, env: dict[str, str], name: str) -> None:
    (tmp_path / "respan").symlink_to(Path(sys.executable).with_name(name))
    assert check("--no-send", env={**env, "PATH": str(tmp_path)}).warnings("settings") == []


def test_another_respan_earlier_on_path_is_a_warning(tmp_path: Path, env: dict[str, str]) -> None:
    other = tmp_path / "respan"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    done = check("--no-send", env={**env, "PATH": str(tmp_path)})
    assert done.warnings("settings") == [
        f"'respan' on PATH is {other}, which is not this program; 'respan-cli' is"
    ]


def test_a_key_that_is_taken_by_an_empty_account_is_a_warning(sandbox: Sandbox, env: dict[str, str]) -> None:
    sandbox.replies += [
        page("401 Unauthorized", '{"detail": "no key"}', Content_Type="application/json"),
        page("402 Payment Required", '{"detail": "no credits"}', Content_Type="application/json"),
    ]
    done = check("--no-send", env=env)
    assert (done.code, done.verdicts()["authentication"]) == (0, "warned")
    assert done.warnings("authentication") == [
        "the key was taken, and then: HTTP 402 application/json: no credits"
    ]


# --- the log


def test_the_log_is_waited_for_and_compared(sandbox: Sandbox, env: dict[str, str]) -> None:
    done = check("--log", "--customer-id", "acme", "-M", "agent=x", env=env)
    assert (done.code, done.error) == (0, None)
    assert done.facts("log") == {
        "found_by": "log_id",
        "looks": 2,
        "compared": ["customer_identifier", "custom_identifier", "metadata.agent"],
        "omitted": [],
        "differences": [],
    }
    looks = ["GET", "POST", "GET"]  # the first miss has it make sure that there is a log
    assert [request["method"] for request in sandbox.requests] == ["POST"] * 3 + looks
    sent = sandbox.requests[2]["body"]["metadata"]["respan_params"]["custom_identifier"]
    assert re.fullmatch(r"respan-check-[0-9a-f-]{36}", sent)
    assert "x-respan-beta" not in sandbox.requests[-1]["headers"]


def test_without_a_log_id_the_log_is_searched_by_an_identifier_made_for_it(
    sandbox: Sandbox, env: dict[str, str]
) -> None:
    done = check("--log", "-m", "sandbox-no-log-id", env=env)
    assert (done.code, done.error) == (0, None)
    assert (done.facts("log")["found_by"], done.facts("log")["looks"]) == ("custom_identifier", 3)
    sent = sandbox.requests[2]["body"]["metadata"]["respan_params"]["custom_identifier"]
    assert sandbox.requests[-1]["path"].startswith("/api/request-logs/list/?start_time=2")
    assert sandbox.requests[-1]["body"]["filters"]["custom_identifier"]["value"] == [sent]


def test_an_older_entry_under_a_fixed_identifier_is_not_taken_for_the_new_one(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        env = {"HOME": str(tmp_path), "RESPAN_API_KEY": KEY, "RESPAN_BASE_URL": sandbox.url}
        fixed = ("--log", "--custom-id", "nightly", "-m", "sandbox-no-log-id")
        assert check(*fixed, "-M", "n=1", env=env).code == 0  # and now its log is there
        done = check(*fixed, "-M", "n=2", env=env)
    assert (done.code, done.facts("log")["differences"], done.facts("log")["looks"]) == (0, [], 3)


def test_a_log_that_never_comes_is_a_failure_with_a_time_limit(tmp_path: Path) -> None:
    with Sandbox(log_delay=10**6) as sandbox:
        env = {"HOME": str(tmp_path), "RESPAN_API_KEY": KEY, "RESPAN_BASE_URL": sandbox.url}
        done = check("--log", "--log-timeout", "0.3", env=env)
    assert (done.code, done.shown["failure"]["type"]) == (7, "log_missing")
    assert done.shown["failure"]["next"] == "respan check --log --log-timeout 600"
    assert done.verdicts()["message"] == "ok"


def test_a_log_that_says_otherwise_is_a_failure_that_shows_each_difference(
    sandbox: Sandbox, env: dict[str, str]
) -> None:
    entry = in_json("200 OK", '{"unique_id": "x", "customer_identifier": "", "metadata": {"job": "8"}}')
    env = {**env, "RESPAN_CUSTOMER_ID": "acme", "RESPAN_METADATA": '{"job": "7"}'}
    done = log_says(sandbox, {**env, "RESPAN_CUSTOM_ID": "run-7"}, entry)
    assert (done.code, done.shown["failure"]["type"]) == (7, "log_differs")
    assert done.facts("log")["differences"] == [
        {"name": "customer_identifier", "sent": "acme", "logged": None},
        {"name": "custom_identifier", "sent": "run-7", "logged": None},
        {"name": "metadata.job", "sent": "7", "logged": "8"},
    ]


def test_metadata_that_the_log_omits_is_no_difference_but_told(env: dict[str, str]) -> None:
    done = check("--log", "-m", "sandbox-log-drops", "-M", "agent=x", "-M", "job=7", env=env)
    assert (done.code, done.facts("log")["differences"]) == (0, [])
    assert done.facts("log")["omitted"] == ["metadata.agent", "metadata.job"]
    assert done.warnings("log") == ["the log shows no metadata.agent, metadata.job"]


def log_says(sandbox: Sandbox, env: dict[str, str], *answers: bytes, limit: str = "0.3") -> Checked:
    """What a check finds in front of a log that gives these answers, the last one for ever."""
    with host(in_front(int(sandbox.url.rpartition(":")[2]), "/api/request-logs/", list(answers))) as port:
        return check("--log", "--log-timeout", limit, env=at(port, env))


def in_json(status: str, body: str) -> bytes:
    return page(status, body, Content_Type="application/json")


@pytest.mark.parametrize(
    ("answer", "code", "kind", "words"),
    [
        (in_json("503 Down", '{"detail": "maintenance"}'), 7, "provider", "could not be asked"),
        (in_json("429 Slow down", '{"detail": "slowly"}'), 6, "limit", "could not be asked"),
        (in_json("404 Not Found", '{"detail": "Not found."}'), 5, "log_none", "lets nobody read its log"),
        (in_json("200 OK", '{"hello": "world"}'), 9, "log_none", "lets nobody read its log"),
        (in_json("403 Forbidden", '{"detail": "not yours"}'), 4, "authentication", "so the key is good"),
        (page("404 Not Found", "<h1>Nothing here</h1>"), 9, "log_none", "lets nobody read its log"),
    ],
    ids=["failing", "limited", "no log", "something else", "forbidden", "page"],
)
def test_a_log_that_says_nothing_of_the_message_is_told_by_what_it_says(
    sandbox: Sandbox, env: dict[str, str], answer: bytes, code: int, kind: str, words: str
) -> None:
    done = log_says(sandbox, env, answer)
    failure = done.shown["failure"]
    assert (done.code, failure["stage"], failure["type"]) == (code, "log", kind)
    assert words in failure["means"]


def test_a_page_of_a_log_that_fails_in_passing_is_waited_out(sandbox: Sandbox, env: dict[str, str]) -> None:
    entry = in_json("200 OK", '{"custom_identifier": "run-7"}')
    passing = page("502 Bad Gateway", "<title>502</title>")
    done = log_says(sandbox, {**env, "RESPAN_CUSTOM_ID": "run-7"}, passing, passing, entry, limit="30")
    assert (done.code, done.facts("log")["looks"]) == (0, 2)


# --- many messages


def test_messages_are_counted_over_one_connection_and_over_new_ones(
    sandbox: Sandbox, env: dict[str, str]
) -> None:
    done = check("--count", "3", "--custom-id", "auto", env=env)
    assert (done.code, done.error) == (0, None)
    facts = done.facts("repeat")
    assert facts["count"] == 3
    assert facts["kept"]["connect_ms"] is None
    for over, name in (
        ("kept", "total_ms"),
        ("new", "total_ms"),
        ("new", "connect_ms"),
        ("new", "first_token_ms"),
    ):
        spread = facts[over][name]
        assert list(spread) == ["n", "min", "median", "p95", "max", "values"]
        assert spread["n"] == len(spread["values"]) == 3
        assert spread["min"] <= spread["median"] <= spread["p95"] <= spread["max"]
    identifiers = [
        request["body"]["metadata"]["respan_params"]["custom_identifier"] for request in sandbox.requests[2:]
    ]
    assert len(set(identifiers)) == 6


def test_the_end_of_a_connection_is_no_part_of_the_answer(sandbox: Sandbox, env: dict[str, str]) -> None:
    """A gateway may send the last, empty chunk late; over a kept connection that is waited for."""
    late = 0.2
    answer = answer_to({"model": "m", "max_tokens": 1, "messages": []}, 1)
    stream = b"".join([*answer.opening(), *answer.deltas(), *answer.closing()])

    def dawdle(connection: socket.socket) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + b"%x\r\n%s\r\n" % (len(stream), stream))
        time.sleep(late)
        connection.sendall(b"0\r\n\r\n")

    refusal = page("400 Bad Request", '{"detail": "messages"}', Content_Type="application/json")
    sandbox.replies += [refusal, refusal, dawdle, dawdle]
    done = check("--count", "1", env=env)
    assert done.code == 0
    total: float = done.facts("repeat")["kept"]["total_ms"]["max"]
    assert total + late * 1000 <= done.shown["stages"]["repeat"]["ms"]


def test_the_table_is_rows_for_scripts(env: dict[str, str]) -> None:
    done = run("check", "--count", "2", env=env)
    rows = [line.split("\t") for line in done.out.splitlines()[8:]]
    assert rows[0] == ["connections", "measure", "min", "median", "p95", "max"]
    assert [row[:2] for row in rows[1:]] == [
        ["kept", "first_token_ms"],
        ["kept", "total_ms"],
        ["new", "connect_ms"],
        ["new", "first_token_ms"],
        ["new", "total_ms"],
    ]
    assert (done.code, done.err) == (0, "")


def test_a_message_that_fails_among_many_ends_them(sandbox: Sandbox, env: dict[str, str]) -> None:
    said = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "ping"}]}
    told = answer_to(said, 1)
    stream = b"".join([*told.opening(), *told.deltas(), *told.closing()]).decode()
    sandbox.replies += [
        page("401 Unauthorized", '{"detail": "no key"}', Content_Type="application/json"),
        page("400 Bad Request", '{"detail": "messages"}', Content_Type="application/json"),
        page("200 OK", stream, Content_Type="text/event-stream"),
        page("529 Overloaded", '{"detail": "later"}', Content_Type="application/json"),
    ]
    done = check("--count", "2", env=env)
    assert (done.code, done.shown["failure"]["stage"]) == (7, "repeat")
    assert done.shown["failure"]["seen"].startswith(
        "repeat: message 2 of 4: the gateway or the provider failed"
    )
    assert done.verdicts()["message"] == "ok"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--no-send", "--log"), "--log needs the message that --no-send leaves out"),
        (("--no-send", "--count", "2"), "--count needs the message that --no-send leaves out"),
        (("--interval", "2"), "--interval means nothing without --count"),
        (("--log-timeout", "2"), "--log-timeout means nothing without --log"),
        (("--count", "2", "--interval", "inf"), ONE_DAY.format("--interval")),
        (("--log", "--log-timeout", "inf"), ONE_DAY.format("--log-timeout")),
    ],
    ids=" ".join,
)
def test_flags_that_cannot_be_meant_are_refused(
    env: dict[str, str], flags: tuple[str, ...], message: str
) -> None:
    done = run("check", *flags, env=env)
    assert (done.code, done.out, done.err.splitlines()[0]) == (2, "", f"error: {message}")


# --- at a terminal


@pytest.mark.parametrize("columns", [40, 66, 70, 200])
def test_a_terminal_gets_a_sign_a_table_and_bars(tmp_path: Path, columns: int) -> None:
    argv = ("check", "--sandbox", "--count", "12")
    with Pty(*argv, env=process_env(tmp_path, NO_COLOR="1"), columns=columns) as terminal:
        code, text = terminal.finish()
    assert code == 0
    assert "✓ dns " in text
    assert "- tls " in text
    assert "median" in text
    assert "█" in text
    assert max(map(len, text.partition("repeat ")[2].splitlines())) < columns


def test_a_terminal_without_these_signs_gets_others(tmp_path: Path) -> None:
    env = process_env(tmp_path, PYTHONIOENCODING="iso8859-1")
    with Pty("check", "--sandbox", "-m", "sandbox-401", env=env) as terminal:
        code, text = terminal.finish()
    assert code == 4
    assert "+ dns " in text
    assert "x message " in text
    assert text.isascii()


def test_an_interrupt_ends_it_at_once(tmp_path: Path) -> None:
    with deaf_host() as port:
        env = process_env(tmp_path, RESPAN_API_KEY=KEY, RESPAN_BASE_URL=f"http://127.0.0.1:{port}")
        with Pty("check", "--timeout", "600", env=env) as terminal:
            terminal.read_until("checking tcp")
            terminal.type("\x03")
            code, text = terminal.finish()
    assert code == 130
    assert "Traceback" not in text
    assert text.endswith("\r\x1b[K")


def test_a_pause_between_messages_says_which_one_is_next(tmp_path: Path) -> None:
    argv = ("check", "--sandbox", "--count", "3", "--interval", "3")
    with Pty(*argv, env=process_env(tmp_path)) as terminal:
        terminal.read_until("message 2 of 6")
        terminal.type("\x03")
        code, _ = terminal.finish()
    assert code == 130


@pytest.mark.parametrize("columns", [24, 44, 70, 100])
def test_no_line_fills_the_window(columns: int) -> None:
    for length in range(1, 120):
        stage = Stage("message", Verdict.OK, 5.0, " ".join(["ab"] * length))
        assert max(map(len, line(stage, FINE, columns).splitlines())) < max(columns, 27)
