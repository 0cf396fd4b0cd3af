"""`respan check --every`, `--prometheus` and `--quiet`: what a monitor gets."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from respan_cli.sandbox import Sandbox
from tests.check_support import at, in_json
from tests.hosts import free_port, host
from tests.support import KEY, PATIENCE, Pty, process_env, run, start_process
from tests.test_check_kept import closing_after

Samples = dict[tuple[str, str | None], float]


def samples(path: Path) -> Samples:
    """The metrics of a file, by name and stage, as Prometheus' own parser reads them."""
    found: Samples = {}
    for family in text_string_to_metric_families(path.read_text("utf-8")):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            assert sample.timestamp is None
            assert sample.labels["profile"] == "default"
            found[sample.name, sample.labels.get("stage")] = sample.value
    return found


@contextmanager
def monitoring(*argv: str, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A monitor that runs until the test has seen enough."""
    with start_process("check", "--every", "0.1", *argv, env={**os.environ, **env}) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: subprocess.Popen[bytes], count: int) -> list[str]:
    """So many lines of its output."""
    assert process.stdout
    return [process.stdout.readline().decode().rstrip("\n") for _ in range(count)]


def test_every_check_is_one_object_on_one_line(sandbox: Sandbox, env: dict[str, str]) -> None:
    with monitoring("--json", env=env) as process:
        rounds: list[dict[str, Any]] = [json.loads(line) for line in lines(process, 3)]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (130, b"")
    assert {(shown["ok"], shown["verdict"]) for shown in rounds} == {(True, "reachable")}
    assert rounds[0]["time"] <= rounds[1]["time"] <= rounds[2]["time"]
    assert [json.loads(line)["ok"] for line in out.splitlines()] == [True] * len(out.splitlines())
    assert not any(request["body"]["messages"] for request in sandbox.requests)


def test_a_message_is_sent_at_first_and_then_not_before_its_time(
    sandbox: Sandbox, env: dict[str, str]
) -> None:
    with monitoring("--json", "--send-every", "3600", env=env) as process:
        verdicts = [json.loads(line)["verdict"] for line in lines(process, 3)]
    assert verdicts == ["ready", "reachable", "reachable"]
    assert sum(bool(request["body"]["messages"]) for request in sandbox.requests) == 1


def test_a_message_is_sent_again_when_its_time_has_come(sandbox: Sandbox, env: dict[str, str]) -> None:
    with monitoring("--json", "--send-every", "0.1", env=env) as process:
        verdicts = [json.loads(line)["verdict"] for line in lines(process, 3)]
    assert verdicts == ["ready"] * 3


def test_an_outage_is_a_row_and_ends_when_it_ends(env: dict[str, str]) -> None:
    port = free_port()
    with monitoring("--json", env=at(port, env)) as process:
        (first,) = (json.loads(line) for line in lines(process, 1))
        assert (first["verdict"], first["exit_code"], first["failure"]["type"]) == (
            "not_ready",
            8,
            "tcp_refused",
        )
        with Sandbox(port=port):
            while json.loads(lines(process, 1)[0])["verdict"] != "reachable":
                pass


def test_the_rows_of_checks_are_time_verdict_code_and_what_was_seen(env: dict[str, str]) -> None:
    with monitoring(env=at(free_port(), env)) as process:
        rows = [line.split("\t") for line in lines(process, 3)]
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    assert {(len(row), row[1], row[2]) for row in rows} == {(4, "not_ready", "8")}
    assert rows[0][3].startswith("tcp: no connection to 127.0.0.1:")
    assert err.decode().count("error: tcp: ") == 1  # what goes on is not explained again


def test_a_connection_that_is_closed_after_each_answer_is_no_outage(env: dict[str, str]) -> None:
    with (
        host(closing_after(0.001)) as port,
        monitoring("--json", "--send-every", "0.3", env=at(port, env)) as process,
    ):
        assert {json.loads(line)["exit_code"] for line in lines(process, 20)} == {0}


def test_quiet_says_nothing_of_what_works(env: dict[str, str]) -> None:
    for flags in ((), ("--json",), ("--no-send",)):
        assert run("check", "-q", *flags, env=env) == (0, "", "")
    done = run("check", "--quiet", env=at(free_port(), env))
    assert (done.code, done.out) == (8, "")
    assert done.err.startswith("error: tcp: no connection to ")
    assert run("check", "-q", "--json", env=at(free_port(), env)).out.startswith('{"time"')


# --- Prometheus


def test_the_metrics_are_what_prometheus_reads(tmp_path: Path, env: dict[str, str]) -> None:
    path = tmp_path / "respan.prom"
    assert run("check", "--prometheus", str(path), env=env).code == 0
    found = samples(path)
    assert found["respan_check_up", None] == 1
    assert found["respan_check_exit_code", None] == 0
    assert found["respan_check_key_proven", None] == 1
    passed = {stage for name, stage in found if name == "respan_check_stage_ok"}
    assert passed == {"settings", "dns", "tcp", "http", "authentication", "message"}
    for stage in passed - {"authentication"}:
        assert found["respan_check_stage_ok", stage] == 1
        assert 0 < found["respan_check_stage_seconds", stage] < PATIENCE
    assert (
        0 < found["respan_check_first_token_seconds", None] <= found["respan_check_stage_seconds", "message"]
    )
    assert found["respan_check_timestamp_seconds", None] > 1.7e9
    assert path.read_bytes().endswith(b"\n")


def test_the_metrics_of_a_failure_are_written_too(tmp_path: Path, env: dict[str, str]) -> None:
    path = tmp_path / "respan.prom"
    assert run("check", "--prometheus", str(path), env=at(free_port(), env)).code == 8
    found = samples(path)
    assert (found["respan_check_up", None], found["respan_check_exit_code", None]) == (0, 8)
    assert found["respan_check_stage_ok", "tcp"] == 0
    assert found["respan_check_stage_ok", "dns"] == 1
    assert ("respan_check_stage_ok", "http") not in found


def test_the_file_of_metrics_is_replaced_in_one_step_and_others_may_read_it(
    tmp_path: Path, env: dict[str, str]
) -> None:
    path = tmp_path / "respan.prom"
    path.write_text("old")
    with path.open() as reader:  # as the collector might hold it
        before = os.umask(0o022)
        try:
            assert run("check", "--no-send", "--prometheus", str(path), env=env).code == 0
        finally:
            os.umask(before)
        assert reader.read() == "old"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_metrics_that_cannot_be_written_are_a_failure(tmp_path: Path, env: dict[str, str]) -> None:
    path = tmp_path / "no such folder" / "respan.prom"
    done = run("check", "--no-send", "-q", "--prometheus", str(path), env=env)
    assert (done.code, done.out) == (12, "")
    assert done.err == f"error: cannot write the metrics to {path}\n  why:  No such file or directory\n"


def test_a_monitor_keeps_what_the_last_message_has_shown(tmp_path: Path, env: dict[str, str]) -> None:
    path = tmp_path / "respan.prom"
    flags = ("--json", "--send-every", "3600", "--prometheus", str(path))
    with monitoring(*flags, env=env) as process:
        lines(process, 1)
        first = samples(path)
        lines(process, 2)
        later = samples(path)
    for key in (("respan_check_first_token_seconds", None), ("respan_check_stage_seconds", "message")):
        assert first[key] == later[key]
    assert later["respan_check_timestamp_seconds", None] > first["respan_check_timestamp_seconds", None]


def test_a_profile_with_any_name_is_a_label(tmp_path: Path, sandbox: Sandbox) -> None:
    config, path = tmp_path / "config.toml", tmp_path / "respan.prom"
    name = 'my "team"\\'
    table = json.dumps(name)
    config.write_text(f'[profiles.{table}]\napi_key = "{KEY}"\nbase_url = "{sandbox.url}"\n')
    config.chmod(0o600)
    env = {"HOME": str(tmp_path), "RESPAN_CLI_CONFIG": str(config)}
    assert run("check", "-p", name, "--no-send", "--prometheus", str(path), env=env).code == 0
    families = text_string_to_metric_families(path.read_text("utf-8"))
    assert {sample.labels["profile"] for family in families for sample in family.samples} == {name}


# --- at a terminal


def test_a_person_sees_a_line_for_each_check_and_when_the_next_one_comes(tmp_path: Path) -> None:
    env = process_env(tmp_path, NO_COLOR="1")
    with Pty("check", "--sandbox", "--every", "0.2", env=env, columns=100) as terminal:
        terminal.read_until("next check at ")
        terminal.read_until(" ✓ settings ")
        terminal.type("\x03")
        code, text = terminal.finish()
    assert code == 130
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--send-every", "5"), "--send-every means nothing without --every"),
        (("--every", "5", "--log"), "--log cannot be combined with --every"),
        (("--every", "5", "--count", "2"), "--count cannot be combined with --every"),
        (
            ("--every", "5", "--no-send", "--send-every", "9"),
            "--send-every sends the messages that --no-send leaves out",
        ),
    ],
    ids=lambda flags: " ".join(flags) if isinstance(flags, tuple) else "",
)
def test_flags_that_cannot_be_meant_together_are_refused(
    env: dict[str, str], flags: tuple[str, ...], message: str
) -> None:
    done = run("check", *flags, env=env)
    assert (done.code, done.out, done.err.splitlines()[0]) == (2, "", f"error: {message}")


def test_a_failing_gateway_is_told_by_its_words_in_every_round(env: dict[str, str]) -> None:
    from tests.test_check_odd_gateways import gateway

    refusal = in_json("401 Unauthorized", '{"detail": "expired"}')
    with host(gateway(refusal, refusal)) as port, monitoring("--json", env=at(port, env)) as process:
        shown = [json.loads(line)["failure"]["seen"] for line in lines(process, 2)]
    assert shown == ["authentication: the key was not accepted (HTTP 401): expired"] * 2
