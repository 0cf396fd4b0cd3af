"""The tables among the settings: metadata, Respan's parameters, headers. Pure.

A table is a TOML table, a JSON object (in the environment), or a list of flags, each of one key. An empty
value takes the key away from lower layers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from respan_cli.settings import headers, strict_json
from respan_cli.settings.parsers import line, text

Table = dict[str, Any]  # name -> value; "" where the layer takes the name away

# HTTPie's two forms: text after "=", JSON after ":=".
_PARAMETER = re.compile(r"(?P<key>.*?)(?P<operator>:?=)(?P<value>.*)", re.DOTALL)

# Fields of the Messages API. `respan_params` win over the body, so one of these there would quietly
# replace the value of its own flag.
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
# Respan's documentation): sent, they would be ignored silently.
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


def metadata(value: object) -> Table:
    """Custom metadata: a TOML table, a JSON object, or `KEY=VALUE` flags. Values become strings.

    Raises:
        ValueError: not a table, a flag without `=`, a key that is empty or reserved, a value that is a
            table, a list or null, or a control character.
    """
    return {_metadata_key(key): _metadata_value(key, item) for key, item in _pairs(value, _split_text)}


def _metadata_key(key: str) -> str:
    if _checked_key(key).startswith("_"):
        raise ValueError(f"has the key {key!r}: keys that begin with '_' are reserved, the log omits them")
    return key


def _metadata_value(key: str, item: object) -> str:
    if isinstance(item, str):
        return _line(key, item.strip())
    if isinstance(item, (bool, int, float)):
        return json.dumps(item)
    if item is None or isinstance(item, (list, dict)):
        raise ValueError(f"has no text under {key!r}: metadata values are strings")
    return str(item)  # a TOML date or time


def respan_params(value: object) -> Table:
    """Any other Respan parameters: a TOML table, or flags of the forms `KEY=TEXT` and `KEY:=JSON`.

    Raises:
        ValueError: a name that has its own flag, belongs to the body, or is not honoured by this endpoint;
            no JSON after `:=`; a control character in an identifier.
    """
    return {_parameter_key(key): _parameter_value(key, item) for key, item in _pairs(value, _split_parameter)}


def _parameter_key(key: str) -> str:
    name, dot, inner = _checked_key(key).partition(".")
    if name in OWN_FLAGS:
        raise ValueError(f"sets {key!r}, which has a flag of its own: {OWN_FLAGS[name]}")
    if name in BODY_FIELDS:
        raise ValueError(f"sets {key!r}, a field of the message: Respan parameters would override it unseen")
    if name in NOT_HONOURED:
        raise ValueError(
            f"sets {key!r}, and this endpoint is a pass-through that does not honour {NOT_HONOURED[name]}: "
            "it would be ignored silently"
        )
    if dot:
        raise ValueError(
            f"sets {key!r}, and no parameter has a dot in its name: it would be ignored silently; "
            f"set {name!r} to JSON such as '{{\"{inner}\": …}}'"
        )
    return key


def _parameter_value(key: str, item: object) -> object:
    if not isinstance(item, str):
        return item
    return _line(key, item.strip()) if key.endswith("_identifier") else item.strip()


def header_table(value: object) -> Table:
    """Headers of either scope: a TOML table, or `Name: value` flags.

    Raises:
        ValueError: a name or value that HTTP does not allow, or a header that cannot be set.
    """
    return {
        headers.check_name(name): headers.check_value(name, text(item))
        for name, item in _pairs(value, headers.parse_line)
    }


def _pairs(value: object, split: Callable[[str], tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return value.items()
    if isinstance(value, (list, tuple)):
        return [split(item) for item in value]
    try:
        loaded = strict_json.loads(text(value))
    except ValueError:
        loaded = None
    if not isinstance(loaded, dict):
        raise ValueError("is not a JSON object")
    return loaded.items()


def _split_text(flag: str) -> tuple[str, str]:
    key, equals, value = flag.partition("=")
    if not equals:
        raise ValueError("is not of the form KEY=VALUE")
    return key.strip(), value


def _split_parameter(flag: str) -> tuple[str, Any]:
    found = _PARAMETER.fullmatch(flag)
    if not found:
        raise ValueError("is not of the form KEY=TEXT or KEY:=JSON")
    key, value = found["key"].strip(), found["value"].strip()
    if found["operator"] == "=" or not value:
        return key, value
    try:
        return key, strict_json.loads(value)
    except ValueError:
        _parameter_key(key)  # a key that is refused anyway is refused for that
        raise ValueError(f"has no JSON after '{key}:='; for text it is '{key}=TEXT'") from None


def _checked_key(key: str) -> str:
    if not key.strip():
        raise ValueError("has an empty key")
    try:
        return line(key)
    except ValueError as error:
        raise ValueError(f"{error} in the key {key!r}") from None


def _line(key: str, value: str) -> str:
    try:
        return line(value)
    except ValueError as error:
        raise ValueError(f"{error} under {key!r}") from None
