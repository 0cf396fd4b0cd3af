"""One message: from a request, by way of its events, to a result.

    for item in exchange(client, request, profile="work"):
        if isinstance(item, Result):
            ...                # the last one
        else:
            print(item.text)   # what this event brings of the answer

`send` and `check` both come through here, so that what `check` proves is what `send` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

from respan_cli.errors import RespanError
from respan_cli.gateway.client import GatewayClient
from respan_cli.gateway.error_body import ResponseIds
from respan_cli.gateway.observer import RequestObserver
from respan_cli.messages.answer import Answer, Event
from respan_cli.messages.request import MessageRequest
from respan_cli.output.result import Result, Timing


@dataclass(frozen=True, slots=True)
class Received:
    """One event of the answer, the text it brings (often none), and the ids of the response it belongs to."""

    event: Event
    text: str
    ids: ResponseIds


def exchange(
    client: GatewayClient,
    request: MessageRequest,
    *,
    profile: str,
    observer: RequestObserver | None = None,
) -> Iterator[Received | Result]:
    """Send a request; yield each event of its answer as it arrives, and last the result.

    Args:
        observer: told of the attempts, and when the network is waited for.

    Raises:
        RespanError: of every kind that the gateway knows.
    """
    timing = Timing(monotonic())
    answer = Answer()
    with client.stream(request, observer) as response:
        ids = response.ids
        try:
            for event in response.events():
                text = answer.feed(event)
                if timing.first is None and (text or event["type"] == "content_block_delta"):
                    timing.first = monotonic()
                if event["type"] == "message_stop":
                    timing.end = monotonic()
                yield Received(event, text, ids)
        except RespanError as error:
            raise error.with_ids(ids.request_id, ids.log_id) from error.__cause__
    yield Result(answer, request, profile, client.url, timing, ids)
