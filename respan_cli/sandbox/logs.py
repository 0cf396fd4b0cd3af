"""Respan's log API: the entries of the requests that the sandbox has had, one by one, in pages and in sums.

Shapes: Respan's official Python client (`respan-api` 0.1.49). Without `start_time` a query covers the last
hour, and `count` is that of the page. Entries come late, as Respan's do: the first look-ups miss them.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from urllib.parse import parse_qsl, urlencode

from respan_cli.sandbox.api import Json
from respan_cli.sandbox.log_entry import LogRecord
from respan_cli.sandbox.log_filters import compile_filters, field_of
from respan_cli.sandbox.queries import QueryError, number_param, time_param

MAX_ENTRIES = 10_000
DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000
DEFAULT_PERIOD = timedelta(hours=1)
_GROUPS = {
    **{name: name for name in ("model", "provider_id", "organization_key_id", "deployment_name")},
    **{name: name for name in ("custom_identifier", "customer_identifier", "prompt_id", "deployment_id")},
    "thread": "thread_identifier",
    "trace": "trace_unique_id",
}


@dataclass(slots=True)
class Log:
    """A record, and how many more look-ups miss it."""

    record: LogRecord
    misses: int

    def arrives(self) -> bool:
        """Whether a look-up finds it; each that does not brings it nearer."""
        self.misses -= 1
        return self.misses < 0


class Logs:
    """The entries, the oldest dropped first. For many threads at once.

    `delay`: how many look-ups miss an entry. `max_bytes`: of requests whose entries are kept.
    """

    def __init__(self, delay: int, max_bytes: int) -> None:
        self._delay = delay
        self._free_bytes = max_bytes
        self._logs: OrderedDict[str, Log] = OrderedDict()
        self._lock = Lock()

    def add(self, record: LogRecord) -> None:
        """Keep a request's record."""
        with self._lock:
            self._logs[record.unique_id] = Log(record, self._delay)
            self._free_bytes -= record.size
            while self._logs and (self._free_bytes < 0 or len(self._logs) > MAX_ENTRIES):
                _, dropped = self._logs.popitem(last=False)
                self._free_bytes += dropped.record.size

    def get(self, unique_id: str) -> Json | None:
        """The entry of this ID, once it has arrived."""
        with self._lock:
            log = self._logs.get(unique_id)
            return log.record.entry if log and log.arrives() else None

    def page(self, url: str, query: str, body: object) -> Json:
        """A page of entries, the newest first unless `sort_by` says otherwise.

        Raises:
            QueryError: an unknown field or operator, or a value of the wrong kind.
        """
        params = dict(parse_qsl(query))
        entries = self._select(params, body)
        name = params.get("sort_by", "-timestamp")
        field = field_of(name.removeprefix("-"))
        entries.sort(key=lambda entry: _sort_key(entry.get(field)), reverse=name.startswith("-"))
        return _page(url, params, entries)

    def summary(self, query: str, body: object) -> Json:
        """Sums and averages of the selected entries.

        Raises:
            QueryError: as `page`.
        """
        entries = self._select(dict(parse_qsl(query)), body)
        return {
            "number_of_requests": len(entries),
            "total_cost": _total(entries, "cost"),
            "total_tokens": _total(entries, "total_request_tokens"),
            "total_prompt_tokens": _total(entries, "prompt_tokens"),
            "total_completion_tokens": _total(entries, "completion_tokens"),
            "avg_latency": _average(entries, "latency"),
            "avg_ttft": _average(entries, "time_to_first_token"),
            "avg_tps": _average(entries, "tokens_per_second"),
            "scores": {},
        }

    def groups(self, url: str, query: str, body: object) -> Json:
        """A page of groups with their sums and averages, the one with the most requests first.

        Raises:
            QueryError: as `page`; or a dimension that cannot be grouped by.
        """
        params = dict(parse_qsl(query))
        dimension = params.get("group_by", "model")
        if dimension not in _GROUPS:
            raise QueryError(f"group_by: unsupported dimension {dimension!r}")
        members: dict[object, list[Json]] = {}
        for entry in self._select(params, body):
            members.setdefault(entry.get(_GROUPS[dimension]), []).append(entry)
        groups = [{_GROUPS[dimension]: key, **_aggregate(entries)} for key, entries in members.items()]
        groups.sort(key=lambda group: -group["number_of_requests"])
        return _page(url, params, groups)

    def _select(self, params: Mapping[str, str], body: object) -> list[Json]:
        """The entries that match and have arrived, the newest first."""
        matches = compile_filters(body.get("filters", {}) if isinstance(body, dict) else {})
        now = datetime.now(UTC)
        start = time_param(params, "start_time", now - DEFAULT_PERIOD)
        end = time_param(params, "end_time", now)
        with self._lock:
            return [
                log.record.entry
                for log in reversed(self._logs.values())
                if start <= log.record.at <= end and matches(log.record.entry) and log.arrives()
            ]


def _sort_key(value: object) -> tuple[int, float, str]:
    if isinstance(value, int | float):
        return 1, value, ""
    return (0, 0, "") if value is None else (2, 0, str(value))


def _page(url: str, params: Mapping[str, str], results: Sequence[Json]) -> Json:
    """One page of results; `url` is where the links to the next and the previous page lead."""
    number = number_param(params, "page", 1)
    size = min(number_param(params, "page_size", DEFAULT_PAGE_SIZE), MAX_PAGE_SIZE)
    pages = max(1, math.ceil(len(results) / size))
    shown = results[(number - 1) * size : number * size]

    def link(page: int) -> str | None:
        return f"{url}?{urlencode({**params, 'page': page})}" if 1 <= page <= pages else None

    return {"count": len(shown), "next": link(number + 1), "previous": link(number - 1), "results": shown}


def _values(entries: Sequence[Json], name: str) -> list[float]:
    return [entry[name] for entry in entries if entry[name] is not None]


def _total(entries: Sequence[Json], name: str) -> float:
    return round(sum(_values(entries, name)), 10)


def _average(entries: Sequence[Json], name: str) -> float | None:
    values = _values(entries, name)
    return round(sum(values) / len(values), 10) if values else None


def _aggregate(entries: Sequence[Json]) -> Json:
    errors = sum(entry["status"] == "error" for entry in entries)
    return {
        "number_of_requests": len(entries),
        "total_cost": _total(entries, "cost"),
        "total_tokens": _total(entries, "total_request_tokens"),
        "error_count": errors,
        "error_percentage": round(100 * errors / len(entries), 2),
        "average_cost": _average(entries, "cost"),
        "average_tokens": _average(entries, "total_request_tokens"),
        "average_latency": _average(entries, "latency"),
        "average_ttft": _average(entries, "time_to_first_token"),
        "average_tps": _average(entries, "tokens_per_second"),
        "cache_hit_percentage": 0.0,
    }
