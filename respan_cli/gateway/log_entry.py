"""One entry of Respan's log, read leniently: a missing field, or one of an undocumented type, is None."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Record:
    """A JSON object of the log API: an entry, a summary, a group or a model."""

    raw: Mapping[str, Any]

    def text(self, *names: str) -> str | None:
        """The first of these fields that holds a non-empty text (or a number, as text)."""
        for name in names:
            value = self.raw.get(name)
            if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
                return str(value)
        return None

    def number(self, *names: str) -> float | None:
        """The first of these fields that holds a finite number, also one written as text."""
        for name in names:
            if (number := as_number(self.raw.get(name))) is not None:
                return number
        return None

    def count(self, *names: str) -> int | None:
        """The first of these fields that holds a number, as a whole one."""
        number = self.number(*names)
        return None if number is None else int(number)

    def object(self, name: str) -> Mapping[str, Any]:
        """The object in this field; an empty one where there is none."""
        value = self.raw.get(name)
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class LogEntry(Record):
    """One request in the log."""

    @property
    def id(self) -> str | None:
        """The log ID."""
        return self.text("unique_id", "id")

    @property
    def timestamp(self) -> datetime | None:
        """When the request was complete; one without a zone is UTC."""
        return as_time(self.text("timestamp", "start_time"))

    @property
    def model(self) -> str | None:
        """The model that answered."""
        return self.text("model")

    @property
    def status_code(self) -> int | None:
        """The HTTP status."""
        return self.count("status_code")

    @property
    def failed(self) -> bool:
        """Whether the request is logged as a failure."""
        return (self.status_code or 0) >= 400 or self.text("status") in ("error", "failed")

    @property
    def input_tokens(self) -> int | None:
        """Tokens of the prompt."""
        return self.count("prompt_tokens", "input_tokens")

    @property
    def output_tokens(self) -> int | None:
        """Tokens of the answer."""
        return self.count("completion_tokens", "output_tokens")

    @property
    def total_tokens(self) -> int | None:
        """Tokens of prompt and answer."""
        total = self.count("total_request_tokens", "total_tokens")
        parts = (self.input_tokens, self.output_tokens)
        known = [part for part in parts if part is not None]
        return total if total is not None else sum(known) if known else None

    @property
    def cost(self) -> float | None:
        """The cost charged by the gateway, in USD."""
        return self.number("cost", "total_cost")


def as_number(value: object) -> float | None:
    """A JSON number, or one written as text; None for anything else, NaN and infinity included."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def as_time(text: str | None) -> datetime | None:
    """An ISO 8601 time; one without a zone is UTC. None for anything else."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
