"""`respan logs list`: the newest requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from respan_cli.commands.logs.entry_json import print_json
from respan_cli.commands.logs.options import LogListOptions
from respan_cli.commands.shared.api_connection import open_log
from respan_cli.errors import ExitCode
from respan_cli.gateway.log_entry import LogEntry
from respan_cli.output.units import compact, plain, seconds, usd
from respan_cli.terminal.listing import Cell, Column, print_listing
from respan_cli.terminal.tables import print_table
from respan_cli.terminal.terminal import Terminal
from respan_cli.terminal.text import RED

SHORT_ID = 8  # characters; `logs show` takes them
COLUMNS = (
    Column("TIME"),
    Column("STATUS"),
    Column("MODEL", least=12),
    Column("CUSTOMER", least=8),
    Column("TOKENS", right=True),
    Column("COST", right=True),
    Column("LATENCY", right=True),
    Column("ID", short=SHORT_ID),
)


def list_entries(terminal: Terminal, options: LogListOptions) -> int:
    """Print the entries that match, the newest first."""
    query = options.query(datetime.now().astimezone())
    with open_log(options, terminal) as log:
        entries = log.entries(query, limit=options.limit)
        if options.as_json:
            for entry in entries:
                print_json(terminal, dict(entry.raw), show_secrets=options.show_secrets)
        elif terminal.stdout_isatty:
            _print_for_person(terminal, list(entries), options)
        else:
            print_table(terminal, (), (_row(entry, terminal) for entry in entries))
    return ExitCode.OK


def _print_for_person(terminal: Terminal, entries: Sequence[LogEntry], options: LogListOptions) -> None:
    terminal.stop_status()
    if entries:
        print_listing(terminal, COLUMNS, _cells(entries))
        return
    period = f"since {options.since}" if options.since[-1:] not in "smhdw" else f"in the last {options.since}"
    terminal.note(f"no request {period} matches; --since 30d looks further back", label="respan: ")


def _row(entry: LogEntry, terminal: Terminal) -> list[str]:
    """The values for scripts, as in the log, without units."""
    total, latency = entry.total_tokens, entry.number("latency")
    cells = [
        entry.text("timestamp") or "",
        _status(entry),
        entry.model or "",
        entry.text("customer_identifier") or "",
        plain(total),
        plain(entry.cost),
        plain(latency),
        entry.id or "",
    ]
    return [terminal.redact_secrets(cell) for cell in cells]


def _cells(entries: Sequence[LogEntry]) -> Iterator[list[Cell]]:
    times = [entry.timestamp and entry.timestamp.astimezone() for entry in entries]
    form = _time_format([time for time in times if time])
    for entry, time in zip(entries, times, strict=True):
        latency = entry.number("latency")
        yield [
            Cell(time.strftime(form) if time else entry.text("timestamp") or ""),
            Cell(_status(entry), RED if entry.failed else ""),
            Cell(entry.model or ""),
            Cell(entry.text("customer_identifier") or ""),
            Cell("" if entry.total_tokens is None else compact(entry.total_tokens)),
            Cell("" if entry.cost is None else usd(entry.cost)),
            Cell("" if latency is None else seconds(latency)),
            Cell(entry.id or ""),
        ]


def _status(entry: LogEntry) -> str:
    return str(entry.status_code) if entry.status_code is not None else entry.text("status") or ""


def _time_format(times: Sequence[datetime]) -> str:
    """The shortest form that is unambiguous as to day and year."""
    today = datetime.now().astimezone().date()
    if all(time.date() == today for time in times):
        return "%H:%M:%S"
    return "%m-%d %H:%M" if all(time.year == today.year for time in times) else "%Y-%m-%d"
