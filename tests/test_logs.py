"""`respan logs`: what the log says, for people and for scripts, each form compared whole."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from respan_cli.commands.logs.filters import read_filter, status_conditions
from respan_cli.commands.logs.times import read_time
from respan_cli.errors import UsageError
from respan_cli.gateway.log_query import FIELDS, OPERATORS, Condition
from respan_cli.sandbox import Sandbox
from tests.conftest import CLIENT_KEY, OfficialGateway
from tests.log_host import Answer, Asked, StandIn, log_host
from tests.support import KEY, PATIENCE, Outcome, Pty, process_env, run, run_process, start_process

ID, OTHER = "3f1c2a9b-0000-4000-8000-000000000001", "77aa0000-0000-4000-8000-000000000002"
ENTRY: dict[str, Any] = {
    "unique_id": ID,
    "timestamp": "2020-01-02T03:04:05.678Z",
    "model": "claude-sonnet-5-5",
    "status": "success",
    "status_code": 200,
    "customer_identifier": "acme",
    "custom_identifier": "nightly/7",
    "thread_identifier": "t1",
    "metadata": {"team": "search", "n": 1},
    "prompt_messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "One?"}, {"type": "image"}]},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "And *two*?"},
    ],
    "completion_message": {"role": "assistant", "content": "**Two** it is."},
    "prompt_tokens": 12000,
    "completion_tokens": 345,
    "total_request_tokens": 12345,
    "prompt_cache_hit_tokens": 9,
    "cost": 0.00123,
    "latency": 1.25,
    "time_to_first_token": 0.5,
    "tokens_per_second": 49.6,
    "routing_time": 0.005,
    "limit_info": {
        "is_allowed": True,
        "limits": [{"name": "monthly", "current_value": 3.5, "limit_value": 10}],
        "org_credits": 42.5,
    },
}
FAILED: dict[str, Any] = {
    "unique_id": OTHER,
    "timestamp": "2020-01-02T03:04:06Z",
    "model": "\x1b[31mred[/]\u202e\tmodel",
    "status": "error",
    "status_code": 529,
    "error_message": "Overloaded\nquite",
    "error_class": "provider_overloaded",
    "fault_domain": "provider",
    "cost": 0,
    "latency": "2.5",
}


def entries(*found: dict[str, Any]) -> Answer:
    """A log with these entries, by their IDs and in its list; sums of nothing."""
    by_path = {f"/api/request-logs/{entry['unique_id']}/": entry for entry in found}

    def answer(asked: Asked) -> tuple[int, object]:
        if asked.path == "/api/request-logs/list/":
            return 200, {"count": 1, "next": None, "results": list(_matching(asked, found))}
        return (200, by_path[asked.path]) if asked.path in by_path else (404, {"detail": "Not found."})

    return answer


def _matching(asked: Asked, found: tuple[dict[str, Any], ...]) -> Iterator[dict[str, Any]]:
    conditions = asked.body["filters"]
    for entry in found:
        tests = {"": "__eq__", "startswith": "startswith"}
        if all(
            getattr(str(entry.get(name)), tests[one["operator"]])(one["value"][0])
            for name, one in conditions.items()
        ):
            yield entry


@contextmanager
def at_log(tmp_path: Path, answer: Answer) -> Iterator[tuple[dict[str, str], StandIn]]:
    """The environment of a user whose gateway has this log."""
    with log_host(answer) as host:
        yield (
            process_env(
                tmp_path, RESPAN_API_KEY=KEY, RESPAN_BASE_URL=host.url, RESPAN_MAX_RETRIES="0", TZ="UTC"
            ),
            host,
        )


def on_screen(columns: int, *argv: str, env: dict[str, str]) -> tuple[int, str]:
    with Pty("logs", *argv, env={**env, "NO_COLOR": "1"}, columns=columns) as pty:
        code, text = pty.finish()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)  # of the spinner
    text = re.sub(r"[^\n\r]*reading the log[ ]*\r?", "", text)
    return code, text.replace("\r\n", "\n").replace("\r", "")


# --- logs list


def test_a_terminal_of_80_columns_shows_a_table(tmp_path: Path) -> None:
    with at_log(tmp_path, entries(FAILED, ENTRY)) as (env, _):
        done = on_screen(80, env=env)
    assert done == (
        0,
        "TIME       STATUS MODEL             CUSTOMER TOKENS    COST LATENCY ID\n"
        "2020-01-02 529    [31mred[/] model  -             -      $0   2.50s 77aa0000\n"
        "2020-01-02 200    claude-sonnet-5-5 acme      12.3k $0.0012   1.25s 3f1c2a9b\n",
    )


def test_a_wide_terminal_shows_whole_ids(tmp_path: Path) -> None:
    with at_log(tmp_path, entries(ENTRY)) as (env, _):
        done = on_screen(120, env=env)
    assert done == (
        0,
        "TIME        STATUS  MODEL              CUSTOMER  TOKENS     COST  LATENCY  ID\n"
        f"2020-01-02  200     claude-sonnet-5-5  acme       12.3k  $0.0012    1.25s  {ID}\n",
    )


def test_a_terminal_of_40_columns_shows_records(tmp_path: Path) -> None:
    with at_log(tmp_path, entries(FAILED, ENTRY)) as (env, _):
        done = on_screen(40, env=env)
    assert done == (
        0,
        "time      2020-01-02\n"
        "status    529\n"
        "model     [31mred[/] model\n"
        "cost      $0\n"
        "latency   2.50s\n"
        "id        77aa0000\n"
        "\n"
        "time      2020-01-02\n"
        "status    200\n"
        "model     claude-sonnet-5-5\n"
        "customer  acme\n"
        "tokens    12.3k\n"
        "cost      $0.0012\n"
        "latency   1.25s\n"
        "id        3f1c2a9b\n",
    )


def test_long_names_are_cut_so_that_the_table_fits(tmp_path: Path) -> None:
    long = {**ENTRY, "model": "m" * 60, "customer_identifier": "客" * 60}
    with at_log(tmp_path, entries(long)) as (env, _):
        code, text = on_screen(80, env=env)
    heading, row = text.splitlines()
    assert (code, row.count("…"), row.split()[-1]) == (0, 2, "3f1c2a9b")
    assert len(heading) <= 80
    assert len(row) + row.count("客") <= 80


def test_off_a_terminal_rows_are_tab_separated_and_whole(tmp_path: Path) -> None:
    with at_log(tmp_path, entries(FAILED, ENTRY)) as (env, host):
        bare, named = run("logs", env=env), run("logs", "list", env=env)
    assert bare == named
    assert bare == Outcome(
        0,
        f"2020-01-02T03:04:06Z\t529\t\x1b[31mred[/]\u202e\\tmodel\t\t\t0\t2.5\t{OTHER}\n"
        f"2020-01-02T03:04:05.678Z\t200\tclaude-sonnet-5-5\tacme\t12345\t0.00123\t1.25\t{ID}\n",
        "",
    )
    (asked, _) = host.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/api/request-logs/list/", {"filters": {}})
    assert (asked.params["page_size"], asked.params["sort_by"]) == ("20", "-timestamp")
    since = datetime.fromisoformat(asked.params["start_time"])
    assert timedelta(hours=24) <= datetime.now(UTC) - since < timedelta(hours=24, minutes=5)
    assert "end_time" not in asked.params
    assert asked.headers["authorization"] == f"Bearer {KEY}"


def test_json_lines_are_the_entries_as_the_api_has_them_but_for_secrets(tmp_path: Path) -> None:
    secret = {
        **ENTRY,
        "unique_id": OTHER,
        "headers": {"x-api-key": "abc"},
        "note": f"key {KEY}",
        "prompt_tokens": "12",
    }
    with at_log(tmp_path, entries(secret, ENTRY)) as (env, _):
        done, open_ = run("logs", "--json", env=env), run("logs", "--json", "--show-secrets", env=env)
    assert (done.code, done.err, open_.err) == (0, "", "")
    hidden = {**secret, "headers": {"x-api-key": "[hidden]"}, "note": "key [hidden]"}
    assert [json.loads(line) for line in done.out.splitlines()] == [hidden, ENTRY]
    assert [json.loads(line) for line in open_.out.splitlines()] == [secret, ENTRY]


def test_nothing_found_is_told_to_a_person_alone(tmp_path: Path) -> None:
    with at_log(tmp_path, entries()) as (env, _):
        assert run("logs", env=env) == Outcome(0, "", "")
        told = run("logs", env={**env, "NO_COLOR": "1"}, stdout_is_terminal=True, stderr_is_terminal=True)
    words = "respan: no request in the last 24h matches; --since 30d looks further back"
    assert (told.code, told.out, told.err.rpartition("\x1b[K")[2]) == (0, "", words + "\n")


def test_every_filter_reaches_the_log(tmp_path: Path) -> None:
    flags = ["--customer-id", "acme", "--custom-id", "run/1", "--thread-id", "t", "-m", "opus"]
    flags += ["--status", "5xx", "--filter", "cost>=0.5", "--filter", "metadata.team=search", "-n", "7"]
    flags += ["--since", "2026-01-02T03:04:05Z", "--until", "2026-01-03T00:00+02:00"]
    with at_log(tmp_path, lambda _: (200, {"results": []})) as (env, host):
        assert run("logs", *flags, env={**env, "RESPAN_CUSTOMER_ID": "nobody"}) == Outcome(0, "", "")
    (asked,) = host.asked
    assert asked.params == {
        "start_time": "2026-01-02T03:04:05.000Z",
        "end_time": "2026-01-02T22:00:00.000Z",
        "page_size": "7",
        "page": "1",
        "sort_by": "-timestamp",
    }
    assert asked.body["filters"] == {
        "customer_identifier": {"operator": "", "value": ["acme"]},
        "custom_identifier": {"operator": "", "value": ["run/1"]},
        "thread_identifier": {"operator": "", "value": ["t"]},
        "model": {"operator": "", "value": ["opus"]},
        "status_code": [{"operator": "gte", "value": [500]}, {"operator": "lt", "value": [600]}],
        "cost": {"operator": "gte", "value": [0.5]},
        "metadata__team": {"operator": "", "value": ["search"]},
    }


@pytest.mark.parametrize(
    ("argv", "err"),
    [
        (
            ("--filter", "cots>1"),
            "error: the log has no field 'cots' to filter by\n  next: did you mean 'cost'?\n",
        ),
        (
            ("--filter", "cost:gtt:1"),
            "error: the log has no operator 'gtt'\n  next: did you mean 'gt'?\n",
        ),
        (("--filter", "cost>much"), "error: --filter 'cost>much': cost is a number\n"),
        (("--filter", "stream=2"), "error: --filter 'stream=2': stream is true or false\n"),
        (("--filter", "note:empty:x"), "error: --filter 'note:empty:x': 'empty' takes no value\n"),
        (
            ("--filter", "cost:gt"),
            "error: --filter 'cost:gt' has no value\n  next: write FIELD:OP:VALUE\n",
        ),
        (
            ("--filter", "cost"),
            "error: --filter 'cost' is no condition\n  next: write FIELD:OP:VALUE, or FIELD>VALUE, "
            "as in --filter 'cost>0.01' or metadata.team=search\n",
        ),
        (
            ("--since", "yesterday"),
            "error: --since 'yesterday' is no time\n  next: write 90s, 15m, 1h, 7d, a date such as "
            "2026-10-21, or a time such as 2026-10-21T14:00Z\n",
        ),
        (("--until", "2h", "--since", "1h"), "error: --since is not before --until\n"),
        (("--since", "2999-01-01"), "error: --since is not before now\n"),
        (
            ("-n", "3", "summary"),
            "error: --limit stands before 'summary', where it has no effect\n"
            "  next: options follow it: 'respan logs summary --help' lists them\n",
        ),
        (
            ("summary", "--by", "town"),
            "error: --by 'town': there are no such groups\n"
            "  next: --by customer or model or custom or thread or key\n",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(
    argv: tuple[str, ...], err: str, tmp_path: Path
) -> None:
    with at_log(tmp_path, entries()) as (env, host):
        assert run("logs", *argv, env=env) == Outcome(2, "", err)
    assert host.asked == []


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("cost>0.01", Condition("cost", "gt", (0.01,))),
        ("cost < 2", Condition("cost", "lt", (2.0,))),
        ("latency<=3", Condition("latency", "lte", (3.0,))),
        ("model~claude", Condition("model", "icontains", ("claude",))),
        ("model!~opus", Condition("model", "not_contains", ("opus",))),
        ("status!=success", Condition("status", "not", ("success",))),
        ("customer=a=b", Condition("customer_identifier", "", ("a=b",))),
        ("custom_identifier=run:1", Condition("custom_identifier", "", ("run:1",))),
        ("metadata.team=search", Condition("metadata__team", "", ("search",))),
        ("metadata__a-b:contains:x:y", Condition("metadata__a-b", "contains", ("x:y",))),
        ("model:in:a, b", Condition("model", "in", ("a", "b"))),
        ("error_message:not_empty", Condition("error_message", "not_empty", ("",))),
        ("status::error", Condition("status", "", ("error",))),
        ("stream=true", Condition("stream", "", (True,))),
        ("total_tokens:gte:1e3", Condition("total_request_tokens", "gte", (1000.0,))),
        ("scores.x>0.5", Condition("scores__x", "gt", (0.5,))),
    ],
)
def test_a_filter_is_read_in_both_forms(text: str, condition: Condition) -> None:
    assert read_filter(text) == condition


def test_every_documented_field_and_operator_is_known() -> None:
    for field in FIELDS:
        assert read_filter(f"{field}:not_empty").field == field
    for operator in OPERATORS:
        value = "" if operator.endswith("empty") else ":x"
        assert read_filter(f"model:{operator}{value}").operator == operator


def test_a_status_is_a_word_a_code_or_a_class() -> None:
    assert status_conditions("error") == [Condition("status", "", ("error",))]
    assert status_conditions("429") == [Condition("status_code", "", (429.0,))]


NOW = datetime(2026, 10, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("1.5d", NOW - timedelta(hours=36)),
        ("2w", NOW - timedelta(weeks=2)),
        ("2026-10-21T14:00+02:00", NOW),
        (" 2026-10-21 12:00Z ", NOW),
        ("2026-10-20", datetime(2026, 10, 20).astimezone()),
        ("2026-10-20T08:00", datetime(2026, 10, 20, 8).astimezone()),
    ],
)
def test_a_time_is_read_in_every_form(text: str, moment: datetime) -> None:
    assert read_time(text, "--since", NOW) == moment


@pytest.mark.parametrize("text", ["", "h", "1y", "99999999999999d", "2026-13-01", "9e9s"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read_time(text, "--since", NOW)


# --- logs show


FACTS = [
    ("log ID", ID),
    ("time", "2020-01-02 03:04:05+00:00"),
    ("model", "claude-sonnet-5-5"),
    ("status", "200 success"),
    ("customer", "acme"),
    ("custom ID", "nightly/7"),
    ("thread", "t1"),
    ("metadata", "team=search, n=1"),
    ("tokens", "12000 in, 345 out, 9 read from the cache"),
    ("cost", "$0.0012"),
    ("latency", "1.25s, first token 0.50s, 50 tokens/s, routing 5 ms"),
    ("limits", "monthly 3.5 of 10"),
    ("credits", "$42.50 left"),
]


def test_a_person_sees_one_request_whole_with_the_answer_rendered(tmp_path: Path) -> None:
    with at_log(tmp_path, entries(ENTRY)) as (env, _):
        done = on_screen(80, "show", ID, env=env)
    facts = "".join(f"{name.ljust(9)}  {value}\n" for name, value in FACTS)
    prompt = "\n(3 earlier messages; --full shows them all)\n\nuser\nAnd *two*?\n"
    assert done == (0, f"{facts}{prompt}\nassistant\nTwo it is.\n")


def test_a_script_gets_rows_and_plain_text(tmp_path: Path) -> None:
    with at_log(tmp_path, entries(ENTRY)) as (env, _):
        done = run_process("logs", "show", ID, "--full", env=env)
    facts = "".join(f"{name}\t{value}\n" for name, value in FACTS)
    prompt = "\nsystem\nBe brief.\n\nuser\nOne?\n[image]\n\nassistant\nYes.\n\nuser\nAnd *two*?\n"
    assert done == Outcome(0, f"{facts}{prompt}\nassistant\n**Two** it is.\n", "")


@pytest.mark.parametrize("name", ["nightly/7", ID[:8]], ids=["custom identifier", "first characters"])
def test_a_request_is_found_by(name: str, tmp_path: Path) -> None:
    with at_log(tmp_path, entries(FAILED, ENTRY)) as (env, host):
        done = run("logs", "show", name, "--json", env=env)
    assert (done.code, json.loads(done.out), done.err) == (0, ENTRY, "")
    assert all("start_time" in asked.params for asked in host.asked if asked.method == "POST")


def test_a_failure_says_whose_fault_it_was(tmp_path: Path) -> None:
    with at_log(tmp_path, entries({**FAILED, "model": "m", "blurred": True})) as (env, _):
        done = run_process("logs", "show", OTHER, env=env)
    assert done == Outcome(
        0,
        f"log ID\t{OTHER}\ntime\t2020-01-02 03:04:06+00:00\nmodel\tm\nstatus\t529 error\n"
        "error\tOverloaded\\nquite\n"
        "fault\tthe provider's: the provider is overloaded (provider_overloaded)\n"
        "cost\t$0\nlatency\t2.50s\n"
        "blurred\tyes: Respan hides the content, as the account is over its usage limit\n",
        "",
    )


def test_text_from_the_log_cannot_steer_a_terminal(tmp_path: Path) -> None:
    evil = {**ENTRY, **FAILED, "prompt_messages": [{"role": "\x1b]0;x\x07u", "content": "a\x1b[2Jb"}]}
    evil["completion_message"] = {"content": "c\x1b[2Jd"}
    with at_log(tmp_path, entries(evil)) as (env, _):
        _, text = on_screen(80, "show", OTHER, env=env)
    assert "\x1b" not in text
    for shown in ("u\na[2Jb\n", "c[2Jd", "[31mred[/] model"):
        assert shown in text


def test_a_request_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with at_log(tmp_path, entries(ENTRY)) as (env, _):
        done = run("logs", "show", "nothing", env=env)
    assert done == Outcome(
        5,
        "",
        "error: no request 'nothing' in the log\n"
        "  why:  neither a log ID nor a custom identifier of the last 30 days\n"
        "  next: a request takes some seconds to arrive in the log; 'respan logs' lists the newest\n",
    )


def test_first_characters_that_fit_two_requests_are_refused(tmp_path: Path) -> None:
    twin = {**ENTRY, "unique_id": ID[:8] + "-twin"}
    with at_log(tmp_path, entries(ENTRY, twin)) as (env, _):
        done = run("logs", "show", ID[:8], env=env)
    assert done == Outcome(
        2,
        "",
        f"error: '{ID[:8]}' is the beginning of more than one log ID\n  why:  {ID}, {ID[:8]}-twin\n",
    )


# --- logs summary


def sums(asked: Asked) -> tuple[int, object]:
    if "summary" in asked.path:
        failed = "status" in asked.body["filters"]
        return 200, {
            "number_of_requests": 2 if failed else 12345,
            "total_cost": 1.5,
            "total_tokens": 1_500_000,
            "avg_latency": 61.2,
        }
    few = {"customer_identifier": "globex", "number_of_requests": 1, "total_cost": 0.01}
    much = {"customer_identifier": "acme", "number_of_requests": 2, "error_count": 1, "total_cost": 2}
    none = {"customer_identifier": None, "number_of_requests": 3, "average_latency": 0.5}
    return 200, {"results": [few, much, none]}


def test_the_summary_counts_errors_too(tmp_path: Path) -> None:
    with at_log(tmp_path, sums) as (env, _):
        rows = run("logs", "summary", env=env)
        objects = run("logs", "summary", "--json", env=env)
        screen = on_screen(80, "summary", env=env)
    assert rows == Outcome(0, "12345\t2\t1500000\t1.5\t61.2\n", "")
    assert json.loads(objects.out) == {
        "requests": 12345,
        "errors": 2,
        "tokens": 1500000,
        "cost": 1.5,
        "latency": 61.2,
    }
    assert screen == (
        0,
        "REQUESTS  ERRORS  TOKENS   COST  LATENCY\n   12.3k       2    1.5M  $1.50    1m01s\n",
    )


def test_groups_are_rows_the_dearest_first(tmp_path: Path) -> None:
    with at_log(tmp_path, sums) as (env, host):
        rows = run("logs", "summary", "--by", "customer", env=env)
        objects = run("logs", "summary", "--by", "customer", "--json", env=env)
        screen = on_screen(80, "summary", "--by", "customer", env=env)
    assert rows == Outcome(0, "acme\t2\t1\t\t2\t\nglobex\t1\t\t\t0.01\t\n\t3\t\t\t\t0.5\n", "")
    assert [json.loads(line)["customer"] for line in objects.out.splitlines()] == ["acme", "globex", None]
    assert screen == (
        0,
        "CUSTOMER  REQUESTS  ERRORS  TOKENS     COST  LATENCY\n"
        "acme             2       1       -    $2.00        -\n"
        "globex           1       -       -  $0.0100        -\n"
        "-                3       -       -        -    0.50s\n",
    )
    assert host.asked[0].params["group_by"] == "customer_identifier"


# --- the whole loop


def test_the_sandbox_shows_the_whole_loop(sandbox: Sandbox, env: dict[str, str]) -> None:
    for customer in ("acme", "globex", "acme"):
        sent = run("send", "--cost", "--json", "hi", "--customer-id", customer, "-M", "batch=b", env=env)
        assert (sent.code, json.loads(sent.out)["cost"]) == (0, 0.000018)
    failed = run("send", "-m", "sandbox-529", "hi", "--customer-id", "acme", env=env)
    assert failed.code == 7
    for _ in range(2):
        run("logs", env=env)  # an entry is late on purpose
    listed = run("logs", "--customer-id", "acme", "--filter", "metadata.batch=b", env=env)
    assert [row.split("\t")[1:7] for row in listed.out.splitlines()] == [
        ["200", "claude-sonnet-5-5", "acme", "2", "0.000018", "0.27"]
    ] * 2
    summed = run("logs", "summary", "--by", "customer", env=env)
    assert summed == Outcome(
        0, "acme\t3\t1\t5\t0.000036\t0.2633333333\nglobex\t1\t0\t2\t0.000018\t0.27\n", ""
    )
    refused = run("logs", "--status", "error", "--json", env=env)
    shown = run("logs", "show", json.loads(refused.out)["unique_id"], env=env)
    assert "fault\tthe provider's: the provider is overloaded (provider_overloaded)\n" in shown.out


def test_a_self_hosted_gateway_says_that_it_has_no_log(
    official_gateway: OfficialGateway, tmp_path: Path
) -> None:
    url = official_gateway.url
    env = process_env(tmp_path, RESPAN_API_KEY=CLIENT_KEY, RESPAN_BASE_URL=url)
    root = f"{url}/api/"
    for argv in (("logs",), ("logs", "show", "x"), ("logs", "summary", "--by", "model")):
        done = run(*argv, env=env)
        assert (done.code, done.out) == (5, "")
        assert done.err.startswith(
            "error: this gateway keeps no such log\n"
            f"  why:  HTTP 404 application/json from {root}: no format served accepts POST /api/request-logs/"
        )


def test_without_a_key_the_log_is_not_asked(tmp_path: Path) -> None:
    done = run("logs", env={"HOME": str(tmp_path)})
    assert (done.code, done.out) == (3, "")


# --- send --cost


def test_the_usage_line_has_the_cost(env: dict[str, str]) -> None:
    done = run("send", "--cost", "-u", "hi", env=env)
    assert (done.code, done.out) == (0, "hi\n")
    assert " · 1 token in, 1 out · $0.000018 · first token " in done.err


def test_without_a_log_id_the_cost_is_found_by_the_custom_identifier_of_this_request(
    sandbox: Sandbox, env: dict[str, str]
) -> None:
    fixed = ("--custom-id", "nightly", "-m", "sandbox-no-log-id")
    assert run("send", "a much longer prompt", *fixed, env=env).code == 0
    while not run("logs", env=env).out:
        pass  # until its entry is there, which must not be taken for that of the next request
    done = run("send", "--cost", "--json", "hi", *fixed, env=env)
    assert (done.code, json.loads(done.out)["cost"], done.err) == (0, 0.000018, "")


def test_an_unknown_cost_is_a_warning_and_no_failure(
    sandbox: Sandbox, env: dict[str, str], official_gateway: OfficialGateway
) -> None:
    done = run("send", "--cost", "--json", "hi", "-m", "sandbox-no-log-id", env=env)
    assert (done.code, json.loads(done.out)["cost"]) == (0, None)
    assert done.err == (
        "warning: cost unknown: the gateway gave no log ID; with --custom-id auto the request can be found\n"
    )
    there = {**env, "RESPAN_BASE_URL": official_gateway.url, "RESPAN_API_KEY": CLIENT_KEY}
    self_hosted = run("send", "--cost", "hi", "--custom-id", "x", env=there)
    assert self_hosted == Outcome(0, "hi\n", "warning: cost unknown: this gateway keeps no such log\n")


def test_ctrl_c_ends_the_wait_for_the_cost_and_keeps_the_answer(tmp_path: Path) -> None:
    with Sandbox(log_delay=10**6) as sandbox:
        env = process_env(tmp_path, RESPAN_API_KEY=KEY, RESPAN_BASE_URL=sandbox.url)
        with Pty("send", "--cost", "hi", env=env, columns=200) as pty:
            pty.read_until("waiting for the cost")
            pty.type("\x03")
            code, text = pty.finish()
    assert code == 0
    assert "cost unknown: interrupted" in text
    assert "1 token in, 1 out · first token" in text


def test_an_interrupted_wait_for_the_cost_leaves_whole_json(tmp_path: Path) -> None:
    with Sandbox(log_delay=10**6) as sandbox:
        env = process_env(tmp_path, RESPAN_API_KEY=KEY, RESPAN_BASE_URL=sandbox.url)
        with start_process("send", "--cost", "--json", "--no-stdin", "hi", env=env) as process:
            deadline = time.monotonic() + PATIENCE
            while len(sandbox.requests) < 3 and time.monotonic() < deadline:
                time.sleep(0.02)  # until the log was asked
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, json.loads(out)["cost"]) == (0, None)
    assert err.decode() == "warning: cost unknown: interrupted\n"


def test_without_the_flag_nothing_is_asked_and_json_has_no_cost(
    sandbox: Sandbox, env: dict[str, str]
) -> None:
    done = run("send", "--json", "hi", env=env)
    assert "cost" not in json.loads(done.out)
    assert len(sandbox.requests) == 1
