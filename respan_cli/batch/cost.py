"""What a run cost, by Respan's log: a sum for each customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from respan_cli.gateway.client import GatewayClient
from respan_cli.gateway.deadline import Deadline
from respan_cli.gateway.log_api import LOOK_BACK, LogApi
from respan_cli.gateway.log_query import Condition, LogQuery
from respan_cli.gateway.observer import RequestObserver

LATE_S = 20.0  # how long the log is waited for; Respan's own checker waits as long for an entry
READ_TIMEOUT_S = 60.0  # then for the sums: a page holds a thousand customers


def cost_by_customer(
    client: GatewayClient, observer: RequestObserver, run: str, *, rows: int, since: datetime
) -> Mapping[str, float]:
    """What the log says that a run cost, in USD, by customer ("" for rows without one).

    Waits for the log, `LATE_S` at most, until it has so many requests since then. A run that is resumed may
    have begun long before: the sums are over `LOOK_BACK`.

    Args:
        client: open, with the key among its headers.
        observer: told of each request to the log.
        run: the name of the run.
        rows: how many answers there were.
        since: the first of them.

    Raises:
        RespanError: the log cannot be read.
    """
    query = LogQuery(since, conditions=(Condition("metadata__batch", "", (run,)),))
    LogApi(client, Deadline(LATE_S), observer).wait_for_requests(query, rows)
    whole = replace(query, since=datetime.now(UTC) - LOOK_BACK)
    sums: dict[str, float] = {}
    for group in LogApi(client, Deadline(READ_TIMEOUT_S), observer).groups(whole, "customer_identifier"):
        customer = group.text("customer_identifier") or ""
        sums[customer] = sums.get(customer, 0.0) + (group.number("total_cost") or 0.0)
    return sums
