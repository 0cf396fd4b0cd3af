"""What no JSON can carry is refused where it enters, by name, in every form of `send`."""

from __future__ import annotations

from pathlib import Path

import pytest

from respan_cli.sandbox import Sandbox
from tests.support import Outcome, run

HALF = "holds half a surrogate pair, which is no character"
HUGE = "holds a number beyond all that JSON readers know"
DEEP = "is nested deeper than 100 levels"
NESTED = "[" * 300 + "]" * 300

ODD = [
    (("--param", r'x:="\ud800"'), f"--param {HALF}"),
    (("--param", "x:=1e999"), f"--param {HUGE}"),
    (("--param", f"x:={NESTED}"), f"--param {DEEP}"),
    (("--extra-body", r'{"\ud800": 1}'), f"--extra-body {HALF}"),
    (("--extra-body", '{"a": -1e999}'), f"--extra-body {HUGE}"),
    (("--extra-body", f'{{"a": {NESTED}}}'), f"--extra-body {DEEP}"),
    (("--stop", "\udcff"), "--stop is not UTF-8"),
    (("--system", "\udcff"), r"--system='\udcff' is not UTF-8"),
    (("--model", "\udcff"), r"--model='\udcff' is not UTF-8"),
    (("--metadata", "a=\udcff"), r"--metadata='a=\udcff' is not UTF-8"),
    (("--customer-id", "\udcff"), r"--customer-identifier='\udcff' is not UTF-8"),
]


@pytest.mark.parametrize("form", [(), ("-n",), ("--as", "python")])
@pytest.mark.parametrize(("flags", "words"), ODD, ids=range(len(ODD)))
def test_a_flag_that_no_json_can_carry_is_named(
    flags: tuple[str, str], words: str, form: tuple[str, ...], env: dict[str, str], sandbox: Sandbox
) -> None:
    done = run("send", "hi", *flags, *form, env=env)
    assert (done.code, done.out, done.err.splitlines()[0]) == (2, "", f"error: {words}")
    assert sandbox.requests == []


@pytest.mark.parametrize(
    ("variable", "words"),
    [(r'{"a": "\ud800"}', HALF), (r'{"\ud800": "a"}', HALF), ("[" * 100_000, "is not a JSON object")],
    ids=range(3),
)
def test_a_variable_that_no_json_can_carry_is_named(variable: str, words: str, env: dict[str, str]) -> None:
    done = run("send", "hi", env=env | {"RESPAN_METADATA": variable})
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("error: RESPAN_METADATA=")
    assert words in done.err


@pytest.mark.parametrize(
    ("value", "words"),
    [("inf", HUGE), ("2026-11-23", "holds what JSON has no form for: a date needs quotes")],
)
@pytest.mark.parametrize("command", [("send", "hi"), ("send", "-n", "hi"), ("config", "show")])
def test_a_parameter_of_the_profile_that_no_json_can_carry_is_named(
    value: str, words: str, command: tuple[str, ...], env: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[profiles.default.respan_params]\nx = {value}\n")
    place = f"{path}, line 2, column 1"
    assert run(*command, env=env | {"RESPAN_CLI_CONFIG": str(path)}) == Outcome(
        3,
        "",
        f"error: profiles.default.respan_params {words}\n  next: {place}: 'respan config edit' opens it\n",
    )


def test_an_empty_object_given_as_a_parameter_is_sent(env: dict[str, str], sandbox: Sandbox) -> None:
    assert run("send", "hi", "--param", "cache_options:={}", env=env) == Outcome(0, "hi\n", "")
    assert sandbox.requests[0]["body"]["metadata"] == {"respan_params": {"cache_options": {}}}


def test_on_a_terminal_no_prompt_is_a_usage_error_even_without_a_key(tmp_path: Path) -> None:
    said = "error: there is no prompt\n  next: respan send 'Say hello', or pipe text in\n"
    assert run("send", stdin=None, env={"HOME": str(tmp_path)}) == Outcome(2, "", said)


@pytest.mark.parametrize("flag", ["-o", "--file", "--messages", "--schema"])
def test_a_file_of_no_name_is_a_mistake_of_the_command_line(
    flag: str, env: dict[str, str], sandbox: Sandbox
) -> None:
    flag_meant = "--output" if flag == "-o" else flag
    message = f"error: {flag_meant} has an empty value where the name of a file belongs\n"
    assert run("send", "hi", flag, "", env=env) == Outcome(2, "", message)
    assert sandbox.requests == []
