"""`respan check --count`, and what a person sees of a check at a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from respan_cli.commands.check.report import UNICODE, line
from respan_cli.commands.check.stages import Stage, Verdict
from respan_cli.sandbox import Sandbox
from respan_cli.sandbox.api import answer_to
from tests.check_support import UNKEYED, check
from tests.hosts import deaf_host, page
from tests.support import KEY, Pty, process_env, run

ONE_DAY = "invalid value for '{}': Input should be less than or equal to 86400"


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
        request["body"]["metadata"]["respan_params"]["custom_identifier"] for request in sandbox.requests[1:]
    ]
    assert len(set(identifiers)) == 6


def test_the_table_is_rows_for_scripts(env: dict[str, str]) -> None:
    done = run("check", "--count", "2", env=env)
    rows = [line.split("\t") for line in done.out.splitlines()[8:-1]]
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
        UNKEYED,
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
def test_a_terminal_gets_a_mark_a_table_and_a_verdict(tmp_path: Path, columns: int) -> None:
    argv = ("check", "--sandbox", "--count", "12")
    with Pty(*argv, env=process_env(tmp_path, NO_COLOR="1"), columns=columns) as terminal:
        code, text = terminal.finish()
    assert code == 0
    assert "✓ dns " in text
    assert "- tls" in text
    assert "median" in text
    assert "Ready: profile 'default' can send." in text
    assert max(map(len, text.partition("repeat ")[2].splitlines())) < columns


def test_a_terminal_without_these_signs_gets_others(tmp_path: Path) -> None:
    env = process_env(tmp_path, PYTHONIOENCODING="iso8859-1", NO_COLOR="1")
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
        assert max(map(len, line(stage, UNICODE, columns).splitlines())) < max(columns, 27)
