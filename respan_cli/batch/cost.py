"""What a run cost, by Respan's log: a sum for each customer.

Endpoint and fields: Respan's Python client (`POST /api/request-logs/groups/`, `total_cost` in USD).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from respan_cli.errors import RespanError
from respan_cli.gateway.client import GatewayClient
from respan_cli.gateway.deadline import Deadline

PATIENCE_S = 20.0  # logs come late
_PAUSES_S = (1.0, 1.0, 2.0, 4.0, 4.0, 4.0)
_PAGE = 1000
_PERIOD = timedelta(days=30)  # a run that is resumed may have begun long ago


def cost_by_customer(client: GatewayClient, run: str, rows: int) -> dict[str, float] | None:
    """What the log says that a run cost, in USD, by customer ("" for rows without one).

    Waits for the log, `PATIENCE_S` at most, until it has as many rows.

    Args:
        client: open, with the key among its headers.
        run: the name of the run.
        rows: how many answers there are at least.

    Returns:
        The sums, or None where the log has nothing or cannot be asked.
    """
    deadline = Deadline(PATIENCE_S)
    found: list[Mapping[str, Any]] = []
    for pause in (0.0, *_PAUSES_S):
        time.sleep(pause)
        try:
            found = list(_groups(client, run, deadline))
        except RespanError:
            return None
        if deadline.passed or sum(_number(group, "number_of_requests") for group in found) >= rows:
            break
    return _sums(found) if found else None


def _groups(client: GatewayClient, run: str, deadline: Deadline) -> Iterator[Mapping[str, Any]]:
    parts = urlsplit(client.url)
    start = (datetime.now(UTC) - _PERIOD).isoformat(timespec="seconds").replace("+00:00", "Z")
    body = {"filters": {"metadata__batch": {"operator": "", "value": [run]}}}
    page = 1
    while True:
        query = urlencode(
            {"group_by": "customer_identifier", "page": page, "page_size": _PAGE, "start_time": start}
        )
        url = f"{parts.scheme}://{parts.netloc}/api/request-logs/groups/?{query}"
        response = client.request("POST", url, body, deadline)
        results = response.body.get("results") if isinstance(response.body, dict) else None
        if response.status != 200 or not isinstance(results, list):
            return
        yield from (group for group in results if isinstance(group, dict))
        if len(results) < _PAGE or deadline.passed:
            return
        page += 1


def _sums(groups: list[Mapping[str, Any]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for group in groups:
        customer = str(group.get("customer_identifier") or "")
        sums[customer] = sums.get(customer, 0.0) + _number(group, "total_cost")
    return sums


def _number(group: Mapping[str, Any], name: str) -> float:
    value = group.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
