"""`respan check` against gateways that answer unpaid requests oddly: if a message passes, it passes.

The answers named after servers (LiteLLM, Envoy, nginx …) are modelled on public reports of those servers.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.check_support import EMPTY, UNKEYED, at, check, in_json
from tests.conftest import CLIENT_KEY, OfficialGateway
from tests.hosts import Handler, free_port, host, page
from tests.support import KEY, PATIENCE, run
from tests.test_check_kept import LAST_CHUNK, STREAM, read_request

CHALLENGE = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"
SSE = "event: message_start\ndata: {}\n\n"
NO_DB = '{"error":{"message":"No connected db.","type":"no_db_connection","param":null,"code":"400"}}'


def text(status: str, body: str, **headers: str) -> bytes:
    return page(status, body, **{"Content_Type": "text/plain", **headers})


ANSWERS = {
    "claude-code-router": text("401 Unauthorized", "Invalid API key"),
    "LiteLLM without a key": text("500 Internal Server Error", "Internal Server Error"),
    "LiteLLM without a database": in_json("400 Bad Request", NO_DB),
    "Envoy": text("401 Unauthorized", "Client authentication failed."),
    "nginx 401": page(
        "401 Unauthorized",
        "<html>\r\n<head><title>401 Authorization Required</title></head>\r\n<body>\r\n"
        "<center><h1>401 Authorization Required</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n"
        "</body>\r\n</html>\r\n",
        Server="nginx/1.22.1",
    ),
    "nginx 302": page(
        "302 Moved Temporarily",
        "<html>\r\n<head><title>302 Found</title></head>\r\n<body>\r\n<center><h1>302 Found</h1></center>\r\n"
        "<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n",
        Server="nginx/1.22.1",
        Location="https://sso.example/sign-in",
    ),
    "Caddy": text("401 Unauthorized", "Unauthorized", Server="Caddy"),
    "HAProxy": page(
        "403 Forbidden",
        "<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n",
    ),
    "HTML 400": page("400 Bad Request", "<h1>Bad request</h1>"),
    "HTML 403": page("403 Forbidden", "<title>Forbidden</title>"),
    "HTML 404": page("404 Not Found", "<h1>Nothing here</h1>"),
    "HTML 405": page("405 Method Not Allowed", "<h1>Not allowed</h1>", Allow="GET"),
    "HTML 500": page("500 Internal Server Error", "<h1>Oops</h1>"),
    "HTML 502": page("502 Bad Gateway", "<title>502 Bad Gateway</title>"),
    "HTML 200": page("200 OK", "<title>Welcome</title>"),
    "HTML 429": page("429 Too Many Requests", "<title>Slow down</title>", Retry_After="7"),
    "challenge page": page("403 Forbidden", CHALLENGE, Server="cloudflare"),
    "challenge page, 503": page("503 Service Unavailable", CHALLENGE),
    "text 429": text("429 Too Many Requests", "slow down"),
    "empty 200": page("200 OK", ""),
    "empty 204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "empty 400": page("400 Bad Request", ""),
    "empty 401": page("401 Unauthorized", ""),
    "JSON string": in_json("400 Bad Request", '"no"'),
    "JSON string, 401": in_json("401 Unauthorized", '"no"'),
    "JSON null": in_json("200 OK", "null"),
    "JSON array": in_json("422 Unprocessable Content", '[{"loc": ["body"]}]'),
    "JSON of a portal": in_json("200 OK", '{"captive": true}'),
    "JSON 404": in_json("404 Not Found", '{"detail": "Not Found"}'),
    "JSON 402": in_json("402 Payment Required", '{"detail": "no credits"}'),
    "JSON 529": in_json("529 Overloaded", '{"error": {"type": "overloaded_error", "message": "busy"}}'),
    "broken JSON": in_json("400 Bad Request", '{"error": '),
    "event stream": page("200 OK", SSE, Content_Type="text/event-stream"),
    "redirect without a target": page("301 Moved Permanently", ""),
    "redirect to itself": page("307 Temporary Redirect", "", Location="/v1/messages/"),
    "not modified": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "unknown status": page("799 Odd", "odd"),
    "bytes that are no UTF-8": b"HTTP/1.1 400 Bad\r\nContent-Length: 2\r\n\r\n\xff\xfe",
    "a lie about its length": b"HTTP/1.1 401 No\r\nContent-Length: 100\r\nConnection: close\r\n\r\nno",
    "no HTTP": b"go away\r\n\r\n",
    "nothing": b"",
}


def gateway(keyless: bytes, keyed: bytes, message: bytes = STREAM + LAST_CHUNK) -> Handler:
    """A gateway that answers unpaid requests with these bytes, and messages with those."""

    def handle(connection: socket.socket) -> None:
        if request := read_request(connection):
            head, _, body = request.partition(b"\r\n\r\n")
            unpaid = keyed if b"authorization:" in head.lower() else keyless
            connection.sendall(message if json.loads(body)["messages"] else unpaid)

    return handle


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_whatever_is_answered_without_a_key_the_message_decides(env: dict[str, str], answer: bytes) -> None:
    with host(gateway(answer, EMPTY)) as port:
        done = run("check", env=at(port, env))
    rows = {row.split("\t")[0]: row.split("\t") for row in done.out.splitlines()}
    assert (done.code, rows["message"][1], rows["verdict"][1]) == (0, "ok", "ready")
    refused = answer.split(b" ")[1:2] in ([b"401"], [b"403"])
    assert rows["http"][1] == ("ok" if refused else "warned")
    assert bool(done.err) is not refused
    assert rows["http"][3]


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_whatever_is_answered_with_a_key_nothing_is_proven_by_it(env: dict[str, str], answer: bytes) -> None:
    """The message of this gateway fails, so that the second unpaid request is made."""
    failure = in_json("400 Bad Request", '{"detail": "no such thing"}')
    with host(gateway(UNKEYED, answer, failure)) as port:
        done = check(env=at(port, env))
        paid = check("--no-probe", env=at(port, env))
    assert (done.code, done.shown["failure"]["stage"]) == (5, "message")
    assert done.facts("authentication")["proven"] is False
    assert done.shown["failure"]["means"].endswith("the key is not proven")
    assert paid.code == 5
    with host(gateway(UNKEYED, answer)) as port:
        done = check(env=at(port, env))
    assert (done.code, done.shown["verdict"]) == (0, "ready")


@pytest.mark.parametrize(
    "answer", [answer for name, answer in ANSWERS.items() if "40" not in name], ids=lambda _: ""
)
def test_without_a_message_no_odd_answer_is_called_good(env: dict[str, str], answer: bytes) -> None:
    with host(gateway(answer, answer)) as port:
        done = check("--no-send", env=at(port, env))
    assert done.shown["verdict"] != "ready"
    assert not done.facts("authentication").get("proven")


@pytest.mark.parametrize(
    "answer",
    [
        EMPTY,
        in_json("422 No", '{"detail": "Validation error", "errors": {"messages": ["empty"]}}'),
        in_json("422 No", '{"detail": [{"loc": ["body", "messages"], "msg": "too short"}]}'),
        in_json("200 OK", '{"type": "message", "content": []}'),
    ],
    ids=["400", "422 of Respan", "422 of FastAPI", "200"],
)
def test_only_an_answer_about_the_message_proves_the_key(env: dict[str, str], answer: bytes) -> None:
    with host(gateway(UNKEYED, answer)) as port:
        done = check("--no-send", env=at(port, env))
    assert (done.code, done.shown["verdict"]) == (0, "reachable")
    assert done.facts("authentication")["proven"] is True


def test_a_wrong_key_at_a_gateway_without_its_database_is_not_called_good(env: dict[str, str]) -> None:
    """LiteLLM: 401 without a key, 400 to a wrong one."""
    answer = ANSWERS["LiteLLM without a database"]
    with host(gateway(UNKEYED, answer, answer)) as port:
        done = check(env=at(port, env))
        unpaid = check("--no-send", env=at(port, env))
    assert (done.code, done.shown["failure"]["seen"]) == (
        5,
        "message: the request was refused (HTTP 400): No connected db.",
    )
    assert done.shown["failure"]["means"] == "what this profile sends was refused; the key is not proven"
    assert (unpaid.code, unpaid.shown["verdict"]) == (0, "not_proven")
    assert unpaid.warnings("authentication")


@pytest.mark.parametrize("kind", ["HTML 429", "text 429"])
def test_a_limit_is_a_limit_in_whatever_form(env: dict[str, str], kind: str) -> None:
    with host(gateway(ANSWERS[kind], EMPTY, ANSWERS[kind])) as port:
        done = check(env=at(port, env))
    wait = 7 if kind == "HTML 429" else 30
    assert (done.code, done.shown["failure"]["stage"]) == (6, "message")
    assert done.shown["failure"]["next"] == f"sleep {wait}; respan check --no-probe"
    assert done.shown["failure"]["retry_after"] == (7 if kind == "HTML 429" else None)


def limited(allowed: int) -> tuple[list[bytes], Handler]:
    """A gateway whose key may make so many requests; all requests with the key are noted."""
    keyed: list[bytes] = []
    plain = gateway(UNKEYED, EMPTY)

    def handle(connection: socket.socket) -> None:
        request = read_request(connection)
        if not request:  # only a look whether the port answers
            return
        if b"authorization:" in request.lower():
            keyed.append(request)
        if len(keyed) > allowed:
            connection.sendall(ANSWERS["text 429"])
            return
        answer_from(plain, request, connection)

    return keyed, handle


def answer_from(handle: Handler, request: bytes, connection: socket.socket) -> None:
    """Have another gateway answer a request that was read already."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(request)
        handle(theirs)
        theirs.shutdown(socket.SHUT_WR)
        while data := ours.recv(65536):
            connection.sendall(data)


def test_a_key_that_may_make_one_request_can_be_checked(env: dict[str, str]) -> None:
    keyed, handle = limited(1)
    with host(handle) as port:
        assert check(env=at(port, env)).code == 0
        assert len(keyed) == 1
        assert check(env=at(port, env)).code == 6


def test_no_unpaid_request_is_made_where_none_is_wanted(env: dict[str, str]) -> None:
    seen: list[bytes] = []
    plain = gateway(UNKEYED, EMPTY)

    def handle(connection: socket.socket) -> None:
        if request := read_request(connection):
            seen.append(request)
            answer_from(plain, request, connection)

    with host(handle) as port:
        done = check("--no-probe", env=at(port, env))
        assert (done.code, done.shown["verdict"], len(seen)) == (0, "ready", 1)
        assert done.verdicts()["http"] == "skipped"
        assert done.facts("authentication")["proven"] is True
        unsent = check("--no-probe", "--no-send", env=at(port, env))
    assert (unsent.code, unsent.shown["verdict"], len(seen)) == (0, "not_proven", 1)


def test_a_gateway_that_needs_no_key_is_one(env: dict[str, str]) -> None:
    answer = in_json("200 OK", '{"type": "message", "content": []}')
    with host(gateway(answer, answer)) as port:
        done = run("check", env=at(port, env))
    assert done.code == 0
    assert "\tthe gateway answers (200 without a key: it asks for none)\n" in done.out
    assert "\nauthentication\tskipped\t\tnot proven: the gateway asks for no key\n" in done.out


def test_the_official_gateway_is_ready(official_gateway: OfficialGateway) -> None:
    env = {"HOME": "/nowhere", "RESPAN_API_KEY": CLIENT_KEY, "RESPAN_BASE_URL": official_gateway.url}
    done = check(env=env)
    assert (done.code, done.shown["verdict"]) == (0, "ready")
    unpaid = check("--no-send", env=env)
    assert (unpaid.code, unpaid.shown["verdict"]) == (0, "reachable")


@contextmanager
def fakellm(folder: Path) -> Iterator[str]:
    """The mock server `fakellm`, as a process of its own; its URL."""
    (folder / "fakellm.yaml").write_text("version: 1\nrules: []\n")
    port = free_port()
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [Path(sys.executable).with_name("fakellm"), "serve", "--port", str(port)],
            stdout=log,
            stderr=log,
            cwd=folder,
        ) as process,
    ):
        try:
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("the mock server did not start")


def test_a_mock_server_of_the_registry_is_ready(tmp_path: Path) -> None:
    with fakellm(tmp_path) as url:
        env = {"HOME": "/nowhere", "RESPAN_API_KEY": KEY, "RESPAN_BASE_URL": url}
        done = check(env=env)
        sent = run("send", "hi", env=env)
    assert (done.code, done.shown["verdict"], sent.code) == (0, "ready", 0)
