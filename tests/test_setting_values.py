"""Values as they arrive from shells, .env files and password managers: trimmed, checked, read from files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from respan_cli.gateway.proxy import Proxy
from respan_cli.sandbox import Sandbox
from tests.support import KEY, Outcome, process_env, run, run_process

Env = dict[str, str]


def params(sandbox: Sandbox) -> Any:
    return sandbox.requests[-1]["body"]["metadata"]["respan_params"]


def test_a_variable_from_a_file_with_windows_lines_is_the_same_customer(env: Env, sandbox: Sandbox) -> None:
    windows = {
        "RESPAN_CUSTOMER_ID": "alice\r",
        "RESPAN_MODEL": "sonnet\r",
        "RESPAN_MAX_TOKENS": "12\r",
        "RESPAN_PROFILE": "default\r",
        "RESPAN_METADATA": '{"team": "core\\r"}\r',
        "RESPAN_API_KEY": f"{KEY}\r",
        "RESPAN_CLI_CONFIG": f"{env['HOME']}/none.toml\r",
    }
    assert run("send", "hi", "--param", "group_identifier= g\r", env={**env, **windows}).code == 0
    assert params(sandbox) == {
        "customer_identifier": "alice",
        "metadata": {"team": "core"},
        "group_identifier": "g",
    }
    body = sandbox.requests[-1]["body"]
    assert (body["model"], body["max_tokens"]) == ("sonnet", 12)


def test_a_system_prompt_keeps_its_lines_and_loses_its_ends(env: Env, sandbox: Sandbox) -> None:
    assert run("send", "hi", "-s", "\n One.\n\n  Two.\n", env=env).code == 0
    assert sandbox.requests[-1]["body"]["system"] == "One.\n\n  Two."


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--customer-id", "a\x1bb"), r"--customer-identifier='a\x1bb' has a control character (U+001B)"),
        (("--custom-id", "a\nb"), r"--custom-identifier='a\nb' has a control character (U+000A)"),
        (("-m", "a\x00b"), r"--model='a\x00b' has a control character (U+0000)"),
        (("-M", "a=b\x85c"), r"--metadata='a=b\x85c' has a control character (U+0085) under 'a'"),
        (("-M", "a\tb=c"), r"--metadata='a\tb=c' has a control character (U+0009) in the key 'a\tb'"),
        (
            ("-M", "_a=c"),
            "--metadata='_a=c' has the key '_a': keys that begin with '_' are reserved, the log omits them",
        ),
        (("-H", "X-A: a\x07b"), "--header has a character that HTTP does not allow in the value of 'X-A'"),
        (
            ("--param", "thread_identifier=a\nb"),
            "--param has a control character (U+000A) under 'thread_identifier'",
        ),
        (("--param", "x"), "--param is not of the form KEY=TEXT or KEY:=JSON"),
        (("--param", "x:=a"), "--param has no JSON after 'x:='; for text it is 'x=TEXT'"),
        (("-s", "@"), "'@' needs the name of a file with the system prompt after it"),
    ],
)
def test_a_flag_that_cannot_be_sent_is_named(
    flags: tuple[str, str], message: str, env: Env, sandbox: Sandbox
) -> None:
    assert run("send", "hi", *flags, env=env) == Outcome(2, "", f"error: {message}\n")
    assert sandbox.requests == []


@pytest.mark.parametrize("variable", ["RESPAN_CUSTOMER_ID", "RESPAN_CUSTOM_ID", "RESPAN_MODEL"])
def test_a_variable_with_a_control_character_is_named(variable: str, env: Env) -> None:
    done = run("send", "hi", env={**env, variable: "a\x1b[31mb"})
    expected = f"error: {variable}='a\\x1b[31mb' has a control character (U+001B)\n"
    assert done == Outcome(3, "", expected)


@pytest.mark.parametrize("key", [f'"{KEY}"', f"'{KEY}'", f'"{KEY}', f"“{KEY}”"])
def test_a_key_in_quotes_is_refused_for_that(key: str, env: Env, sandbox: Sandbox) -> None:
    assert run("send", "hi", env={**env, "RESPAN_API_KEY": key}) == Outcome(
        3, "", "error: the key from RESPAN_API_KEY is in quotes\n  next: take the quotes away\n"
    )
    assert sandbox.requests == []


def test_a_parameter_is_text_or_json(env: Env, sandbox: Sandbox) -> None:
    flags = ("a=true", "b:=true", 'c:={"x": [1]}', "d=x:=y", "e:f=g", "h=", "k== l")
    words = [word for flag in flags for word in ("--param", flag)]
    assert run("send", "hi", *words, env=env) == Outcome(0, "hi\n", "")
    assert params(sandbox) == {"a": "true", "b": True, "c": {"x": [1]}, "d": "x:=y", "e:f": "g", "k": "= l"}


def test_a_system_prompt_comes_from_a_file(env: Env, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "role.md"
    path.write_bytes("\ufeffYou review code.\n@all\n".encode())
    for value, sent in ((f"@{path}", "You review code.\n@all"), ("@@all", "@all"), ("a@b", "a@b")):
        assert run("send", "hi", "-s", value, env=env) == Outcome(0, "hi\n", "")
        assert sandbox.requests[-1]["body"]["system"] == sent
    assert run("send", "hi", "-s", f"@{tmp_path}/none", env=env) == Outcome(
        2,
        "",
        f"error: cannot read the system prompt in {tmp_path}/none\n  why:  No such file or directory\n",
    )
    path.write_bytes(b"caf\xe9")
    assert run("send", "hi", "-s", f"@{path}", env=env).err.startswith(
        f"error: {path} is not UTF-8 at byte offset 3\n"
    )


@pytest.mark.parametrize("flag", ["-s", "-H", "--gateway-header"])
def test_a_device_that_never_ends_is_not_read_to_its_end(flag: str, env: Env) -> None:
    done = run("send", "hi", flag, "@/dev/zero", env=env)
    assert (done.code, done.out) == (2, "")
    assert "in /dev/zero\n  why:  larger than 16 MiB\n" in done.err


@pytest.mark.parametrize("key", ["listen", "providers"])
def test_the_file_of_the_official_gateway_is_told_for_what_it_is(key: str, env: Env, tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text({"listen": 'listen = "127.0.0.1:1"\n', "providers": "[providers.anthropic]\n"}[key])
    assert run("config", "show", env={**env, "RESPAN_CLI_CONFIG": str(path)}) == Outcome(
        3,
        "",
        f"error: {key} is a setting of respan-gateway: this is the configuration of that program\n"
        f"  next: {path}, line 1, column {2 if key == 'providers' else 1}: 'respan config edit' opens it\n",
    )
    assert run("send", "hi", env={**env, "RESPAN_CONFIG": str(path)}).code == 0


# The key's command


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("printf %s secret | tr a b", "the api_key_command printed a part of its own command line"),
        ("echo $RESPAN_SECRET", "the api_key_command printed a part of its own command line"),
        ("printenv $NAME", "the api_key_command ended with exit code 1"),
        ("cat ~/.respan-key", "the api_key_command ended with exit code 1"),
        ("true && echo secret", "the api_key_command printed nothing"),
    ],
)
def test_a_command_written_for_a_shell_is_told_that_there_is_none(
    command: str, message: str, env: Env, tmp_path: Path
) -> None:
    del env["RESPAN_API_KEY"]
    config = tmp_path / "config.toml"
    config.write_text(f'[profiles.default]\napi_key_command = "{command}"\n')
    done = run("send", "hi", env={**env, "PATH": os.environ["PATH"], "RESPAN_CLI_CONFIG": str(config)})
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(f"error: {message}")
    assert done.err.endswith("  next: no shell reads it: no ~, no $VARIABLE, no pipe; sh -c '…' starts one\n")


@pytest.mark.parametrize("command", ["yes", 'yes "$(head -c 99999 /dev/zero)"', "cat /dev/zero"])
def test_a_command_that_never_stops_printing_is_stopped(command: str, tmp_path: Path) -> None:
    env = process_env(tmp_path, RESPAN_CLI_CONFIG=str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text(f"[profiles.default]\napi_key_command = '''sh -c '{command}' '''\n")
    done = run_process("send", "hi", "--no-stdin", env=env)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("error: the api_key_command printed more than 64 KiB\n")


def test_a_command_that_is_loud_on_standard_error_still_gives_its_key(
    env: Env, sandbox: Sandbox, tmp_path: Path
) -> None:
    del env["RESPAN_API_KEY"]
    config = tmp_path / "config.toml"
    script = f"head -c 3000000 /dev/zero >&2; echo {KEY}"
    config.write_text(f"[profiles.default]\napi_key_command = '''sh -c \"{script}\"'''\n")
    env = {**env, "PATH": os.environ["PATH"], "RESPAN_CLI_CONFIG": str(config)}
    assert run("send", "hi", env=env) == Outcome(0, "hi\n", "")
    assert sandbox.requests[-1]["headers"]["authorization"] == f"Bearer {KEY}"


# Where it goes


@pytest.mark.parametrize(
    "url", ["http://[::1].example.com", "http://x[::1]", "http://[::1]x:80", "http://127.0.0.1\\.example.com"]
)
def test_a_host_with_something_around_its_brackets_is_refused(url: str, env: Env) -> None:
    done = run("send", "hi", "--base-url", url, env=env)
    assert (done.code, done.out) == (2, "")
    assert "is not a URL" in done.err or "has an invalid host name" in done.err


RESOLVING = """
import socket, sys
from respan_cli.cli import main

def getaddrinfo(host, *args, **options):
    assert host == "gw.localhost"
    return [(2, 1, 6, "", (address, 0)) for address in ADDRESSES]

ADDRESSES = sys.argv.pop(1).split(",")
socket.getaddrinfo = getaddrinfo
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("addresses", "code"),
    [("127.0.0.1", 0), ("127.0.0.1,::1", 0), ("127.0.0.1,192.0.2.1", 2), ("192.0.2.1", 2)],
)
def test_a_name_under_localhost_is_this_machine_only_if_it_resolves_to_it(
    addresses: str, code: int, tmp_path: Path
) -> None:
    argv = (addresses, "config", "set", "base_url", "http://gw.localhost")
    done = run_process(*argv, env=process_env(tmp_path), command=("-c", RESOLVING))
    assert (done.code, done.out) == (code, "")
    assert done.err == (
        ""
        if code == 0
        else "error: http://gw.localhost/ would send key and prompt in the clear\n"
        "  why:  this name does not resolve to a loopback address\n"
        "  next: use https://, or --insecure-http if that network is yours\n"
    )


def test_a_proxy_password_with_a_line_end_is_hidden() -> None:
    assert Proxy("http://ada:pass\nword@proxy:8080", "HTTPS_PROXY").shown == "http://[hidden]@proxy:8080"


def test_a_header_loses_a_line_end_and_is_refused_with_one_inside(env: Env, sandbox: Sandbox) -> None:
    assert run("send", "hi", "-H", "X-A: b\r\n", env=env) == Outcome(0, "hi\n", "")
    assert sandbox.requests[-1]["body"]["metadata"]["extra_headers"] == {"X-A": "b"}
    assert run("send", "hi", "-H", "X-A: b\r\nX-B: c", env=env).code == 2


@pytest.mark.parametrize(
    ("flag", "near"), [("--version", ""), ("--verbose", ""), ("--jsno", "--json"), ("--modle", "--model")]
)
def test_only_a_near_word_is_suggested(flag: str, near: str, env: Env) -> None:
    suggestion = f", did you mean {near!r}?" if near else ""
    assert run("send", flag, env=env) == Outcome(
        2,
        "",
        f"error: there is no option {flag}{suggestion}\n  next: 'respan send --help' shows what there is\n",
    )


# Completion


def complete(env: Env, words: str) -> list[str]:
    asked = {
        "_RESPAN_COMPLETE": "complete_bash",
        "COMP_WORDS": f"respan {words}",
        "COMP_CWORD": str(len(words.split(" "))),
    }
    script = "import sys; from respan_cli.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", script], env={**env, **asked}, capture_output=True, check=False, timeout=60
    )
    assert "\x1b" not in done.stdout.decode()
    return done.stdout.decode().split()


def test_completion_offers_profiles_to_inherit_from_and_nothing_that_steers_a_terminal(
    tmp_path: Path,
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[profiles.work]\n[profiles.play]\nmodel = "m"\n[profiles."e\\u001b[31mvil"]\n')
    env = process_env(tmp_path, RESPAN_CLI_CONFIG=str(config))
    assert complete(env, "config set inherits ") == ["work", "play"]
    assert complete(env, "config use ") == ["work", "play"]
    assert "m" in complete(env, "config set model ")
    assert complete(env, "config set system ") == []
