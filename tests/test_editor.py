"""`-e`: the prompt written in an editor, in a real terminal and without one."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from respan_cli.sandbox import Sandbox
from tests.support import Outcome, Pty, process_env, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the editors here are shell scripts")


@pytest.fixture
def drafts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where drafts are made, and seen to go."""
    folder = tmp_path / "drafts"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def editor(folder: Path, script: str) -> str:
    """An editor that does one thing; its name has a space in it, and an option behind it."""
    path = folder / "my editor"
    path.write_text(f"#!/bin/sh\nshift\n{script}\n")
    path.chmod(0o755)
    return f"'{path}' --wait"


def prompt_sent(sandbox: Sandbox) -> str:
    (request,) = sandbox.requests
    prompt: str = request["body"]["messages"][0]["content"]
    return prompt


def test_the_editor_opens_on_words_and_pipe_and_what_it_saves_is_sent(
    env: dict[str, str], sandbox: Sandbox, tmp_path: Path, drafts: Path
) -> None:
    (tmp_path / "notes").write_text("a file")
    env |= {"EDITOR": "false", "VISUAL": editor(tmp_path, f'ls -l "$1" > {tmp_path}/seen; echo more >> "$1"')}
    done = run("send", "-e", "Explain", "-f", str(tmp_path / "notes"), stdin=b"piped\n", env=env)
    assert (done.code, done.err) == (0, "")
    assert prompt_sent(sandbox) == f"Explain\n\npiped\nmore\n\n{tmp_path}/notes\na file"
    seen = (tmp_path / "seen").read_text()
    assert seen.startswith("-rw-------")
    assert seen.endswith(".md\n")
    assert list(drafts.iterdir()) == []


def test_a_draft_outlives_a_failure_and_the_error_says_where(
    env: dict[str, str], tmp_path: Path, drafts: Path
) -> None:
    env["EDITOR"] = editor(tmp_path, 'echo "An hour\'s work" > "$1"')
    done = run("send", "-e", "-m", "sandbox-401", env=env)
    (draft,) = drafts.glob("respan-*/message.md")
    assert done.code == 4
    assert f"your text is kept in {draft}\n" in done.err
    assert draft.read_text() == "An hour's work\n"
    assert stat.S_IMODE(draft.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("false", "error: the editor 'false' ended with exit code 1: nothing was sent\n"),
        ("truncate -s0", "error: there is nothing to send: the editor saved an empty text\n"),
        (
            "no-such-editor",
            "error: cannot run the editor 'no-such-editor'\n  why:  No such file or directory\n"
            "  next: name one in VISUAL or EDITOR, such as EDITOR=nano\n",
        ),
        (
            "vi '",
            'error: cannot run the editor "vi \'"\n  why:  No closing quotation\n'
            "  next: name one in VISUAL or EDITOR, such as EDITOR=nano\n",
        ),
    ],
)
def test_an_editor_that_fails_sends_nothing_and_leaves_nothing(
    variable: str, message: str, env: dict[str, str], sandbox: Sandbox, drafts: Path
) -> None:
    assert run("send", "-e", "hi", env=env | {"EDITOR": variable, "PATH": "/usr/bin:/bin"}) == Outcome(
        2, "", message
    )
    assert sandbox.requests == []
    assert list(drafts.iterdir()) == []


def test_no_key_is_known_before_anybody_writes(env: dict[str, str], tmp_path: Path) -> None:
    del env["RESPAN_API_KEY"]
    env["EDITOR"] = editor(tmp_path, f"touch {tmp_path}/opened")
    assert run("send", "-e", env=env).code == 3
    assert not (tmp_path / "opened").exists()


def test_the_editor_has_the_terminal_while_a_file_is_piped_in(
    env: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    piped = tmp_path / "piped"
    piped.write_text("from a pipe")
    script = 'test -t 0 && test -t 1 || exit 7; echo ready; read line; echo "$line" >> "$1"'
    environment = process_env(tmp_path, **env, EDITOR=editor(tmp_path, script))
    answer = tmp_path / "answer"
    with piped.open("rb") as stdin, answer.open("wb") as stdout:
        shell = Pty("send", "-e", env=environment, stdin=stdin.fileno(), stdout=stdout.fileno())
        with shell:
            shell.read_until("ready")
            shell.type("typed\r")
            code, _ = shell.finish()
    assert (code, answer.read_text()) == (0, "from a pipetyped\n")
    assert prompt_sent(sandbox) == "from a pipetyped"


def test_ctrl_c_belongs_to_the_editor(env: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    script = "trap 'echo caught >> \"$1\"; exit 0' INT; echo ready; while :; do read line; done"
    environment = process_env(tmp_path, **env, EDITOR=editor(tmp_path, script))
    with Pty("send", "-e", env=environment) as shell:
        shell.read_until("ready")
        shell.type("\x03")
        code, text = shell.finish()
    assert code == 0
    assert "caught" in text
    assert prompt_sent(sandbox) == "caught"


LEAVES = {
    "nothing": 'rm "$1"',
    "a folder": 'rm "$1"; mkdir "$1"; touch "$1/x"',
    "a pipe": 'rm "$1"; mkfifo "$1"',
    "endless zeros": 'rm "$1"; ln -s /dev/zero "$1"',
}


@pytest.mark.parametrize("script", LEAVES.values(), ids=LEAVES)
@pytest.mark.parametrize(
    ("words", "code", "name", "outcome"),
    [
        (("send", "-e", "hi"), 2, "message.md", "nothing was sent"),
        (("config", "edit"), 3, "config.toml", "nothing was changed"),
    ],
    ids=["send", "config edit"],
)
def test_an_editor_that_leaves_no_file_is_told_and_leaves_nothing(
    script: str,
    words: tuple[str, ...],
    code: int,
    name: str,
    outcome: str,
    env: dict[str, str],
    sandbox: Sandbox,
    tmp_path: Path,
    drafts: Path,
) -> None:
    path = tmp_path / "bad editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    done = run(*words, env=env | {"EDITOR": f"'{path}'", "PATH": "/usr/bin:/bin"})
    assert done == Outcome(code, "", f"error: the editor left no file '{name}': {outcome}\n")
    assert (sandbox.requests, list(drafts.iterdir())) == ([], [])


@pytest.mark.parametrize(("words", "code"), [(("send", "-e", "hi"), 2), (("config", "edit"), 3)], ids=str)
def test_a_folder_for_temporary_files_that_is_not_there_is_named(
    words: tuple[str, ...], code: int, env: dict[str, str]
) -> None:
    done = run(*words, env=env | {"EDITOR": "true", "TMPDIR": "/nonexistent", "PATH": "/usr/bin:/bin"})
    assert done == Outcome(
        code,
        "",
        "error: cannot make a file to edit in /nonexistent\n  why:  No such file or directory\n"
        "  next: set TMPDIR to a folder with room in it\n",
    )


def test_a_full_folder_for_temporary_files_is_named_and_left_empty(env: dict[str, str], drafts: Path) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        done = run("send", "-e", "more than ten bytes", env=env | {"EDITOR": "true"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert done == Outcome(
        2,
        "",
        "error: cannot make a file to edit in the folder for temporary files\n  why:  File too large\n"
        "  next: set TMPDIR to a folder with room in it\n",
    )
    assert list(drafts.iterdir()) == []
