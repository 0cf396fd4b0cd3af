"""`respan help`: the help of any command, and the tables that belong to no command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from respan_cli.commands.shared.app import terminal_of
from respan_cli.commands.shared.help_page import show_page
from respan_cli.commands.shared.options import CommandOptions
from respan_cli.errors import EXIT_CODE_MEANINGS, ExitCode, UsageError
from respan_cli.settings.fields import did_you_mean
from respan_cli.terminal.terminal import Terminal


def offers(ctx: typer.Context) -> list[str]:
    """The topics of `respan help`."""
    return [*getattr(ctx.find_root().command, "commands", {}), *TOPICS]


@dataclass(frozen=True, kw_only=True)
class HelpOptions(CommandOptions):
    """The options of `help`."""

    topic: Annotated[
        list[str] | None,
        typer.Argument(
            help="A command, 'exit-codes', 'environment' or 'faults'.",
            metavar="TOPIC",
            autocompletion=offers,
        ),
    ] = None


def show_help(ctx: typer.Context, options: HelpOptions) -> int:
    """Show help for a command or topic.

    $ respan help send            # the same as 'respan send --help'
    $ respan help exit-codes      # what a script reads in $?
    $ respan help environment     # every variable that is read
    $ respan help faults          # the models by which the sandbox fails on demand
    """
    terminal = terminal_of(ctx)
    topic = options.topic or []
    if len(topic) == 1 and topic[0] in TOPICS:
        TOPICS[topic[0]](terminal)
    else:
        show_page(context_of(ctx.find_root(), topic), terminal)
    return ExitCode.OK


def context_of(root: Any, words: list[str]) -> Any:
    """The context of the command that the words name.

    Raises:
        UsageError: there is no such command.
    """
    ctx = root
    for word in words:
        commands = getattr(ctx.command, "commands", {})
        if word not in commands:
            known = [*commands, *(TOPICS if ctx is root else ())]
            raise UsageError(
                f"there is no help on {word!r}{did_you_mean(word, known)}",
                hint=f"there is help on {', '.join(known)}" if known else f"'{ctx.command_path} --help'",
            )
        # Only the help is asked for: nothing is parsed, and nothing is missing.
        ctx = commands[word].make_context(word, [], parent=ctx, resilient_parsing=True)
    return ctx


def exit_codes(terminal: Terminal) -> None:
    """The codes and their meanings."""
    from respan_cli.terminal.tables import print_table

    print_table(
        terminal, ("code", "meaning"), [(str(int(code)), text) for code, text in EXIT_CODE_MEANINGS.items()]
    )


def environment(terminal: Terminal) -> None:
    """The variables and their meanings."""
    from respan_cli.settings.environment import variables
    from respan_cli.terminal.tables import print_table

    print_table(terminal, ("variable", "meaning"), variables().items())


def faults(terminal: Terminal) -> None:
    """The models of the sandbox and what they do."""
    from respan_cli.sandbox import FAULTS
    from respan_cli.terminal.tables import print_table

    print_table(terminal, ("model", "meaning"), [(name, fault.help) for name, fault in FAULTS.items()])


TOPICS: dict[str, Callable[[Terminal], None]] = {
    "exit-codes": exit_codes,
    "environment": environment,
    "faults": faults,
}
