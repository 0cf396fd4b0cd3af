"""`respan check` where all is well: its rows, its facts, its warnings, and the log."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from respan_cli.commands.check.stages import NAMES
from respan_cli.sandbox import Sandbox
from respan_cli.sandbox.api import answer_to
from tests.check_support import Checked, at, check, in_json, without_times
from tests.conftest import CLIENT_KEY, OfficialGateway
from tests.hosts import host, http_date, in_front, page, saying
from tests.support import KEY, ROOT, run


def test_every_stage_is_a_row_for_scripts(sandbox: Sandbox, env: dict[str, str]) -> None:
    done = run("check", env=env)
    rows = without_times(done.out).splitlines()
    assert (done.code, done.err) == (0, "")
    assert rows[:6] == [
        "settings\tok\tMS\tprofile default, key from RESPAN_API_KEY",
        "dns\tok\tMS\t127.0.0.1 is an address",
        f"tcp\tok\tMS\tconnected to {sandbox.url.removeprefix('http://')}",
        "tls\tskipped\t\tnot used (http://)",
        "http\tok\tMS\tthe gateway answers (401 without a key, as it should)",
        "authentication\tok\t\tthe key from RESPAN_API_KEY was accepted",
    ]
    assert re.fullmatch(
        r"message\tok\tMS\tclaude-sonnet-5-5 answered, first token \d+ ms, log id [0-9a-f-]{36}", rows[6]
    )
    assert rows[7:] == ["verdict\tready\t\tReady: profile 'default' can send."]


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
    check("--no-send", "--gateway-header", "X-Api-Key: hush", env=env)
    first, _, _, second = sandbox.requests
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
        "time", "ok", "verdict", "exit_code", "profile", "base_url", "model", "stages", "failure"
    ]  # fmt: skip
    assert (done.shown["ok"], done.shown["exit_code"], done.shown["failure"]) == (True, 0, None)
    assert tuple(done.shown["stages"]) == NAMES
    assert done.verdicts() == {
        **dict.fromkeys(NAMES, "ok"),
        **dict.fromkeys(("proxy", "tls", "repeat", "log"), "skipped"),
    }
    for name, stage in done.shown["stages"].items():
        assert list(stage) == ["verdict", "ms", "facts", "warnings"]
        untimed = name == "authentication" or done.verdicts()[name] == "skipped"
        assert (stage["ms"] is None) == untimed
    settings = done.facts("settings")
    assert settings["key"] == {"present": True, "source": "RESPAN_API_KEY"}
    assert settings["sources"]["customer_identifier"] == "--customer-identifier"
    assert settings["sources"]["base_url"] == "RESPAN_BASE_URL"
    assert done.facts("authentication") == {"status": None, "proven": True, "key_source": "RESPAN_API_KEY"}
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
    assert done.code == 0
    assert "\nauthentication\tskipped\t\tnot proven: only a message can tell\n" in done.out
    assert "\nverdict\tnot_proven\t" in done.out
    assert done.err.startswith("warning: ")
    assert f"HTTP {status[:3]} application/json" in done.err


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
    assert first.endswith("\tprofile default, key from api_key_command of profile default")


def test_a_clock_that_is_off_is_a_warning(sandbox: Sandbox, env: dict[str, str]) -> None:
    body = '{"detail": "no key"}'
    sandbox.replies.append(in_json("401 Unauthorized", body, Date=http_date(-600)))
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


def test_an_answer_about_the_account_does_not_prove_the_key(sandbox: Sandbox, env: dict[str, str]) -> None:
    sandbox.replies += [
        page("401 Unauthorized", '{"detail": "no key"}', Content_Type="application/json"),
        page("402 Payment Required", '{"detail": "no credits"}', Content_Type="application/json"),
    ]
    done = check("--no-send", env=env)
    assert (done.code, done.verdicts()["authentication"]) == (0, "warned")
    assert done.warnings("authentication") == [
        "HTTP 402 application/json: no credits to a request with the key, which proves nothing"
    ]
    assert done.facts("authentication")["proven"] is False


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
    assert [request["method"] for request in sandbox.requests] == ["POST"] * 2 + looks
    sent = sandbox.requests[1]["body"]["metadata"]["respan_params"]["custom_identifier"]
    assert re.fullmatch(r"respan-check-[0-9a-f-]{36}", sent)
    assert "x-respan-beta" not in sandbox.requests[-1]["headers"]


def test_without_a_log_id_the_log_is_searched_by_an_identifier_made_for_it(
    sandbox: Sandbox, env: dict[str, str]
) -> None:
    done = check("--log", "-m", "sandbox-no-log-id", env=env)
    assert (done.code, done.error) == (0, None)
    assert (done.facts("log")["found_by"], done.facts("log")["looks"]) == ("custom_identifier", 3)
    sent = sandbox.requests[1]["body"]["metadata"]["respan_params"]["custom_identifier"]
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


@pytest.mark.parametrize(
    ("answer", "code", "kind", "words"),
    [
        (in_json("503 Down", '{"detail": "maintenance"}'), 7, "provider", "the log cannot be read"),
        (in_json("429 Slow down", '{"detail": "slowly"}'), 6, "limit", "the log cannot be read"),
        (
            in_json("404 Not Found", '{"detail": "Not found."}'),
            5,
            "log_none",
            "this gateway has no log",
        ),
        (in_json("200 OK", '{"hello": "world"}'), 9, "log_none", "this gateway has no log"),
        (in_json("403 Forbidden", '{"detail": "not yours"}'), 4, "authentication", "so the key is valid"),
        (page("404 Not Found", "<h1>Nothing here</h1>"), 9, "log_none", "this gateway has no log"),
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
