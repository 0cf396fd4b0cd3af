"""The key is in nothing that any command prints, in any mode, wherever the key comes from."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from respan_cli.sandbox import Sandbox
from tests.support import KEY, run

Env = dict[str, str]
Argv = tuple[str, ...]

HELP: list[Argv] = [
    *((), ("--help",), ("--version",), ("nonsense",), ("help", "environment"), ("help", "exit-codes")),
    *(
        (*words, "--help")
        for words in (("send",), ("check",), ("sandbox",), ("config", "init"), ("headers",))
    ),
]
SEND: list[Argv] = [
    *(("send", "hi", *mode) for mode in ((), ("--json",), ("--events",), ("--usage",), ("--sandbox",))),
    *(("send", "hi", "--dry-run", "--show-secrets", "--as", form) for form in ("json", "curl", "python")),
    *(("send", "hi", "-m", model) for model in ("sandbox-401", "sandbox-reset-early", "sandbox-html")),
    ("send", "hi", "--nonsense"),
    ("send", "hi", "--max-tokens", "lots"),
    ("send", "hi", "--base-url", "http://192.0.2.1"),
]
CONFIG: list[Argv] = [
    *(("config",), ("config", "list"), ("config", "list", "--json"), ("config", "path"), ("config", "mcp")),
    *(("config", "show", *mode) for mode in ((), ("--origin",), ("--json",), ("--json", "--origin"))),
    *(("config", "get", key) for key in ("api_key", "api_key_command", "model", "nonsense")),
    *(("config", "set", "model", "x"), ("config", "set", "api_key", "-"), ("config", "set", "api_key", KEY)),
    *(("config", "set", "max_tokens", "lots"), ("config", "unset", "api_key"), ("config", "edit")),
    *(("config", "use", "ci"), ("config", "use", "none"), ("config", "delete", "ci")),
    *(("config", "delete", "ci", "--yes"), ("config", "init"), ("config", "init", "--api-key-stdin")),
]
HEADERS: list[Argv] = [
    ("headers",),
    *(("headers", "list", *mode) for mode in ((), ("--json",), ("--effective",), ("--effective", "--json"))),
    *(("headers", "set", name, f"Bearer {KEY}") for name in ("Authorization", "no token")),
    *(("headers", "set", "X-Team", "blue"), ("headers", "unset", "X-Team")),
]
CHECK: list[Argv] = [
    *(("check", *mode) for mode in ((), ("--json",), ("--no-send",), ("--log", "--json"), ("--sandbox",))),
    *(("check", "-m", model) for model in ("sandbox-401", "sandbox-404")),
    *(("check", "--count", "1"), ("check", "--base-url", "http://127.0.0.1:1"), ("check", "-p", "none")),
]
SOURCES = ("environment", "profile", "command")


def home_of(tmp_path: Path, sandbox: Sandbox, source: str) -> Env:
    """The environment of a user whose key comes from there, with an editor that corrupts the file."""
    (tmp_path / "key").write_text(KEY)
    of_profile = {"profile": f'api_key = "{KEY}"', "command": f'api_key_command = "cat {tmp_path}/key"'}
    config = tmp_path / "config.toml"
    text = f'[profiles.default]\n{of_profile.get(source, "")}\n[profiles.ci]\napi_key = "{KEY}"\n'
    config.write_text(text)
    spoil = f"import sys; open(sys.argv[1], 'a').write('api_key = \"{KEY}\" x')"
    (tmp_path / "spoil.py").write_text(spoil)
    env = {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "TMPDIR": str(tmp_path),
        "EDITOR": f"{sys.executable} {tmp_path}/spoil.py",
        "RESPAN_CLI_CONFIG": str(config),
        "RESPAN_BASE_URL": sandbox.url,
        "RESPAN_MAX_RETRIES": "0",
    }
    return env | {"RESPAN_API_KEY": KEY} if source == "environment" else env


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("person", [False, True], ids=["pipe", "terminal and --debug"])
def test_no_command_prints_the_key(tmp_path: Path, sandbox: Sandbox, source: str, person: bool) -> None:
    for words in [*HELP, *SEND, *CONFIG, *HEADERS, *CHECK]:
        env = home_of(tmp_path, sandbox, source)
        done = run(
            *words,
            *(["--debug"] if person else []),
            stdin=KEY.encode() if words[:1] == ("config",) else b"",
            env=env,
            stdout_is_terminal=person,
            stderr_is_terminal=person,
        )
        assert KEY not in done.out + done.err, words
        assert done.code != 1, words


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("words", [("send", "hi"), ("check",)], ids=" ".join)
@pytest.mark.parametrize("mode", [(), ("--json",), ("--debug",)], ids=" ".join)
def test_what_a_gateway_quotes_of_the_key_is_hidden_wherever_the_key_comes_from(
    tmp_path: Path, sandbox: Sandbox, source: str, words: Argv, mode: Argv
) -> None:
    said = json.dumps({"detail": f"{KEY} is not a key"}).encode()
    head = f"HTTP/1.1 401 No {KEY}\r\nContent-Type: application/json\r\nServer: {KEY}\r\n"
    sandbox.replies += [head.encode() + b"Content-Length: %d\r\n\r\n" % len(said) + said] * 2
    done = run(*words, *mode, env=home_of(tmp_path, sandbox, source))
    assert done.code == 4
    assert KEY not in done.out + done.err
    assert "[hidden] is not a key" in done.err


@pytest.mark.parametrize("source", ["environment", "profile"])
def test_show_secrets_shows_it_where_settings_are_shown(
    tmp_path: Path, sandbox: Sandbox, source: str
) -> None:
    env = home_of(tmp_path, sandbox, source)
    for words in (
        ("config", "show"),
        ("config", "show", "--json"),
        ("config", "get", "api_key"),
        ("headers", "list", "--effective"),
    ):
        assert KEY in run(*words, "--show-secrets", env=env).out
