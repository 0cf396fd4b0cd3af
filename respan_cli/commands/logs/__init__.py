"""`respan logs`: Respan's log, read back."""

from __future__ import annotations

import typer

from respan_cli.commands.logs.options import LogListOptions, LogShowOptions, SummaryOptions
from respan_cli.commands.shared.app import App, terminal_of
from respan_cli.errors import ExitCode, UsageError
from respan_cli.terminal.terminal import Terminal

app = App(name="logs")


@app.callback(invoke_without_command=True)
def bare(ctx: typer.Context, options: LogListOptions) -> int:
    """Read Respan's log: requests and costs.

    $ respan logs                               # the newest requests of the last 24 hours
    $ respan logs --status error --since 1h
    $ respan logs --filter 'cost>0.01' --filter metadata.team=search
    $ respan logs show ID                       # one request whole
    $ respan logs summary --by customer         # what it cost, and for whom

    Alone it is 'respan logs list', with the same options. The log is that of the profile's host.
    """
    if ctx.invoked_subcommand is None:
        return _list(terminal_of(ctx), options)
    if early := options.first_given():
        raise UsageError(
            f"{early} stands before {ctx.invoked_subcommand!r}, where it has no effect",
            hint=f"options follow it: 'respan logs {ctx.invoked_subcommand} --help' lists them",
        )
    return ExitCode.OK


@app.command("list")
def list_logs(terminal: Terminal, options: LogListOptions) -> int:
    """List the newest requests in the log.

    $ respan logs list --customer-id alice -n 50
    $ respan logs list --since 2026-10-20 --until 2026-10-21T06:00Z
    $ respan logs list --filter 'latency>=10' --filter model~opus
    $ respan logs list --filter custom_identifier:startswith:nightly/ --json
    """
    return _list(terminal, options)


def _list(terminal: Terminal, options: LogListOptions) -> int:
    from respan_cli.commands.logs.list import list_entries

    return list_entries(terminal, options)


@app.command("show")
def show_log(terminal: Terminal, options: LogShowOptions) -> int:
    """Show one request: prompt, answer, cost.

    $ respan logs show 3f1c2a9b              # the ID as 'respan logs' shows it
    $ respan logs show nightly/row-17        # or your own ID
    $ respan logs show 3f1c2a9b --full       # with every message of the prompt
    """
    from respan_cli.commands.logs.show import show

    return show(terminal, options)


@app.command("summary")
def summarize_logs(terminal: Terminal, options: SummaryOptions) -> int:
    """Sum up requests, tokens, cost and errors.

    $ respan logs summary --since 7d
    $ respan logs summary --by customer --filter metadata.batch=nightly
    $ respan logs summary --by model --status error
    """
    from respan_cli.commands.logs.summary import summarize

    return summarize(terminal, options)
