"""`respan config` before a person: questions, tables, and the editor."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from respan_cli.sandbox import Sandbox
from respan_cli.settings.fields import BY_NAME
from tests.support import KEY, Outcome, Pty, process_env, run

Env = dict[str, str]


@pytest.fixture
def home(tmp_path: Path, sandbox: Sandbox) -> Env:
    """The environment of a user who has just installed the tool."""
    return process_env(tmp_path, RESPAN_BASE_URL=sandbox.url, RESPAN_MAX_RETRIES="0")


def file_of(env: Env) -> Path:
    return Path(env["HOME"], ".config", "respan-cli", "config.toml")


def write(env: Env, text: str) -> Path:
    path = file_of(env)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def tables(env: Env) -> dict[str, Any]:
    return tomllib.loads(file_of(env).read_text())


def answer(pty: Pty, question: str, text: str) -> None:
    pty.read_until(question)
    pty.type(text)


# init

KEY_QUESTION = "API key (not shown as you paste it): "
CUSTOMER_QUESTION = "Customer identifier, for logs and costs (may be empty): "
LAST_QUESTION = "a first message? [Y/n] "


def test_a_newcomer_is_led_to_a_first_answer_and_the_key_is_never_shown(home: Env, sandbox: Sandbox) -> None:
    with Pty("config", "init", env=home) as pty:
        answer(pty, KEY_QUESTION, f"{KEY}\r")
        answer(pty, CUSTOMER_QUESTION, "acme\r")
        answer(pty, LAST_QUESTION, "\r")
        code, screen = pty.finish()
    assert code == 0
    assert KEY not in screen
    for page in ("platform.respan.ai", "/api/api-keys", "/api/credits", "/api/integrations", "respan-docs"):
        assert page in screen
    assert tables(home) == {"profiles": {"default": {"api_key": KEY, "customer_identifier": "acme"}}}
    request = sandbox.requests[-1]
    assert request["headers"]["authorization"] == f"Bearer {KEY}"
    assert request["body"]["metadata"] == {"respan_params": {"customer_identifier": "acme"}}


def without_colors(screen: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", screen)


def test_the_last_question_leads_into_check_and_every_stage_of_it(home: Env, sandbox: Sandbox) -> None:
    del home["RESPAN_BASE_URL"]
    with Pty("config", "init", "-p", "ci", "--base-url", sandbox.url, env=home) as pty:
        answer(pty, KEY_QUESTION, f"{KEY}\r")
        answer(pty, CUSTOMER_QUESTION, "\r")
        answer(pty, LAST_QUESTION, "\r")
        code, screen = pty.finish()
    assert code == 0
    for stage in ("settings", "dns", "tcp", "http", "authentication", "message"):
        assert f"✓ {stage} " in without_colors(screen)
    assert "key from profile ci" in " ".join(screen.split())
    assert sandbox.requests[-1]["body"]["max_tokens"] == 1
    assert tables(home) == {"profiles": {"ci": {"api_key": KEY, "base_url": f"{sandbox.url}/"}}}


def test_a_check_that_fails_after_init_says_what_to_do_and_the_profile_stays(home: Env) -> None:
    with Pty("config", "init", "-p", "ci", "-m", "sandbox-401", env=home) as pty:
        answer(pty, KEY_QUESTION, f"{KEY}\r")
        answer(pty, CUSTOMER_QUESTION, "\r")
        answer(pty, LAST_QUESTION, "\r")
        code, screen = pty.finish()
    assert code == 4
    assert "✗ message " in without_colors(screen)
    assert "respan check -p ci --model claude-sonnet-5-5" in screen
    assert tables(home) == {"profiles": {"ci": {"api_key": KEY, "model": "sandbox-401"}}}


def test_what_init_was_allowed_is_allowed_to_its_check(home: Env, sandbox: Sandbox) -> None:
    elsewhere = sandbox.url.replace("127.0.0.1", "0.0.0.0")  # which is no name of this machine
    del home["RESPAN_BASE_URL"]
    with Pty("config", "init", "--base-url", elsewhere, "--insecure-http", env=home) as pty:
        answer(pty, KEY_QUESTION, f"{KEY}\r")
        answer(pty, CUSTOMER_QUESTION, "\r")
        answer(pty, LAST_QUESTION, "\r")
        code, screen = pty.finish()
    assert (code, "in the clear" in screen) == (0, False)


def test_what_is_no_key_is_asked_for_again_and_no_message_need_be_sent(home: Env, sandbox: Sandbox) -> None:
    with Pty("config", "init", "-p", "ci", "--customer-id", "acme", env=home) as pty:
        answer(pty, KEY_QUESTION, "\r")
        answer(pty, f"the key from the terminal is empty\x1b[0m\r\n{KEY_QUESTION}", "two words\r")
        answer(pty, f"does not look like an API key\x1b[0m\r\n{KEY_QUESTION}", f" {KEY} \r")
        answer(pty, LAST_QUESTION, "n\r")
        code, screen = pty.finish()
    assert (code, sandbox.requests) == (0, [])
    assert "use it with '-p ci', or always: 'respan config use ci'" in screen
    assert tables(home) == {"profiles": {"ci": {"api_key": KEY, "customer_identifier": "acme"}}}


@pytest.mark.parametrize(("reply", "kept"), [("\r", {"api_key_command": "pass"}), ("y\r", {"api_key": KEY})])
def test_a_profile_that_has_a_key_keeps_it_unless_told_otherwise(
    home: Env, reply: str, kept: dict[str, str]
) -> None:
    write(home, '[profiles.default]\napi_key_command = "pass"\nmodel = "x"\ncustomer_identifier = "old"\n')
    with Pty("config", "init", env=home) as pty:
        answer(pty, "The profile 'default' has a key already. Replace it? [y/N] ", reply)
        if "api_key" in kept:
            answer(pty, KEY_QUESTION, f"{KEY}\r")
        answer(pty, "(Enter keeps 'old'): ", "\r")
        answer(pty, LAST_QUESTION, "n\r")
        assert pty.finish()[0] == 0
    assert tables(home)["profiles"]["default"] == {"model": "x", "customer_identifier": "old", **kept}


@pytest.mark.parametrize(("typed", "code"), [("\x03", 130), ("\x04", 2)])
def test_a_question_left_unanswered_writes_nothing(home: Env, typed: str, code: int) -> None:
    with Pty("config", "init", env=home) as pty:
        answer(pty, KEY_QUESTION, typed)
        ended, screen = pty.finish()
    assert ended == code
    assert "Traceback" not in screen
    assert not file_of(home).exists()


def test_set_api_key_asks_for_it_unseen(home: Env) -> None:
    with Pty("config", "set", "api_key", "-", env=home) as pty:
        answer(pty, "API key (not shown): ", f"{KEY}\r")
        code, screen = pty.finish()
    assert code == 0
    assert KEY not in screen
    assert screen.endswith("\x1b[2mrespan: \x1b[0mprofile 'default': api_key = [hidden]\r\n")
    assert tables(home) == {"profiles": {"default": {"api_key": KEY}}}


# delete


@pytest.mark.parametrize(("reply", "left"), [("\r", {"work", "play"}), ("y\r", {"play"})])
def test_a_person_is_asked_before_a_profile_goes(home: Env, reply: str, left: set[str]) -> None:
    write(home, "[profiles.work]\n[profiles.play]\n")
    with Pty("config", "delete", "work", env=home) as pty:
        answer(pty, "Delete profile 'work' and its key? [y/N] ", reply)
        assert pty.finish()[0] == 0
    assert set(tables(home)["profiles"]) == left


# Tables

TWO = """\
default_profile = "work"

[profiles.work]
api_key = "k"
base_url = "http://localhost:1"
system = "a [red]b[/red] \\u001b[31mc"

[profiles.play.headers]
X-A = "1"
"""


def test_on_a_terminal_profiles_are_a_table(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "COLUMNS": "100", "NO_COLOR": "1"}
    write(env, TWO)
    assert run("config", "list", env=env, stdout_is_terminal=True) == Outcome(
        0,
        "PROFILE  STATUS           BASE URL                              KEY\n"
        "work     active, default  http://localhost:1/                   profile\n"
        "play     -                https://api.respan.ai/api/anthropic/  none\n",
        "",
    )
    assert run("headers", "list", "-p", "play", env=env, stdout_is_terminal=True) == Outcome(
        0, "SCOPE      NAME  VALUE  ORIGIN\nforwarded  X-A   1      profile play\n", ""
    )


def test_the_usual_profile_takes_one_row_of_the_usual_terminal(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "COLUMNS": "80", "NO_COLOR": "1"}
    write(env, f'[profiles.default]\napi_key = "{KEY}"\n')
    assert run("config", "list", env=env, stdout_is_terminal=True).out.splitlines()[1:] == [
        "default  active, default  https://api.respan.ai/api/anthropic/  profile"
    ]


def test_on_a_terminal_values_from_outside_steer_nothing_and_are_no_markup(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "COLUMNS": "100"}
    write(env, TWO)
    done = run("config", "show", env=env, stdout_is_terminal=True)
    assert (done.code, done.err) == (0, "")
    assert "a [red]b[/red] [31mc" in done.out
    assert "\x1b[31m" not in done.out
    assert "\x1b[1mSETTING" in done.out


def test_on_a_narrow_terminal_a_table_cuts_nothing(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "COLUMNS": "44", "NO_COLOR": "1"}
    write(env, TWO)
    shown = run("config", "list", env=env, stdout_is_terminal=True).out
    assert max(len(line) for line in shown.splitlines()) <= 44
    rows = shown.splitlines()
    start = rows[0].index("BASE URL")
    end = rows[0].index("KEY")
    urls = "".join(row[start:end].strip() for row in rows[1:])
    assert urls == "http://localhost:1/https://api.respan.ai/api/anthropic/"


# edit


@pytest.fixture
def editor(tmp_path: Path) -> Iterator[Path]:
    """An editor that puts the files `new.1`, `new.2` … in place of the text, one each time."""
    script = tmp_path / "my editor"
    script.write_text(
        '#!/bin/sh\ncd "$(dirname "$0")"\nset -- "$1" "$(cat count 2>/dev/null || echo 1)"\n'
        'echo $(($2 + 1)) > count\nstat -c "%a %n" "$1" "$(dirname "$1")" >> seen\ncp "$1" opened\n'
        'if [ -e "new.$2" ]; then cat "new.$2" > "$1"; fi\n'
    )
    script.chmod(0o700)
    yield script
    left = [path.name for path in tmp_path.glob("respan-*")]
    assert left == [], "a copy was left behind"


def editing(home: Env, editor: Path, *texts: str) -> Env:
    for number, text in enumerate(texts, start=1):
        editor.with_name(f"new.{number}").write_text(text)
    return {**home, "VISUAL": f"'{editor}'", "EDITOR": "false", "TMPDIR": str(editor.parent)}


def test_what_the_editor_leaves_becomes_the_file_comments_and_all(home: Env, editor: Path) -> None:
    write(home, '[profiles.default]\nmodel = "x"\n')
    text = '# mine\n[profiles.default]\nmodel = "y"  # better\n'
    assert run("config", "edit", env=editing(home, editor, text)) == Outcome(0, "", "")
    assert file_of(home).read_text() == text
    modes = [line.split()[0] for line in editor.with_name("seen").read_text().splitlines()]
    assert modes == ["600", "700"]


def test_the_editor_of_somebody_new_opens_with_every_setting_as_a_comment(home: Env, editor: Path) -> None:
    env = editing(home, editor)
    assert run("config", "edit", env=env) == Outcome(0, "", "")
    assert not file_of(home).exists()
    lines = editor.with_name("opened").read_text().splitlines()
    assert lines[1] == "# [profiles.default]"
    uncommented = "\n".join(line.removeprefix("# ") for line in lines[1:] if "api_key" not in line)
    named = set(tomllib.loads(uncommented)["profiles"]["default"])
    assert named == set(BY_NAME) - {"api_key", "api_key_command"}


def test_off_a_terminal_a_text_that_is_refused_is_kept_and_named(home: Env, tmp_path: Path) -> None:
    path = write(home, '[profiles.default]\nmodel = "x"\n')
    env = {**home, "EDITOR": "sed -i s/model/modle/", "TMPDIR": str(tmp_path)}
    done = run("config", "edit", env=env)
    (copy,) = tmp_path.glob("respan-*/config.toml")
    assert done == Outcome(
        3,
        "",
        "error: profiles.default.modle is not a setting, did you mean 'model'?\n"
        f"  next: {path}, line 2, column 1: 'respan config edit' opens it; your text is kept in {copy}\n",
    )
    assert path.read_text() == '[profiles.default]\nmodel = "x"\n'
    assert copy.read_text() == '[profiles.default]\nmodle = "x"\n'
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_broken_file_can_be_put_right_with_the_editor(home: Env, editor: Path) -> None:
    write(home, "[broken")
    assert run("config", "edit", env=editing(home, editor, "[profiles.default]\n")) == Outcome(0, "", "")
    assert file_of(home).read_text() == "[profiles.default]\n"


def test_on_a_terminal_a_refused_text_can_be_edited_again(home: Env, editor: Path) -> None:
    write(home, "[profiles.default]\n")
    env = editing(home, editor, "[broken", '[profiles.default]\nmodel = "y"\n')
    with Pty("config", "edit", env=env) as pty:
        answer(pty, "Edit it again? [Y/n] ", "\r")
        code, screen = pty.finish()
    assert (code, tables(home)) == (0, {"profiles": {"default": {"model": "y"}}})
    assert screen.endswith(f"\x1b[2mrespan: \x1b[0msaved {file_of(home)}\r\n")


def test_ctrl_c_is_the_editors_while_it_runs(home: Env, tmp_path: Path) -> None:
    path = write(home, "[profiles.default]\n")
    script = tmp_path / "editor"
    script.write_text(
        "#!/bin/sh\ntrap 'echo heard; echo \"[profiles.mine]\" > $1; exit 0' INT\necho ready\nread x\n"
    )
    script.chmod(0o700)
    with Pty("config", "edit", env={**home, "EDITOR": str(script), "TMPDIR": str(tmp_path)}) as pty:
        answer(pty, "ready", "\x03")
        answer(pty, "heard", "")
        assert pty.finish()[0] == 0
    assert path.read_text() == "[profiles.mine]\n"


def test_ctrl_c_at_the_question_keeps_the_text_and_says_where(home: Env, tmp_path: Path) -> None:
    write(home, '[profiles.default]\nmodel = "x"\n')
    env = {**home, "EDITOR": "sed -i s/model/modle/", "TMPDIR": str(tmp_path)}
    with Pty("config", "edit", env=env) as pty:
        answer(pty, "Edit it again? [Y/n] ", "\x03")
        code, screen = pty.finish()
    (copy,) = tmp_path.glob("respan-*/config.toml")
    assert (code, copy.read_text()) == (130, '[profiles.default]\nmodle = "x"\n')
    assert screen.endswith(f"\x1b[2mrespan: \x1b[0myour text is kept in {copy}\r\n")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("no-such-editor -w", "cannot run the editor 'no-such-editor -w'"),
        ("false", "the editor 'false' ended with exit code 1"),
        ("vi 'half", 'cannot run the editor "vi \'half"'),
    ],
)
def test_an_editor_that_cannot_be_run_is_named(home: Env, tmp_path: Path, command: str, words: str) -> None:
    done = run("config", "edit", env={**home, "EDITOR": command, "TMPDIR": str(tmp_path)})
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(f"error: {words}")
    assert list(tmp_path.glob("respan-*")) == []


def test_a_file_that_changed_while_it_was_edited_is_not_replaced(home: Env, tmp_path: Path) -> None:
    path = write(home, "[profiles.default]\n")
    script = f"printf '[profiles.other]\\n' > '{path}'; printf '[profiles.mine]\\n' > \"$0\""
    env = {**home, "EDITOR": f"sh -c '{script.replace(chr(39), chr(39) + chr(92) + chr(39) + chr(39))}'"}
    done = run("config", "edit", env={**env, "TMPDIR": str(tmp_path)})
    assert (done.code, done.out) == (3, "")
    assert f"{path} was changed by another program meanwhile" in done.err
    assert path.read_text() == "[profiles.other]\n"
    (copy,) = tmp_path.glob("respan-*/config.toml")
    assert copy.read_text() == "[profiles.mine]\n"
    assert str(copy) in done.err
