"""`respan batch`, whole commands against the sandbox."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from respan_cli.batch.cost import cost_by_customer
from respan_cli.gateway.observer import RequestObserver
from respan_cli.sandbox import Sandbox
from tests.conftest import CLIENT_KEY, OfficialGateway
from tests.log_host import Asked, log_host
from tests.support import KEY, PATIENCE, Pty, process_env, run, start_process
from tests.test_log_api import client_of

GROUPS_PATH = "/api/request-logs/groups/"

Line = dict[str, Any]


def rows(path: Path, values: Iterable[Mapping[str, object]]) -> str:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), "utf-8")
    return str(path)


def numbered(path: Path, count: int, **values: object) -> str:
    return rows(path, ({"id": str(number), "prompt": f"row {number}", **values} for number in range(count)))


def lines(path: Path | str) -> list[Line]:
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def ids(path: Path | str) -> list[str]:
    return [line["id"] for line in lines(path)]


def sent(sandbox: Sandbox) -> list[Line]:
    return [request["body"] for request in sandbox.requests]


def params(body: Line) -> Line:
    found: Line = body["metadata"]["respan_params"]
    return found


def test_every_row_is_answered_on_a_line_of_its_own(
    tmp_path: Path, env: dict[str, str], sandbox: Sandbox
) -> None:
    given = numbered(tmp_path / "in.jsonl", 30)
    done = run("batch", given, "-o", str(tmp_path / "out.jsonl"), "--json", env=env)
    assert (done.code, done.out) == (0, "")
    answers = {line["id"]: line for line in lines(tmp_path / "out.jsonl")}
    assert {name: line["text"] for name, line in answers.items()} == {
        str(number): f"row {number}" for number in range(30)
    }
    first = answers["0"]
    assert list(first)[:3] == ["id", "request_sha256", "text"]
    assert first["message"]["content"] == [{"type": "text", "text": "row 0"}]
    summary = json.loads(done.err.splitlines()[-1])
    run_name = summary["run"]
    assert run_name.startswith("in-")
    assert (summary["done"], summary["failed"], summary["skipped"], summary["exit_code"]) == (30, 0, 0, 0)
    assert {params(body)["custom_identifier"] for body in sent(sandbox)} == {
        f"{run_name}/{number}" for number in range(30)
    }
    assert all(params(body)["metadata"] == {"batch": run_name} for body in sent(sandbox))


def test_run_again_it_sends_what_is_new_or_changed_and_drops_a_torn_line(
    tmp_path: Path, env: dict[str, str], sandbox: Sandbox
) -> None:
    given, out = numbered(tmp_path / "in.jsonl", 5), tmp_path / "out.jsonl"
    assert run("batch", given, "-o", str(out), env=env).code == 0
    whole = out.read_bytes()
    out.write_bytes(whole[:-20])
    torn = json.loads(whole.splitlines()[-1])["id"]
    values = [{"id": str(number), "prompt": f"row {number}"} for number in range(6)]
    changed = "2" if torn != "2" else "3"
    values[int(changed)]["prompt"] = "another prompt"
    rows(tmp_path / "in.jsonl", values)
    sandbox.requests.clear()
    done = run("batch", given, "-o", str(out), "--json", env=env)
    assert done.code == 0
    assert {params(body)["custom_identifier"].rpartition("/")[2] for body in sent(sandbox)} == {
        torn,
        changed,
        "5",
    }
    assert json.loads(done.err)["skipped"] == 3
    assert {line["id"]: line["text"] for line in lines(out)}[changed] == "another prompt"
    assert run("batch", given, "-o", str(out), env=env).code == 0
    assert len(sandbox.requests) == 3


def test_a_last_line_that_lacks_only_its_end_is_kept(tmp_path: Path, env: dict[str, str]) -> None:
    given, out = numbered(tmp_path / "in.jsonl", 2), tmp_path / "out.jsonl"
    assert run("batch", given, "-o", str(out), env=env).code == 0
    whole = out.read_bytes()
    out.write_bytes(whole[:-1])
    done = run("batch", given, "-o", str(out), "--json", env=env)
    assert json.loads(done.err)["skipped"] == 2
    assert out.read_bytes() == whole


def test_the_first_row_and_the_name_of_the_run_do_not_matter_to_the_others(
    tmp_path: Path, env: dict[str, str]
) -> None:
    given, out = numbered(tmp_path / "in.jsonl", 4), str(tmp_path / "out.jsonl")
    assert run("batch", given, "-o", out, env=env).code == 0
    rows(tmp_path / "in.jsonl", [{"id": "new", "prompt": "x"}, *lines(given)])
    done = run("batch", given, "-o", out, "--run", "other", "--json", env=env)
    assert (json.loads(done.err)["skipped"], json.loads(done.err)["done"]) == (4, 1)


def test_columns_fill_the_prompt_and_the_identity(
    tmp_path: Path, env: dict[str, str], sandbox: Sandbox
) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("id,text,lang,user,model\n1,Hello,fr,alice,\n2,Bye,de,,sandbox-echo\n", "utf-8")
    flags = ("--prompt", "{{{lang}}} {text}", "--customer-id", "{user}", "-M", "lang={lang}", "-M", "a=b")
    done = run("batch", str(table), *flags, "--custom-id", "{id}-x", "--run", "r", "--ordered", env=env)
    assert done.code == 0
    assert [json.loads(line)["text"] for line in done.out.splitlines()] == ["{fr} Hello", "{de} Bye"]
    bodies = sorted(sent(sandbox), key=lambda body: params(body)["custom_identifier"])
    assert [body["model"] for body in bodies] == ["claude-sonnet-5-5", "sandbox-echo"]
    assert [params(body) for body in bodies] == [
        {
            "customer_identifier": "alice",
            "custom_identifier": "1-x",
            "metadata": {"batch": "r", "lang": "fr", "a": "b"},
        },
        {"custom_identifier": "2-x", "metadata": {"batch": "r", "lang": "de", "a": "b"}},
    ]


PROMPT_FILE = """+++
model = "sandbox-echo"
max_tokens = 7
stop = "END"
effort = "low"
schema = "city.json"
[metadata]
team = "search"
+++
Translate into {lang}: {text} {{as it is}}
"""
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def test_a_prompt_file_gives_every_row_its_prompt_and_its_settings(
    tmp_path: Path, env: dict[str, str], sandbox: Sandbox
) -> None:
    (tmp_path / "translate.md").write_text(PROMPT_FILE)
    (tmp_path / "city.json").write_text(json.dumps(SCHEMA))
    values: list[Line] = [
        {"id": "1", "lang": "fr", "text": "Hi", "other": "ignored"},
        {"id": "2", "lang": 7, "text": None, "model": "claude-haiku-5-5", "prompt": "ignored"},
    ]
    flags = ("--prompt-file", str(tmp_path / "translate.md"), "--run", "r", "-j", "1")
    env = {**env, "RESPAN_MAX_TOKENS": "9"}
    done = run("batch", rows(tmp_path / "in.jsonl", values), *flags, env=env)
    assert done.code == 0, done.err
    label = f"translate@{sha256(PROMPT_FILE.encode()).hexdigest()[:8]}"
    for body, model, prompt in zip(
        sent(sandbox),
        ("sandbox-echo", "claude-haiku-5-5"),
        ("Translate into fr: Hi {as it is}", "Translate into 7:  {as it is}"),
        strict=True,
    ):
        assert (body["model"], body["max_tokens"], body["stop_sequences"]) == (model, 9, ["END"])
        assert body["messages"] == [{"role": "user", "content": prompt}]
        assert body["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}}
        assert params(body)["metadata"] == {"batch": "r", "prompt": label, "team": "search"}


def test_a_flag_and_a_profile_stand_around_a_prompt_file(
    tmp_path: Path, env: dict[str, str], sandbox: Sandbox
) -> None:
    (tmp_path / ".config/respan-cli").mkdir(parents=True)
    (tmp_path / ".config/respan-cli/config.toml").write_text(
        '[profiles.default]\nmodel = "of-profile"\nmax_tokens = 3\nmetadata = {prompt = "mine"}\n'
    )
    (tmp_path / "p.md").write_text('+++\nmodel = "of-file"\nstop = "A"\n+++\nSay {prompt}')
    flags = ("--prompt-file", str(tmp_path / "p.md"), "--format", "lines", "--run", "r", "--stop", "B", "-n")
    done = run("batch", "-", *flags, env=env, stdin=b"one\n")
    assert (done.code, done.err, sandbox.requests) == (0, "", [])
    body = json.loads(done.out)["body"]
    assert (body["model"], body["max_tokens"], body["stop_sequences"]) == ("of-file", 3, ["B"])
    assert body["messages"] == [{"role": "user", "content": "Say one"}]
    assert params(body)["metadata"] == {"batch": "r", "prompt": "mine"}


def test_a_change_of_the_prompt_file_sends_every_row_again(
    tmp_path: Path, env: dict[str, str], sandbox: Sandbox
) -> None:
    given, prompt = numbered(tmp_path / "in.jsonl", 2), tmp_path / "p.md"
    command = ("batch", given, "--prompt-file", str(prompt), "-o", str(tmp_path / "out"))
    for text, total in (("Say {id}", 2), ("Say {id}", 2), ("Repeat {id}", 4)):
        prompt.write_text(text)
        assert run(*command, env=env).code == 0
        assert len(sandbox.requests) == total


def test_a_column_that_the_prompt_file_needs_is_missed_before_anything_is_sent(
    tmp_path: Path, env: dict[str, str], sandbox: Sandbox
) -> None:
    (tmp_path / "p.md").write_text("Say {word} and {stdin}")
    given = rows(tmp_path / "in.jsonl", [{"word": "a", "stdin": "b"}, {"word": "c"}])
    done = run("batch", given, "--prompt-file", str(tmp_path / "p.md"), env=env)
    assert (done.code, done.out, sandbox.requests) == (2, "", [])
    assert "line 2: " in done.err
    assert "p.md uses a column 'stdin', which the row does not have\n" in done.err
    assert "its columns: word\n" in done.err


def test_keys_of_a_row_are_the_highest_layer(tmp_path: Path, env: dict[str, str], sandbox: Sandbox) -> None:
    row = {
        "prompt": "hi",
        "system": "Short.",
        "max_tokens": 5,
        "customer_identifier": "row",
        "metadata": {"a": "row", "b": ""},
        "unknown": 1,
    }
    given = rows(tmp_path / "in.jsonl", [row])
    flags = ("-s", "Long.", "--max-tokens", "9", "--customer-id", "flag", "-M", "a=flag", "-M", "b=flag")
    assert run("batch", given, *flags, "--run", "r", env=env).code == 0
    body = sent(sandbox)[0]
    assert (body["system"], body["max_tokens"]) == ("Short.", 5)
    assert params(body)["customer_identifier"] == "row"
    assert params(body)["metadata"] == {"batch": "r", "a": "row"}


def test_messages_stand_for_a_prompt_and_a_prompt_may_follow_them(
    tmp_path: Path, env: dict[str, str], sandbox: Sandbox
) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    given = rows(tmp_path / "in.jsonl", [{"id": "1", "messages": turns, "prompt": "c"}])
    assert run("batch", given, env=env).code == 0
    assert sent(sandbox)[0]["messages"] == [*turns, {"role": "user", "content": "c"}]


@pytest.mark.parametrize(
    ("values", "flags", "message"),
    [
        ([{"id": "a", "prompt": "x"}, {"id": "a", "prompt": "y"}], (), "lines 1 and 2 have the same id 'a'"),
        ([{"prompt": "x"}, {"id": "b", "prompt": "y"}, {"prompt": "x"}], (), "lines 1 and 3 are the same"),
        ([{"id": "a"}], (), "line 1: has neither a prompt nor messages"),
        ([{"prompt": "x"}, {"prompt": 5}], (), "line 2: the prompt is not text"),
        ([{"prompt": " "}], (), "line 1: the prompt is empty"),
        ([{"prompt": "x", "max_tokens": "many"}], (), "line 1: max_tokens='many' is not a positive integer"),
        (
            [{"prompt": "x", "messages": [{"role": "user"}]}],
            (),
            "line 1: messages: messages[0] has no content",
        ),
        (
            [{"a": "x"}],
            ("--prompt", "{b}"),
            "line 1: --prompt uses a column 'b', which the row does not have",
        ),
        ([{"prompt": "x"}], ("-M", "k={c}"), "line 1: --metadata k uses a column 'c'"),
        ([{"id": "i" * 250, "prompt": "x"}], (), "has more than 254 characters"),
        ([{"prompt": "\ud800"}], (), "line 1: holds half of a character"),
    ],
)
@pytest.mark.parametrize("piped", [False, True], ids=["file", "pipe"])
def test_what_is_wrong_with_the_input_is_found_before_anything_of_a_file_is_sent(
    values: list[Line],
    flags: tuple[str, ...],
    message: str,
    piped: bool,
    tmp_path: Path,
    env: dict[str, str],
    sandbox: Sandbox,
) -> None:
    given = rows(tmp_path / "in.jsonl", values)
    stdin = Path(given).read_bytes() if piped else b""
    done = run("batch", "-" if piped else given, *flags, env=env, stdin=stdin)
    assert done.code == 2
    assert message in done.err
    assert piped or (sandbox.requests == [] and done.out == "")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--shard", "3/3"), "--shard='3/3' is not I/N"),
        (("--shard", "x"), "--shard='x' is not I/N"),
        (("-o", ""), "--output has an empty value"),
        (("-o", "in.jsonl"), "--output is the input itself"),
        (("--run", " "), "--run has an empty value"),
        (("--prompt", "{"), "--prompt, line 1, column 1: a single '{'"),
        (("--prompt", "x", "--prompt-file", "y.md"), "--prompt and --prompt-file cannot go together"),
        (("--prompt-file", ""), "--prompt-file has an empty value"),
        (("--prompt-file", "none.md"), "cannot read none.md"),
    ],
)
def test_flags_that_cannot_be_meant_are_refused(
    flags: tuple[str, ...], message: str, tmp_path: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    numbered(tmp_path / "in.jsonl", 1)
    done = run("batch", "in.jsonl", *flags, env=env)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_failed_rows_are_told_and_sent_again_by_the_next_run(
    tmp_path: Path, env: dict[str, str], sandbox: Sandbox
) -> None:
    given = rows(
        tmp_path / "in.jsonl",
        [{"id": "good", "prompt": "x"}, {"id": "bad", "prompt": "y", "model": "sandbox-detail"}],
    )
    out, errors = str(tmp_path / "out.jsonl"), tmp_path / "errors.jsonl"
    done = run("batch", given, "-o", out, env=env)
    assert (done.code, done.out) == (13, "")
    assert "line 2 (id bad) failed: " in done.err
    assert "The detail of it." in done.err
    assert "1 done · 1 failed" in done.err
    done = run("batch", given, "-o", out, "--errors", str(errors), "--json", env=env)
    assert (done.code, ids(out)) == (13, ["good"])
    (failure,) = lines(errors)
    assert (failure["id"], failure["line"], failure["error"]["status"]) == ("bad", 2, 400)
    assert json.loads(done.err)["failed"] == 1


def test_transient_failures_are_retried_for_each_row(tmp_path: Path, env: dict[str, str]) -> None:
    given = rows(
        tmp_path / "in.jsonl",
        [
            {"id": "500", "prompt": "x", "model": "sandbox-flaky-500"},
            {"id": "429", "prompt": "y", "model": "sandbox-flaky-429"},
            {"id": "529", "prompt": "y", "model": "sandbox-flaky-529"},
            {"id": "reset", "prompt": "z", "model": "sandbox-flaky-reset"},
        ],
    )
    done = run("batch", given, "--max-retries", "3", "--json", env=env)
    assert done.code == 0, done.err
    assert {json.loads(line)["id"] for line in done.out.splitlines()} == {"500", "429", "529", "reset"}
    assert json.loads(done.err.splitlines()[-1])["retries"] >= 4


@pytest.mark.parametrize(
    ("model", "code"),
    [("sandbox-401", 4), ("sandbox-402", 6), ("sandbox-403", 4), ("sandbox-429-long", 6)],
)
def test_what_every_row_would_meet_ends_the_run(
    model: str, code: int, tmp_path: Path, env: dict[str, str], sandbox: Sandbox
) -> None:
    given = numbered(tmp_path / "in.jsonl", 50, model=model)
    out = str(tmp_path / "out.jsonl")
    done = run("batch", given, "-o", out, env=env)
    assert (done.code, done.out) == (code, "")
    assert len(sandbox.requests) <= 4
    assert "to resume: " in done.err


def test_too_many_failures_end_the_run(tmp_path: Path, env: dict[str, str], sandbox: Sandbox) -> None:
    given = numbered(tmp_path / "in.jsonl", 50, model="sandbox-detail")
    done = run("batch", given, "--max-failures", "3", "-j", "1", env=env)
    assert done.code == 13
    assert len(sandbox.requests) == 3


def test_the_order_of_the_input_is_kept_when_asked_for(tmp_path: Path, env: dict[str, str]) -> None:
    values = [
        {"id": str(number), "prompt": "x", "model": f"sandbox-long-{random.Random(number).randint(1, 3000)}"}
        for number in range(40)
    ]
    done = run("batch", rows(tmp_path / "in.jsonl", values), "--ordered", env=env)
    assert [json.loads(line)["id"] for line in done.out.splitlines()] == [str(n) for n in range(40)]


def test_three_machines_share_an_input_and_another_number_of_them_resumes(
    tmp_path: Path, env: dict[str, str], sandbox: Sandbox
) -> None:
    given = numbered(tmp_path / "in.jsonl", 40)
    parts = [str(tmp_path / f"part-{shard}.jsonl") for shard in range(3)]
    for shard in (0, 1):  # the third machine never ran
        assert run("batch", given, "--shard", f"{shard}/3", "-o", parts[shard], env=env).code == 0
    assert not set(ids(parts[0])) & set(ids(parts[1]))
    both = tmp_path / "all.jsonl"
    both.write_bytes(Path(parts[0]).read_bytes() + Path(parts[1]).read_bytes())
    before = len(ids(both))
    for shard in range(2):
        assert run("batch", given, "--shard", f"{shard}/2", "-o", str(both), env=env).code == 0
    assert 0 < before < 40
    assert sorted(ids(both), key=int) == [str(number) for number in range(40)]
    assert len({params(body)["metadata"]["batch"] for body in sent(sandbox)}) == 1


def test_a_limit_takes_the_first_rows(tmp_path: Path, env: dict[str, str]) -> None:
    given = numbered(tmp_path / "in.jsonl", 10)
    for _ in range(2):
        assert run("batch", given, "--limit", "3", "-o", str(tmp_path / "out"), env=env).code == 0
    assert sorted(ids(tmp_path / "out")) == ["0", "1", "2"]


def test_a_dry_run_prints_the_requests_and_sends_nothing(
    tmp_path: Path, env: dict[str, str], sandbox: Sandbox
) -> None:
    given = numbered(tmp_path / "in.jsonl", 2)
    done = run("batch", given, "-n", "-H", "x-token: secret-value", env=env)
    assert (done.code, done.err, sandbox.requests) == (0, "", [])
    printed = [json.loads(line) for line in done.out.splitlines()]
    assert [line["id"] for line in printed] == ["0", "1"]
    assert [line["body"]["messages"][0]["content"] for line in printed] == ["row 0", "row 1"]
    assert "secret-value" not in done.out
    assert KEY not in done.out


def test_a_gateway_that_takes_few_at_once_is_not_asked_for_many(tmp_path: Path, env: dict[str, str]) -> None:
    given = numbered(tmp_path / "in.jsonl", 60)
    with Sandbox(latency_ms=10, max_concurrent=2) as sandbox:
        busy = {**env, "RESPAN_BASE_URL": sandbox.url}
        done = run("batch", given, "-o", str(tmp_path / "out.jsonl"), "--json", env=busy)
    assert done.code == 0
    assert json.loads(done.err)["retries"] < 30
    assert sorted(ids(tmp_path / "out.jsonl"), key=int) == [str(number) for number in range(60)]


def test_every_third_request_fails_and_every_row_is_answered(tmp_path: Path, env: dict[str, str]) -> None:
    given = numbered(tmp_path / "in.jsonl", 30, model="sandbox-fail-every-3")
    done = run("batch", given, "--max-retries", "9", "--json", env=env)
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 30
    assert json.loads(done.err.splitlines()[-1])["retries"] >= 10


def test_the_log_says_what_the_run_cost_each_customer(tmp_path: Path, env: dict[str, str]) -> None:
    values: list[Line] = [{"prompt": "x" * n, "customer_identifier": f"c{n % 2}"} for n in range(1, 5)]
    given = rows(tmp_path / "in.jsonl", [*values, {"prompt": "nobody's"}])
    with Sandbox(log_delay=0) as sandbox:
        env = {**env, "RESPAN_BASE_URL": sandbox.url}
        done = run("batch", given, "--cost", "--json", env=env)
        told = run("batch", given, "--run", "again", "--cost", env=env)
    cost = json.loads(done.err.splitlines()[-1])["cost"]
    assert (done.code, set(cost)) == (0, {"c0", "c1", ""})
    assert all(dollars > 0 for dollars in cost.values())
    assert "cost $0." in told.err
    assert "  c1\n" in told.err
    assert "  (no customer)\n" in told.err


def test_new_requests_are_waited_for_and_old_ones_of_the_run_are_counted() -> None:
    counts = iter((1, 2))
    groups = [
        {"customer_identifier": "c", "total_cost": 0.5},
        {"customer_identifier": None, "total_cost": "0.25"},
        {"customer_identifier": "", "total_cost": None},
    ]

    def answer(asked: Asked) -> tuple[int, object]:
        if asked.path.endswith("/summary/"):
            return 200, {"number_of_requests": next(counts)}
        return 200, {"results": groups, "next": None}

    with log_host(answer) as host, client_of(host.url) as client:
        cost = cost_by_customer(client, RequestObserver(), "r", rows=2, since=datetime.now(UTC))
    assert cost == {"c": 0.5, "": 0.25}
    *looks, read = host.asked
    assert [asked.path for asked in host.asked] == [*2 * ["/api/request-logs/summary/"], GROUPS_PATH]
    filters = {"metadata__batch": {"operator": "", "value": ["r"]}}
    assert all(asked.body == {"filters": filters} for asked in host.asked)
    assert read.params["group_by"] == "customer_identifier"
    since, recent = (datetime.fromisoformat(one.params["start_time"]) for one in (read, looks[0]))
    assert recent - since >= timedelta(days=29)


def test_a_gateway_without_a_log_leaves_the_cost_unknown(tmp_path: Path, env: dict[str, str]) -> None:
    gone: list[tuple[int, object]] = [(404, "<h1>Not here</h1>")]
    given, out = numbered(tmp_path / "in.jsonl", 1), str(tmp_path / "out.jsonl")
    assert run("batch", given, "-o", out, env=env).code == 0
    with log_host(lambda _: gone[0]) as host:
        env = {**env, "RESPAN_BASE_URL": host.url}
        done = run("batch", given, "-o", out, "--cost", "--run", "r", env=env)
    assert (done.code, host.paths()) == (0, ["POST /api/request-logs/summary/"])
    assert "warning: cost unknown: this gateway keeps no such log" in done.err
    assert "cost $" not in done.err


def test_the_sandbox_answers_without_a_key(tmp_path: Path) -> None:
    done = run("batch", "-", "--format", "lines", "--sandbox", stdin=b"one\n\ntwo\n", env={"HOME": "/none"})
    assert done.code == 0
    assert sorted(json.loads(line)["text"] for line in done.out.splitlines()) == ["one", "two"]


def test_a_file_of_something_else_is_not_added_to(tmp_path: Path, env: dict[str, str]) -> None:
    given, other = numbered(tmp_path / "in.jsonl", 2), tmp_path / "notes.txt"
    other.write_text("my notes\n")
    done = run("batch", given, "-o", str(other), env=env)
    assert done.code == 2
    assert "line 1: not a line of respan batch" in done.err
    assert other.read_text() == "my notes\n"


def test_what_a_profile_requires_may_come_from_the_rows(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / ".config/respan-cli").mkdir(parents=True)
    (tmp_path / ".config/respan-cli/config.toml").write_text(
        '[profiles.default]\nrequired = ["customer_identifier"]\n'
    )
    given = rows(
        tmp_path / "in.jsonl", [{"prompt": "x", "customer_identifier": "alice"}, {"id": "2", "prompt": "y"}]
    )
    done = run("batch", given, env=env)
    assert (done.code, done.out) == (2, "")
    assert "line 2: has no customer_identifier, which profile 'default' requires" in done.err
    assert run("batch", given, "--customer-id", "all", env=env).code == 0


def test_through_the_official_gateway(tmp_path: Path, official_gateway: OfficialGateway) -> None:
    env = {"HOME": "/nowhere", "RESPAN_API_KEY": CLIENT_KEY, "RESPAN_BASE_URL": official_gateway.url}
    given = numbered(tmp_path / "in.jsonl", 20)
    done = run("batch", given, "-o", str(tmp_path / "out.jsonl"), "--run", "r", env=env)
    assert done.code == 0, done.err
    assert sorted(ids(tmp_path / "out.jsonl"), key=int) == [str(number) for number in range(20)]
    body = official_gateway.sandbox.requests[-1]["body"]
    assert params(body)["metadata"] == {"batch": "r"}


@pytest.fixture
def process(env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a process of its own."""
    return process_env(tmp_path, **env)


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def test_killed_at_any_moment_it_resumes_and_loses_nothing(tmp_path: Path, process: dict[str, str]) -> None:
    given, out = numbered(tmp_path / "in.jsonl", 150), tmp_path / "out.jsonl"
    kept: list[Line] = []
    for seed in range(2):
        with start_process("batch", given, "-o", str(out), env=process) as running:
            more = len(kept) + random.Random(seed).randint(1, 40)
            wait_until(lambda least=more: out.exists() and out.read_bytes().count(b"\n") >= least)
            running.kill()
        whole = out.read_bytes().rpartition(b"\n")[0].decode().splitlines()
        assert [json.loads(line) for line in whole][: len(kept)] == kept
        kept = [json.loads(line) for line in whole]
    with start_process("batch", given, "-o", str(out), env=process) as running:
        assert running.wait(2 * PATIENCE) == 0
    assert lines(out)[: len(kept)] == kept
    assert sorted(ids(out), key=int) == [str(number) for number in range(150)]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_lets_answers_under_way_finish_and_says_how_to_resume(
    number: signal.Signals, code: int, tmp_path: Path, process: dict[str, str]
) -> None:
    given, out = numbered(tmp_path / "in.jsonl", 20), tmp_path / "out.jsonl"
    with (
        Sandbox(latency_ms=700) as sandbox,
        start_process(
            "batch", given, "-j", "4", "-o", str(out), env={**process, "RESPAN_BASE_URL": sandbox.url}
        ) as running,
    ):
        wait_until(lambda: len(sandbox.requests) == 4)
        running.send_signal(number)
        _, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == code
    assert len(lines(out)) == 4
    assert len(sandbox.requests) == 4
    assert err.decode().endswith(f"to resume: respan batch {given} -j 4 -o {out}\n")


def test_a_second_run_on_one_output_is_refused_and_told_by_whom(
    tmp_path: Path, process: dict[str, str], env: dict[str, str], sandbox: Sandbox
) -> None:
    given, out = numbered(tmp_path / "in.jsonl", 2, model="sandbox-silent"), str(tmp_path / "out.jsonl")
    with start_process("batch", given, "-o", out, env=process) as running:
        wait_until(lambda: len(sandbox.requests) == 2)
        done = run("batch", given, "-o", out, env=env)
        assert (done.code, done.out) == (2, "")
        assert f"is being written by process {running.pid}\n" in done.err
        running.kill()
    numbered(tmp_path / "in.jsonl", 2)
    assert run("batch", given, "-o", out, env=env).code == 0


def test_a_full_disk_is_exit_12_and_what_was_written_stays_whole(
    tmp_path: Path, env: dict[str, str], process: dict[str, str]
) -> None:
    given, out = numbered(tmp_path / "in.jsonl", 50), str(tmp_path / "out.jsonl")
    limited = "import resource, runpy, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limited += "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)); sys.argv[0] = 'respan'; "
    limited += "runpy.run_module('respan_cli', run_name='__main__')"
    full = subprocess.run(
        [sys.executable, "-c", limited, "batch", given, "-o", out],
        env=process,
        capture_output=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert full.returncode == 12
    assert b"cannot write" in full.stderr
    assert 0 < len(lines(out)) < 50
    assert run("batch", given, "-o", out, env=env).code == 0
    assert sorted(ids(out), key=int) == [str(number) for number in range(50)]


def test_as_a_coprocess_it_answers_each_line_as_it_comes(tmp_path: Path, process: dict[str, str]) -> None:
    with start_process("batch", "-", env=process) as running:
        assert running.stdin
        assert running.stdout
        for word in ("one", "two", "three"):
            running.stdin.write(json.dumps({"id": word, "prompt": word}).encode() + b"\n")
            running.stdin.flush()
            assert json.loads(running.stdout.readline())["text"] == word
        running.stdin.write(b'{"id": "one", "prompt": "again"}\n')
        out, err = running.communicate(timeout=PATIENCE)
    assert (running.returncode, out) == (2, b"")
    assert b"standard input, lines 1 and 4 have the same id 'one'" in err


def test_when_the_reader_goes_away_it_ends_quietly(tmp_path: Path, process: dict[str, str]) -> None:
    given = numbered(tmp_path / "in.jsonl", 200)
    with start_process("batch", given, env=process) as running:
        assert running.stdout
        running.stdout.readline()
        running.stdout.close()
        assert running.wait(PATIENCE) == 0
        assert running.stderr
        assert running.stderr.read() == b""


def test_at_a_terminal_there_is_a_bar_which_leaves_nothing_behind(
    tmp_path: Path, process: dict[str, str]
) -> None:
    given = numbered(tmp_path / "in.jsonl", 4)
    with (
        Sandbox(latency_ms=700) as sandbox,
        Pty(
            "batch",
            given,
            "-o",
            str(tmp_path / "out"),
            env={**process, "RESPAN_BASE_URL": sandbox.url},
            columns=60,
        ) as terminal,
    ):
        terminal.read_until("0/4")
        code, text = terminal.finish()
    assert code == 0
    assert "━" in text
    assert "4 done" in text.rpartition("\x1b[K")[2]


def test_the_output_may_be_a_pipe(tmp_path: Path, env: dict[str, str]) -> None:
    given = numbered(tmp_path / "in.jsonl", 3)
    reader, writer = os.pipe()
    done = run("batch", given, "-o", f"/dev/fd/{writer}", env=env)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert len(pipe.read().splitlines()) == 3
    assert done.code == 0
