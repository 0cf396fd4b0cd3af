"""The sandbox's log and model endpoints: the fields and rules of Respan's, from what it received."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from respan_cli.sandbox import Sandbox
from tests.sandbox_client import BEARER, Json, call, message, send

LIST = "/api/request-logs/list/"
# As facts.md has them, from Respan's official client.
ENTRY = set(
    "unique_id timestamp prompt_messages completion_message input output model status status_code "
    "error_message warnings prompt_tokens completion_tokens total_request_tokens prompt_cache_hit_tokens "
    "cost latency time_to_first_token tokens_per_second routing_time metadata customer_identifier "
    "custom_identifier thread_identifier limit_info blurred fault_domain error_class provider_id environment "
    "group_identifier".split()
)
SUMMARY = set(
    "number_of_requests total_cost total_tokens total_prompt_tokens total_completion_tokens avg_latency "
    "avg_ttft avg_tps".split()
)
GROUP = set("number_of_requests total_cost total_tokens error_count average_cost average_latency".split())
MODEL = set("model_name max_context_window input_cost output_cost provider".split())


@pytest.fixture
def logs() -> Iterator[Sandbox]:
    """A sandbox whose logs are there at once."""
    with Sandbox(log_delay=0) as running:
        yield running


def fill(sandbox: Sandbox) -> None:
    """Five requests: two customers, three models, one error."""
    for model, customer, text in (
        ("claude-test", "acme", "one"),
        ("claude-test", "acme", "one two three four"),
        ("claude-other", "zeta", "one two three four five six seven eight"),
        ("sandbox-529", "zeta", "one"),
        ("claude-test", "", "one"),
    ):
        params: Json = {"custom_identifier": f"run/{text}", "metadata": {"team": customer, "_x": "1"}}
        params |= {"customer_identifier": customer} if customer else {}
        params = params if customer else {"metadata": {}}
        send(sandbox, text, model=model, metadata={"respan_params": params})


def found(sandbox: Sandbox, filters: Any = None, query: str = "") -> list[Json]:
    answered = call(sandbox, "POST", f"{LIST}?{query}", {"filters": filters or {}})
    assert answered.status == 200, answered.body
    results: list[Json] = answered.json()["results"]
    return results


def only(field: str, operator: str, *values: object) -> Json:
    return {field: {"operator": operator, "value": list(values)}}


def test_an_entry_has_every_field_of_respans(logs: Sandbox) -> None:
    params = {"customer_identifier": "acme", "custom_identifier": "c-1", "thread_identifier": "t-1"}
    params |= {"group_identifier": "g-1", "metadata": {"team": 7, "_internal": "x"}}  # type: ignore[dict-item]
    sent = send(logs, "Hello, log!", system="Be brief.", metadata={"respan_params": params})
    entry = call(logs, "GET", f"/api/request-logs/{sent.headers['x-respan-log-id']}/").json()
    assert set(entry) >= ENTRY
    del entry["id"], entry["timestamp"]
    prompt = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello, log!"}]
    assert entry == {
        "unique_id": sent.headers["x-respan-log-id"],
        "model": "claude-test",
        "provider_id": "anthropic",
        "environment": "test",
        "log_type": "chat",
        "stream": False,
        "organization_key_id": "sandbox",
        "status": "success",
        "status_code": 200,
        "error_message": None,
        "error_class": None,
        "fault_domain": "none",
        "prompt_messages": prompt,
        "completion_message": {"role": "assistant", "content": "Hello, log!"},
        "input": '[{"role":"system","content":"Be brief."},{"role":"user","content":"Hello, log!"}]',
        "output": "Hello, log!",
        "prompt_tokens": 6,
        "completion_tokens": 3,
        "total_request_tokens": 9,
        "prompt_cache_hit_tokens": 0,
        "prompt_cache_creation_tokens": 0,
        "cost": 0.000063,  # 6 × 3 and 3 × 15 USD per million
        "latency": 0.31,
        "time_to_first_token": 0.25,
        "tokens_per_second": 50.0,
        "routing_time": 0.005,
        "customer_identifier": "acme",
        "custom_identifier": "c-1",
        "thread_identifier": "t-1",
        "group_identifier": "g-1",
        "metadata": {"team": "7"},
        "limit_info": {"is_allowed": True, "limits": [], "org_credits": 42.5},
        "warnings": None,
        "blurred": False,
    }


@pytest.mark.parametrize(
    ("model", "status", "error_class", "domain"),
    [
        ("sandbox-400", 400, "user_invalid_request", "user"),
        ("sandbox-401", 401, "user_auth_byok", "user"),
        ("sandbox-402", 402, "user_quota", "user"),
        ("sandbox-404", 404, "user_invalid_request", "user"),
        ("sandbox-413", 413, "user_payload_too_large", "user"),
        ("sandbox-429", 429, "user_rate_limit", "user"),
        ("sandbox-500", 500, "provider_down", "provider"),
        ("sandbox-504", 504, "provider_timeout", "provider"),
        ("sandbox-529", 529, "provider_overloaded", "provider"),
        ("sandbox-overloaded", 529, "provider_overloaded", "provider"),
        ("sandbox-stream-error-authentication_error", 401, "user_auth_byok", "user"),
    ],
)
def test_a_failure_is_logged_with_its_class_and_whose_fault_it_was(
    logs: Sandbox, model: str, status: int, error_class: str, domain: str
) -> None:
    send(logs, model=model)
    [entry] = found(logs)
    assert (entry["status"], entry["status_code"]) == ("error", status)
    assert (entry["error_class"], entry["fault_domain"]) == (error_class, domain)
    assert entry["error_message"]
    assert (entry["cost"], entry["time_to_first_token"]) == (0.0, None)


def test_a_request_that_is_refused_as_malformed_is_logged_and_one_without_a_key_is_not(logs: Sandbox) -> None:
    call(logs, "POST", "/v1/messages", message(max_tokens=0))
    call(logs, "POST", "/v1/messages", b"no json")
    call(logs, "POST", "/v1/messages", message(), headers={})
    entries = found(logs)
    assert [(entry["model"], entry["status_code"]) for entry in entries] == [("", 400), ("claude-test", 400)]


def test_content_is_left_out_where_the_request_asks_for_it(logs: Sandbox) -> None:
    send(logs, "secret words", metadata={"respan_params": {"disable_log": True}})
    answered = call(logs, "POST", LIST, {})
    assert b"secret words" not in answered.body
    assert answered.json()["results"][0]["completion_tokens"] == 3


def test_an_entry_can_be_blurred(logs: Sandbox) -> None:
    send(logs, model="sandbox-log-blurred")
    [entry] = found(logs)
    assert (entry["blurred"], entry["output"], entry["prompt_messages"]) == (True, "", [])


@pytest.mark.parametrize(
    ("filters", "texts"),
    [
        (only("model", "", "claude-other"), ["8"]),
        (only("model", "in", "claude-other", "sandbox-529"), ["1e", "8"]),
        (only("model", "not", "claude-test"), ["1e", "8"]),
        (only("model", "not_in", "claude-test", "claude-other"), ["1e"]),
        (only("model", "contains", "-o"), ["8"]),
        (only("model", "not_contains", "claude"), ["1e"]),
        (only("model", "icontains", "OTHER"), ["8"]),
        (only("model", "startswith", "claude"), ["-", "8", "4", "1"]),
        (only("model", "not_startswith", "claude"), ["1e"]),
        (only("model", "endswith", "test"), ["-", "4", "1"]),
        (only("model", "not_endswith", "test"), ["1e", "8"]),
        (only("customer_identifier", "empty", ""), ["-"]),
        (only("customer_identifier", "not_empty", ""), ["1e", "8", "4", "1"]),
        (only("completion_tokens", "gt", 5), ["8"]),
        (only("completion_tokens", "gte", "5"), ["8", "4"]),
        (only("completion_tokens", "lt", 1), ["1e"]),
        (only("output_tokens", "lte", 1), ["-", "1e", "1"]),
        (only("status_code", "", "529"), ["1e"]),
        (only("status_code", "not", 200), ["1e"]),
        (only("error_class", "", "provider_overloaded"), ["1e"]),
        (only("stream", "", False), ["-", "1e", "8", "4", "1"]),
        (only("stream", "", True), []),
        (only("metadata__team", "", "acme"), ["4", "1"]),
        (only("metadata__team", "not", "acme"), ["1e", "8"]),
        (only("metadata___x", "", "1"), []),
        (
            {"completion_tokens": [{"operator": "gt", "value": [1]}, {"operator": "lt", "value": [9]}]},
            ["4"],
        ),
        (only("model", "", "claude-test") | only("customer_identifier", "", "acme"), ["4", "1"]),
    ],
)
def test_every_operator_selects_what_it_says(logs: Sandbox, filters: Json, texts: list[str]) -> None:
    fill(logs)
    short = {"run/one": "1", "run/one two three four": "4", "": "-"}
    names = []
    for entry in found(logs, filters):
        name = short.get(entry["custom_identifier"], "8")
        names.append(name + "e" * (entry["status"] == "error"))
    assert names == texts


@pytest.mark.parametrize(
    ("path", "filters", "detail"),
    [
        (LIST, {"colour": {"value": ["red"]}}, "filters: unsupported field 'colour'"),
        (LIST, only("model", "like", "x"), "filters: model: unsupported operator 'like'"),
        (
            LIST,
            only("model", "", "x") | {"model": {"operator": []}},
            "filters: model: unsupported operator []",
        ),
        (f"{LIST}?sort_by=colour", {}, "filters: unsupported field 'colour'"),
        (f"{LIST}?page=0", {}, "page: a positive number is expected"),
        (f"{LIST}?page_size=many", {}, "page_size: a positive number is expected"),
        (f"{LIST}?start_time=yesterday", {}, "start_time: not an ISO 8601 time"),
        ("/api/request-logs/groups/?group_by=colour", {}, "group_by: unsupported dimension 'colour'"),
        ("/api/request-logs/summary/?end_time=x", {}, "end_time: not an ISO 8601 time"),
    ],
)
def test_a_query_that_cannot_be_answered_is_refused(
    logs: Sandbox, path: str, filters: Json, detail: str
) -> None:
    fill(logs)
    answered = call(logs, "POST", path, {"filters": filters})
    assert (answered.status, answered.json()) == (400, {"detail": detail})


def test_pages_lead_to_each_other_and_count_only_themselves(logs: Sandbox) -> None:
    fill(logs)
    filters = {"filters": only("environment", "", "test")}
    path = f"{LIST}?page_size=2&sort_by=-cost"
    pages = []
    while path:
        page = call(logs, "POST", path, filters).json()
        pages.append((page["count"], bool(page["previous"]), [entry["cost"] for entry in page["results"]]))
        url = page["next"] and urlsplit(page["next"])
        path = f"{url.path}?{url.query}" if url else ""
    assert pages == [
        (2, False, [0.00018, 0.00009]),
        (2, True, [0.000018, 0.000018]),
        (1, True, [0.0]),
    ]
    assert call(logs, "POST", f"{LIST}?page=9", {}).json()["results"] == []


def test_a_page_has_at_most_a_thousand_entries(logs: Sandbox) -> None:
    for _ in range(1001):
        call(logs, "POST", "/v1/messages", message(max_tokens=0))
    assert call(logs, "POST", f"{LIST}?page_size=5000", {}).json()["count"] == 1000


def test_sorting_puts_what_has_no_value_at_one_end(logs: Sandbox) -> None:
    fill(logs)
    ascending = [entry["time_to_first_token"] for entry in found(logs, query="sort_by=time_to_first_token")]
    assert ascending == [None, 0.25, 0.25, 0.25, 0.25]


def test_a_query_has_a_period_of_an_hour_unless_it_names_one(logs: Sandbox) -> None:
    send(logs)
    [entry] = found(logs)
    moment = entry["timestamp"]
    assert len(found(logs, query=f"start_time={moment}&end_time={moment}")) == 1
    assert found(logs, query="end_time=2020-01-01T00:00:00Z") == []
    assert len(found(logs, query="start_time=" + quote("2020-01-01T00:00:00+02:00"))) == 1
    assert len(found(logs, query="start_time=2020-01-01")) == 1
    assert found(logs, query="start_time=2999-01-01") == []


def test_a_summary_adds_up_what_it_selects(logs: Sandbox) -> None:
    fill(logs)
    summary = call(
        logs, "POST", "/api/request-logs/summary/", {"filters": only("status", "", "success")}
    ).json()
    assert set(summary) >= SUMMARY
    assert summary == {
        "number_of_requests": 4,
        "total_cost": 0.000306,
        "total_tokens": 34,
        "total_prompt_tokens": 17,
        "total_completion_tokens": 17,
        "avg_latency": 0.335,
        "avg_ttft": 0.25,
        "avg_tps": 50.0,
        "scores": {},
    }
    empty = call(logs, "POST", "/api/request-logs/summary/", {"filters": only("model", "", "none")}).json()
    assert (empty["number_of_requests"], empty["total_cost"], empty["avg_latency"]) == (0, 0, None)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_groups_add_up_each_of_their_members(logs: Sandbox, method: str) -> None:
    fill(logs)
    page = call(logs, method, "/api/request-logs/groups/?group_by=customer_identifier").json()
    assert all(set(group) >= GROUP for group in page["results"])
    shown = [
        (group["customer_identifier"], group["number_of_requests"], group["error_count"], group["total_cost"])
        for group in page["results"]
    ]
    assert shown == [("zeta", 2, 1, 0.00018), ("acme", 2, 0, 0.000108), ("", 1, 0, 0.000018)]
    assert page["results"][1]["average_cost"] == 0.000054
    assert page["results"][0]["error_percentage"] == 50.0


@pytest.mark.parametrize(
    "dimension", ["model", "custom_identifier", "thread", "organization_key_id", "trace"]
)
def test_every_dimension_can_be_grouped_by(logs: Sandbox, dimension: str) -> None:
    fill(logs)
    page = call(logs, "POST", f"/api/request-logs/groups/?group_by={dimension}", {}).json()
    assert sum(group["number_of_requests"] for group in page["results"]) == 5


def test_the_latency_on_demand_is_in_the_log() -> None:
    with Sandbox(log_delay=0, latency_ms=100) as sandbox:
        send(sandbox, "four")
        [entry] = found(sandbox)
    assert (entry["time_to_first_token"], entry["latency"]) == (0.35, 0.37)


@pytest.mark.parametrize("path", [LIST, "/api/request-logs/summary/", "/api/request-logs/groups/"])
def test_the_logs_need_the_key(path: str) -> None:
    with Sandbox(key="right") as sandbox:
        assert call(sandbox, "POST", path, {}, headers={}).status == 401
        assert call(sandbox, "POST", path, {}).status == 401
        assert call(sandbox, "POST", path, {}, headers={"x-api-key": "right"}).status == 200


# --- models


def test_the_public_catalogue_needs_no_key_and_has_prices(logs: Sandbox) -> None:
    catalogue = call(logs, "GET", "/api/models/public/", headers={})
    models = catalogue.json()["models"]
    assert (catalogue.status, all(set(model) >= MODEL for model in models)) == (200, True)
    assert {(model["input_cost"], model["output_cost"]) for model in models} == {(3.0, 15.0)}
    assert "anthropic/claude-sonnet-5-5" in [model["model_name"] for model in models]
    assert models[0]["provider"]["provider_id"] == "anthropic"


STATUS = "start_time=2026-10-01T10:20:00Z&end_time=2026-10-01T12:10:00Z&time_tick=hour"


@pytest.mark.parametrize(
    ("name", "uptime", "buckets"),
    [
        ("claude-sonnet-5-5", 99.9, 3),
        ("anthropic/claude-sonnet-5-5", 99.9, 3),
        ("anthropic%2Fclaude-sonnet-5-5", 99.9, 3),
        ("sandbox-529", 62.5, 3),
        ("unheard-of", None, 0),
    ],
)
def test_the_public_status_of_a_model_is_the_same_in_every_run(
    logs: Sandbox, name: str, uptime: float | None, buckets: int
) -> None:
    status = call(logs, "GET", f"/api/models/{name}/status/?{STATUS}", headers={}).json()
    assert status["status"]["uptime_percent"] == uptime
    assert status["status"]["average_ttft"] == (uptime and 0.25)
    assert (len(status["data"]), len(status["metrics_series"])) == (buckets, buckets)
    assert status["time_tick"] == "hour"


@pytest.mark.parametrize("query", ["time_tick=eon", "start_time=x", "end_time=x"])
def test_a_status_of_no_period_is_refused(logs: Sandbox, query: str) -> None:
    assert call(logs, "GET", f"/api/models/claude-sonnet-5-5/status/?{query}", headers={}).status == 400


def test_only_the_public_part_of_the_models_is_there(logs: Sandbox) -> None:
    assert call(logs, "POST", "/api/models/public/", {}, BEARER).status == 404
    assert call(logs, "GET", "/api/models/other/", headers={}).status == 401
