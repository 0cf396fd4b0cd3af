"""The options of `respan logs`, and the query that they make."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated

import typer

from respan_cli.commands.shared import completion
from respan_cli.commands.shared.api_options import ApiOptions, AsJsonLines
from respan_cli.commands.shared.options import AsJson, ShowSecrets, Text, Texts
from respan_cli.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from respan_cli.gateway.log_query import LogQuery

DEFAULT_SINCE, DEFAULT_LIMIT = "24h", 20
MAX_LIMIT = 1_000_000
PANEL = "Filter"


def _equals(flags: str, meaning: str, metavar: str = "ID") -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        *flags.split("/"), help=meaning, metavar=metavar, rich_help_panel=PANEL
    )
    return option


@dataclass(frozen=True, kw_only=True)
class FilterOptions(ApiOptions):
    """The filters for log entries; none comes from the environment or a profile."""

    since: Annotated[
        str,
        typer.Option(
            "--since",
            help="From when on: 90s, 1h, 7d ago, a date, or a time with its zone.",
            metavar="TIME",
            rich_help_panel=PANEL,
        ),
    ] = DEFAULT_SINCE
    until: Annotated[Text, _equals("--until", "Up to when, in the same forms.", "TIME")] = None
    customer: Annotated[Text, _equals("--customer-id/--customer-identifier", "Of this customer.")] = None
    custom: Annotated[Text, _equals("--custom-id/--custom-identifier", "With this ID of yours.")] = None
    thread: Annotated[Text, _equals("--thread-id", "Of this conversation.")] = None
    of_model: Annotated[
        Text,
        typer.Option(
            "-m",
            "--model",
            help="Answered by this model.",
            metavar="MODEL",
            rich_help_panel=PANEL,
            autocompletion=completion.models,
        ),
    ] = None
    status: Annotated[Text, _equals("--status", "With this status: error, 429 or 5xx.", "STATUS")] = None
    filters: Annotated[
        Texts,
        typer.Option(
            "--filter",
            help="A condition such as 'cost>0.01', model~claude or metadata.team=search; also "
            "FIELD:OP:VALUE with Respan's operators. Repeatable.",
            metavar="CONDITION",
            rich_help_panel=PANEL,
        ),
    ] = None

    def query(self, now: datetime) -> LogQuery:
        """The query that the options make.

        Raises:
            UsageError: a time or a condition that cannot be meant.
        """
        from respan_cli.commands.logs.filters import read_filter, status_conditions
        from respan_cli.commands.logs.times import read_time
        from respan_cli.gateway.log_query import Condition, LogQuery

        since = read_time(self.since, "--since", now)
        until = None if self.until is None else read_time(self.until, "--until", now)
        if since >= (until or now):
            raise UsageError("--since is not before " + ("--until" if until else "now"))
        equal = {
            "customer_identifier": self.customer,
            "custom_identifier": self.custom,
            "thread_identifier": self.thread,
            "model": self.of_model,
        }
        conditions = [
            *(Condition(name, "", (value,)) for name, value in equal.items() if value is not None),
            *(status_conditions(self.status) if self.status else ()),
            *map(read_filter, self.filters or ()),
        ]
        return LogQuery(since, until, tuple(conditions))


@dataclass(frozen=True, kw_only=True)
class LogListOptions(FilterOptions):
    """The options of `logs`, alone and with `list`."""

    limit: Annotated[
        int, typer.Option("-n", "--limit", help="How many at most.", metavar="N", min=1, max=MAX_LIMIT)
    ] = DEFAULT_LIMIT
    as_json: AsJsonLines = False
    show_secrets: ShowSecrets = False

    def first_given(self) -> str | None:
        """The first option that was given."""
        for field in fields(self):
            if getattr(self, field.name) != field.default and field.name not in ("color", "debug"):
                return _flag_of(field.name)
        return None


def _flag_of(name: str) -> str:
    special = {"customer": "--customer-id", "custom": "--custom-id", "thread": "--thread-id"}
    special |= {"of_model": "--model", "filters": "--filter", "as_json": "--json"}
    special |= {"gateway_headers": "--gateway-header"}
    return special.get(name, "--" + name.replace("_", "-"))


@dataclass(frozen=True, kw_only=True)
class SummaryOptions(FilterOptions):
    """The options of `logs summary`."""

    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            help="A row for each customer, model, custom (ID), thread or key.",
            metavar="customer|model|custom|thread|key",
        ),
    ] = None
    as_json: AsJsonLines = False


@dataclass(frozen=True, kw_only=True)
class LogShowOptions(ApiOptions):
    """The options of `logs show`."""

    id: Annotated[
        str, typer.Argument(metavar="ID", help="A log ID, its first characters, or a custom identifier.")
    ]
    full: Annotated[bool, typer.Option("--full", help="Show every message of the prompt.")] = False
    as_json: AsJson = False
    show_secrets: ShowSecrets = False
