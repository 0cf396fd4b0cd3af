"""Respan's log, asked for one message: has it arrived there, and does it say what was sent?

Endpoints and shapes: Respan's published tools (`GET /api/request-logs/{unique_id}/`,
`POST /api/request-logs/list/`). Logging is asynchronous; their own checker waits up to 180 s.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from respan_cli.commands.check.context import CheckContext
from respan_cli.commands.check.stages import Finding
from respan_cli.errors import ProviderError, RespanError
from respan_cli.gateway.api_errors import RequestContext
from respan_cli.gateway.client import GatewayClient
from respan_cli.gateway.deadline import Deadline
from respan_cli.gateway.error_body import as_json
from respan_cli.gateway.http import HttpResponse
from respan_cli.gateway.observer import RequestObserver
from respan_cli.output.progress import remark

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0  # seconds between two looks; doubled each time
_PAGE = 20  # entries; the one looked for is the newest
_NOTHING = "nothing"
_IDENTIFIERS = ("customer_identifier", "custom_identifier")

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the log says otherwise than the request did."""

    name: str
    sent: str
    logged: str | None

    def __str__(self) -> str:
        logged = _NOTHING if self.logged is None else repr(self.logged)
        return f"{self.name}: sent {self.sent!r}, the log has {logged}"


class RequestLog:
    """The request log beside a gateway: on the same host, under `/api/request-logs/`.

    Args:
        client: open, with the key among its headers.
        context: what failures say about the request.
        observer: told of each request.
        deadline: until when to look.
    """

    def __init__(
        self, client: GatewayClient, context: RequestContext, deadline: Deadline, observer: RequestObserver
    ) -> None:
        parts = urlsplit(context.url)
        self._root = f"{parts.scheme}://{parts.netloc}/api/request-logs/"
        self._client = client
        self._context = context
        self._observer = observer
        self._deadline = deadline
        self.looks = 0

    def wait_for(self, log_id: str) -> Entry:
        """The entry of this id, once it is there.

        Raises:
            ProviderError: it did not come in time (its kind is `log_missing`).
            RespanError: the log cannot be asked.
        """
        for response in self._look("GET", f"{quote(log_id, safe='')}/", None):
            if response.status == 200 and isinstance(response.body, dict) and _is_entry(response.body):
                return response.body
        raise self._missing(f"id {log_id}", response)

    def wait_for_custom(self, identifier: str, known: frozenset[str]) -> Entry:
        """The newest entry under this custom identifier that is not among the known ones.

        Args:
            identifier: the custom identifier.
            known: ids that were there before.

        Raises:
            ProviderError: it did not come in time (its kind is `log_missing`).
            RespanError: the log cannot be asked.
        """
        for response in self._look("POST", "list/", _query(identifier)):
            new = [entry for entry in _results(response.body) if _id_of(entry) not in known]
            if new:
                return new[0]
        raise self._missing(f"custom identifier {identifier}", response)

    def ids_of(self, identifier: str) -> frozenset[str]:
        """The ids of the newest entries under a custom identifier, as they are now.

        Raises:
            RespanError: the log cannot be asked.
        """
        response = self._ask("POST", "list/", _query(identifier))
        return frozenset(_id_of(entry) for entry in _results(response.body))

    def _look(self, method: str, path: str, body: object) -> Iterator[HttpResponse]:
        pause = FIRST_PAUSE
        while True:
            yield self._ask(method, path, body)
            if self._deadline.passed:
                return
            time.sleep(min(pause, self._deadline.left()))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _ask(self, method: str, path: str, body: object) -> HttpResponse:
        self.looks += 1
        response = self._client.request(method, self._root + path, body, self._deadline, self._observer)
        # A log that is late is a 404 in JSON; a page at its address will not turn into a log.
        passing = response.status in (408, 429) or response.status >= 500
        passing = passing or (response.status == 404 and response.is_json)
        if not passing and (not response.is_json or response.status >= 300):
            failure = self._refused(response)
            raise failure if response.status in (401, 403) else failure.with_kind("log_none")
        return response

    def _refused(self, response: HttpResponse) -> RespanError:
        failure = response.failure(self._context)
        return failure.with_message(f"the request log at {self._root} cannot be asked: {failure.message}")

    def _missing(self, what: str, last: HttpResponse) -> RespanError:
        if last.status not in (200, 404):  # it is not that the log has no entry: it has said nothing
            return self._refused(last)
        message = f"no entry of {what} in the request log after {self._deadline.seconds:g} s"
        return ProviderError(f"{message}, {self.looks} looks", kind="log_missing", retryable=True)


def _query(identifier: str) -> dict[str, Any]:
    filters = {"custom_identifier": {"operator": "", "value": [identifier]}}
    return {"filters": filters, "page_size": _PAGE, "sort_by": "-timestamp"}


def _results(body: object) -> list[Entry]:
    results = body.get("results") if isinstance(body, dict) else None
    return [entry for entry in results if isinstance(entry, dict)] if isinstance(results, list) else []


def _is_entry(body: Entry) -> bool:
    """Whether it says anything that could be compared; something else may answer at the log's address."""
    return any(name in body for name in ("unique_id", "id", *_IDENTIFIERS, "metadata"))


def _id_of(entry: Entry) -> str:
    return str(entry.get("unique_id") or entry.get("id"))


def differences(params: Mapping[str, Any], entry: Entry) -> list[Difference]:
    """What of the identity that was sent the log does not have as it was sent.

    Args:
        params: the `respan_params` of the request.
        entry: the log's entry; what it has beyond that is its own business.
    """
    found = []
    for name in _IDENTIFIERS:
        found += _compare(name, params.get(name), entry.get(name))
    logged = entry.get("metadata")
    logged = as_json(logged) if isinstance(logged, str) else logged
    for key, value in (params.get("metadata") or {}).items():
        found += _compare(f"metadata.{key}", value, logged.get(key) if isinstance(logged, dict) else None)
    return found


def _compare(name: str, sent: object, logged: object) -> list[Difference]:
    if sent is None or (logged is not None and str(logged) == str(sent)):
        return []
    return [Difference(name, str(sent), None if logged in (None, "") else str(logged))]


def log(state: CheckContext) -> Finding | None:
    """Whether Respan's log has the message, and says of it what was sent.

    Raises:
        RespanError: the log cannot be asked, or does not have it in time.
    """
    if not state.options.log:
        return None
    deadline = Deadline(state.options.seconds_for_log)
    remark(f"waiting for the log, at most {state.options.seconds_for_log:g} s", state.terminal)
    params, log_id = state.first.result.request.respan_params, state.first.result.ids.log_id
    with state.log_reader() as client:
        request_log = RequestLog(client, state.asked, deadline, state.observer())
        if log_id:
            entry = request_log.wait_for(log_id)
        else:
            entry = request_log.wait_for_custom(params["custom_identifier"], state.known_logs)
    found = differences(params, entry)
    by = "log_id" if log_id else "custom_identifier"
    compared = _compared(params)
    facts = {
        "found_by": by,
        "looks": request_log.looks,
        "compared": compared,
        "differences": [asdict(one) for one in found],
    }
    failure = ProviderError("; ".join(map(str, found)), kind="log_differs", log_id=log_id) if found else None
    return Finding(f"found by its {by}, as sent: {', '.join(compared)}", facts, failure=failure)


def _compared(params: Mapping[str, Any]) -> list[str]:
    names = [name for name in _IDENTIFIERS if params.get(name)]
    return names + [f"metadata.{key}" for key in params.get("metadata") or {}]
