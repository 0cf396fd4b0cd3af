"""The program put together, and the only place where an error becomes an exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated

import typer

from respan_cli import __version__
from respan_cli.commands import options
from respan_cli.commands.check import check
from respan_cli.commands.sandbox import sandbox
from respan_cli.commands.send import send
from respan_cli.errors import EndedError, ExitCode, RespanError, UsageError
from respan_cli.terminal import ReaderGoneError, Terminal

app = typer.Typer(
    name="respan",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command()(send)
app.command()(check)
app.command()(sandbox)


def _show_version(ctx: typer.Context, wanted: bool) -> None:
    if wanted:
        terminal = options.terminal_of(ctx)
        terminal.write(f"respan-cli {__version__}\n")
        terminal.flush()
        raise typer.Exit


@app.callback()
def respan(
    version: Annotated[
        bool, typer.Option("-V", "--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Send messages through the Respan gateway, with identity on every request."""


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
    terminal.hide(terminal.env.get("RESPAN_API_KEY", ""))
    try:
        result = _command()(args=arguments, prog_name="respan", standalone_mode=False, obj=terminal)
        return int(result or 0)
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except EndedError as ended:
        return ended.code
    except ReaderGoneError:
        return ExitCode.OK
    except typer.TyperException as error:
        return _fail(UsageError(error.format_message() or "see 'respan --help'"), terminal)
    except RespanError as error:
        return _fail(error, terminal)
    except Exception as error:
        return _fail(_defect(error), terminal)


@cache
def _command() -> Callable[..., int | None]:
    return typer.main.get_command(app)


def _wants_json(arguments: list[str]) -> bool:
    options_only = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options_only or "--events" in options_only


def _defect(error: Exception) -> RespanError:
    """Our own mistake: its kind but not its words, which might hold what nobody should see."""
    defect = RespanError(
        f"a defect in respan-cli {__version__}: {type(error).__name__}",
        hint="please report it with what the same command prints with --debug",
    )
    defect.__cause__ = error
    return defect


def _fail(error: RespanError, terminal: Terminal) -> int:
    terminal.fail(error)
    if terminal.debug:
        import traceback

        terminal.note("".join(traceback.format_exception(error)))
    return error.code
