"""The commands that `respan check` says to type next are ones that work as they are printed."""

from __future__ import annotations

import json
import os
import shlex
import socket
import string
import subprocess
import sys
from pathlib import Path

import pytest

from respan_cli.commands.check.diagnosis import DiagnosisContext
from respan_cli.commands.check.diagnosis_texts import TEXTS
from respan_cli.errors import RespanError
from tests.check_support import UNKEYED, at, check, in_json
from tests.hosts import host, page
from tests.support import KEY, PATIENCE
from tests.test_check_kept import read_request

KNOWN = DiagnosisContext(
    profile="my team",
    base_url="https://gateway.example/",
    key_source="RESPAN_API_KEY",
    model="m",
    proxy="HTTPS_PROXY=http://USER:PASSWORD@127.0.0.1:1",
    plain_proxy="HTTPS_PROXY=http://127.0.0.1:1",
)


@pytest.mark.parametrize("key", TEXTS)
def test_every_text_can_be_filled_in(key: str) -> None:
    words = KNOWN.words(RespanError("x"))
    means, command = (text.format_map(words) for text in TEXTS[key])
    assert "{" not in means
    assert not means.endswith(".")
    first = shlex.split(command, comments=True)[0]
    assert first in {
        *("respan", "curl", "env", "nslookup", "openssl", "date", "pip", "export", "sleep"),
        "SSL_CERT_FILE=/path/to/the/company-ca.pem",
    }
    names = [name for text in TEXTS[key] for _, name, _, _ in string.Formatter().parse(text) if name]
    assert set(names) <= words.keys()


@pytest.mark.parametrize("key", TEXTS)
def test_every_respan_command_of_a_text_exists_with_these_flags(key: str) -> None:
    """Its help is asked for: what is before it on the line is parsed all the same."""
    from tests.support import run

    command = TEXTS[key][1].format_map(KNOWN.words(RespanError("x")))
    for part in command.split(";" if ";" in command else "|"):
        words = shlex.split(part, comments=True)
        if "respan" in words[:2]:
            argv = words[words.index("respan") + 1 :]
            assert run(*argv, "--help", env={"HOME": "/nowhere"}).code == 0, command


def sh(command: str, env: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Type it into a shell where `respan` is this program."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["/bin/sh", "-c", command],
        env={**env, "PATH": path},
        capture_output=True,
        timeout=2 * PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("flags", [(), ("--customer-id", "acme inc", "-H", "X-Team: b c")], ids=["", "flags"])
def test_the_command_of_a_failed_message_sends_the_same_request_again(
    env: dict[str, str], flags: tuple[str, ...]
) -> None:
    seen: list[bytes] = []

    def moved(connection: socket.socket) -> None:
        if request := read_request(connection):
            seen.append(request)
            connection.sendall(page("302 Found", "", Location="https://sso.example/"))

    with host(moved) as port:
        done = check(*flags, env=at(port, env))
        assert done.shown["failure"]["next"].endswith("--as curl | sh")
        _, message = seen
        sh(done.shown["failure"]["next"], at(port, env))
    again = seen[-1]
    for request in (message, again):
        head = request.partition(b"\r\n")[0]
        assert head == b"POST /v1/messages HTTP/1.1"
        assert f"authorization: Bearer {KEY}".encode().lower() in request.lower()
    bodies = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in (message, again)]
    assert bodies[0] == bodies[1]


def test_the_command_of_an_unpaid_request_posts_to_the_same_path(env: dict[str, str]) -> None:
    seen: list[bytes] = []

    def closes(connection: socket.socket) -> None:
        if request := read_request(connection):
            seen.append(request)

    with host(closes) as port:
        done = check("--no-send", env=at(port, env))
        assert (done.code, done.shown["failure"]["stage"]) == (8, "http")
        assert done.shown["failure"]["next"].startswith("curl -i -d ")
        before = len(seen)
        sh(done.shown["failure"]["next"], env)
    assert len(seen) > before
    assert seen[-1].startswith(b"POST /v1/messages HTTP/1.1\r\n")


def test_a_key_of_a_profile_is_not_asked_of_the_shell(tmp_path: Path, env: dict[str, str]) -> None:
    """`curl` would have no key: the check itself repeats the request, and shows it."""
    with host(lambda connection: connection.sendall(page("302 Found", "", Location="/x"))) as port:
        config = tmp_path / "config.toml"
        config.write_text(f'[profiles.default]\napi_key = "{KEY}"\nbase_url = "http://127.0.0.1:{port}"\n')
        config.chmod(0o600)
        bare = {"HOME": str(tmp_path), "RESPAN_CLI_CONFIG": str(config)}
        assert check(env=bare).shown["failure"]["next"] == "respan check --debug"


def test_without_the_typed_url_is_said_where_it_is_meant(env: dict[str, str]) -> None:
    with host(lambda connection: None) as port:
        done = check("--base-url", f"https://127.0.0.1:{port}", "--no-send", env=env)
        assert done.shown["failure"]["next"].startswith("openssl s_client")
    done = check("--base-url", f"http://127.0.0.1:{port}", "--no-send", env=env)
    command = done.shown["failure"]["next"]
    assert command == "respan check --no-send  # without --base-url: the one of your settings"
    assert sh(command, env).returncode == 0


def test_a_refused_message_says_whether_the_key_is_proven(env: dict[str, str]) -> None:
    refused = in_json("400 Bad Request", '{"detail": "no"}')

    def handle(connection: socket.socket) -> None:
        request = read_request(connection)
        connection.sendall(refused if b"authorization" in request.lower() else UNKEYED)

    with host(handle) as port:
        assert check(env=at(port, env)).shown["failure"]["means"].endswith("; the key is not proven")
    done = check("-m", "sandbox-400", env=env)
    assert done.shown["failure"]["means"].endswith("; the gateway accepted the key")
