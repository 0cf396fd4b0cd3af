"""The rows of `respan batch`, sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from respan_cli.batch.cost import cost_by_customer
from respan_cli.batch.journal import Journal
from respan_cli.batch.plan import Planner
from respan_cli.batch.progress import progress_for
from respan_cli.batch.requests import RowRequest
from respan_cli.batch.runner import Runner, RunOptions
from respan_cli.commands.batch.listener import Listener
from respan_cli.commands.batch.options import BatchOptions
from respan_cli.commands.batch.summary import Cost, report
from respan_cli.commands.shared.connection import client_for, open_target
from respan_cli.errors import ExitCode, OutputError, RespanError, TerminationSignal
from respan_cli.gateway.client import GatewayClient
from respan_cli.gateway.sdk import preload
from respan_cli.output.progress import api_observer
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.terminal import Terminal


def deliver(planner: Planner, settings: Settings, options: BatchOptions, terminal: Terminal) -> int:
    """Send the rows, and say what became of them.

    Returns:
        The exit code.

    Raises:
        RespanError: no row could be sent.
        ReaderClosedError: the reader of standard output went away.
    """
    with ExitStack() as stack:
        journal = Journal(options.output_path) if options.output_path else None
        if journal:
            stack.callback(journal.close)
        errors = _open_errors(options.errors, stack)
        preload()  # while the rows are checked
        with terminal.status("checking the rows"):
            requests = planner.requests(journal.is_finished) if journal else planner.requests()
        target = stack.enter_context(open_target(settings, terminal.env, sandbox=options.sandbox))
        client = client_for(target, settings, terminal, max_retries=0, keep_alive=options.jobs)
        stack.enter_context(client)
        to_terminal = terminal.stdout_isatty and journal is None
        progress = progress_for(options.progress, terminal, writes_to_terminal=to_terminal)
        listener = Listener(terminal, journal, errors, progress)
        runner = Runner(client, _run_options(options, settings), listener, planner.tally)
        code = _run(runner, requests, listener)
        if journal:
            journal.close()
        cost = _cost(client, planner, options, terminal)
        failure = runner.failure if isinstance(runner.failure, RespanError) else None
        report(planner.tally, planner.run, code, failure, cost, options, terminal)
    return code


def _run_options(options: BatchOptions, settings: Settings) -> RunOptions:
    return RunOptions(
        jobs=options.jobs,
        max_retries=settings.max_retries,
        max_failures=options.max_failures,
        ordered=options.ordered,
        profile=settings.profile,
    )


def _run(runner: Runner, requests: Iterator[RowRequest], listener: Listener) -> int:
    try:
        runner.run(requests)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except TerminationSignal as ended:
        return ended.code
    finally:
        listener.progress.close()
    if isinstance(runner.failure, RespanError):
        return runner.failure.code
    if runner.failure:
        raise runner.failure
    return ExitCode.ROWS_FAILED if runner.tally.failed else ExitCode.OK


def _open_errors(path: str | None, stack: ExitStack) -> IO[str] | None:
    if path is None:
        return None
    try:
        return stack.enter_context(Path(path).open("w", encoding="utf-8", errors="backslashreplace"))
    except OSError as error:
        raise OutputError(f"cannot write {path}", reason=error.strerror) from None


def _cost(client: GatewayClient, planner: Planner, options: BatchOptions, terminal: Terminal) -> Cost | None:
    if not options.cost or planner.run is None:
        return None
    began = datetime.now(UTC) - timedelta(seconds=planner.tally.seconds)
    observer, rows = api_observer(terminal), planner.tally.done
    try:
        with terminal.status("waiting for the cost in the log"):
            return cost_by_customer(client, observer, planner.run, rows=rows, since=began)
    except RespanError as failure:
        terminal.warn(f"cost unknown: {failure.message}")
    except KeyboardInterrupt:  # of the wait: the answers came before it
        if terminal.interrupted:  # which will take no more of it
            raise
        terminal.warn("cost unknown: interrupted")
    return None
