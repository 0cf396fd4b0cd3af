"""Help that teaches: examples first, options in groups, nothing cut; and what a mistyped word is told."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import respan_cli
from respan_cli.cli import app
from respan_cli.errors import EXIT_CODE_MEANINGS, ExitCode
from respan_cli.sandbox import FAULTS
from respan_cli.settings.environment import variables
from respan_cli.settings.fields import FIELDS
from tests.support import Outcome, run

WIDTHS = ("40", "80", "200")


def commands(group: Any, *path: str) -> Iterator[tuple[str, ...]]:
    """Every command of the program, the groups included."""
    yield path
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, *path, name)


COMMANDS = list(commands(typer.main.get_command(app)))


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_examples_before_its_options(path: tuple[str, ...], flag: str) -> None:
    done = run(*path, flag)
    assert (done.code, done.err) == (0, "")
    usage, examples, options = (done.out.index(f"{word}:") for word in ("Usage", "Examples", "Options"))
    assert usage < examples < options
    assert f"respan {' '.join(path)}".rstrip() in done.out[examples:options]
    assert run("help", *path) == done


def test_the_program_alone_shows_its_help() -> None:
    assert run() == run("--help")


def test_the_groups_come_in_the_order_of_what_people_look_for() -> None:
    headings = re.findall(r"(?m)^(\w+):$", run("send", "-h").out)
    groups = ["Message", "Identity", "Output", "Connection", "Options"]
    assert headings == ["Examples", "Arguments", *groups]


@pytest.mark.parametrize("columns", WIDTHS)
def test_no_help_text_is_cut_or_read_as_markup(columns: str) -> None:
    page = words(run("send", "--help", env={"COLUMNS": columns}).out)
    for field in FIELDS:
        if field.flags:
            assert words(field.help) in page
            assert ", ".join(field.flags) in page
            assert field.env is None or f"(env: {field.env}" in page
            default = str(field.default).removesuffix(".0")
            assert field.default is None or f"default: {default}" in page


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_keeps_to_the_width_but_for_words_that_are_longer(path: tuple[str, ...], columns: str) -> None:
    page = run(*path, "--help", env={"COLUMNS": columns}).out
    for line in page.splitlines():
        assert len(line) <= int(columns) or len(line.split()) <= 2, line


def test_help_is_coloured_for_a_person_and_plain_for_a_pipe() -> None:
    plain = run("send", "-h").out
    coloured = run("send", "-h", stdout_is_terminal=True).out
    assert "\x1b" not in plain + run("send", "-h", env={"NO_COLOR": "1"}, stdout_is_terminal=True).out
    assert "\x1b[1mUsage:\x1b[0m" in coloured
    assert re.sub(r"\x1b\[\d*m", "", coloured) == plain


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_examples_are_command_lines_that_parse(path: tuple[str, ...]) -> None:
    examples = re.findall(r"(?m)^  \$ (.*)$", run(*path, "-h", env={"COLUMNS": "200"}).out)
    assert examples
    for line in examples:
        for words_of_one in _calls(line):
            # `--help` after the words: they are parsed, nothing is sent.
            done = run(*words_of_one, *(() if words_of_one[:1] == ["help"] else ("--help",)))
            assert (done.code, done.err) == (0, ""), line


def _calls(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|")
    lexer.whitespace_split = True
    call: list[str] = []
    for word in [*lexer, "|"]:
        if word == "|":
            if "respan" in call:
                yield call[call.index("respan") + 1 :]
            call = []
        else:
            call.append(word)


def test_the_exit_codes_are_those_of_the_program() -> None:
    lines = "".join(f"{int(code)}\t{EXIT_CODE_MEANINGS[code]}\n" for code in ExitCode)
    assert run("help", "exit-codes") == Outcome(0, lines, "")
    shown = run("help", "exit-codes", stdout_is_terminal=True, env={"NO_COLOR": "1", "COLUMNS": "40"}).out
    assert shown.startswith("code  meaning\n0     done")
    assert max(map(len, shown.splitlines())) <= 40


def test_every_fault_of_the_sandbox_is_listed_with_what_it_does() -> None:
    lines = "".join(f"{name}\t{fault.help}\n" for name, fault in FAULTS.items())
    assert run("help", "faults") == Outcome(0, lines, "")
    assert {"sandbox-429", "sandbox-529", "sandbox-cut", "sandbox-slow", "sandbox-html"} <= FAULTS.keys()
    shown = run("help", "faults", stdout_is_terminal=True, env={"NO_COLOR": "1", "COLUMNS": "60"}).out
    assert max(map(len, shown.splitlines())) <= 60


def test_the_environment_is_listed_whole() -> None:
    listed = dict(line.split("\t") for line in run("help", "environment").out.splitlines())
    assert listed == variables()
    assert {field.env for field in FIELDS if field.env} < listed.keys()


# What the platform names and people do not set for our sake.
_OF_THE_SYSTEM = {"PATH", "HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"}


def test_every_variable_that_the_program_reads_is_listed() -> None:
    read = set()
    for path in Path(respan_cli.__file__).parent.rglob("*.py"):
        if "sandbox" not in path.parts:
            read |= set(re.findall(r"\benv(?:\.get\(|\[)[\"']([A-Z_]+)[\"']", path.read_text("utf-8")))
    assert {"NO_COLOR", "RESPAN_CLI_CONFIG", "TERM"} <= read
    assert read - _OF_THE_SYSTEM <= variables().keys()


@pytest.mark.parametrize(
    ("argv", "message", "command"),
    [
        (("sned", "hi"), "there is no command 'sned', did you mean 'send'?", "respan"),
        (("send", "--modle", "x"), "there is no option --modle, did you mean '--model'?", "respan send"),
        (("send", "--modle=x"), "there is no option --modle, did you mean '--model'?", "respan send"),
        (("send", "-y"), "there is no option -y", "respan send"),
        (("send", "--model"), "option '--model' requires an argument", "respan"),
        (
            ("send", "--effort", "hihg"),
            "invalid value for '--effort': 'hihg' is not one of 'low', 'medium', 'high', 'xhigh', 'max', "
            "did you mean 'high'?",
            "respan send",
        ),
        (("--verison",), "there is no option --verison, did you mean '--version'?", "respan"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistyped_word_is_told_what_was_probably_meant(
    argv: tuple[str, ...], message: str, command: str
) -> None:
    assert run(*argv) == Outcome(2, "", f"error: {message}\n  next: '{command} --help' shows what there is\n")


@pytest.mark.parametrize("argv", [("xyzzy",), ("hi", "there", "-m", "x"), ("What's up?",)], ids=" ".join)
def test_words_without_a_command_are_taken_for_a_prompt(argv: tuple[str, ...]) -> None:
    prompt = shlex.quote(" ".join(argv).partition(" -")[0])
    error = f"error: there is no command {argv[0]!r}\n  next: respan send {prompt}\n"
    assert run(*argv) == Outcome(2, "", error)


def test_help_on_nothing_known_names_the_nearest() -> None:
    assert run("help", "exit-code") == Outcome(
        2,
        "",
        "error: there is no help on 'exit-code', did you mean 'exit-codes'?\n"
        f"  next: there is help on {', '.join([path[0] for path in COMMANDS if len(path) == 1])}, "
        "exit-codes, environment, faults\n",
    )


def test_a_mistyped_profile_names_the_nearest(env: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[profiles.work]\nmodel = "x"\n')
    done = run("send", "hi", "-p", "wrok", env=env | {"RESPAN_CLI_CONFIG": str(config)})
    assert (done.code, done.err.splitlines()[0]) == (
        3,
        "error: there is no profile 'wrok', did you mean 'work'?",
    )


@pytest.mark.parametrize(
    ("flag", "instead"),
    [
        ("--api-key=k", "set RESPAN_API_KEY, or run 'respan config init'\n"),
        ("--temperature=0", "--extra-body '{\"temperature\": …}' takes every field of the Messages API\n"),
        ("--top-p=1", "--extra-body '{\"top_p\": …}' takes every field of the Messages API\n"),
    ],
)
def test_a_flag_that_others_have_is_told_what_does_its_work_here(flag: str, instead: str) -> None:
    done = run("send", "hi", flag)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: there is no option {flag.partition('=')[0]}\n  next: ")
    assert done.err.endswith(instead)


def test_the_flag_for_a_key_on_standard_input_is_still_what_was_meant() -> None:
    done = run("config", "init", "--api-key", "k")
    assert (done.code, "did you mean '--api-key-stdin'?" in done.err) == (2, True)
