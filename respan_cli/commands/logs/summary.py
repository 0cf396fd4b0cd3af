"""`respan logs summary`: what the requests cost together, or in groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from respan_cli.commands.logs.options import SummaryOptions
from respan_cli.commands.shared.api_connection import open_log
from respan_cli.errors import ExitCode, UsageError
from respan_cli.gateway.log_api import LogApi
from respan_cli.gateway.log_entry import Record
from respan_cli.gateway.log_query import Condition, LogQuery
from respan_cli.output.renderers import json_line
from respan_cli.output.units import compact, plain, seconds, usd
from respan_cli.terminal.listing import Cell, Column, print_listing
from respan_cli.terminal.tables import print_table
from respan_cli.terminal.terminal import Terminal
from respan_cli.terminal.text import RED


class Dimension(NamedTuple):
    """A grouping: the API's name for it, and the field that has the value in each group."""

    group_by: str
    field: str


DIMENSIONS = {
    "customer": Dimension("customer_identifier", "customer_identifier"),
    "model": Dimension("model", "model"),
    "custom": Dimension("custom_identifier", "custom_identifier"),
    "thread": Dimension("thread", "thread_identifier"),
    "key": Dimension("organization_key_id", "organization_key_id"),
}
COLUMNS = (
    Column("REQUESTS", right=True),
    Column("ERRORS", right=True),
    Column("TOKENS", right=True),
    Column("COST", right=True),
    Column("LATENCY", right=True),
)
FAILED = Condition("status", "", ("error",))


class Sums(NamedTuple):
    """Sums and averages of a group; `name` is its value, empty where requests have none."""

    name: str
    requests: int | None
    errors: int | None
    tokens: int | None
    cost: float | None
    latency: float | None


def summarize(terminal: Terminal, options: SummaryOptions) -> int:
    """Print the sums of the entries that match."""
    dimension = _dimension(options.by)
    query = options.query(datetime.now().astimezone())
    with open_log(options, terminal) as log:
        if dimension is None:
            found = [_total(log, query)]
        else:
            groups = [_group(one, dimension) for one in log.groups(query, dimension.group_by)]
            found = sorted(groups, key=lambda sums: -(sums.cost or 0))
    terminal.stop_status()
    if options.as_json:
        for sums in found:
            terminal.write(json_line(_as_json(sums, options.by)))
        terminal.flush()
    elif not terminal.stdout_isatty:
        print_table(terminal, (), [_row(sums, options.by) for sums in found])
    elif found:
        print_listing(terminal, _columns(options.by), _cells(found, options.by))
    else:
        terminal.note("no request matches; --since 30d looks further back", label="respan: ")
    return ExitCode.OK


def _dimension(by: str | None) -> Dimension | None:
    if by is None:
        return None
    if by not in DIMENSIONS:
        raise UsageError(f"--by {by!r}: there are no such groups", hint=f"--by {' or '.join(DIMENSIONS)}")
    return DIMENSIONS[by]


def _total(log: LogApi, query: LogQuery) -> Sums:
    summary = log.summary(query)
    # A summary counts no errors.
    errors = log.summary(query.where(FAILED)).count("number_of_requests")
    return _sums("", summary, errors)


def _group(group: Record, dimension: Dimension) -> Sums:
    name = group.text(dimension.field, dimension.group_by, "name", "key")
    return _sums(name or "", group, group.count("error_count"))


def _sums(name: str, record: Record, errors: int | None) -> Sums:
    return Sums(
        name,
        record.count("number_of_requests", "span_count"),
        errors,
        record.count("total_tokens"),
        record.number("total_cost"),
        record.number("avg_latency", "average_latency"),
    )


def _as_json(sums: Sums, by: str | None) -> dict[str, Any]:
    values = sums._asdict()
    name = values.pop("name")
    return values if by is None else {by: name or None, **values}


def _row(sums: Sums, by: str | None) -> list[str]:
    numbers = [plain(number) for number in sums[1:]]
    return numbers if by is None else [sums.name, *numbers]


def _columns(by: str | None) -> Sequence[Column]:
    return COLUMNS if by is None else (Column(by.upper(), least=12), *COLUMNS)


def _cells(found: Sequence[Sums], by: str | None) -> Iterator[list[Cell]]:
    for sums in found:
        cells = [
            Cell("" if sums.requests is None else compact(sums.requests)),
            Cell("" if sums.errors is None else compact(sums.errors), RED if sums.errors else ""),
            Cell("" if sums.tokens is None else compact(sums.tokens)),
            Cell("" if sums.cost is None else usd(sums.cost)),
            Cell("" if sums.latency is None else seconds(sums.latency)),
        ]
        yield cells if by is None else [Cell(sums.name), *cells]
