"""What to ask Respan's log for: a time range and conditions on fields.

Fields and operators: Respan's official Python client (`respan-api` 0.1.49, List spans).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

OPERATORS = (
    "",  # equals any of the values
    *("not", "in", "not_in", "lt", "lte", "gt", "gte"),
    *("contains", "not_contains", "icontains"),
    *("startswith", "not_startswith", "endswith", "not_endswith", "empty", "not_empty"),
)
OPERATORS_WITHOUT_VALUE = ("empty", "not_empty")
OPERATORS_OF_LISTS = ("in", "not_in")

TEXT_FIELDS = tuple(
    """
    unique_id trace_unique_id span_unique_id span_parent_id span_name span_workflow_name thread_identifier
    customer_identifier customer_email custom_identifier group_identifier evaluation_identifier
    organization_key_id prompt_id prompt_name prompt_version_number model provider_id deployment_name
    log_type log_method status environment error_class error_code error_message error_fingerprint
    cache_key note fault_domain behaviors
    """.split()
)
BOOLEAN_FIELDS = tuple(
    "stream has_tool_calls cache_bit used_custom_credential positive_feedback is_root_span".split()
)
NUMBER_FIELDS = tuple(
    """
    cost latency time_to_first_token tokens_per_second routing_time prompt_tokens completion_tokens
    total_request_tokens prompt_cache_hit_tokens prompt_cache_creation_tokens status_code
    """.split()
)
FIELDS = (*TEXT_FIELDS, *BOOLEAN_FIELDS, *NUMBER_FIELDS)
METADATA_PREFIX, SCORES_PREFIX = "metadata__", "scores__"  # before a key of the user's own

Value = str | float | bool


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on one field, such as `Condition("cost", "gt", (0.01,))`."""

    field: str
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which requests: from `since` until `until` (now, if None), and every condition must hold.

    `since` has no default: older servers look back an hour, newer ones differently.
    """

    since: datetime
    until: datetime | None = None
    conditions: tuple[Condition, ...] = ()

    def where(self, *conditions: Condition) -> LogQuery:
        """The same query with more conditions."""
        return replace(self, conditions=(*self.conditions, *conditions))

    def params(self) -> dict[str, str]:
        """The time range as query parameters."""
        until = {} if self.until is None else {"end_time": iso_time(self.until)}
        return {"start_time": iso_time(self.since), **until}

    def body(self) -> dict[str, Any]:
        """The conditions as a request body: several on one field are a list."""
        by_field: dict[str, list[Mapping[str, Any]]] = {}
        for condition in self.conditions:
            shape = {"operator": condition.operator, "value": list(condition.values)}
            by_field.setdefault(condition.field, []).append(shape)
        return {
            "filters": {name: shapes[0] if len(shapes) == 1 else shapes for name, shapes in by_field.items()}
        }


def iso_time(moment: datetime) -> str:
    """A time as the API reads it: ISO 8601 in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
