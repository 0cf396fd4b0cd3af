"""The log of `--debug`: everything sent and received, with secrets hidden.

`>` marks what was sent, `<` what came back, `*` what happened in between.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from respan_cli.gateway.observer import DelegatingObserver, RequestObserver, RequestSent, RetryWait
from respan_cli.terminal.redact import redact

MAX_TEXT_LENGTH = 1000  # characters of one text in a body; an image is longer, and unreadable


class DebugLog(DelegatingObserver):
    """Writes an exchange down as it happens.

    Args:
        other: told as well, as without `--debug`.
        hide: takes known secrets out of a text, before it is shortened.
    """

    def __init__(
        self, write: Callable[[str], None], other: RequestObserver, hide: Callable[[str], str]
    ) -> None:
        super().__init__(other)
        self._hide = hide
        self._write = write
        self._start = monotonic()

    def request(self, sent: RequestSent) -> None:
        """Method, URL, headers by name, body."""
        self._start = monotonic()
        if sent.via:
            self._write(f"*{sent.via}")
        super().request(sent)
        body = shown_body(sent.body, self._hide)
        self._lines(">", [f"{sent.method} {sent.url}", *_headers(sent.headers), "", body])

    def response(self, status: int, headers: Mapping[str, str]) -> None:
        """Status, headers by name, and how long they took."""
        self._lines("<", [f"HTTP {status} after {self._passed}", *_headers(headers)])

    def wait(self, wait: RetryWait) -> None:
        """The failure, and the pause after it."""
        self._write(
            f"* {wait.failure.message}; retry {wait.retry} of {wait.max_retries} in {wait.seconds:.1f} s"
        )
        super().wait(wait)

    def end(self, events: int) -> None:
        """How many events came, and how long they took."""
        self._write(f"* {events} events, the last after {self._passed}")

    @property
    def _passed(self) -> str:
        return f"{monotonic() - self._start:.2f} s"

    def _lines(self, mark: str, lines: list[str]) -> None:
        for line in lines:
            self._write(f"{mark} {line}".rstrip())


def _headers(headers: Mapping[str, str]) -> list[str]:
    # A sent header has no `env:` references: a value that looks like one is literal.
    return [f"{name}: {value}" for name, value in redact(dict(headers)).items()]


def shown_body(body: bytes, hide: Callable[[str], str] = str) -> str:
    """The JSON body of a request on one line, without its secrets and with its long texts shortened."""
    return json.dumps(_shortened(redact(json.loads(body)), hide), ensure_ascii=False) if body else ""


def _shortened(value: Any, hide: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {name: _shortened(item, hide) for name, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item, hide) for item in value]
    if isinstance(value, str) and len(value) > MAX_TEXT_LENGTH:
        return f"{hide(value[: 2 * MAX_TEXT_LENGTH])[:MAX_TEXT_LENGTH]}… ({len(value)} characters)"
    return value
