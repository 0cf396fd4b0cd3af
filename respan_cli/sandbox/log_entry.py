"""The log entry of one request, with the fields of Respan's log API.

Cost, latency and speed are calculated, not measured, so that the same request always has the same entry:
every model costs 3 USD per million input tokens and 15 USD per million output tokens, begins to answer
after 0.25 s and the latency that the sandbox was asked for, and writes 50 tokens a second.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from respan_cli.sandbox.api import Json, input_tokens, to_bytes

INPUT_USD_PER_MILLION = 3.0
OUTPUT_USD_PER_MILLION = 15.0
FIRST_TOKEN_S = 0.25
TOKENS_PER_SECOND = 50.0
ROUTING_S = 0.005
CREDITS_USD = 42.5  # left in the organization's account, whatever was spent
# Respan's own limit: it cuts longer identifiers silently.
IDENTIFIER_LENGTH = 254

# Whose fault a failure was, by status: `error_class`, `fault_domain`. Any other 4xx is an invalid request.
_FAULTS = {
    401: ("user_auth_byok", "user"),
    402: ("user_quota", "user"),
    403: ("user_auth_byok", "user"),
    408: ("provider_timeout", "provider"),
    413: ("user_payload_too_large", "user"),
    429: ("user_rate_limit", "user"),
    500: ("provider_down", "provider"),
    502: ("provider_down", "provider"),
    503: ("provider_down", "provider"),
    504: ("provider_timeout", "provider"),
    529: ("provider_overloaded", "provider"),
}
_IDENTIFIERS = ("customer_identifier", "custom_identifier", "thread_identifier", "group_identifier")


def log_id(number: int) -> str:
    """The log ID of the request of this number: the same in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"respan-sandbox/{number}"))


@dataclass
class LogRecord:
    """A request and its outcome. The entry is made when it is first read: most never are.

    `body`: of the request; it may be invalid in any way. `size`: of the body, in bytes. `overrides`: what the
    reply says of the entry. `latency_s`: the latency on demand. `keep_content`: whether the entry has prompt
    and answer.
    """

    unique_id: str
    body: object
    size: int
    status: int
    overrides: Mapping[str, object]
    latency_s: float
    keep_content: bool
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def entry(self) -> Json:
        """The entry, as the log API has it."""
        request: Json = self.body if isinstance(self.body, dict) else {}
        params = _object(_object(request.get("metadata")).get("respan_params"))
        known: Json = {"output": "", "completion_tokens": 0, "status_code": self.status, **self.overrides}
        keep = self.keep_content and not params.get("disable_log")
        return {
            "id": self.unique_id,
            "unique_id": self.unique_id,
            "timestamp": timestamp(self.at),
            "model": str(request.get("model", "")),
            "provider_id": "anthropic",
            "environment": "test",
            "log_type": "chat",
            "stream": bool(request.get("stream")),
            "organization_key_id": "sandbox",
            **_outcome(known),
            **_content(request, known["output"], keep=keep),
            **_usage(request, known["completion_tokens"], self.latency_s, failed=known["status_code"] >= 400),
            **_identity(params),
            "limit_info": {"is_allowed": True, "limits": [], "org_credits": CREDITS_USD},
            "warnings": None,
            "blurred": False,
            **{name: value for name, value in self.overrides.items() if name not in _CALCULATED},
        }


# What a reply says of these is used above.
_CALCULATED = ("output", "completion_tokens", "status_code", "error_message")


def timestamp(moment: datetime) -> str:
    """A time in UTC as the log API writes it; such texts sort by time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _outcome(known: Json) -> Json:
    status = known["status_code"]
    if status < 400:
        error_class, fault_domain, message = None, "none", None
    else:
        error_class, fault_domain = _FAULTS.get(status, ("user_invalid_request", "user"))
        message = known.get("error_message", f"HTTP {status}")
    return {
        "status": "success" if error_class is None else "error",
        "status_code": status,
        "error_message": message,
        "error_class": error_class,
        "fault_domain": fault_domain,
    }


def _content(request: Json, output: str, *, keep: bool) -> Json:
    if not keep:
        return {"prompt_messages": [], "completion_message": None, "input": "", "output": ""}
    system = request.get("system")
    messages = request.get("messages")
    turns = messages if isinstance(messages, list) else []
    prompt = [{"role": "system", "content": system}, *turns] if system else turns
    return {
        "prompt_messages": prompt,
        "completion_message": {"role": "assistant", "content": output},
        "input": to_bytes(prompt).decode(),
        "output": output,
    }


def _usage(request: Json, output: int, latency_s: float, *, failed: bool) -> Json:
    try:
        prompt = input_tokens(request)
    except (KeyError, TypeError):  # an invalid request
        prompt = 0
    cost = (prompt * INPUT_USD_PER_MILLION + output * OUTPUT_USD_PER_MILLION) / 1_000_000
    first_token = FIRST_TOKEN_S + latency_s
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_request_tokens": prompt + output,
        "prompt_cache_hit_tokens": 0,
        "prompt_cache_creation_tokens": 0,
        "cost": 0.0 if failed else round(cost, 10),
        "latency": round(first_token + output / TOKENS_PER_SECOND, 6),
        "time_to_first_token": None if failed else first_token,
        "tokens_per_second": None if failed else TOKENS_PER_SECOND,
        "routing_time": ROUTING_S,
    }


def _identity(params: Json) -> Json:
    metadata = _object(params.get("metadata"))
    return {
        **{name: str(params.get(name, ""))[:IDENTIFIER_LENGTH] for name in _IDENTIFIERS},
        # Keys that begin with an underscore are reserved: the log omits them.
        "metadata": {key: str(value) for key, value in metadata.items() if not key.startswith("_")},
    }
