"""`respan send`, whole: command lines in; exit code, output and what went over the wire out."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from respan_cli.sandbox import Sandbox
from tests.support import KEY, Outcome, run

Env = dict[str, str]

QUICKSTART = {
    "model": "claude-3-opus-20240229",
    "max_tokens": 1000,
    "system": "Respond only in Yoda-speak.",
    "messages": [{"role": "user", "content": "How are you today?"}],
    "metadata": {"respan_params": {"customer_identifier": "something"}},
}
EXTRA_HEADERS = {
    "model": "claude-sonnet-4-20250514",
    "max_tokens": 1000,
    "system": "Respond only in Yoda-speak.",
    "messages": [
        {"role": "user", "content": "Are there an infinite number of prime numbers such that n mod 4 == 3?"}
    ],
    "metadata": {"extra_headers": {"anthropic-beta": "context-1m-2025-08-07"}},
}
NESTED_METADATA = {
    "model": "claude-3-opus-20240229",
    "max_tokens": 1000,
    "system": "Respond only in Yoda-speak.",
    "messages": [{"role": "user", "content": "How are you today?"}],
    "metadata": {
        "respan_params": {
            "custom_identifier": "session_id",
            "customer_identifier": "customer_id",
            "metadata": {"agent": "orchestrator"},
        }
    },
}
YODA = ("--max-tokens", "1000", "-s", "Respond only in Yoda-speak.")


@pytest.mark.parametrize(
    ("argv", "body"),
    [
        (
            ("-m", "claude-3-opus-20240229", *YODA, "How are you today?", "--customer-id", "something"),
            QUICKSTART,
        ),
        (
            (
                *("-m", "claude-sonnet-4-20250514", *YODA),
                "Are there an infinite number of prime numbers such that n mod 4 == 3?",
                *("-H", "anthropic-beta: context-1m-2025-08-07"),
            ),
            EXTRA_HEADERS,
        ),
        (
            (
                *(
                    "-m",
                    "claude-3-opus-20240229",
                    *YODA,
                    "How are you today?",
                    "--customer-id",
                    "customer_id",
                ),
                *("--custom-id", "session_id", "-M", "agent=orchestrator"),
            ),
            NESTED_METADATA,
        ),
    ],
    ids=["the quickstart", "the extra headers", "the nested metadata"],
)
def test_a_program_of_the_documentation_is_one_command_line(
    argv: tuple[str, ...], body: dict[str, Any], env: Env, sandbox: Sandbox
) -> None:
    done = run("send", *argv, env=env)
    assert done == Outcome(0, body["messages"][0]["content"] + "\n", "")
    (request,) = sandbox.requests
    assert request["body"] == {**body, "stream": True}


def test_nothing_but_the_headers_that_the_user_can_list_leaves_the_machine(
    env: Env, sandbox: Sandbox
) -> None:
    assert run("send", "hi", "--gateway-header", "X-Respan-Beta: new", env=env).code == 0
    (request,) = sandbox.requests
    assert request["path"] == "/v1/messages"
    assert request["headers"] == {
        "host": sandbox.url.removeprefix("http://"),
        "connection": "keep-alive",
        "content-length": str(len(json.dumps(request["body"], separators=(",", ":")))),
        "accept": "application/json",
        "accept-encoding": "gzip, deflate",
        "content-type": "application/json",
        "user-agent": "respan-cli/0.1.0",
        "anthropic-version": "2026-10-21",
        "x-respan-beta": "new",
        "authorization": f"Bearer {KEY}",
    }


def test_the_api_version_is_the_one_of_the_installed_sdk() -> None:
    from anthropic._constants import ANTHROPIC_API_VERSION

    from respan_cli.settings.headers import ANTHROPIC_VERSION

    assert ANTHROPIC_VERSION == ANTHROPIC_API_VERSION


def test_a_gateway_that_minds_the_api_version_can_be_given_an_older_one(env: Env, sandbox: Sandbox) -> None:
    assert run("send", "hi", "--gateway-header", "Anthropic-Version: 2023-06-01", env=env).code == 0
    assert sandbox.requests[0]["headers"]["anthropic-version"] == "2023-06-01"


def test_a_bare_request_carries_no_metadata(env: Env, sandbox: Sandbox) -> None:
    assert run("send", "hi", env=env).code == 0
    assert sandbox.requests[0]["body"] == {
        "model": "claude-sonnet-5-5",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
    }


@pytest.mark.parametrize(
    ("argv", "stdin", "content"),
    [
        (("Say", "hello"), None, "Say hello"),
        ((), b"piped\n", "piped\n"),
        (("Explain",), b"piped\n", "Explain\n\npiped\n"),
        (("Explain", "-"), b"piped", "Explain\n\npiped"),
        (("-",), b"piped", "piped"),
        (("Explain",), b"", "Explain"),
        (("Explain", "--no-stdin"), b"piped", "Explain"),
        (("Explain",), b"\xef\xbb\xbfafter the mark", "Explain\n\nafter the mark"),
        (("--", "--not-a-flag"), None, "--not-a-flag"),
        (("grüße 你好 👋🏽",), "\tتحية\r\n".encode(), "grüße 你好 👋🏽\n\n\tتحية\r\n"),
    ],
    ids=[
        "words are joined with a space",
        "what is piped is the prompt",
        "what is piped comes after a blank line",
        "a dash names it",
        "a dash alone",
        "an empty pipe adds nothing",
        "no-stdin ignores it",
        "a byte order mark is dropped",
        "a double dash ends the options",
        "every script and the exact bytes",
    ],
)
def test_the_prompt_is_put_together(
    argv: tuple[str, ...], stdin: bytes | None, content: str, env: Env, sandbox: Sandbox
) -> None:
    assert run("send", *argv, stdin=stdin, env=env).code == 0
    assert sandbox.requests[0]["body"]["messages"] == [{"role": "user", "content": content}]


def test_ten_megabytes_arrive_whole(env: Env, sandbox: Sandbox) -> None:
    text = "0123456789äöü" * 700_000
    assert run("send", "-q", "--max-tokens", "8", stdin=text.encode(), env=env).code == 0
    assert sandbox.requests[0]["body"]["messages"][0]["content"] == text


@pytest.mark.parametrize(
    ("argv", "stdin", "code", "message"),
    [
        ((), None, 2, "error: there is no prompt\n  next: respan send 'Say hello', or pipe text in\n"),
        ((), b" \n", 2, "error: there is no prompt\n  next: respan send 'Say hello', or pipe text in\n"),
        (
            (),
            b"good\xff",
            2,
            "error: standard input is not UTF-8 at byte offset 4\n"
            "  next: if it is Western European text, convert it first: iconv -f WINDOWS-1252 -t UTF-8\n",
        ),
        (("hi", "--max-tokens", "lots"), None, 2, "error: --max-tokens='lots' is not a positive integer\n"),
        (("hi", "--max-tokens", "0"), None, 2, "error: --max-tokens='0' is not a positive integer\n"),
        (
            ("hi", "--timeout", "soon"),
            None,
            2,
            "error: --timeout='soon' is not a number of seconds above 0\n",
        ),
        (("hi", "-M", "agent"), None, 2, "error: --metadata='agent' is not of the form KEY=VALUE\n"),
        (
            ("hi", "--customer-id", "x" * 255),
            None,
            2,
            f"error: --customer-identifier='{'x' * 79}…' is 255 characters long: "
            "the gateway cuts silently after 254\n",
        ),
        (
            ("hi", "--param", "fallback_models:=[]"),
            None,
            2,
            "error: --param sets 'fallback_models', and this endpoint is a pass-through that does not honour "
            "fallback models: it would be ignored silently\n",
        ),
        (
            ("hi", "--param", "model=x"),
            None,
            2,
            "error: --param sets 'model', a field of the message: "
            "Respan parameters would override it unseen\n",
        ),
        (
            ("hi", "--param", "customer_identifier=x"),
            None,
            2,
            "error: --param sets 'customer_identifier', which has a flag of its own: --customer-identifier\n",
        ),
        (
            ("hi", "--param", "thread_identifier:=text"),
            None,
            2,
            "error: --param has no JSON after 'thread_identifier:='; "
            "for text it is 'thread_identifier=TEXT'\n",
        ),
        (
            ("hi", "-H", "Host: elsewhere"),
            None,
            2,
            "error: --header sets 'Host', which cannot be set: it belongs to the connection or to the key\n",
        ),
        (
            ("hi", "-H", "X: a\r\nEvil: b"),
            None,
            2,
            "error: --header has a character that HTTP does not allow in the value of 'X'\n",
        ),
        (("hi", "-H", "no colon"), None, 2, "error: --header is not of the form 'Name: value'\n"),
        (("hi", "--json", "--events"), None, 2, None),
        (("hi", "--usage", "--quiet"), None, 2, "error: --usage and --quiet cannot go together\n"),
        (("-", "--no-stdin"), None, 2, "error: '-' asks for standard input, which --no-stdin ignores\n"),
        (
            ("hi", "--base-url", "http://example.com"),
            None,
            2,
            "error: http://example.com/ would send key and prompt in the clear\n"
            "  next: use https://, or --insecure-http if that network is yours\n",
        ),
        (
            ("hi", "--base-url", "https://user:secret@example.com"),
            None,
            2,
            "error: --base-url='https://[hidden]@example.com' holds a user or a password; "
            "the key is the only credential\n",
        ),
        (
            ("hi", "-H", "X-Team: env:NOT_SET"),
            None,
            3,
            "error: the header 'X-Team' needs the environment variable NOT_SET, which is not set\n"
            "  next: set NOT_SET, or remove the header: -H 'X-Team:'\n",
        ),
        (
            ("hi", "-p", "nobody"),
            None,
            3,
            "error: there is no profile 'nobody'\n"
            "  next: profiles: none yet; 'respan config init -p nobody' makes one\n",
        ),
    ],
)
def test_what_cannot_be_sent_is_refused_before_anything_is_sent(
    argv: tuple[str, ...], stdin: bytes | None, code: int, message: str | None, env: Env, sandbox: Sandbox
) -> None:
    done = run("send", *argv, stdin=stdin, env=env)
    assert (done.code, done.out) == (code, "")
    if message is None:  # with --json the error is JSON
        assert json.loads(done.err)["exit_code"] == code
    else:
        assert done.err == message
    assert sandbox.requests == []


def test_without_a_key_it_says_where_to_get_one(env: Env, sandbox: Sandbox) -> None:
    del env["RESPAN_API_KEY"]
    assert run("send", "hi", env=env) == Outcome(
        3,
        "",
        "error: no API key in profile 'default'\n"
        "  next: set RESPAN_API_KEY, or run 'respan config init'; "
        "create one at https://platform.respan.ai/platform/api/api-keys\n",
    )
    assert sandbox.requests == []


def test_every_layer_is_overruled_by_the_one_above_it(env: Env, sandbox: Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / ".config" / "respan-cli"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(
        'default_profile = "work"\n[profiles.work]\nmodel = "from-file"\ncustomer_identifier = "from-file"\n'
        'system = "from-file"\nmax_tokens = 7\n'
        '[profiles.work.metadata]\nteam = "file"\nstage = "file"\nrun = "file"\n'
        '[profiles.work.headers]\nX-Team = "file"\nX-Stage = "file"\n'
    )
    env |= {"RESPAN_MODEL": "from-env", "RESPAN_METADATA": '{"team": "env", "build": 42}'}
    flags = ("-M", "team=flag", "-M", "run=", "--customer-id", "", "-H", "x-team: flag", "-H", "X-STAGE:")
    assert run("send", "hi", *flags, env=env).code == 0
    assert sandbox.requests[0]["body"] == {
        "model": "from-env",
        "max_tokens": 7,
        "system": "from-file",
        "messages": [{"role": "user", "content": "hi"}],
        "metadata": {
            "respan_params": {"metadata": {"team": "flag", "stage": "file", "build": "42"}},
            "extra_headers": {"x-team": "flag"},
        },
        "stream": True,
    }


def test_required_settings_are_asked_for_before_anything_is_sent(
    env: Env, sandbox: Sandbox, tmp_path: Path
) -> None:
    env["RESPAN_CLI_CONFIG"] = str(tmp_path / "team.toml")
    Path(env["RESPAN_CLI_CONFIG"]).write_text(
        '[profiles.default]\nrequired = ["customer_identifier", "metadata.agent", "headers.X-Team"]\n'
    )
    assert run("send", "hi", "--customer-id", "acme", env=env) == Outcome(
        3,
        "",
        "error: profile 'default' requires metadata.agent, headers.X-Team\n"
        "  next: give --metadata agent=…, --header 'X-Team: …'\n",
    )
    assert sandbox.requests == []
    assert run("send", "hi", "--customer-id", "acme", "-M", "agent=x", "-H", "x-team: a", env=env).code == 0


def test_the_sandbox_answers_whatever_the_base_url_is(env: Env, sandbox: Sandbox) -> None:
    env["RESPAN_BASE_URL"] = "http://gateway.example.com"
    assert run("send", "--sandbox", "hi", env=env) == Outcome(0, "hi\n", "")
    assert run("check", "--sandbox", env=env).code == 0
    assert run("send", "hi", env=env).code == 3
    assert sandbox.requests == []  # one of its own answered


def test_auto_makes_a_fresh_identifier_for_each_request(env: Env, sandbox: Sandbox) -> None:
    for _ in range(2):
        assert run("send", "hi", "--custom-id", "auto", env=env).code == 0
    first, second = (
        request["body"]["metadata"]["respan_params"]["custom_identifier"] for request in sandbox.requests
    )
    assert uuid.UUID(first) != uuid.UUID(second)


def test_params_of_every_json_type_go_through(env: Env, sandbox: Sandbox) -> None:
    flags = ("--param", "thread_identifier=t-1", "--param", "cache_enabled:=true", "--param", "cache_ttl:=60")
    assert run("send", "hi", *flags, "--param", 'customer_params:={"name": "Ann"}', env=env).code == 0
    assert sandbox.requests[0]["body"]["metadata"]["respan_params"] == {
        "thread_identifier": "t-1",
        "cache_enabled": True,
        "cache_ttl": 60,
        "customer_params": {"name": "Ann"},
    }


def test_header_files_and_references_keep_secrets_off_the_command_line(
    env: Env, sandbox: Sandbox, tmp_path: Path
) -> None:
    lines = tmp_path / "headers"
    lines.write_text("# for the provider\nX-Team: blue\n\nX-Token: env:TEAM_TOKEN\n")
    env["TEAM_TOKEN"] = "t0ken"
    assert run("send", "hi", "-H", f"@{lines}", "--gateway-header", f"@{lines}", env=env).code == 0
    (request,) = sandbox.requests
    assert request["body"]["metadata"]["extra_headers"] == {"X-Team": "blue", "X-Token": "t0ken"}
    assert (request["headers"]["x-team"], request["headers"]["x-token"]) == ("blue", "t0ken")


def test_a_broken_header_file_is_named_by_its_line_and_never_quoted(env: Env, tmp_path: Path) -> None:
    lines = tmp_path / "headers"
    lines.write_text("X-Team: blue\nno colon but a s3cret\n")
    assert run("send", "hi", "-H", f"@{lines}", env=env) == Outcome(
        2, "", f"error: {lines} in line 2 is not of the form 'Name: value'\n"
    )


def test_json_is_one_object_with_everything_in_it(env: Env, sandbox: Sandbox) -> None:
    flags = ("--customer-id", "acme", "-H", "X-Api-Key: s3cret", "-H", "X-Team: blue")
    done = run("send", "--json", "Hello", *flags, env=env)
    assert (done.code, done.err, done.out.count("\n")) == (0, "", 1)
    result = json.loads(done.out)
    timing = result.pop("timing")
    assert set(timing) == {"first_token_ms", "total_ms", "output_tokens_per_second"}
    assert 0 < timing["first_token_ms"] <= timing["total_ms"]
    log_id = result["respan"]["log_id"]
    usage = {
        "input_tokens": 2,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 2,
    }
    assert result == {
        "text": "Hello",
        "message": {
            "id": "msg_000000000000000000000001",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-5-5",
            "content": [{"type": "text", "text": "Hello"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "stop_details": None,
            "usage": usage,
        },
        "model": "claude-sonnet-5-5",
        "stop_reason": "end_turn",
        "usage": usage,
        "request": {
            "profile": "default",
            "base_url": sandbox.url + "/",
            "model": "claude-sonnet-5-5",
            "max_tokens": 4096,
            "respan_params": {"customer_identifier": "acme"},
            "extra_headers": {"X-Api-Key": "[hidden]", "X-Team": "blue"},
        },
        "respan": {
            "log_id": log_id,
            "request_id": "req_000000000000000000000001",
            "gateway_request_id": None,
        },
    }
    assert uuid.UUID(log_id)


def test_events_are_every_event_of_the_api_then_the_result(env: Env) -> None:
    done = run("send", "--events", "-m", "sandbox-thinking", "Hello", env=env)
    assert (done.code, done.err) == (0, "")
    events = [json.loads(line) for line in done.out.splitlines()]
    kinds = [event["type"] for event in events]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_stop", "result"]
    assert kinds.count("ping") == 1
    assert events[-1]["text"] == "Hello"
    assert [block["type"] for block in events[-1]["message"]["content"]] == ["thinking", "text"]
    assert events[-1]["message"]["content"][0]["signature"]


def test_the_usage_line_ends_with_the_id_of_the_request_where_there_is_no_log_id(env: Env) -> None:
    done = run("send", "-u", "-m", "sandbox-no-log-id", "hi", env=env)
    assert (done.code, done.out) == (0, "hi\n")
    assert done.err.endswith(" s · request req_000000000000000000000001\n")


@pytest.mark.parametrize("model", ["sandbox-unknown-event", "sandbox-no-log-id"])
def test_what_the_stream_may_hold_or_lack_is_no_failure(model: str, env: Env) -> None:
    done = run("send", "--json", "-m", model, "Hello", env=env)
    assert (done.code, json.loads(done.out)["text"], done.err) == (0, "Hello", "")


def test_the_usage_line_is_forced_off_a_terminal_and_silenced_on_one(env: Env) -> None:
    forced = run("send", "-u", "hi", "--customer-id", "acme", "--custom-id", "run-1", env=env)
    assert (forced.code, forced.out) == (0, "hi\n")
    assert re.fullmatch(
        r"claude-sonnet-5-5 · 1 token in, 1 out · first token \d+\.\d\d s, total \d+\.\d\d s"
        r" · customer acme · custom run-1 · log [-0-9a-f]{36}\n",
        forced.err,
    )
    silenced = run("send", "-q", "hi", env=env, stdout_is_terminal=True, stderr_is_terminal=False)
    assert (silenced.code, silenced.err) == (0, "")


def test_the_answer_goes_to_a_file_whole(env: Env, tmp_path: Path) -> None:
    path = tmp_path / "answer.txt"
    path.write_text("old")
    path.chmod(0o640)
    assert run("send", "Hello", "-o", str(path), env=env) == Outcome(0, "", "")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("Hello\n", 0o640)
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_keeps_its_old_content_when_the_answer_breaks_off(env: Env, tmp_path: Path) -> None:
    path = tmp_path / "answer.txt"
    path.write_text("old")
    done = run("send", "Hello", "-m", "sandbox-cut", "-o", str(path), env=env)
    assert (done.code, done.out, path.read_text(), list(tmp_path.iterdir())) == (9, "", "old", [path])


def test_the_file_is_written_through_a_symbolic_link(env: Env, tmp_path: Path) -> None:
    link, target = tmp_path / "link", tmp_path / "target"
    link.symlink_to(target)
    assert run("send", "Hello", "-o", str(link), env=env).code == 0
    assert (link.is_symlink(), target.read_text()) == (True, "Hello\n")


def test_a_file_may_have_the_longest_of_names(env: Env, tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    assert run("send", "Hello", "-o", str(path), env=env) == Outcome(0, "", "")
    assert path.read_text() == "Hello\n"


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="open files have no names here")
def test_what_stands_in_an_open_file_already_stays_there(env: Env, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    with path.open("w") as log:
        print("before", file=log, flush=True)
        assert run("send", "Hello", "-o", f"/dev/fd/{log.fileno()}", env=env) == Outcome(0, "", "")
        print("after", file=log, flush=True)
    assert path.read_text() == "before\nHello\nafter\n"


def test_a_file_that_cannot_be_written_is_known_before_anything_is_sent(
    env: Env, sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "no" / "such" / "folder"
    assert run("send", "hi", "-o", str(path), env=env) == Outcome(
        12, "", f"error: cannot write {path}\n  why:  No such file or directory\n"
    )
    assert sandbox.requests == []


@pytest.mark.parametrize(
    ("model", "code", "error"),
    [
        ("sandbox-max-tokens", 10, "the answer was cut by max_tokens"),
        ("sandbox-refusal", 11, "the model refused"),
    ],
)
def test_an_answer_that_is_not_what_was_asked_is_a_warning_and_with_strict_an_error(
    model: str, code: int, error: str, env: Env
) -> None:
    lenient = run("send", "-m", model, "hi", env=env)
    assert (lenient.code, lenient.out) == (0, "hi\n")
    assert lenient.err.startswith(f"warning: {error}")
    strict = run("send", "-m", model, "hi", "--strict", env=env)
    assert (strict.code, strict.out) == (code, "hi\n")
    assert strict.err.startswith(f"error: {error}")


@pytest.mark.parametrize(("model", "code"), [("sandbox-max-tokens", 10), ("sandbox-refusal", 11)])
@pytest.mark.parametrize("flags", [(), ("--json",)], ids=str)
def test_a_file_is_not_replaced_by_an_answer_that_strict_calls_an_error(
    flags: tuple[str, ...], model: str, code: int, env: Env, tmp_path: Path
) -> None:
    path = tmp_path / "answer"
    path.write_text("the old answer")
    done = run("send", "-m", model, "hi", "--strict", "-u", "-o", str(path), *flags, env=env)
    assert (done.code, done.out, path.read_text()) == (code, "", "the old answer")
    assert done.err.startswith(f"{model} · 1 token in")  # it is paid for all the same
    assert [entry.name for entry in tmp_path.iterdir()] == ["answer"]
    assert run("send", "-m", model, "hi", "-q", "-o", str(path), *flags, env=env).code == 0
    assert path.read_text() != "the old answer"


def test_an_answer_reaches_a_pipe_untouched_and_a_terminal_without_its_control_characters(env: Env) -> None:
    from respan_cli.sandbox.faults import HOSTILE
    from respan_cli.terminal.text import clean

    piped = run("send", "-m", "sandbox-hostile", "x", env=env)
    assert piped == Outcome(0, HOSTILE + ("" if HOSTILE.endswith("\n") else "\n"), "")
    shown = run("send", "-q", "-m", "sandbox-hostile", "x", env=env, stdout_is_terminal=True)
    assert "\x1b" not in shown.out
    assert clean(HOSTILE) != HOSTILE


def test_the_sandbox_answers_without_key_or_network(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "HTTP_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}
    assert run("send", "--sandbox", "Hello", env=env) == Outcome(0, "Hello\n", "")
