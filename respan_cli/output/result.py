"""One finished exchange: the object of `--json`, and the usage line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from respan_cli.messages.answer import Answer
from respan_cli.messages.request import MessageRequest
from respan_cli.messages.user_json import parsed
from respan_cli.terminal.redact import redact

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
                "respan_params": redact(self.request.respan_params),
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
