"""The budget of start-up, held by counting what is imported: a stray import fails here, not in a stopwatch.

What Typer, and for a message the SDK, bring by themselves is loaded in a program that uses nothing else, and
taken off. What remains is ours to answer for: the standard library by name, our own modules by number.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from respan_cli.sandbox import Sandbox
from tests.support import KEY, process_env, run_process

SAY = "\nimport sys\nprint(*sorted(sys.modules), file=sys.stderr)"
OURS = "import sys\nfrom respan_cli.cli import main\nmain()" + SAY

TYPER = """
import typer
app = typer.Typer()
@app.command()
def one(words: list[str] = typer.Argument(None), much: str = typer.Option("")) -> None: ...
@app.command()
def two() -> None: ...
try: app(["one", "hi"], standalone_mode=False)
except SystemExit: pass
"""
SDK = """
import os, anthropic
client = anthropic.Anthropic(base_url=os.environ["RESPAN_BASE_URL"], api_key="k", max_retries=0)
asked = [{"role": "user", "content": "hi"}]
for event in client.messages.create(model="m", max_tokens=9, messages=asked, stream=True): pass
"""


@cache
def loaded(code: str, *argv: str, **env: str) -> frozenset[str]:
    """The modules that a program has loaded when it is done; those of Python itself included."""
    home = Path("/nonexistent")
    done = run_process(*argv, env=process_env(home, RESPAN_API_KEY=KEY, **env), command=("-c", code))
    return frozenset(done.err.splitlines()[-1].split())


def tops(modules: frozenset[str] | set[str]) -> set[str]:
    """Their packages, private parts of the standard library left out."""
    return {name.partition(".")[0] for name in modules} - {"__main__", "__mp_main__"}


def foreign(modules: frozenset[str] | set[str]) -> set[str]:
    """Those of other people: neither the standard library nor ours."""
    return {top for top in tops(modules) if top not in sys.stdlib_module_names} - {"respan_cli"}


def standard(modules: frozenset[str] | set[str]) -> set[str]:
    """Those of the standard library that have a public name."""
    return {top for top in tops(modules) if top in sys.stdlib_module_names and not top.startswith("_")}


def ours(modules: frozenset[str] | set[str]) -> list[str]:
    """Our own."""
    return [name for name in modules if name.partition(".")[0] == "respan_cli"]


# What the layers of settings, the terminal and the printed programs need beyond Typer.
STANDARD = {"gc", "json", "shlex", "string", "tomllib", "unicodedata", "urllib"}
MODULES = 46  # our own modules, for a command that sends nothing; no other command's are among them
MODULES_OF_ALL_COMMANDS = 66  # for the page that lists them
MODULES_OF_A_MESSAGE = 77


@pytest.mark.parametrize(
    "argv",
    [
        ("--help",),
        ("--version",),
        ("config", "path"),
        ("config", "show"),
        ("config", "list"),
        ("headers", "list"),
        ("send", "--help"),
        ("send", "--dry-run", "--no-stdin", "hi"),
        ("send", "--as", "curl", "--no-stdin", "hi"),
    ],
    ids=" ".join,
)
def test_a_command_without_a_message_loads_little_beyond_typer(argv: tuple[str, ...]) -> None:
    extra = loaded(OURS, *argv) - loaded(TYPER + SAY)
    assert foreign(extra) == set()
    assert standard(extra) <= STANDARD
    assert len(ours(extra)) <= (MODULES_OF_ALL_COMMANDS if argv == ("--help",) else MODULES)


def test_completion_loads_little_beyond_typer() -> None:
    asked = {"_RESPAN_COMPLETE": "complete_bash", "COMP_WORDS": "respan send -m ", "COMP_CWORD": "3"}
    extra = loaded(OURS, **asked) - loaded(TYPER + SAY)
    assert foreign(extra) == set()
    assert standard(extra) <= STANDARD
    assert len(ours(extra)) <= MODULES


@pytest.fixture(scope="module")
def gateway() -> Iterator[str]:
    """A sandbox for the messages of this file."""
    with Sandbox() as running:
        yield running.url


@pytest.mark.parametrize("form", [(), ("--json",), ("--events",)], ids=["plain", "json", "events"])
def test_a_message_loads_little_beyond_typer_and_the_sdk(form: tuple[str, ...], gateway: str) -> None:
    given = {"RESPAN_BASE_URL": gateway}
    extra = loaded(OURS, "send", "--no-stdin", "hi", *form, **given) - loaded(TYPER + SDK + SAY, **given)
    assert foreign(extra) == set()
    assert standard(extra) <= STANDARD
    assert len(ours(extra)) <= MODULES_OF_A_MESSAGE
