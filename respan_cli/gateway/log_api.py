"""Respan's request log: one request by its ID, many by a query, and their sums.

    log = LogApi(client, Deadline(20))
    entry = log.wait_for(log_id)
    for entry in log.entries(LogQuery(since), limit=20):
        print(entry.model, entry.cost)

Endpoints and shapes: Respan's official Python client (`respan-api` 0.1.49). Logging is asynchronous: their
own checkers look every second for 20 s, or every 10 s for 180 s.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from respan_cli.errors import ProviderError, RejectedError, RespanError
from respan_cli.gateway.error_body import retry_after
from respan_cli.gateway.http import HttpResponse
from respan_cli.gateway.log_entry import LogEntry, Record
from respan_cli.gateway.log_query import Condition, LogQuery
from respan_cli.gateway.respan_api import ABSENT, RespanApi, is_transient

MAX_PAGE_SIZE = 1000
LOOK_BACK = timedelta(days=30)  # for a request that is looked up by its own identifier
MISSING = "log_missing"  # the kind of a failure that says: the log has no such entry, yet
FIRST_PAUSES_S, MAX_PAUSE_S = (1.0, 1.0), 8.0  # between two looks; then doubled each time
_SUMMARY = "request-logs/summary/"
_NEWEST = 20  # entries under one custom identifier that are looked at
_ENTRY_FIELDS = ("unique_id", "id", "customer_identifier", "custom_identifier", "metadata", "blurred")


class LogApi(RespanApi):
    """The request log beside a gateway."""

    subject = "the request log"
    absent = "this gateway keeps no such log"
    looks = 0  # how often an entry was looked for

    def get(self, log_id: str) -> LogEntry | None:
        """The entry of this ID, if the log has it.

        Raises:
            RespanError: the log cannot be read.
        """
        try:
            body = self.call("GET", _entry_path(log_id))
        except RejectedError as failure:
            if failure.status == 404:
                return None
            raise
        return self._entry(body)

    def wait_for(self, log_id: str, *, with_cost: bool = False) -> LogEntry:
        """The entry of this ID, once it is there.

        Args:
            with_cost: wait until its cost is known, too.

        Raises:
            ProviderError: it did not come in time (its kind is `MISSING`).
            RespanError: the log cannot be read, or there is none (its kind is `ABSENT`).
        """
        exists = False
        for response in self._poll(lambda: self.attempt("GET", _entry_path(log_id))):
            if response.status == 404 and response.is_json:
                exists = exists or self._check_exists()
            elif not is_transient(response):
                entry = self._entry(self.accept(response))
                if entry.cost is not None or not with_cost:
                    return entry
        raise self._missing(f"ID {log_id}", response)

    def wait_for_custom_id(
        self,
        identifier: str,
        since: datetime | None = None,
        known: frozenset[str] = frozenset(),
        *,
        with_cost: bool = False,
    ) -> LogEntry:
        """The newest entry under this custom identifier, once it is there.

        Args:
            since: older entries are not looked at; `LOOK_BACK` ago, if None.
            known: IDs of entries that are not meant.
            with_cost: wait until its cost is known, too.

        Raises:
            ProviderError: it did not come in time (its kind is `MISSING`).
            RespanError: the log cannot be read, or there is none (its kind is `ABSENT`).
        """
        query = _by_custom_id(identifier, since)
        for response in self._poll(lambda: self._attempt_page(query)):
            if not is_transient(response):
                entries = map(LogEntry, self._page(self.accept(response)).results)
                for entry in entries:
                    if entry.id not in known and (entry.cost is not None or not with_cost):
                        return entry
        raise self._missing(f"custom identifier {identifier}", response)

    def find_by_custom_id(self, identifier: str, since: datetime | None = None) -> LogEntry | None:
        """The newest entry under this custom identifier, if the log has one.

        Raises:
            RespanError: the log cannot be read.
        """
        return next(self.entries(_by_custom_id(identifier, since), limit=1), None)

    def ids_of(self, custom_identifier: str) -> frozenset[str]:
        """The IDs of the newest entries under a custom identifier.

        Raises:
            RespanError: the log cannot be read.
        """
        entries = self.entries(_by_custom_id(custom_identifier), limit=_NEWEST)
        return frozenset(entry.id for entry in entries if entry.id)

    def entries(self, query: LogQuery, *, limit: int) -> Iterator[LogEntry]:
        """The newest entries, page by page, each once even if new requests shift the pages meanwhile.

        Raises:
            RespanError: the log cannot be read.
        """
        params = {"page_size": str(min(limit, MAX_PAGE_SIZE)), "sort_by": "-timestamp"}
        entries = map(LogEntry, self._pages("request-logs/list/", query, params))
        yield from islice(_without_repetition(entries), limit)

    def summary(self, query: LogQuery) -> Record:
        """The sums and averages of the requests that match.

        Raises:
            RespanError: the log cannot be read.
        """
        return self._summary(self.call("POST", _SUMMARY, query.params(), query.body()))

    def wait_for_requests(self, query: LogQuery, count: int) -> Record:
        """The sums of the requests that match, once there are so many, or as they are at the deadline.

        Raises:
            RespanError: the log cannot be read, or there is none (its kind is `ABSENT`).
        """
        for response in self._poll(lambda: self.attempt("POST", _SUMMARY, query.params(), query.body())):
            if not is_transient(response):
                summary = self._summary(self.accept(response))
                if (summary.count("number_of_requests") or 0) >= count:
                    return summary
        return self._summary(self.accept(response))

    def groups(self, query: LogQuery, group_by: str) -> Iterator[Record]:
        """The sums and averages of each group.

        Args:
            group_by: `model`, `customer_identifier`, `custom_identifier`, `thread`, `organization_key_id`, …

        Raises:
            RespanError: the log cannot be read.
        """
        params = {"group_by": group_by, "page_size": str(MAX_PAGE_SIZE)}
        return map(Record, self._pages("request-logs/groups/", query, params))

    def _poll(self, look: Callable[[], HttpResponse]) -> Iterator[HttpResponse]:
        """Look again and again, until the deadline has passed."""
        for pause in _pauses():
            self.looks += 1
            response = look()
            yield response
            if self._deadline.passed:
                return
            wish = retry_after(response.headers, response.body) or 0
            time.sleep(min(max(pause, wish), self._deadline.left()))

    def _attempt_page(self, query: LogQuery) -> HttpResponse:
        params = {**query.params(), "page": "1", "page_size": str(_NEWEST), "sort_by": "-timestamp"}
        return self.attempt("POST", "request-logs/list/", params, query.body())

    def _check_exists(self) -> bool:
        """Tell a late entry from a gateway without a log: both are a 404, but only a log can be listed.

        Returns:
            True.

        Raises:
            RespanError: there is no log here (its kind is `ABSENT`).
        """
        response = self._attempt_page(LogQuery(datetime.now(UTC) - timedelta(hours=1)))
        failure = None if response.status < 300 and response.is_json else self.refusal(response)
        if failure and failure.kind == ABSENT:
            raise failure
        return True

    def _pages(self, path: str, query: LogQuery, params: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        """The results of every page.

        The log's own `count` is that of the page. Of its link to the next page only the parameters are used:
        the key goes to no other address.
        """
        asked = {**query.params(), **params, "page": "1"}
        seen: list[Mapping[str, str]] = []
        while asked not in seen:
            seen.append(asked)
            page = self._page(self.call("POST", path, asked, query.body()))
            yield from page.results
            if not page.has_next(int(params["page_size"])):
                return
            asked = {**asked, "page": str(len(seen) + 1), **page.next_params()}

    def _page(self, body: object) -> _Page:
        results = body.get("results") if isinstance(body, dict) else body
        if not isinstance(results, list):
            raise self.unexpected(body)
        following = body.get("next", ...) if isinstance(body, dict) else ...
        return _Page([one for one in results if isinstance(one, dict)], following)

    def _summary(self, body: object) -> Record:
        if not isinstance(body, dict):
            raise self.unexpected(body)
        return Record(body)

    def _entry(self, body: object) -> LogEntry:
        """The entry in a response; something else may answer at the log's address."""
        if isinstance(body, dict) and any(name in body for name in _ENTRY_FIELDS):
            return LogEntry(body)
        raise self.unexpected(body)

    def _missing(self, what: str, last: HttpResponse) -> RespanError:
        if last.status not in (200, 404):  # the log did not say that it has no entry: it said nothing
            return self.refusal(last)
        message = f"no entry of {what} in the request log after {self._deadline.seconds:g} s"
        return ProviderError(f"{message}, {self.looks} looks", kind=MISSING, retryable=True)


class _Page:
    """One page: its results, and the link to the next one (`...` if the server has no such field)."""

    def __init__(self, results: list[Mapping[str, Any]], following: object) -> None:
        self.results = results
        self._next = following

    def has_next(self, page_size: int) -> bool:
        if not self.results:
            return False
        return len(self.results) >= page_size if self._next is ... else bool(self._next)

    def next_params(self) -> dict[str, str]:
        try:
            return dict(parse_qsl(urlsplit(self._next).query)) if isinstance(self._next, str) else {}
        except ValueError:
            return {}


def _pauses() -> Iterator[float]:
    yield from FIRST_PAUSES_S
    pause = FIRST_PAUSES_S[-1]
    while True:
        pause = min(2 * pause, MAX_PAUSE_S)
        yield pause


def _entry_path(log_id: str) -> str:
    return f"request-logs/{quote(log_id, safe='')}/"


def _by_custom_id(identifier: str, since: datetime | None = None) -> LogQuery:
    start = since or datetime.now(UTC) - LOOK_BACK
    return LogQuery(start, conditions=(Condition("custom_identifier", "", (identifier,)),))


def _without_repetition(entries: Iterator[LogEntry]) -> Iterator[LogEntry]:
    seen = set()
    for entry in entries:
        if entry.id is None or entry.id not in seen:
            seen.add(entry.id)
            yield entry
