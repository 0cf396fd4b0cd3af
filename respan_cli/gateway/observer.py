"""Callbacks for the progress of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from respan_cli.errors import RespanError


@dataclass(frozen=True, slots=True, repr=False)
class RequestSent:
    """A request as it is sent, with secrets; `via` names the proxy."""

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
    """Observes a request. This one does nothing."""

    def request(self, sent: RequestSent) -> None:
        """A request is about to be sent."""

    def connected(self, ms: float) -> None:
        """A new connection is open: DNS, TCP and TLS took so many milliseconds together."""

    def sent(self) -> None:
        """The whole request is sent; the wait for the response begins."""

    def response(self, status: int, headers: Mapping[str, str]) -> None:
        """The headers of a response have arrived."""

    def wait(self, wait: RetryWait) -> None:
        """An attempt failed, and another one follows after a pause."""

    def idle(self) -> None:
        """Every event that has arrived is taken, and the network is waited for."""

    def end(self, events: int) -> None:
        """The stream ended, well or not, after so many events."""


class DelegatingObserver(RequestObserver):
    """Forwards every call to another observer; subclasses override some."""

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
