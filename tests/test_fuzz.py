"""Thousands of hostile streams: an exit code of the table, no traceback, nothing that steers a terminal."""

from __future__ import annotations

import json
import re

import pytest

from respan_cli.errors import ExitCode
from respan_cli.sandbox import Sandbox
from tests.hostile import EXTREMES, Stream, extreme, gzipped_twice, stream
from tests.support import KEY, Outcome, run

STREAMS = 4000
BATCH = 200
# What a stream can make of a send. 1 is a defect; 2, 3, 12 and 130 are never the answer's doing.
POSSIBLE = {
    ExitCode.OK,
    ExitCode.AUTHENTICATION,
    ExitCode.REJECTED,
    ExitCode.LIMIT,
    ExitCode.PROVIDER,
    ExitCode.NETWORK,
    ExitCode.BAD_RESPONSE,
    ExitCode.TRUNCATED,
    ExitCode.REFUSAL,
}
# C0 without tab and newline, DEL, C1, and what reorders text.
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("first", range(0, STREAMS, BATCH))
def test_whatever_a_gateway_sends_ends_in_an_exit_code_of_the_table(first: int, sandbox: Sandbox) -> None:
    for seed in range(first, first + BATCH):
        hostile = stream(seed)
        sandbox.replies.append(hostile.pieces)
        try:
            CHECKS[seed % len(CHECKS)](hostile, sandbox)
        except AssertionError as failure:
            raise AssertionError(f"seed {seed}: {failure}") from failure


def play(sandbox: Sandbox, *argv: str, stdout: bool = False, stderr: bool = False) -> Outcome:
    """Send a message, and hold what always holds."""
    env = {
        "HOME": "/nowhere",
        "RESPAN_API_KEY": KEY,
        "RESPAN_BASE_URL": sandbox.url,
        "RESPAN_MAX_RETRIES": "0",
        "TERM": "dumb",  # no escape sequence is ours, then
    }
    argv = ("send", "hi", "--color", "never", "--timeout", "20", *argv)
    done = run(*argv, env=env, stdout_is_terminal=stdout, stderr_is_terminal=stderr)
    assert done.code in POSSIBLE, done.err
    assert "Traceback" not in done.err or "--debug" in argv, done.err
    assert not STEERING.search(done.err), done.err
    assert done.code == 0 or done.err
    return done


def to_a_pipe(hostile: Stream, sandbox: Sandbox) -> None:
    done = play(sandbox)
    if hostile.text is not None:
        text = hostile.text.encode("utf-8", "backslashreplace").decode()
        assert (done.code, done.out) == (0, text + "\n" * (not text.endswith("\n") and bool(text)))


def to_a_terminal(hostile: Stream, sandbox: Sandbox) -> None:
    done = play(sandbox, stdout=True, stderr=True)
    assert not STEERING.search(done.out), done.out
    assert done.out == "" or done.out.endswith("\n")
    assert hostile.text is None or done.code == 0


def as_json(hostile: Stream, sandbox: Sandbox) -> None:
    done = play(sandbox, "--json", "--strict")
    assert done.out.count("\n") == (1 if done.code in (0, 10, 11) else 0)
    if done.out:
        assert json.loads(done.out, parse_constant=pytest.fail)["message"]
    if done.code:
        assert json.loads(done.err)["exit_code"] == done.code
    if hostile.text is not None:
        assert json.loads(done.out)["text"] == hostile.text


def as_events(hostile: Stream, sandbox: Sandbox) -> None:
    done = play(sandbox, "--events", stdout=True)
    events = [json.loads(line, parse_constant=pytest.fail) for line in done.out.splitlines()]
    assert not STEERING.search(done.out), done.out
    if done.code == 0:
        assert events[-1]["type"] == "result"


def with_debug(hostile: Stream, sandbox: Sandbox) -> None:
    done = play(sandbox, "--debug", stdout=True, stderr=True)
    assert KEY not in done.err
    assert hostile.text is None or done.code == 0


@pytest.mark.parametrize("name", [*EXTREMES, "two content encodings"])
@pytest.mark.parametrize("argv", [(), ("--json",), ("--events",), ("--show-thinking",)], ids=" ".join)
def test_what_takes_memory_or_time_or_has_a_wrong_type_ends_in_words(
    name: str, argv: tuple[str, ...], sandbox: Sandbox
) -> None:
    sandbox.replies.append(extreme(name) if name in EXTREMES else gzipped_twice())
    done = play(sandbox, *argv)
    whole = name == "tool input of 100,000 brackets"
    assert done.code == (0 if whole else 9)


CHECKS = [to_a_pipe, to_a_terminal, as_json, as_events, with_debug]


def test_the_streams_are_the_same_in_every_run_and_of_every_kind() -> None:
    assert stream(7) == stream(7)
    some = [b"".join(stream(seed).pieces) for seed in range(400)]
    for mark in (
        b"Content-Encoding: gzip",
        b"chunked",
        b"Content-Length",
        b"\r\n\r\n",
        b": comment",
        b"event: ping",
    ):
        assert any(mark in each for each in some), mark
    assert any(all(len(piece) == 1 for piece in stream(seed).pieces) for seed in range(100))
