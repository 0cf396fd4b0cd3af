"""`--prompt-file`: a prompt with settings and variables, kept in a file."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from respan_cli.commands.shared.options import Effort
from respan_cli.errors import UsageError
from respan_cli.messages.prompt_file import EFFORTS, parse_prompt_file, render
from respan_cli.sandbox import Sandbox
from respan_cli.settings.fields import DEFAULT_MODEL
from tests.support import Outcome, run

Env = dict[str, str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str, name: str = "review.md") -> str:
    Path(name).write_text(text, "utf-8")
    return name


def body(env: Env, *argv: str, stdin: bytes | None = b"") -> Any:
    """The body of the request that a dry run shows."""
    done = run("send", "-n", "--prompt-file", *argv, env=env, stdin=stdin)
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)["body"]


def prompt(env: Env, *argv: str, stdin: bytes | None = b"") -> Any:
    (turn,) = body(env, *argv, stdin=stdin)["messages"]
    return turn["content"]


def test_variables_are_replaced_and_doubled_braces_are_braces(env: Env, sandbox: Sandbox) -> None:
    write('Say {greeting} to {who}: {{"a": {{}}}}\n')
    argv = ("send", "--prompt-file", "review.md", "--var", "greeting=hello", "--var", "who=Ann")
    assert run(*argv, env=env) == Outcome(0, 'Say hello to Ann: {"a": {}}\n', "")
    assert sandbox.requests[0]["body"]["messages"][0]["content"] == 'Say hello to Ann: {"a": {}}'


def test_a_value_is_not_expanded_again(env: Env) -> None:
    write("{a} {b} {stdin}")
    flags = ("review.md", "--var", "a={b}", "--var", "b={{x}} {a}")
    assert prompt(env, *flags, stdin=b"{a} }{") == "{b} {{x}} {a} {a} }{"


def test_a_variable_is_read_from_a_file_and_two_at_signs_are_one(env: Env) -> None:
    write("{code}|{tag}|{tag}")
    Path("a.py").write_text("print('{x}')\n")
    assert (
        prompt(env, "review.md", "--var", "code=@a.py", "--var", "tag=@@me=1") == "print('{x}')\n|@me=1|@me=1"
    )


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("Review:\n{stdin}\nThanks.\n", (), "Review:\npiped\nThanks."),
        ("Review this.\n", (), "Review this.\n\npiped"),
        ("Review this.\n", ("Be", "brief."), "Review this.\n\nBe brief.\n\npiped"),
        ("Review {stdin}.\n", ("Be brief.",), "Review piped.\n\nBe brief."),
        ("Review {stdin}.\n", ("-",), "Review piped."),
    ],
)
def test_piped_text_goes_where_stdin_stands_or_else_after_the_prompt(
    text: str, words: tuple[str, ...], expected: str, env: Env
) -> None:
    write(text)
    assert prompt(env, "review.md", *words, stdin=b"piped") == expected


HEAD = """\
+++
model = "of-prompt"
system = "Of the prompt."
max_tokens = 77
stop = "END"
effort = "low"
schema = {type = "object"}
custom_identifier = "run-1"

[metadata]
team = "search"

[headers]
anthropic-beta = "b"
+++

Hello
"""


def test_the_head_sets_what_a_profile_may_and_the_shape_of_the_answer(env: Env) -> None:
    write(HEAD)
    assert body(env, "review.md") == {
        "model": "of-prompt",
        "max_tokens": 77,
        "system": "Of the prompt.",
        "stop_sequences": ["END"],
        "output_config": {
            "effort": "low",
            "format": {"type": "json_schema", "schema": {"type": "object"}},
        },
        "messages": [{"role": "user", "content": "Hello"}],
        "metadata": {
            "respan_params": {
                "custom_identifier": "run-1",
                "metadata": {
                    "prompt": f"review@{sha256(HEAD.encode()).hexdigest()[:8]}",
                    "team": "search",
                },
            },
            "extra_headers": {"anthropic-beta": "b"},
        },
        "stream": True,
    }


def test_flags_and_the_environment_win_over_the_head_and_the_head_over_thread_and_profile(
    env: Env, folder: Path
) -> None:
    write(HEAD)
    Path("schema.json").write_text('{"type": "array"}')
    profile = folder / ".config" / "respan-cli" / "config.toml"
    profile.parent.mkdir(parents=True)
    profile.write_text(
        '[profiles.default]\nmodel = "of-profile"\n[profiles.default.metadata]\nprompt = "mine"\n'
    )
    Path("chat.json").write_text(
        '{"thread_identifier": "t", "settings": {"model": "of-thread", "system": "Of the thread."},'
        ' "messages": []}'
    )
    flags = ("--stop", "X", "--effort", "max", "--schema", "schema.json", "-s", "", "-t", "chat.json")
    made = body(env, "review.md", *flags)
    assert (made["model"], made.get("system"), made["stop_sequences"]) == ("of-prompt", None, ["X"])
    assert made["output_config"]["effort"] == "max"
    assert made["output_config"]["format"]["schema"] == {"type": "array"}
    assert made["metadata"]["respan_params"]["metadata"] == {"prompt": "mine", "team": "search"}
    assert body(env | {"RESPAN_MODEL": "of-variable"}, "review.md")["model"] == "of-variable"
    assert body(env, write("Hi", "plain.md"), "-t", "chat.json")["model"] == "of-thread"


def test_a_file_without_a_head_is_all_prompt(env: Env) -> None:
    write("a\n+++\nb\n")
    assert prompt(env, "review.md") == "a\n+++\nb"
    assert body(env, "review.md")["model"] == DEFAULT_MODEL


def test_a_head_with_windows_line_ends_is_one(env: Env) -> None:
    Path("review.md").write_bytes(b'\xef\xbb\xbf+++\r\nmodel = "m"\r\n+++\r\nHello\r\n')
    assert body(env, "review.md")["model"] == "m"
    assert prompt(env, "review.md") == "Hello"


KEEPS_KEYS = "a prompt may come from elsewhere: it must not hold a key, or decide where one is sent"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *(
            (
                f"+++\nmodel = 'm'\n{line}\n+++\nHi",
                f"review.md, line 3: {key} cannot be set here\n  why:  {why}",
            )
            for key, line, why in (
                ("api_key", "api_key = 'k'", KEEPS_KEYS),
                ("api_key_command", "api_key_command = 'pass'", KEEPS_KEYS),
                ("base_url", "base_url = 'https://evil.example'", KEEPS_KEYS),
                ("gateway_headers", "gateway_headers.x = 'y'", KEEPS_KEYS),
                (
                    "inherits",
                    "inherits = 'work'",
                    "a prompt is no profile: choose the profile with --profile",
                ),
            )
        ),
        (
            "+++\n[headers]\n\nx = 'env:AWS_SECRET_ACCESS_KEY'\n+++\nHi",
            "review.md, line 4: headers.x cannot be env:AWS_SECRET_ACCESS_KEY\n"
            "  why:  a prompt must not send the variables of your environment",
        ),
        ("+++\nmodle = 'm'\n+++\nHi", "review.md, line 2: modle is not a setting, did you mean 'model'?"),
        ("+++\n\nmodel = 5\n+++\nHi", "review.md, line 3: model=5 is not text"),
        (
            "+++\n[metadata]\na = 'b'\nc = [1]\n+++\nHi",
            "review.md, line 4: metadata.c={'c': [1]} has no text under 'c': metadata values are strings",
        ),
        ("+++\nmetadata = 5\n+++\nHi", "review.md, line 2: metadata is not a table"),
        ("+++\neffort = 'most'\n+++\nHi", f"review.md, line 2: effort is not one of {', '.join(EFFORTS)}"),
        ("+++\nstop = ['']\n+++\nHi", "review.md, line 2: stop is neither text nor a list of texts"),
        ("+++\nschema = 5\n+++\nHi", "review.md, line 2: schema is neither a table nor the name of a file"),
        (
            '+++\nmodel = "a\n+++\nHi',
            "review.md, line 2, column 11: not valid TOML\n  why:  Illegal character '\\n'",
        ),
        (
            "+++\nmodel = '''a\n+++\nHi",
            "review.md, line 2: not valid TOML\n  why:  Expected \"'''\"",
        ),
        ("+++\nmodel = 'a'\n", "review.md, line 1: no second +++ line ends the settings"),
        (
            "+++\nmodel = 'a'\n+++\n\nHi\n{ x }",
            "review.md, line 6, column 1: a single '{'\n"
            "  next: write {{ and }} for braces, {name} for a variable",
        ),
        (
            "a } b",
            "review.md, line 1, column 3: a single '}'\n"
            "  next: write {{ and }} for braces, {name} for a variable",
        ),
    ],
)
def test_what_a_prompt_file_cannot_say_is_named_with_its_line(
    text: str, message: str, env: Env, sandbox: Sandbox
) -> None:
    write(text)
    expected = Outcome(3, "", f"error: {message}\n")
    for form in ((), ("-n",)):
        assert run("send", "--prompt-file", "review.md", *form, env=env) == expected
    assert sandbox.requests == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "review.md has no value for a, b\n  next: give --var a=… --var b=…"),
        (("--var", "a=1"), "review.md has no value for b\n  next: give --var b=…"),
        (
            ("--var", "a=1", "--var", "b=1", "--var", "lang=1"),
            "review.md does not use lang\n  next: its variables: a, b, stdin",
        ),
        (
            ("--var", "a=1", "--var", "b=1", "--var", "stdinn=1"),
            "review.md does not use stdinn, did you mean 'stdin'?\n  next: its variables: a, b, stdin",
        ),
        (("--var", "a"), "--var='a' is not of the form NAME=VALUE"),
        (("--var", "=a"), "--var='=a' is not of the form NAME=VALUE"),
        (("--var", "stdin=x"), "--var='stdin=x' names what is piped in\n  next: pipe the text in"),
        (("--var", "a=@none.txt"), "cannot read none.txt\n  why:  No such file or directory"),
        (
            ("--var", "a=1", "--var", "b=1", "--no-stdin"),
            "review.md needs text on standard input\n  next: pipe it in",
        ),
        (("--var", "a=\udcff"), "--var a is not UTF-8 at byte offset 0"),
    ],
)
def test_variables_that_do_not_fit_are_named(
    flags: tuple[str, ...], message: str, env: Env, sandbox: Sandbox
) -> None:
    write("{a}{b}{a}{stdin}")
    env = {
        name: value for name, value in env.items() if name != "RESPAN_API_KEY"
    }  # said before the key is missed
    done = run("send", "--prompt-file", "review.md", *flags, "--sandbox", env=env)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {message}\n")
    assert sandbox.requests == []


def test_a_terminal_that_pipes_nothing_in_has_no_text_for_the_prompt(env: Env) -> None:
    write("{stdin}")
    needs = "error: review.md needs text on standard input\n  next: pipe it in\n"
    assert run("send", "--prompt-file", "review.md", env=env, stdin=None) == Outcome(2, "", needs)
    write("Hello")
    assert run("send", "--prompt-file", "review.md", env=env, stdin=None) == Outcome(0, "Hello\n", "")


def test_variables_without_a_prompt_file_and_a_file_of_no_name_are_refused(env: Env) -> None:
    assert run("send", "hi", "--var", "a=1", env=env) == Outcome(
        2, "", "error: --var needs a prompt to put its value into\n  next: give --prompt-file FILE\n"
    )
    assert run("send", "--prompt-file", "", env=env) == Outcome(
        2, "", "error: --prompt-file has an empty value where the name of a file belongs\n"
    )
    assert run("send", "--prompt-file", "none.md", env=env) == Outcome(
        2, "", "error: cannot read none.md\n  why:  No such file or directory\n"
    )


def test_a_schema_beside_the_prompt_can_be_named_and_one_elsewhere_cannot(env: Env, folder: Path) -> None:
    (folder / "prompts").mkdir()
    (folder / "secret.json").write_text('{"password": "x"}')
    (folder / "prompts" / "answer.json").write_text('{"type": "object"}')
    write('+++\nschema = "answer.json"\n+++\nHi', "prompts/a.md")
    assert body(env, "prompts/a.md")["output_config"]["format"]["schema"] == {"type": "object"}
    (folder / "prompts" / "link.json").symlink_to(folder / "secret.json")
    for elsewhere in ("../secret.json", str(folder / "secret.json"), "link.json"):
        write(f'+++\nschema = "{elsewhere}"\n+++\nHi', "prompts/a.md")
        assert run("send", "-n", "--prompt-file", "prompts/a.md", env=env) == Outcome(
            3,
            "",
            f"error: prompts/a.md: the schema {elsewhere!r} is not in the folder of the prompt\n"
            "  why:  a prompt must not send other files of this machine\n",
        )


def test_the_label_is_not_set_where_a_flag_takes_it_away(env: Env) -> None:
    write("Hi")
    assert "metadata" not in body(env, "review.md", "-M", "prompt=")
    shown = body(env, "review.md", "-M", "prompt=v2")["metadata"]["respan_params"]["metadata"]
    assert shown == {"prompt": "v2"}


def test_the_rows_of_a_table_can_be_the_variables() -> None:
    file = parse_prompt_file(b"Greet {name} in {tongue}.", "greet.md")
    row = {"name": "Ann", "tongue": "{name}", "id": "7"}  # other columns are no mistake
    assert render(file, row) == "Greet Ann in {name}."
    with pytest.raises(UsageError, match=r"^greet\.md has no value for tongue$"):
        render(file, {"name": "Ann"})


def test_the_efforts_are_those_of_the_flag() -> None:
    assert list(EFFORTS) == [effort.value for effort in Effort]
