"""One finished exchange: the object of `--json`, and the usage line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from respan_cli.errors import RespanError
from respan_cli.gateway.error_body import ResponseIds
from respan_cli.messages.answer import Answer
from respan_cli.messages.request import MessageRequest
from respan_cli.messages.user_json import parsed
from respan_cli.terminal.redact import redact

SEPARATOR = " · "
_MEASURABLE_S = 0.05  # seconds; a shorter answer has no speed worth telling


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

    def tokens_per_second(self, tokens: int | None) -> float | None:
        """The speed of the answer after its first token; None if unknown."""
        if tokens is None or self.first is None or self.end - self.first < _MEASURABLE_S:
            return None
        return round(tokens / (self.end - self.first), 1)


class Cost(NamedTuple):
    """The cost charged by the gateway, in USD; None if its log has none."""

    usd: float | None


class ThreadState(NamedTuple):
    """The thread that an answer belongs to: its file, and how many turns it has with the answer."""

    file: str
    turns: int

    def unchanged(self, error: RespanError) -> RespanError:
        """A failure that also says that nothing was added to the file."""
        kept = f"nothing was added to {self.file}"
        return error.with_hint(f"{error.hint}; {kept}" if error.hint else kept)


@dataclass(frozen=True, slots=True)
class Result:
    """One finished send, for every renderer."""

    answer: Answer
    request: MessageRequest
    profile: str
    base_url: str
    timing: Timing
    ids: ResponseIds
    cost: Cost | None = None  # where it was asked for
    thread: ThreadState | None = None
    extracted: str | None = None  # a part of the answer's text that was asked for instead of the whole

    @property
    def text(self) -> str:
        """The text that was asked for."""
        return self.answer.text if self.extracted is None else self.extracted

    def as_json(self) -> dict[str, Any]:
        """The object of `--json` (contract, section 3)."""
        return {
            "text": self.text,
            **parsed(self.request.options, self.text),
            "message": self.answer.whole(),
            "model": self.answer.message.get("model"),
            "stop_reason": self.answer.stop_reason,
            "usage": self.answer.usage,
            **({"cost": self.cost.usd} if self.cost else {}),
            "request": {
                "profile": self.profile,
                "base_url": self.base_url,
                "model": self.request.model,
                "max_tokens": self.request.max_tokens,
                "respan_params": redact(self.request.respan_params),
                "extra_headers": redact(self.request.extra_headers),
            },
            "respan": self.ids._asdict(),
            **({"thread": self.thread._asdict()} if self.thread else {}),
            "timing": {
                "first_token_ms": self.timing.first_token_ms,
                "total_ms": self.timing.total_ms,
                "output_tokens_per_second": self.timing.tokens_per_second(
                    _count(self.answer, "output_tokens")
                ),
            },
        }


def usage_line(result: Result) -> str:
    """Model, tokens, cost, times, identifiers and log id (or else the request's), on one line."""
    parts = [
        str(result.answer.message.get("model") or result.request.model),
        _tokens(result.answer),
        _cost(result.cost),
        _times(result),
        *_identity(result),
    ]
    return SEPARATOR.join(part for part in parts if part)


def _tokens(answer: Answer) -> str:
    """The token counts; empty if the gateway counts none: unknown is not 0."""
    given, made = _count(answer, "input_tokens"), _count(answer, "output_tokens")
    if given is None and made is None:
        return ""
    text = f"{_number(given)} token{'' if given == 1 else 's'} in, {_number(made)} out"
    read, written = (_count(answer, f"cache_{kind}_input_tokens") for kind in ("read", "creation"))
    return (
        f"{text}, {read or 0} read from the cache, {written or 0} written to it" if read or written else text
    )


def _number(count: int | None) -> str:
    return "?" if count is None else str(count)


def _cost(cost: Cost | None) -> str:
    if cost is None or cost.usd is None:
        return ""
    from respan_cli.output.units import usd  # rarely: most sends do not ask for it

    return usd(cost.usd)


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
        "log": result.ids.log_id,
        # Not every gateway gives the first; this one the provider knows.
        "request": None if result.ids.log_id else result.ids.request_id,
    }
    return [f"{name} {value}" for name, value in named.items() if value]


def _count(answer: Answer, name: str) -> int | None:
    value = answer.usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
