"""The app, and the only place where an error becomes an exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from respan_cli import __version__
from respan_cli.commands.shared import options
from respan_cli.commands.shared.app import App, terminal_of
from respan_cli.commands.shared.usage_errors import explain
from respan_cli.errors import ExitCode, ReaderClosedError, RespanError, TerminationSignal, UsageError
from respan_cli.terminal.terminal import Terminal

NAMES = ("respan", "respan-cli")  # the console scripts; the first is what others call us
SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")  # that Typer has a script for

app = App(
    {
        "send": "respan_cli.commands.send.command:send",
        "batch": "respan_cli.commands.batch.command:batch",
        "config": "respan_cli.commands.config:app",
        "headers": "respan_cli.commands.headers:app",
        "logs": "respan_cli.commands.logs:app",
        "models": "respan_cli.commands.models:models",
        "check": "respan_cli.commands.check.command:check",
        "sandbox": "respan_cli.commands.sandbox:sandbox",
        "help": "respan_cli.commands.help:show_help",
    },
    name="respan",
    add_completion=True,
)


def _show_version(ctx: typer.Context, wanted: bool) -> None:
    if wanted:
        terminal = terminal_of(ctx)
        terminal.write(f"respan-cli {__version__}\n")
        terminal.flush()
        raise typer.Exit


@app.callback()
def respan(
    version: Annotated[
        bool, typer.Option("-V", "--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Send messages to Claude through the Respan gateway.

    $ respan send --sandbox 'Hello'     # no key, no network
    $ export RESPAN_API_KEY=…           # or: respan config init
    $ git diff | respan send 'Write a commit message' --customer-id alice
    $ respan help exit-codes            # and: respan help environment
    """


def main(argv: Sequence[str] | None = None, terminal: Terminal | None = None) -> int:
    """Run one command line.

    Args:
        argv: the arguments after the program's name; those of this process by default.
        terminal: the streams and the environment; those of this process by default.

    Returns:
        The exit code, one of `errors.ExitCode`.
    """
    import sys

    arguments = list(sys.argv[1:] if argv is None else argv)
    terminal = terminal or Terminal.standard()
    terminal.json_errors = _wants_json(arguments)
    terminal.add_secrets(terminal.env.get("RESPAN_API_KEY", ""))
    terminal.color = _wanted_color(arguments)
    try:
        _check_shell(arguments)
        result = _command()(args=arguments, prog_name=_name(), standalone_mode=False, obj=terminal)
        return int(result or 0)
    except SystemExit as leaving:  # Typer's own way out of completion
        return int(leaving.code or 0)
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except TerminationSignal as ended:
        return ended.code
    except ReaderClosedError:
        return ExitCode.OK
    except typer.TyperException as error:
        return _fail(explain(error), terminal)
    except RespanError as error:
        return _fail(error, terminal)
    except Exception as error:
        return _fail(_defect(error), terminal)
    finally:
        terminal.stop_status()


def _check_shell(arguments: list[str]) -> None:
    """Report a shell for which Typer has no completion script as a usage error; Typer would exit with 1."""
    if arguments[:1] not in (["--install-completion"], ["--show-completion"]):
        return
    import shellingham  # which comes with Typer

    try:
        shell, _ = shellingham.detect_shell()
    except shellingham.ShellDetectionFailure:
        shell = "what started this program"
    if shell not in SHELLS:
        raise UsageError(
            f"there is no completion for {shell}",
            hint=f"run it from the shell that is to complete: {', '.join(SHELLS)}",
        )


@cache
def _command() -> Callable[..., int | None]:
    return typer.main.get_command(app)


def _name() -> str:
    """The name this program was called by: help and completion speak of the one that was typed."""
    import sys

    fetch = Path(sys.argv[0]).stem
    return fetch if fetch in NAMES else NAMES[0]


def _wants_json(arguments: list[str]) -> bool:
    options_only = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options_only or "--events" in options_only


def _wanted_color(arguments: list[str]) -> str:
    """The value of --color, read before the arguments are parsed: they may be invalid, or request help."""
    for name, value in zip(arguments, [*arguments[1:], ""], strict=False):
        if name == "--":
            break
        value = name.removeprefix("--color=") if name.startswith("--color=") else value
        if name.partition("=")[0] == "--color" and value in list(options.Color):
            return value
    return options.Color.AUTO


def _defect(error: Exception) -> RespanError:
    """An internal error: its class but not its message, which might hold a secret."""
    defect = RespanError(
        f"a defect in respan-cli {__version__}: {type(error).__name__}",
        hint="please report it with what the same command prints with --debug",
    )
    defect.__cause__ = error
    return defect


def _fail(error: RespanError, terminal: Terminal) -> int:
    terminal.print_error(error)
    if terminal.debug:
        import traceback

        terminal.note("".join(traceback.format_exception(error)))
    return error.code
