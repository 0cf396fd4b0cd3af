"""The entry that a person means: by log ID, by its first characters, or by a custom identifier."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from respan_cli.errors import RejectedError, RespanError, UsageError
from respan_cli.gateway.log_api import LOOK_BACK, LogApi
from respan_cli.gateway.log_entry import LogEntry
from respan_cli.gateway.log_query import Condition, LogQuery

_PREFIX = re.compile(r"[0-9A-Za-z-]{6,}")  # of a log ID; less would fit too many
_AMBIGUOUS = 3  # entries that are named


def find(log: LogApi, name: str) -> LogEntry:
    """The entry.

    Raises:
        RejectedError: the log has no such entry.
        UsageError: the first characters fit more than one.
        RespanError: the log cannot be read.
    """
    if entry := log.get(name):
        return entry
    if entry := log.find_by_custom_id(name) or _by_prefix(log, name):
        # A list may leave out the content.
        return (log.get(entry.id) if entry.id else None) or entry
    raise _unknown(name)


def _by_prefix(log: LogApi, name: str) -> LogEntry | None:
    if not _PREFIX.fullmatch(name):
        return None
    condition = Condition("unique_id", "startswith", (name,))
    query = LogQuery(datetime.now(UTC) - LOOK_BACK, conditions=(condition,))
    found = [entry for entry in log.entries(query, limit=_AMBIGUOUS) if (entry.id or "").startswith(name)]
    if len(found) > 1:
        ids = ", ".join(entry.id or "" for entry in found)
        raise UsageError(f"{name!r} is the beginning of more than one log ID", reason=ids)
    return found[0] if found else None


def _unknown(name: str) -> RespanError:
    return RejectedError(
        f"no request {name!r} in the log",
        reason=f"neither a log ID nor a custom identifier of the last {LOOK_BACK.days} days",
        hint="a request takes some seconds to arrive in the log; 'respan logs' lists the newest",
        kind="log_missing",
    )
