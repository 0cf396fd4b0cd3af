"""No control characters reach a terminal, from any source; a pipe gets an answer's bytes unchanged."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pyte
import pytest

from respan_cli.sandbox import Sandbox
from respan_cli.sandbox.faults import HOSTILE
from respan_cli.terminal.text import clean
from tests.hostile import DANGERS
from tests.support import KEY, Outcome, Pty, process_env, run

Env = dict[str, str]
DANGER = "".join(DANGERS).replace("\x00", "").replace("\ud83d", "")
STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\u3164\ufeff\ufff9"
    "\U000e0000-\U000e0fff]|[a-z][\u200c\u200d]|[\ufe00-\ufe0f]{2}"
)


def on_a_terminal(*argv: str, env: Env) -> Outcome:
    """Run with a terminal that knows no escape sequences: whatever steers it came from outside."""
    return run(*argv, env={**env, "TERM": "dumb"}, stdout_is_terminal=True, stderr_is_terminal=True)


@pytest.mark.parametrize("danger", DANGERS, ids=ascii)
def test_every_danger_is_taken_out_and_nothing_else(danger: str) -> None:
    assert not STEERING.search(clean(f"before{danger}after"))
    kept = "tabs\tand\nlines, é 漢字 👨‍👩‍👧 ❤️‍🔥 می‌خواهم क्‍ष"
    assert clean(kept) == kept


def test_an_answer_reaches_a_pipe_untouched(env: Env) -> None:
    assert run("send", DANGER + "\n", env=env) == Outcome(0, DANGER + "\n", "")
    shown = json.loads(run("send", DANGER, "--json", env=env).out)
    assert shown["text"] == DANGER


@pytest.mark.parametrize("mode", [(), ("--json",), ("--events",), ("--usage",), ("--debug",)], ids=str)
@pytest.mark.parametrize("model", ["sandbox-hostile", "sandbox-error-huge", "echo"])
def test_no_answer_and_no_error_reaches_a_terminal_raw(model: str, mode: tuple[str, ...], env: Env) -> None:
    done = on_a_terminal("send", DANGER, "-m", model, "--param", f"session={DANGER}", *mode, env=env)
    assert done.code == (5 if model == "sandbox-error-huge" else 0)
    assert not STEERING.search(done.out + done.err)


@pytest.mark.parametrize("mode", [(), ("--json",), ("--debug",)], ids=str)
def test_no_header_of_a_response_reaches_a_terminal_raw(
    mode: tuple[str, ...], env: Env, sandbox: Sandbox
) -> None:
    hostile = "\x9b2J\u202e\x85".encode()  # C0 are no header's: the HTTP client refuses them
    names = (b"request-id", b"X-Respan-Log-Id", b"Location", b"Retry-After", b"Content-Type", b"Server")
    for status in (b"200", b"307", b"429", b"529"):
        lines = [b"HTTP/1.1 %b X" % status, *(b"%b: x%b" % (name, hostile) for name in names)]
        sandbox.replies.append(b"\r\n".join([*lines, b"Content-Length: 0", b"", b""]))
        done = on_a_terminal("send", "hi", *mode, env=env)
        assert done.code in (5, 6, 7, 9)
        assert not STEERING.search(done.err)


@pytest.mark.parametrize(
    "argv",
    [
        ("-p", DANGER),
        ("-o", f"/nowhere/{DANGER}"),
        ("-H", f"@/nowhere/{DANGER}"),
        ("-H", f"X-A: {DANGER}"),
        ("-H", f"{DANGER}: x"),
        ("-m", f"sandbox-{DANGER}"),
        ("--base-url", f"http://{DANGER}"),
        ("--base-url", f"https://example.invalid/{DANGER}"),
        ("--timeout", DANGER),
        ("-M", DANGER.replace("=", "")),
        ("--param", f"x:={DANGER}"),
        ("--customer-id", DANGER),
        ("--as", DANGER),
        (f"--{DANGER}",),
        (f"-{DANGER}",),
    ],
    ids=lambda argv: argv[0] if argv[0].isascii() and argv[0].isprintable() else "a flag",
)
@pytest.mark.parametrize("mode", [(), ("--json",)], ids=str)
def test_no_name_of_the_users_reaches_a_terminal_raw(
    argv: tuple[str, ...], mode: tuple[str, ...], env: Env
) -> None:
    done = on_a_terminal("send", "hi", *argv, *mode, env=env)
    assert done.code in (2, 3, 5, 12)
    assert done.err
    assert not STEERING.search(done.out + done.err)


def test_no_command_and_no_profile_of_a_file_reaches_a_terminal_raw(env: Env, tmp_path: Path) -> None:
    path = tmp_path / f"{DANGER.replace('/', '')}.toml"
    for text in (
        f"[profiles.x]\n{json.dumps(DANGER)} = 1\n",
        f"[profiles.{json.dumps(DANGER)}]\nmodle = 1\n",
        "=\x1b[2J",
    ):
        path.write_text(text)
        done = on_a_terminal("send", "hi", env={**env, "RESPAN_CLI_CONFIG": str(path)})
        assert done.code == 3
        assert not STEERING.search(done.err)
    assert not STEERING.search(on_a_terminal(DANGER, env=env).err)


def test_a_hostile_answer_leaves_a_real_terminal_as_it_was(tmp_path: Path, sandbox: Sandbox) -> None:
    env = process_env(tmp_path, RESPAN_API_KEY=KEY, RESPAN_BASE_URL=sandbox.url)
    screen = pyte.Screen(200, 24)
    with Pty("send", "hi", "-m", "sandbox-hostile", "--color", "never", env=env, columns=200) as pty:
        code, text = pty.finish()
    pyte.Stream(screen).feed(text)
    assert code == 0
    assert screen.title == ""
    shown = "".join(line.rstrip() for line in screen.display)
    assert "CSI [31mred[0m" in shown
    assert "[red]red[/red] [link=https://evil.example]x[/link], end." in shown
    assert all(sequence not in text for sequence in re.findall("\x1b.....|[\x80-\x9f]|\u202e", HOSTILE))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no /dev/tty")
@pytest.mark.parametrize("name", ["/dev/tty", "/dev/stdout", "/dev/fd/1"])
@pytest.mark.parametrize("mode", [(), ("--json",), ("-n",)], ids=str)
def test_a_terminal_that_is_named_as_a_file_gets_nothing_raw(
    name: str, mode: tuple[str, ...], tmp_path: Path, sandbox: Sandbox
) -> None:
    env = process_env(tmp_path, RESPAN_API_KEY=KEY, RESPAN_BASE_URL=sandbox.url)
    danger = "\x9b2J \u202e\U000e0041\x1b]0;owned\x07"
    with Pty("send", "-q", *mode, "-o", name, f"x{danger}y", env=env) as pty:
        code, text = pty.finish()
    assert code == 0
    assert "owned" in text
    assert not STEERING.search(text.replace("\r\n", "\n"))
