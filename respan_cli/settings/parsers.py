"""What each setting accepts. One reader a kind of value: it returns the value ready for use, or says in a
`ValueError` what is wrong with it ("is not a positive integer"), without repeating the value. Pure.

A reader takes the value as its layer gives it: text from flags and the environment, any TOML type from
a file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from respan_cli.settings import headers

# Longer ones are cut by the gateway without a word (Respan's tracing package: customer_identifier).
IDENTIFIER_LIMIT = 254
DEEPEST = 100  # levels of nested JSON; Python's own readers and printers fail beyond a few hundred

_NUMBER = re.compile(r"[0-9.eE+-]+")
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")

RESPAN_HOSTS = ("respan.ai", "keywordsai.co")
ANTHROPIC_PATH = "/api/anthropic"

# Fields of the Messages API. `respan_params` win over the body, so one of these there would quietly
# replace what its own flag says.
BODY_FIELDS = frozenset(
    "cache_control container context_management diagnostics inference_geo max_tokens mcp_servers messages "
    "model output_config output_format service_tier speed stop_sequences stream system temperature thinking "
    "tool_choice tools top_k top_p user_profile_id workspace_id".split()
)
OWN_FLAGS = {
    "customer_identifier": "--customer-identifier",
    "custom_identifier": "--custom-identifier",
    "metadata": "--metadata",
    "extra_headers": "--header",
    "respan_params": "--param",
}
# Documented as not available on the Anthropic endpoint, which is a pass-through (the integration page of
# Respan's documentation): sent, they would be ignored without a word.
NOT_HONOURED = {
    **dict.fromkeys(
        (
            "rate_limit",
            "rate_limits",
            "customer_rate_limit",
            "customer_rate_limits",
            "user_rate_limit",
            "user_rate_limits",
        ),
        "customer rate limits",
    ),
    **dict.fromkeys(("fallback", "fallbacks", "fallback_models"), "fallback models"),
    **dict.fromkeys(
        ("load_balance", "load_balance_group", "load_balance_models", "load_balancing", "loadbalance_models"),
        "load balancing",
    ),
    **dict.fromkeys(
        ("prompt", "prompt_id", "prompt_slug", "prompt_name", "prompt_version", "variables"),
        "prompt management",
    ),
    "environment": "environments",
}


def text(value: object) -> str:
    """Any text; used as it is.

    Raises:
        ValueError: another TOML type.
    """
    if not isinstance(value, str):
        raise ValueError("is not text")
    return value


def identifier(value: object) -> str:
    """Text of at most `IDENTIFIER_LIMIT` characters.

    Raises:
        ValueError: it is longer, and the gateway would cut it silently.
    """
    length = len(text(value))
    if length > IDENTIFIER_LIMIT:
        raise ValueError(f"is {length} characters long: the gateway cuts silently after {IDENTIFIER_LIMIT}")
    return text(value)


def positive_integer(value: object) -> int:
    """A whole number above zero.

    Raises:
        ValueError: anything else.
    """
    number = _integer(value)
    if number is None or number < 1:
        raise ValueError("is not a positive integer")
    return number


def count(value: object) -> int:
    """A whole number, zero included.

    Raises:
        ValueError: anything else.
    """
    number = _integer(value)
    if number is None or number < 0:
        raise ValueError("is not a whole number of 0 or more")
    return number


def _integer(value: object) -> int | None:
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value.strip()):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def seconds(value: object) -> float:
    """A number of seconds above zero, fractions allowed.

    Raises:
        ValueError: anything else, infinity included.
    """
    number = math.nan
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):  # float() reads "1_0" and "٣" too
        value = None
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):
            number = float(value)
    if not 0 < number < 1e9:
        raise ValueError("is not a number of seconds above 0")
    return number


def base_url(value: object) -> str:
    """The URL under which the endpoint's `/v1/messages` stands, with one slash at its end.

    On Respan's own hosts a bare host or `/api` is completed; a trailing `/v1` or `/v1/messages` is taken
    off anywhere. `RESPAN_BASE_URL` is found in the wild in all these forms.

    Raises:
        ValueError: no http(s) URL, or one with a user, a password, a query or a fragment.
    """
    try:
        parts = urlsplit(text(value).strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if "@" in parts.netloc:
        raise ValueError("holds a user or a password; the key is the only credential")
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("is not an http:// or https:// URL")
    if parts.query or parts.fragment:
        raise ValueError("has a query or a fragment, which a base URL cannot have")
    if any(not character.isprintable() or character.isspace() for character in text(value).strip()):
        raise ValueError("has a character that a URL cannot have")
    return urlunsplit(parts._replace(path=_endpoint_path(parts, host) + "/"))


def _endpoint_path(parts: SplitResult, host: str) -> str:
    path = parts.path.rstrip("/")
    for suffix in ("/v1/messages", "/v1"):
        path = path.removesuffix(suffix)
    at_respan = any(host == known or host.endswith("." + known) for known in RESPAN_HOSTS)
    return ANTHROPIC_PATH if at_respan and path in ("", "/api") else path.rstrip("/")


def is_insecure(url: str) -> bool:
    """Whether the key and the prompt would cross a network in the clear: `http://` to another machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_this_machine(parts.hostname or "")


def is_this_machine(host: str) -> bool:
    """Whether a host name means the loopback interface."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    from ipaddress import ip_address  # 3 ms that only a plain http:// URL needs

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def names(value: object) -> tuple[str, ...]:
    """A list of names of settings: a TOML or JSON list, or text with commas between them.

    Raises:
        ValueError: not a list of texts.
    """
    if isinstance(value, str):
        value = json_value(value) if value.lstrip().startswith("[") else value.split(",")
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("is not a list of settings")
    return tuple(item.strip() for item in value if item.strip())


def json_value(value: str) -> Any:
    """Any JSON.

    Raises:
        ValueError: it is not JSON, such as text without its quotes.
    """
    try:
        return json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ValueError("is not JSON: text needs its quotes, '\"text\"'") from None


def check_sendable(value: object) -> None:
    """Refuse what no JSON can carry, although Python, a TOML file or a command line can hold it.

    Raises:
        ValueError: bytes that are no UTF-8, half a surrogate pair, an infinite number, a date, or nesting
            beyond `DEEPEST` levels.
    """
    if _is_deeper(value, DEEPEST):
        raise ValueError(f"is nested deeper than {DEEPEST} levels")
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        # Python reads a byte of the command line that is no UTF-8 as one of these (PEP 383).
        if "\udc80" <= error.object[error.start] <= "\udcff":
            raise ValueError("is not UTF-8") from None
        raise ValueError("holds half a surrogate pair, which is no character") from None
    except TypeError:
        raise ValueError("holds what JSON has no form for: a date needs quotes") from None
    except ValueError:
        raise ValueError("holds a number beyond all that JSON readers know") from None


def _is_deeper(value: object, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return any(levels == 0 or _is_deeper(item, levels - 1) for item in inner)


Table = dict[str, Any]  # name -> value; "" where the layer takes the name away


def metadata(value: object) -> Table:
    """Custom metadata: a TOML table, a JSON object, or `KEY=VALUE` flags. Values become strings.

    Raises:
        ValueError: not a table, a flag without `=`, an empty key, or a value that is a table, a list or null.
    """
    return {_key(key): _metadata_value(key, item) for key, item in _pairs(value)}


def _metadata_value(key: str, item: object) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, (bool, int, float)):
        return json.dumps(item)
    if item is None or isinstance(item, (list, dict)):
        raise ValueError(f"has no text under {key!r}: metadata values are strings")
    return str(item)  # a TOML date or time


def respan_params(value: object) -> Table:
    """Any other Respan parameters: a TOML table, or `KEY=JSON` flags.

    Raises:
        ValueError: a name that has its own flag, belongs to the body, or is not honoured by this endpoint;
            a value that is not JSON.
    """
    pairs = list(_pairs(value))
    for key, _ in pairs:
        _check_param(_key(key))
    if isinstance(value, dict):
        return dict(pairs)
    return {key: item and _json(key, item) for key, item in pairs}


def _check_param(key: str) -> None:
    name, dot, inner = key.partition(".")
    if name in OWN_FLAGS:
        raise ValueError(f"sets {key!r}, which has a flag of its own: {OWN_FLAGS[name]}")
    if name in BODY_FIELDS:
        raise ValueError(f"sets {key!r}, a field of the message: Respan parameters would override it unseen")
    if name in NOT_HONOURED:
        raise ValueError(
            f"sets {key!r}, and this endpoint is a pass-through that does not honour {NOT_HONOURED[name]}: "
            "it would be ignored without a word"
        )
    if dot:
        raise ValueError(
            f"sets {key!r}, and no parameter has a dot in its name: it would be ignored without a word; "
            f"set {name!r} to JSON such as '{{\"{inner}\": …}}'"
        )


def _json(key: str, item: str) -> object:
    try:
        return json_value(item)
    except ValueError:
        raise ValueError(f"has no JSON after '{key}=': text needs its quotes, '{key}=\"text\"'") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def header_table(value: object) -> Table:
    """Headers of either scope: a TOML table, or `Name: value` flags.

    Raises:
        ValueError: a name or value that HTTP does not allow, or a header that cannot be set.
    """
    if isinstance(value, dict):
        items = value.items()
        return {headers.check_name(name): headers.check_value(name, text(item)) for name, item in items}
    return dict(headers.parse_line(line) for line in _lines(value))


def _lines(value: object) -> Iterable[str]:
    return value if isinstance(value, (list, tuple)) else [text(value)]


def _pairs(value: object) -> Iterable[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return value.items()
    if isinstance(value, (list, tuple)):
        return [_split(item) for item in value]
    try:
        loaded = json.loads(text(value), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        loaded = None
    if not isinstance(loaded, dict):
        raise ValueError("is not a JSON object")
    return loaded.items()


def _split(item: str) -> tuple[str, str]:
    key, equals, value = item.partition("=")
    if not equals:
        raise ValueError("is not of the form KEY=VALUE")
    return key, value


def _key(key: str) -> str:
    if not key.strip():
        raise ValueError("has an empty key")
    return key
