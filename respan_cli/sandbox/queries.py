"""Query parameters of Respan's API, read and refused as it does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime


class QueryError(Exception):
    """A query that the API refuses with status 400."""


def time_param(params: Mapping[str, str], name: str, default: datetime) -> datetime:
    """A time in ISO 8601; one without a zone is UTC.

    Raises:
        QueryError: it is something else.
    """
    try:
        moment = datetime.fromisoformat(params[name]) if name in params else default
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise QueryError(f"{name}: not an ISO 8601 time") from None


def number_param(params: Mapping[str, str], name: str, default: int) -> int:
    """A positive whole number.

    Raises:
        QueryError: it is something else.
    """
    text = params.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text)):
        raise QueryError(f"{name}: a positive number is expected")
    return int(text)
