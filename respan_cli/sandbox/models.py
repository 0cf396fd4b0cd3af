"""Respan's public models: the catalogue with prices, and how each model has been doing.

Shapes: Respan's official Python client (`respan-api` 0.1.49, `models/public/` and `models/{name}/status/`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from respan_cli.sandbox.api import Json
from respan_cli.sandbox.log_entry import (
    FIRST_TOKEN_S,
    INPUT_USD_PER_MILLION,
    OUTPUT_USD_PER_MILLION,
    TOKENS_PER_SECOND,
)
from respan_cli.sandbox.queries import QueryError, time_param

CATALOGUE = (
    "claude-haiku-5-5",
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "anthropic/claude-sonnet-5-5",
    "sandbox-echo",
)
_CONTEXT_TOKENS = 200_000
_PROVIDER = {
    "provider_name": "Anthropic",
    "provider_id": "anthropic",
    "moderation": "",
    "credential_fields": [],
}
# Percent of the time: of the models of the catalogue, and of those that fail on demand.
_UPTIME_PERCENT = 99.9
_FAULT_UPTIME_PERCENT = 62.5
_TICKS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_MAX_BUCKETS = 1000


def catalogue() -> Json:
    """The public catalogue; costs are in USD per million tokens."""
    costs = {"input_cost": INPUT_USD_PER_MILLION, "output_cost": OUTPUT_USD_PER_MILLION}
    aliases = {"prompt_cost": INPUT_USD_PER_MILLION, "completion_cost": OUTPUT_USD_PER_MILLION}
    rest = {"max_context_window": _CONTEXT_TOKENS, **costs, **aliases, "provider": _PROVIDER}
    return {"models": [{"model_name": name, **rest} for name in CATALOGUE]}


def status(name: str, query: str, faults: Collection[str]) -> Json:
    """How a model has been doing; a name that is unknown has empty series.

    Raises:
        QueryError: a time that is not ISO 8601, or an unknown tick.
    """
    params = dict(parse_qsl(query))
    tick = params.get("time_tick", "hour")
    if tick not in _TICKS:
        raise QueryError(f"time_tick: unsupported tick {tick!r}")
    end = time_param(params, "end_time", datetime.now(UTC))
    start = time_param(params, "start_time", end - timedelta(hours=1))
    uptime = _UPTIME_PERCENT if name in CATALOGUE else _FAULT_UPTIME_PERCENT if name in faults else None
    buckets = [] if uptime is None else _buckets(start, end, _TICKS[tick])
    metrics = _metrics(known=uptime is not None)
    uptimes = [{"date_group": moment, "uptime": uptime} for moment in buckets]
    return {
        "model": name,
        "provider_id": None,
        "time_tick": tick,
        "start_time": start.isoformat(),
        "end_time": end.isoformat(),
        "data": uptimes,
        "respan_uptime": uptimes,
        "metrics_series": [{"date_group": moment, **metrics} for moment in buckets],
        "status": {"uptime_percent": uptime, **metrics, "input_cost": INPUT_USD_PER_MILLION},
    }


def _metrics(*, known: bool) -> dict[str, Any]:
    metrics = {
        "average_tps": TOKENS_PER_SECOND,
        "average_ttft": FIRST_TOKEN_S,
        "average_latency": 2.0,
        "cache_hit_percentage": 0.0,
    }
    return metrics if known else dict.fromkeys(metrics)


def _buckets(start: datetime, end: datetime, tick: timedelta) -> list[str]:
    first = start.replace(minute=0, second=0, microsecond=0)
    count = min(max(0, (end - first) // tick + 1), _MAX_BUCKETS)
    return [(first + index * tick).isoformat() for index in range(count)]
