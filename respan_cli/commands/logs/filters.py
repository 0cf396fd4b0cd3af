"""`--filter`: a condition as people type it.

    cost>0.01    model~claude    metadata.team=search    status!=success
    cost:gt:0.01    custom_identifier:startswith:nightly/    error_message:empty

The second form has Respan's own operators. Both are checked here, before anything is sent.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

from respan_cli.errors import UsageError
from respan_cli.gateway.log_entry import as_number
from respan_cli.gateway.log_query import (
    BOOLEAN_FIELDS,
    FIELDS,
    METADATA_PREFIX,
    NUMBER_FIELDS,
    OPERATORS,
    OPERATORS_OF_LISTS,
    OPERATORS_WITHOUT_VALUE,
    SCORES_PREFIX,
    Condition,
    Value,
)

# As people write them, and what Respan calls them.
SYMBOLS = {
    "=": "",
    "==": "",
    "!=": "not",
    ">": "gt",
    ">=": "gte",
    "<": "lt",
    "<=": "lte",
    "~": "icontains",
    "!~": "not_contains",
}
# The API's own aliases do not work everywhere (its groups refuse them).
ALIASES = {
    "id": "unique_id",
    "log_id": "unique_id",
    "customer": "customer_identifier",
    "customer_id": "customer_identifier",
    "custom": "custom_identifier",
    "custom_id": "custom_identifier",
    "thread": "thread_identifier",
    "thread_id": "thread_identifier",
    "total_cost": "cost",
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "tokens": "total_request_tokens",
    "total_tokens": "total_request_tokens",
    "trace_id": "trace_unique_id",
}
_PREFIXES = {
    "metadata.": METADATA_PREFIX,
    METADATA_PREFIX: METADATA_PREFIX,
    "scores.": SCORES_PREFIX,
    SCORES_PREFIX: SCORES_PREFIX,
}
_WITH_SYMBOL = re.compile(r"([^\s:=<>!~]+)\s*(==|!=|>=|<=|!~|[=<>~])\s*(.*)", re.DOTALL)
_WITH_NAME = re.compile(r"([^:]+):([^:]*)(?::(.*))?", re.DOTALL)
_COMPARISONS = ("lt", "lte", "gt", "gte")


def read_filter(text: str) -> Condition:
    """The condition that a `--filter` means.

    Raises:
        UsageError: a form, field, operator or value that the log does not know; it names the nearest.
    """
    match = _WITH_SYMBOL.fullmatch(text) or _WITH_NAME.fullmatch(text)
    if not match:
        raise UsageError(
            f"--filter {text!r} is no condition",
            hint="write FIELD:OP:VALUE, or FIELD>VALUE, as in --filter 'cost>0.01' or metadata.team=search",
        )
    field, operator = _field(match[1].strip()), _operator(match[2].strip())
    return Condition(field, operator, _values(field, operator, match[3], text))


def status_conditions(text: str) -> list[Condition]:
    """The conditions of `--status`: a word such as `error`, a code such as 429, or a class such as 5xx."""
    if re.fullmatch("[1-5]xx", text, re.IGNORECASE):
        first = 100.0 * int(text[0])
        return [
            Condition("status_code", "gte", (first,)),
            Condition("status_code", "lt", (first + 100,)),
        ]
    if text.isdecimal():
        return [Condition("status_code", "", (float(text),))]
    return [Condition("status", "", (text,))]


def _field(name: str) -> str:
    for prefix, real in _PREFIXES.items():
        if name.startswith(prefix) and len(name) > len(prefix):
            return real + name.removeprefix(prefix)
    field = ALIASES.get(name, name)
    if field in FIELDS:
        return field
    nearest = get_close_matches(name, [*FIELDS, *ALIASES, "metadata.KEY"], 1, 0.5)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"fields are {', '.join(FIELDS)}, metadata.KEY"
    raise UsageError(f"the log has no field {name!r} to filter by", hint=hint)


def _operator(name: str) -> str:
    operator = SYMBOLS.get(name, name)
    if operator in OPERATORS:
        return operator
    nearest = get_close_matches(name, [*filter(None, OPERATORS), *SYMBOLS], 1, 0.5)
    known = f"operators are {', '.join(filter(None, OPERATORS))}, and nothing for equal"
    hint = f"did you mean {nearest[0]!r}?" if nearest else known
    raise UsageError(f"the log has no operator {name!r}", hint=hint)


def _values(field: str, operator: str, text: str | None, source: str) -> tuple[Value, ...]:
    if operator in OPERATORS_WITHOUT_VALUE:
        if text:
            raise UsageError(f"--filter {source!r}: {operator!r} takes no value")
        return ("",)  # as the API wants it
    if text is None:
        raise UsageError(f"--filter {source!r} has no value", hint="write FIELD:OP:VALUE")
    parts = text.split(",") if operator in OPERATORS_OF_LISTS else [text]
    return tuple(_value(field, operator, part.strip(), source) for part in parts)


def _value(field: str, operator: str, text: str, source: str) -> Value:
    if field in BOOLEAN_FIELDS:
        if text.lower() not in ("true", "false"):
            raise UsageError(f"--filter {source!r}: {field} is true or false")
        return text.lower() == "true"
    is_number = field in NUMBER_FIELDS or field.startswith(SCORES_PREFIX)
    if not is_number and operator not in _COMPARISONS:
        return text
    number = as_number(text)
    if number is None and is_number:
        raise UsageError(f"--filter {source!r}: {field} is a number")
    return text if number is None or not is_number else number
