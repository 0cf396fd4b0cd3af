"""One client for many requests: from many threads at once, and over connections that come and go."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from respan_cli.exchange import exchange
from respan_cli.gateway.api_errors import RequestContext
from respan_cli.gateway.client import GatewayClient
from respan_cli.messages.request import MessageRequest, user_turn
from respan_cli.output.result import Result
from respan_cli.sandbox import Sandbox
from respan_cli.settings.headers import on_the_wire

THREADS = 32
EACH = 8


def client_of(url: str, *, keep_alive: int) -> GatewayClient:
    context = RequestContext(url + "/", "m", "default", "nowhere")
    headers = on_the_wire({}, authorization="Bearer any")
    return GatewayClient(context, headers, timeout=30, keep_alive=keep_alive)


def answer(client: GatewayClient, text: str) -> str:
    request = MessageRequest("m", 100, [user_turn(text)], {"custom_identifier": text}, {}, {})
    *_, result = exchange(client, request, profile="default")
    assert isinstance(result, Result)
    return result.answer.text


def test_thirty_two_threads_over_one_client_each_get_their_own_answer(sandbox: Sandbox) -> None:
    texts = [f"question {number}" for number in range(THREADS * EACH)]
    with client_of(sandbox.url, keep_alive=THREADS) as client, ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda text: answer(client, text), texts))
    assert answers == texts
    sent = {request["body"]["metadata"]["respan_params"]["custom_identifier"] for request in sandbox.requests}
    assert sent == set(texts)
