"""`--dry-run`: what is printed is what would be sent, and the printed programs run as they stand."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from respan_cli.output.dry_run import CREATE_FIELDS
from respan_cli.sandbox import Sandbox
from tests.support import KEY, PATIENCE, Outcome, process_env, run

TOKEN = 't"0\\ken$x'
NASTY = (
    "quotes ' \" ''' \"\"\" $HOME ${X} $(id) `id` \\n \\ !x %s {y} \n\t"
    "RESPAN_REFERENCE_0. lines\r\nRESPAN_BODY\nEOF\n äöü 你好 👋🏽 \u2028"
)
FLAGS = (
    *("-s", NASTY, "--customer-id", "it's $acme", "-M", 'quote="`x`"', "--param", "cache_enabled:=true"),
    *("-H", "anthropic-beta: a'b\"c$d`e\\f", "--gateway-header", "X-Respan-Beta: $x'y"),
)
REFERENCES = (
    *("-H", "X-Token: env:TEAM_TOKEN", "--gateway-header", "X-Gate: env:TEAM_TOKEN"),
    *("--gateway-header", "x-`echo`-$home: env:TEAM_TOKEN"),  # HTTP allows such a name
)


def sent_by(program: Outcome, command: list[str], sandbox: Sandbox, home: Path) -> dict[str, Any]:
    """What arrives when a printed program is run as it stands; it is the newest of the requests."""
    assert (program.code, program.err) == (0, "")
    environment = process_env(home, RESPAN_API_KEY=KEY, TEAM_TOKEN=TOKEN)
    subprocess.run(
        command,
        input=program.out.encode(),
        env=environment,
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    return sandbox.requests[-1]


def test_it_prints_the_request_needs_no_key_and_sends_nothing(env: dict[str, str], sandbox: Sandbox) -> None:
    del env["RESPAN_API_KEY"]
    done = run("send", "--dry-run", "hi", "--customer-id", "acme", env=env)
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {
        "method": "POST",
        "url": sandbox.url + "/v1/messages",
        "headers": {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "Content-Type": "application/json",
            "User-Agent": "respan-cli/0.1.0",
            "anthropic-version": "2026-10-21",
            "Authorization": "Bearer $RESPAN_API_KEY",
        },
        "body": {
            "model": "claude-sonnet-5-5",
            "max_tokens": 4096,
            "messages": [{"role": "user", "content": "hi"}],
            "metadata": {"respan_params": {"customer_identifier": "acme"}},
            "stream": True,
        },
    }
    assert sandbox.requests == []


def test_what_it_prints_goes_to_the_file_of_output(env: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "hello.py"
    assert run("send", "--as", "python", "hi", "-o", str(path), env=env) == Outcome(0, "", "")
    assert path.read_text() == run("send", "--as", "python", "hi", env=env).out


def test_what_it_prints_is_what_send_puts_on_the_wire(env: dict[str, str], sandbox: Sandbox) -> None:
    printed = json.loads(run("send", "-n", NASTY, *FLAGS, env=env).out)
    assert run("send", NASTY, *FLAGS, env=env).code == 0
    (request,) = sandbox.requests
    assert printed["body"] == request["body"]
    received = {name: request["headers"][name.lower()] for name in printed["headers"]}
    assert printed["headers"] | {"Authorization": f"Bearer {KEY}"} == received


@pytest.fixture
def whole(tmp_path: Path) -> tuple[str, ...]:
    """Everything else that a message can hold."""
    for name, data in (
        ("notes", NASTY.encode()),
        ("image", b"\x89PNG\r\n\x1a\n" + bytes(99)),
        ("history", json.dumps([{"role": "user", "content": NASTY}]).encode()),
        ("schema", json.dumps({"type": "object", "title": NASTY}).encode()),
    ):
        (tmp_path / name).write_bytes(data)
    return (
        *("-f", f"{tmp_path}/notes", "-f", f"{tmp_path}/image", "--messages", f"{tmp_path}/history"),
        *("--schema", f"{tmp_path}/schema", "--effort", "max", "--stop", NASTY),
        *("--extra-body", json.dumps({"top_k": 5, "temperature": 0.5, "tool_choice": {"type": "none"}})),
    )


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_the_printed_curl_holds_the_whole_message(
    whole: tuple[str, ...], env: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    program = run("send", "--as", "curl", NASTY, *whole, env=env)
    curled = sent_by(program, ["sh"], sandbox, tmp_path)
    assert run("send", NASTY, *whole, env=env).code == 0
    assert curled["body"] == sandbox.requests[-1]["body"]


def test_the_printed_python_holds_the_whole_message(
    whole: tuple[str, ...], env: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    prompt = (NASTY + " long ") * 4000  # 300 kB
    program = run("send", "--as", "python", *whole, stdin=prompt.encode(), env=env)
    received = sent_by(program, [sys.executable, "-"], sandbox, tmp_path)
    assert run("send", *whole, stdin=prompt.encode(), env=env).code == 0
    assert received["body"] | {"stream": True} == sandbox.requests[-1]["body"]


def test_the_printed_python_names_what_the_sdk_takes_by_name() -> None:
    import inspect

    from anthropic.resources.messages import Messages

    taken = set(inspect.signature(Messages.create).parameters)
    not_ours = {"self", "stream", "extra_headers", "extra_query", "extra_body", "timeout"}
    # Two that the SDK makes headers of; as fields of the body they go through extra_body.
    assert taken - not_ours - {"user_profile_id", "workspace_id"} == CREATE_FIELDS


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
@pytest.mark.parametrize("prompt", [NASTY, "long " * 60_000], ids=["a nasty prompt", "a long one"])
@pytest.mark.parametrize("flags", [FLAGS, (*FLAGS, *REFERENCES)], ids=["plain", "with references"])
def test_the_printed_curl_sends_what_send_sends(
    prompt: str, flags: tuple[str, ...], env: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    env["TEAM_TOKEN"] = TOKEN
    program = run("send", "--as", "curl", prompt, *flags, env=env)
    curled = sent_by(program, ["sh"], sandbox, tmp_path)
    assert run("send", prompt, *flags, env=env).code == 0
    sent = sandbox.requests[-1]
    assert curled["body"] == sent["body"]
    for name in ("authorization", "anthropic-version", "x-respan-beta", "x-gate", "x-`echo`-$home"):
        assert curled["headers"].get(name) == sent["headers"].get(name)
    assert TOKEN not in program.out


@pytest.mark.parametrize("flags", [FLAGS, (*FLAGS, *REFERENCES)], ids=["plain", "with references"])
def test_the_printed_python_sends_what_send_sends(
    flags: tuple[str, ...], env: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    env["TEAM_TOKEN"] = TOKEN
    # More tokens than the SDK asks for unstreamed, unless it is given a timeout.
    flags = (*flags, "--max-tokens", "100000")
    program = run("send", "--as", "python", NASTY, *flags, env=env)
    assert TOKEN not in program.out
    received = sent_by(program, [sys.executable, "-"], sandbox, tmp_path)
    assert run("send", NASTY, *flags, env=env).code == 0
    assert received["body"] | {"stream": True} == sandbox.requests[-1]["body"]
    assert received["headers"]["authorization"] == f"Bearer {KEY}"
    assert received["headers"]["x-respan-beta"] == "$x'y"


def test_secrets_are_hidden_unless_asked_for_and_the_key_always(env: dict[str, str]) -> None:
    flags = (
        "-H",
        "X-Api-Key: s3cret",
        "--gateway-header",
        "Cookie: s3cret",
        "--param",
        "credential_override=s3cret",
    )
    for form in ("json", "curl", "python"):
        hidden = run("send", "--as", form, "hi", *flags, env=env)
        assert "s3cret" not in hidden.out
        assert "[hidden]" in hidden.out
        shown = run("send", "--as", form, "hi", *flags, "--show-secrets", env=env)
        assert shown.out.count("s3cret") == 3
        assert KEY not in shown.out + hidden.out


@pytest.mark.parametrize("form", ["curl", "python"])
@pytest.mark.parametrize(
    "flags",
    [
        ("-H", "X-Api-Key: s3cret"),
        ("--gateway-header", "Cookie: s3cret"),
        ("--param", "credential_override=s3cret"),
    ],
    ids=["forwarded", "gateway", "parameter"],
)
def test_a_program_that_lacks_a_secret_does_not_pass_for_one_that_runs(
    form: str, flags: tuple[str, str], env: dict[str, str]
) -> None:
    done = run("send", "--as", form, "hi", *flags, env=env)
    assert (done.code, "[hidden]" in done.out) == (0, True)
    assert done.err == (
        "warning: the program sends '[hidden]' where a secret belongs; --show-secrets prints it, "
        "and a header of the form env:VARIABLE is read when the program runs\n"
    )
    assert run("send", "--as", form, "hi", *flags, "--show-secrets", env=env).err == ""
    assert run("send", "--as", form, "hi", "-H", "X-Api-Key: env:TEAM_KEY", env=env).err == ""
    assert run("send", "-n", "hi", *flags, env=env).err == ""  # to be read, not to be run
