"""Secrets by name: which values are secret, hiding them at any depth, and collecting them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, cast

HIDDEN = "[hidden]"
REFERENCE = "env:"  # how a header's value refers to an environment variable
SHORTEST_SECRET = 8  # characters; shorter ones would be found in ordinary words

T = TypeVar("T")

# An idempotency key grants nothing, and an author is no authorization.
_SECRET_NAME = re.compile(
    r"auth(?!or(?!i[sz]))|api[-_]?key|cookie|token|secret|passw(?:or)?d|passphrase|credential|signature"
    r"|(?:access|private|signing|encryption)[-_]?key$|(?<!idempotency)[-_]key$",
    re.IGNORECASE,
)
# Tokens of text are counted: max_tokens, cache_read_input_tokens, tokens_per_second, first_token_ms.
_COUNT_NAME = re.compile(
    r"(?:max|min|input|output|budget|prompt|completion|total|request|cached?|thinking|reasoning|remaining"
    r"|limit|count|used)[-_]?tokens(?![a-z])|first[-_]?token"
    r"|tokens?[-_]?(?:per|remaining|limit|reset|count|budget|used)|tokeni[sz]",
    re.IGNORECASE,
)
# A JSON Schema declares a value of the name it stands under, and holds none.
_SCHEMA_KEYWORDS = frozenset(
    "$ref additionalProperties allOf anyOf description format items maxItems maxLength maximum minItems "
    "minLength minimum oneOf pattern properties required title type".split()
)


def is_secret(name: str) -> bool:
    """Whether a header, parameter or field of this name carries a credential, so that its value is hidden."""
    return bool(_SECRET_NAME.search(_COUNT_NAME.sub("", name)))


def redact(value: T, *, show_secrets: bool = False, keep_references: bool = False) -> T:
    """A copy of a JSON-like value in which everything under a secret name is hidden, at any depth.

    Args:
        value: dicts and lists of whatever JSON knows; anything else is returned as it is.
        keep_references: leave `env:VARIABLE` readable, as headers have it before they are sent.
    """
    return value if show_secrets else cast("T", _redact(value, keep_references))


def secret_values(value: object) -> set[str]:
    """The secrets in a JSON-like value: every string and number under a secret name, at any depth.

    Of `Bearer KEY` and of the `name=value` pairs of a cookie, the parts are secrets too.
    """
    found: set[str] = set()
    if isinstance(value, Mapping):
        for name, item in value.items():
            hidden = _is_hidden(value, name, keep_references=False)
            found |= set(_with_parts(item)) if hidden else secret_values(item)
    elif isinstance(value, list | tuple):
        found = set().union(*map(secret_values, value))
    return {secret for secret in found if len(secret) >= SHORTEST_SECRET}


def _redact(value: Any, keep_references: bool) -> Any:
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if _is_hidden(value, name, keep_references) else _redact(item, keep_references)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return type(value)(_redact(item, keep_references) for item in value)
    return value


def _is_hidden(parent: Mapping[Any, Any], name: object, keep_references: bool) -> bool:
    value = parent[name]
    if not isinstance(name, str) or not is_secret(name) or value is None or isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return not name.lower().endswith("tokens")  # an unknown count
    if name == "signature" and parent.get("type") == "thinking":
        return False  # the API's proof that a thought is the model's own
    if isinstance(value, str):
        return bool(value) and not (keep_references and value.startswith(REFERENCE))
    return not _is_schema(value)


def _is_schema(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value) and _SCHEMA_KEYWORDS.issuperset(value)


def _with_parts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _with_parts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _with_parts(item)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        text = str(value).strip()
        yield text
        yield from (part for part in re.split(r"[\s;]+", text) if part)
        yield from (pair.partition("=")[2].strip() for pair in text.split(";") if "=" in pair)
