"""Events in, pieces of output out: plain text, one JSON object, JSON lines, the usage line. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from respan_cli.messages.answer import Answer, Event
from respan_cli.messages.request import MessageRequest
from respan_cli.messages.user_json import parsed
from respan_cli.terminal.redact import redact, redact_params

SEPARATOR = " · "
_MEASURABLE = 0.05  # seconds; a shorter answer has no speed worth telling


@dataclass(slots=True)
class Timing:
    """When things happened, in seconds of one clock; `first` stays None when no token came."""

    start: float
    first: float | None = None
    end: float = 0.0

    @property
    def total_ms(self) -> float:
        """Milliseconds from the request to the end of the answer."""
        return round((self.end - self.start) * 1000, 1)

    @property
    def first_token_ms(self) -> float | None:
        """Milliseconds from the request to the first token."""
        return None if self.first is None else round((self.first - self.start) * 1000, 1)

    def tokens_per_second(self, tokens: int) -> float | None:
        """The speed of the answer once it had begun; None when that took too little time to tell."""
        if self.first is None or self.end - self.first < _MEASURABLE:
            return None
        return round(tokens / (self.end - self.first), 1)


@dataclass(frozen=True, slots=True)
class Result:
    """One finished send, for every renderer."""

    answer: Answer
    request: MessageRequest
    profile: str
    base_url: str
    timing: Timing
    log_id: str | None
    request_id: str | None

    def as_json(self) -> dict[str, Any]:
        """The object of `--json` (contract, section 3)."""
        return {
            "text": self.answer.text,
            **parsed(self.request.options, self.answer.text),
            "message": self.answer.whole(),
            "model": self.answer.message.get("model"),
            "stop_reason": self.answer.stop_reason,
            "usage": self.answer.usage,
            "request": {
                "profile": self.profile,
                "base_url": self.base_url,
                "model": self.request.model,
                "max_tokens": self.request.max_tokens,
                "respan_params": redact_params(self.request.respan_params),
                "extra_headers": redact(self.request.extra_headers),
            },
            "respan": {"log_id": self.log_id, "request_id": self.request_id},
            "timing": {
                "first_token_ms": self.timing.first_token_ms,
                "total_ms": self.timing.total_ms,
                "output_tokens_per_second": self.timing.tokens_per_second(
                    _count(self.answer, "output_tokens")
                ),
            },
        }


class Renderer:
    """Turns the events of one answer into what goes to standard output."""

    def prepare(self) -> None:
        """The request is sent: there is time to get ready."""

    def settle(self) -> None:
        """Something else is about to be written below what was rendered so far."""

    def piece(self, event: Event, text: str) -> str:
        """What to write for one event, which brought this text of the answer."""
        raise NotImplementedError

    def end(self, result: Result) -> str:
        """What to write when the answer is whole."""
        raise NotImplementedError

    def broken(self) -> str:
        """What to write when the answer broke off, before the error is told."""
        raise NotImplementedError


class Plain(Renderer):
    """The text as it arrives, with one newline at its end if it lacks one.

    Args:
        mixed: whether what is said of it follows it, so that even an answer that broke off ends its line.
    """

    def __init__(self, *, mixed: bool = False) -> None:
        self._mixed = mixed
        self._last = "\n"

    def piece(self, event: Event, text: str) -> str:
        """The text itself."""
        if text:
            self._last = text
        return text

    def end(self, result: Result) -> str:
        """The missing newline, or nothing."""
        return self._newline()

    def broken(self) -> str:
        """The missing newline before an error; a pipe of its own gets no byte that the model did not send."""
        return self._newline() if self._mixed else ""

    def _newline(self) -> str:
        return "" if self._last.endswith("\n") else "\n"


class JsonObject(Renderer):
    """One object on one line, when the answer is whole."""

    def piece(self, event: Event, text: str) -> str:
        """Nothing yet."""
        return ""

    def end(self, result: Result) -> str:
        """The object."""
        return json_line(result.as_json())

    def broken(self) -> str:
        """Nothing: no object is better than half of one."""
        return ""


class JsonLines(Renderer):
    """Every event as it arrives, a line each, then the object of `--json` as the last."""

    def piece(self, event: Event, text: str) -> str:
        """The event, as the API sent it."""
        return json_line(event)

    def end(self, result: Result) -> str:
        """The result line."""
        return json_line({"type": "result", **result.as_json()})

    def broken(self) -> str:
        """Nothing: the lines so far are whole."""
        return ""


def json_line(value: Mapping[str, Any]) -> str:
    """One JSON value on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def usage_line(result: Result) -> str:
    """Model, tokens, times, identifiers and log id (or else the request's), on one line."""
    parts = [
        str(result.answer.message.get("model") or result.request.model),
        _tokens(result.answer),
        _times(result),
        *_identity(result),
    ]
    return SEPARATOR.join(part for part in parts if part)


def _tokens(answer: Answer) -> str:
    given = _count(answer, "input_tokens")
    text = f"{given} token{'' if given == 1 else 's'} in, {_count(answer, 'output_tokens')} out"
    read, written = (_count(answer, f"cache_{kind}_input_tokens") for kind in ("read", "creation"))
    return f"{text}, {read} read from the cache, {written} written to it" if read or written else text


def _times(result: Result) -> str:
    timing = result.timing
    speed = timing.tokens_per_second(_count(result.answer, "output_tokens"))
    parts = [
        f"first token {timing.first_token_ms / 1000:.2f} s" if timing.first_token_ms is not None else "",
        f"total {timing.total_ms / 1000:.2f} s",
        f"{speed:.{0 if speed >= 10 else 1}f} tokens/s" if speed else "",
    ]
    return ", ".join(part for part in parts if part)


def _identity(result: Result) -> list[str]:
    params = result.request.respan_params
    named = {
        "customer": params.get("customer_identifier"),
        "custom": params.get("custom_identifier"),
        "log": result.log_id,
        # Not every gateway gives the first; this one the provider knows.
        "request": None if result.log_id else result.request_id,
    }
    return [f"{name} {value}" for name, value in named.items() if value]


def _count(answer: Answer, name: str) -> int:
    value = answer.usage.get(name)
    return value if isinstance(value, int) else 0
