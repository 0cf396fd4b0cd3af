"""The summary of a finished run."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from shlex import join

from respan_cli.batch.report import SEPARATOR, Tally, summary_json, summary_line
from respan_cli.commands.batch.options import BatchOptions
from respan_cli.errors import ExitCode, RespanError
from respan_cli.terminal.terminal import Terminal
from respan_cli.terminal.text import DIM, one_line

_SECRET_FLAGS = ("-H", "--header", "--gateway-header", "--param")
_CUSTOMERS_SHOWN = 10

Cost = Mapping[str, float]


def report(
    tally: Tally,
    run: str | None,
    code: int,
    failure: RespanError | None,
    cost: Cost | None,
    options: BatchOptions,
    terminal: Terminal,
) -> None:
    """Write the summary: an object with `--json`, else lines for people.

    Args:
        tally: the counts.
        run: the name of the run.
        code: the exit code.
        failure: why the run ended early, if it did.
        cost: USD by customer, if the log was asked.
        options: the command line.
        terminal: where to.
    """
    if failure:
        terminal.print_error(failure)
    if options.as_json:
        summary = summary_json(tally, run, code, failure, cost)
        terminal.note(json.dumps(summary, ensure_ascii=False, separators=(",", ":")))
        return
    terminal.note(summary_line(tally, run), style=DIM, break_at=(SEPARATOR, " "))
    if cost is not None:
        _show_cost(cost, terminal)
    if code != ExitCode.OK:
        terminal.note(_how_to_resume(options))


def _show_cost(cost: Cost, terminal: Terminal) -> None:
    terminal.note(f"cost {_dollars(sum(cost.values()))}", style=DIM)
    dearest = sorted(cost.items(), key=lambda item: -item[1])
    for customer, dollars in dearest[:_CUSTOMERS_SHOWN] if any(cost) else ():
        terminal.note(f"  {_dollars(dollars)}  {one_line(customer) or '(no customer)'}", style=DIM)
    if len(dearest) > _CUSTOMERS_SHOWN:
        terminal.note(f"  and {len(dearest) - _CUSTOMERS_SHOWN} more customers (--json has all)", style=DIM)


def _dollars(amount: float) -> str:
    return f"${amount:.4f}" if amount < 1 else f"${amount:,.2f}"


def _how_to_resume(options: BatchOptions) -> str:
    if options.output_path is None:
        return "to be able to resume, give -o FILE: rows finished there are not sent again"
    return f"to resume: {_command_line()}"


def _command_line() -> str:
    """The command as it was typed, unless a secret may be in it."""
    arguments = sys.argv[1:]
    has_secrets = any(argument.startswith(_SECRET_FLAGS) for argument in arguments)
    if has_secrets or arguments[:1] != ["batch"]:
        return "run the same command again"
    return join(["respan", *arguments])
