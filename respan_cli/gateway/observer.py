"""What a client tells of a request while it is under way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from respan_cli.errors import RespanError


@dataclass(frozen=True, slots=True, repr=False)
class RequestSent:
    """A request as it is sent, secrets and all; `via` says which proxy it goes through."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    via: str


@dataclass(frozen=True, slots=True)
class RetryWait:
    """A pause before the next attempt.

    Args:
        retry: the number of the retry that follows, from 1.
        max_retries: how many there may be.
    """

    seconds: float
    failure: RespanError
    retry: int
    max_retries: int


class RequestObserver:
    """Told of a request as it happens. This one does nothing."""

    def request(self, sent: RequestSent) -> None:
        """A request is about to be sent."""

    def connected(self, ms: float) -> None:
        """A new connection stands: DNS, TCP and TLS took so many milliseconds together."""

    def sent(self) -> None:
        """The request is sent whole, and its response is waited for."""

    def response(self, status: int, headers: Mapping[str, str]) -> None:
        """The headers of a response have come."""

    def wait(self, wait: RetryWait) -> None:
        """An attempt failed, and another one follows after a pause."""

    def idle(self) -> None:
        """Every event that has arrived is taken, and the network is waited for."""

    def end(self, events: int) -> None:
        """The stream ended, well or not, after so many events."""


class DelegatingObserver(RequestObserver):
    """Tells another observer everything; subclasses listen to a part of it."""

    def __init__(self, other: RequestObserver) -> None:
        self._other = other

    def request(self, sent: RequestSent) -> None:
        """Tell the other."""
        self._other.request(sent)

    def connected(self, ms: float) -> None:
        """Tell the other."""
        self._other.connected(ms)

    def sent(self) -> None:
        """Tell the other."""
        self._other.sent()

    def response(self, status: int, headers: Mapping[str, str]) -> None:
        """Tell the other."""
        self._other.response(status, headers)

    def wait(self, wait: RetryWait) -> None:
        """Tell the other."""
        self._other.wait(wait)

    def idle(self) -> None:
        """Tell the other."""
        self._other.idle()

    def end(self, events: int) -> None:
        """Tell the other."""
        self._other.end(events)
