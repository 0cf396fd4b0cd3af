"""Respan's log as a client of its API: patient with what is late, quick to say that there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat

import pytest

from respan_cli.errors import RespanError
from respan_cli.gateway.api_errors import RequestContext
from respan_cli.gateway.client import GatewayClient
from respan_cli.gateway.deadline import Deadline
from respan_cli.gateway.log_api import LogApi
from respan_cli.gateway.log_entry import LogEntry
from respan_cli.gateway.log_query import Condition, LogQuery
from respan_cli.gateway.models_api import Model, ModelsApi, status_line
from respan_cli.gateway.observer import RequestObserver, RetryWait
from respan_cli.gateway.respan_api import ABSENT, api_root
from respan_cli.settings.headers import on_the_wire
from tests.conftest import CLIENT_KEY, OfficialGateway
from tests.hosts import host as broken_host
from tests.hosts import silent
from tests.log_host import Answer, Asked, Reply, StandIn, log_host
from tests.support import KEY, PATIENCE

SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NOT_FOUND = Reply(404, {"detail": "Not found."})
EMPTY = Reply(200, {"results": []})


class Waits(RequestObserver):
    """The waits that were announced."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def wait(self, wait: RetryWait) -> None:
        self.seconds.append(wait.seconds)


def client_of(url: str, key: str = KEY, retries: int = 0) -> GatewayClient:
    headers = on_the_wire({}, authorization=f"Bearer {key}")
    return GatewayClient(
        RequestContext(url, "m", "default", "api_key"), headers, timeout=PATIENCE, max_retries=retries
    )


@contextmanager
def log_of(answer: Answer, seconds: float = PATIENCE, retries: int = 0) -> Iterator[tuple[LogApi, StandIn]]:
    """The log of a stand-in."""
    with log_host(answer) as host, client_of(host.url, retries=retries) as client:
        yield LogApi(client, Deadline(seconds)), host


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("https://api.respan.ai/api/anthropic/", "https://api.respan.ai/api/"),
        ("https://endpoint.respan.ai/api/anthropic", "https://endpoint.respan.ai/api/"),
        ("https://api.keywordsai.co/api/anthropic/", "https://api.keywordsai.co/api/"),
        ("https://corp.example/llm/api/anthropic/", "https://corp.example/llm/api/"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/api/"),
        ("https://corp.example/anthropic/", "https://corp.example/api/"),
    ],
)
def test_the_api_is_on_the_host_of_the_profile(base_url: str, root: str) -> None:
    assert api_root(base_url) == root


def test_an_entry_that_is_late_is_waited_for() -> None:
    replies = iter([NOT_FOUND, EMPTY, Reply(503, {}), Reply(200, {"unique_id": "a/b", "cost": "0.5"})])
    with log_of(lambda _: next(replies)) as (log, host):
        entry = log.wait_for("a/b")
    assert (entry.id, entry.cost, log.looks) == ("a/b", 0.5, 3)
    get, listing = "GET /api/request-logs/a%2Fb/", "POST /api/request-logs/list/"
    assert host.paths() == [get, listing, get, get]
    assert {one.headers["authorization"] for one in host.asked} == {f"Bearer {KEY}"}


def test_an_entry_without_a_cost_yet_is_waited_for_where_the_cost_is_wanted() -> None:
    replies = iter([(200, {"unique_id": "x", "cost": None}), (200, {"unique_id": "x", "cost": 0.25})])
    with log_of(lambda _: next(replies)) as (log, _):
        assert log.wait_for("x", with_cost=True).cost == 0.25


def test_an_entry_that_never_comes_is_told_with_the_time_that_was_spent() -> None:
    absent = log_of(lambda asked: EMPTY if asked.method == "POST" else NOT_FOUND, 0.2)
    with absent as (log, _), pytest.raises(RespanError) as caught:
        log.wait_for("x")
    assert caught.value.kind == "log_missing"
    assert caught.value.message == "no entry of ID x in the request log after 0.2 s, 2 looks"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (NOT_FOUND, 5),
        ((404, {"error": {"message": "no format served accepts GET", "type": "not_found_error"}}), 5),
        ((405, {"detail": "Method not allowed"}), 5),
        ((404, "<h1>Nothing here</h1>"), 9),
        ((200, "<title>Welcome</title>"), 9),
        ((200, {"hello": "world"}), 9),
        ((302, ""), 5),
    ],
    ids=["json", "official gateway", "405", "page", "page 200", "other json", "redirect"],
)
def test_a_host_without_a_log_says_so_at_once(reply: tuple[int, object], code: int) -> None:
    with log_of(lambda _: reply) as (log, host):
        with pytest.raises(RespanError) as caught:
            log.wait_for("x")
        assert len(host.asked) <= 2
        with pytest.raises(RespanError) as listed:
            next(log.entries(LogQuery(SINCE), limit=1))
    for failure in (caught.value, listed.value):
        assert (failure.kind, failure.message, failure.code) == (
            ABSENT,
            "this gateway keeps no such log",
            code,
        )
        assert failure.hint == f"it is on Respan's own hosts; the base URL is {host.url}"


def test_the_official_gateway_keeps_no_such_log(official_gateway: OfficialGateway) -> None:
    gateway = client_of(official_gateway.url + "/", CLIENT_KEY)
    with gateway as client, pytest.raises(RespanError) as caught:
        LogApi(client, Deadline(PATIENCE)).wait_for("x")
    assert (caught.value.kind, caught.value.message) == (ABSENT, "this gateway keeps no such log")


def test_pages_are_followed_to_the_number_asked_for_on_this_host_alone() -> None:
    elsewhere = "https://elsewhere.example/steal/"

    def answer(asked: Asked) -> tuple[int, object]:
        page = int(asked.params["page"])
        results = [{"unique_id": f"{page}-{number}"} for number in range(2)]
        # The count is a lie, and an entry comes twice because new requests shift the pages.
        return 200, {
            "count": 2,
            "next": f"{elsewhere}?page={page + 1}",
            "results": [{"id": "twice"}, *results],
        }

    query = LogQuery(SINCE, conditions=(Condition("cost", "gt", (1,)), Condition("cost", "lt", (2,))))
    with log_of(answer) as (log, host):
        found = [entry.id for entry in log.entries(query, limit=6)]
    assert found == ["twice", "1-0", "1-1", "2-0", "2-1", "3-0"]
    assert host.paths() == ["POST /api/request-logs/list/"] * 3
    common = {"start_time": "2026-01-02T03:04:05.000Z", "page_size": "6", "sort_by": "-timestamp"}
    assert [one.params for one in host.asked] == [{**common, "page": str(page)} for page in (1, 2, 3)]
    conditions = [{"operator": "gt", "value": [1]}, {"operator": "lt", "value": [2]}]
    assert host.asked[0].body == {"filters": {"cost": conditions}}


def test_pages_that_lead_back_to_themselves_end() -> None:
    with log_of(lambda _: (200, {"next": "?page=1", "results": [{"id": "a"}]})) as (log, host):
        assert [entry.id for entry in log.entries(LogQuery(SINCE), limit=9)] == ["a"]
    assert len(host.asked) == 1


def test_a_rate_limit_is_waited_for_once() -> None:
    limited = Reply(429, {"detail": "slow down"}, {"Retry-After": "0.05"})
    replies = iter([limited, EMPTY, limited, limited])
    with log_host(lambda _: next(replies)) as host, client_of(host.url) as client:
        waits = Waits()
        assert list(LogApi(client, Deadline(PATIENCE), waits).entries(LogQuery(SINCE), limit=1)) == []
        with pytest.raises(RespanError) as caught:
            list(LogApi(client, Deadline(PATIENCE), waits).entries(LogQuery(SINCE), limit=1))
    assert waits.seconds == [0.05, 0.05]
    assert (caught.value.code, caught.value.reason) == (6, "slow down")


def test_a_rate_limit_that_ends_after_the_deadline_is_reported_at_once() -> None:
    limited = Reply(429, {"detail": "slow down"})
    with log_of(lambda _: limited) as (log, host), pytest.raises(RespanError) as caught:
        list(log.entries(LogQuery(SINCE), limit=1))
    assert (caught.value.code, len(host.asked)) == (6, 1)


def test_transient_failures_are_retried_as_often_as_a_message_is() -> None:
    replies = iter([(500, {"detail": "oh"}), (200, {"number_of_requests": 3})])
    with log_of(lambda _: next(replies), retries=1) as (log, _):
        assert log.summary(LogQuery(SINCE)).count("number_of_requests") == 3


def test_a_refused_key_is_told_as_that() -> None:
    refused = Reply(401, {"detail": "Invalid key"})
    with log_of(lambda _: refused) as (log, host), pytest.raises(RespanError) as caught:
        log.summary(LogQuery(SINCE))
    root = host.url.removesuffix("anthropic/")
    assert (caught.value.code, caught.value.reason) == (4, "Invalid key")
    assert (
        caught.value.message == f"cannot read the request log at {root}: the key was not accepted (HTTP 401)"
    )


def test_a_request_is_found_by_its_custom_identifier_past_those_that_are_known() -> None:
    replies = iter([(200, {"results": [{"id": "old"}]}), (200, {"results": [{"id": "new"}, {"id": "old"}]})])
    with log_of(lambda _: next(replies)) as (log, host):
        entry = log.wait_for_custom_id("nightly", SINCE, frozenset({"old"}))
    assert entry.id == "new"
    assert host.asked[0].body == {"filters": {"custom_identifier": {"operator": "", "value": ["nightly"]}}}


def test_requests_that_stay_away_are_waited_for_until_the_deadline_only() -> None:
    replies = chain([Reply(503, {})], repeat(Reply(200, {"number_of_requests": 3})))
    with log_of(lambda _: next(replies), seconds=0.5) as (log, host):
        assert log.wait_for_requests(LogQuery(SINCE), 5).count("number_of_requests") == 3
    assert len(host.asked) >= 2


def test_groups_are_read_from_every_page() -> None:
    pages = iter(
        [(200, {"next": "?page=2", "results": [{"model": "a"}]}), (200, {"results": [{"model": "b"}]})]
    )
    with log_of(lambda _: next(pages)) as (log, host):
        assert [group.text("model") for group in log.groups(LogQuery(SINCE, SINCE), "model")] == ["a", "b"]
    assert host.asked[1].params["group_by"] == "model"
    assert host.asked[1].params["end_time"] == "2026-01-02T03:04:05.000Z"


def test_an_entry_is_read_leniently() -> None:
    entry = LogEntry({"id": 7, "cost": "NaN", "latency": True, "prompt_tokens": "12", "timestamp": "soon"})
    assert (entry.id, entry.cost, entry.number("latency"), entry.timestamp) == ("7", None, None, None)
    assert (entry.input_tokens, entry.output_tokens, entry.total_tokens, entry.model) == (12, None, 12, None)
    naive = LogEntry({"timestamp": "2026-01-02T03:04:05"})
    assert naive.timestamp == SINCE
    assert LogEntry({"timestamp": "2026-01-02T05:04:05+02:00"}).timestamp == SINCE


def test_models_are_read_leniently() -> None:
    listed = [
        {
            "model_name": "a",
            "max_context_window": 1000,
            "input_cost": 3,
            "output_cost": "15",
            "provider": "P",
        },
        {"model_name": "b", "provider": {"provider_id": "p"}},
        {"hello": "world"},
        "what",
    ]
    for body in ({"models": listed}, {"results": listed}, listed):
        with log_host(lambda _, body=body: (200, body)) as host, client_of(host.url) as client:  # type: ignore[misc]
            found = ModelsApi(client, Deadline(PATIENCE)).models()
        assert found == [Model("a", 1000, 3.0, 15.0, "P"), Model("b", None, None, None, "p")]


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (
            (200, {"status": {"uptime_percent": 62.5, "average_ttft": 0.25}}),
            "public status of a/b in the last hour: 62.5% up, first token after 0.25 s on average",
        ),
        ((200, {"status": {"uptime_percent": 100}}), "public status of a/b in the last hour: 100% up"),
        ((200, {"status": {"uptime_percent": None}, "data": []}), None),
        ((200, []), None),
        ((404, "nothing"), None),
        ((500, {}), None),
    ],
    ids=["known", "without first token", "unknown", "other", "absent", "failing"],
)
def test_the_public_status_of_a_model_is_a_line_where_there_is_one(
    reply: tuple[int, object], line: str | None
) -> None:
    with log_host(lambda _: reply) as host:
        assert status_line(RequestContext(host.url, "m", "default", "no key"), [], "a/b") == line
    (asked,) = host.asked
    assert (asked.path, asked.params["time_tick"]) == ("/api/models/a%2Fb/status/", "hour")
    assert "authorization" not in asked.headers
    start, end = (datetime.fromisoformat(asked.params[name]) for name in ("start_time", "end_time"))
    assert end - start == timedelta(hours=1)


def test_a_host_that_says_nothing_of_a_model_is_not_waited_for() -> None:
    with broken_host(silent) as port:
        context = RequestContext(f"http://127.0.0.1:{port}/", "m", "default", "no key")
        assert status_line(context, [], "m") is None
