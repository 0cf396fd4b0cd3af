"""Finds one message in Respan's log and compares its identity with the one that was sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from respan_cli.commands.check.context import CheckContext
from respan_cli.commands.check.stages import Finding
from respan_cli.errors import ProviderError
from respan_cli.gateway.deadline import Deadline
from respan_cli.gateway.error_body import as_json
from respan_cli.gateway.log_api import LogApi
from respan_cli.gateway.log_entry import LogEntry
from respan_cli.output.progress import remark

_NOTHING = "nothing"
_IDENTIFIERS = ("customer_identifier", "custom_identifier")


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that the log has otherwise than it was sent."""

    name: str
    sent: str
    logged: str | None

    def __str__(self) -> str:
        logged = _NOTHING if self.logged is None else repr(self.logged)
        return f"{self.name}: sent {self.sent!r}, the log has {logged}"


def log(state: CheckContext) -> Finding | None:
    """Whether Respan's log has the message, and says of it what was sent.

    Raises:
        RespanError: the log cannot be read, or does not have the message in time.
    """
    if not state.options.log:
        return None
    deadline = Deadline(state.options.seconds_for_log)
    remark(f"waiting for the log, at most {state.options.seconds_for_log:g} s", state.terminal)
    params, log_id = state.first.result.request.respan_params, state.first.result.ids.log_id
    with state.log_reader() as client:
        api = LogApi(client, deadline, state.observer())
        if log_id:
            entry = api.wait_for(log_id)
        else:
            entry = api.wait_for_custom_id(params["custom_identifier"], known=state.known_logs)
    return _compare(params, entry, "log_id" if log_id else "custom_identifier", api.looks)


def _compare(params: Mapping[str, Any], entry: LogEntry, found_by: str, looks: int) -> Finding:
    found, omitted = differences(params, entry), omitted_metadata(params, entry)
    compared = [name for name in _compared(params) if name not in omitted]
    facts = {
        "found_by": found_by,
        "looks": looks,
        "compared": compared,
        "omitted": omitted,
        "differences": [asdict(one) for one in found],
    }
    told = f"found by its {', '.join(compared)}"
    warnings = (f"the log shows no {', '.join(omitted)}",) if omitted else ()
    failure = None
    if found:
        failure = ProviderError("; ".join(map(str, found)), kind="log_differs", log_id=entry.id)
    return Finding(told, facts, warnings, failure=failure)


def differences(params: Mapping[str, Any], entry: LogEntry) -> list[Difference]:
    """What of the identity that was sent the log does not have as it was sent.

    Args:
        params: the `respan_params` of the request; what the log has beyond them is not compared.
        entry: the log's entry. A metadata key that it omits is no difference: see `omitted_metadata`.
    """
    found = [_difference(name, params.get(name), entry.raw.get(name)) for name in _IDENTIFIERS]
    logged = _metadata(entry)
    for key, value in (params.get("metadata") or {}).items():
        if key in logged:
            found.append(_difference(f"metadata.{key}", value, logged[key]))
    return [difference for difference in found if difference]


def omitted_metadata(params: Mapping[str, Any], entry: LogEntry) -> list[str]:
    """The metadata that was sent and that the log does not show: it keeps some keys to itself."""
    logged = _metadata(entry)
    return [f"metadata.{key}" for key in params.get("metadata") or {} if key not in logged]


def _metadata(entry: LogEntry) -> Mapping[str, Any]:
    logged = entry.raw.get("metadata")
    logged = as_json(logged) if isinstance(logged, str) else logged
    return logged if isinstance(logged, dict) else {}


def _difference(name: str, sent: object, logged: object) -> Difference | None:
    if sent is None or (logged is not None and str(logged) == str(sent)):
        return None
    return Difference(name, str(sent), None if logged in (None, "") else str(logged))


def _compared(params: Mapping[str, Any]) -> Iterator[str]:
    yield from (name for name in _IDENTIFIERS if params.get(name))
    yield from (f"metadata.{key}" for key in params.get("metadata") or {})
