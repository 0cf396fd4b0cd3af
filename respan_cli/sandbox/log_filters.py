"""The filters of Respan's log API: which entries a query selects.

Operators and fields: Respan's official Python client (`respan-api` 0.1.49, List spans).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from respan_cli.sandbox.api import Json
from respan_cli.sandbox.queries import QueryError

Values = Sequence[object]
Test = Callable[[object, Values], bool]
METADATA = "metadata__"

_ALIASES = {
    "total_cost": "cost",
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "total_tokens": "total_request_tokens",
    "trace_id": "trace_unique_id",
}
_TEXT_FIELDS = (
    "unique_id trace_unique_id span_unique_id span_parent_id span_name span_workflow_name thread_identifier "
    "customer_identifier customer_email custom_identifier group_identifier evaluation_identifier "
    "organization_key_id prompt_id prompt_name prompt_version_number model provider_id deployment_name "
    "log_type log_method status status_code environment error_class error_code error_message "
    "error_fingerprint cache_key note fault_domain timestamp"
).split()
_FLAG_FIELDS = "stream has_tool_calls cache_bit used_custom_credential positive_feedback".split()
_NUMBER_FIELDS = (
    "cost latency time_to_first_token tokens_per_second routing_time prompt_tokens completion_tokens "
    "total_request_tokens prompt_cache_hit_tokens prompt_cache_creation_tokens"
).split()
FIELDS = frozenset((*_TEXT_FIELDS, *_FLAG_FIELDS, *_NUMBER_FIELDS, *_ALIASES))


def compile_filters(filters: object) -> Callable[[Json], bool]:
    """A predicate of entries: every condition on every field must hold.

    Raises:
        QueryError: an unknown field or operator, or a condition of another shape.
    """
    if not isinstance(filters, dict):
        raise QueryError("filters: an object is expected")
    tests = [_compile(name, condition) for name, value in filters.items() for condition in _listed(value)]
    return lambda entry: all(test(entry) for test in tests)


def field_of(name: str) -> str:
    """The field of an entry that a name in a query means.

    Raises:
        QueryError: there is no such field.
    """
    if name not in FIELDS:
        raise QueryError(f"filters: unsupported field {name!r}")
    return _ALIASES.get(name, name)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _compile(name: str, condition: object) -> Callable[[Json], bool]:
    operator = condition.get("operator", "") if isinstance(condition, dict) else None
    values = condition.get("value", []) if isinstance(condition, dict) else None
    if not isinstance(values, list):
        raise QueryError(f"filters: {name}: an object with a list as its value is expected")
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise QueryError(f"filters: {name}: unsupported operator {operator!r}")
    test = OPERATORS[operator]
    if name.startswith(METADATA):
        key = name.removeprefix(METADATA)
        # Entries without the key never match, even with `not`.
        return lambda entry: key in entry["metadata"] and test(entry["metadata"][key], values)
    field = field_of(name)
    return lambda entry: test(entry.get(field), values)


def _equals(value: object, wanted: object) -> bool:
    return value == wanted or _text(value) == _text(wanted)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _any(value: object, values: Values) -> bool:
    return any(_equals(value, wanted) for wanted in values)


def _compared(accept: Callable[[int], bool]) -> Test:
    """A comparison with the first value: as numbers where both are, else as text. No value never matches."""

    def test(value: object, values: Values) -> bool:
        if value is None or not values:
            return False
        return accept(_order(value, values[0]))

    return test


def _order(value: object, wanted: object) -> int:
    """-1, 0 or 1: which of the two is greater."""
    left, right = _text(value), _text(wanted)
    try:
        return (float(left) > float(right)) - (float(left) < float(right))
    except ValueError:
        return (left > right) - (left < right)


def _textual(holds: Callable[[str, str], bool]) -> Test:
    return lambda value, values: any(holds(_text(value), _text(wanted)) for wanted in values)


def _negated(test: Test) -> Test:
    return lambda value, values: not test(value, values)


def _empty(value: object, values: Values) -> bool:
    return value in (None, "", [], {})


_contains = _textual(lambda text, part: part in text)
_starts = _textual(str.startswith)
_ends = _textual(str.endswith)
OPERATORS: Mapping[str, Test] = {
    "": _any,
    "not": _negated(_any),
    "in": _any,
    "not_in": _negated(_any),
    "lt": _compared(lambda order: order < 0),
    "lte": _compared(lambda order: order <= 0),
    "gt": _compared(lambda order: order > 0),
    "gte": _compared(lambda order: order >= 0),
    "contains": _contains,
    "not_contains": _negated(_contains),
    "icontains": _textual(lambda text, part: part.lower() in text.lower()),
    "startswith": _starts,
    "not_startswith": _negated(_starts),
    "endswith": _ends,
    "not_endswith": _negated(_ends),
    "empty": _empty,
    "not_empty": _negated(_empty),
}
