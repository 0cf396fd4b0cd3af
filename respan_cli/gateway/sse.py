"""Server-sent events from bytes (WHATWG HTML, 9.2.6), at a cost that is linear in their length.

The SDK's own decoder joins what has come again for every chunk: one line of 50 MB kept it busy for 24 s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_EVENT_BYTES = 16 * 1024 * 1024
# An event as the API writes it; any other spelling is read line by line.
_USUAL = re.compile(rb"event: ([^\r\n]+)\ndata: ([^\r\n]*)\n\n")


class ServerSentEvent(NamedTuple):
    """One event: its name, "message" if it has none, and its data."""

    name: str
    data: str


class EventTooLargeError(ValueError):
    """An event is longer than `MAX_EVENT_BYTES`."""


class SseDecoder:
    """Decodes the bytes of a stream into events, as they arrive."""

    def __init__(self) -> None:
        self._line: list[bytes] = []  # pieces of a line whose end has not come
        self._after_cr = False  # the last chunk ended with CR: an LF that follows belongs to it
        self._name = ""
        self._data: list[bytes] = []
        self._size = 0  # bytes of the event so far

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        """The events that end in this chunk.

        Raises:
            EventTooLargeError: an event has no end within its limit.
            UnicodeDecodeError: an event is not UTF-8.
        """
        if not (self._line or self._name or self._data or self._after_cr):
            end = 0
            while event := _USUAL.match(chunk, end):
                end = event.end()
                yield ServerSentEvent(event[1].decode("utf-8", "replace"), event[2].decode())
            chunk = chunk[end:]
        *ended, rest = self._newlines(chunk).split(b"\n")
        for line in ended:
            self._count(line)
            if self._line:
                line = b"".join([*self._line, line])
                self._line = []
            if line:
                self._field(line)
            elif self._name or self._data:
                yield self._finish()
        if rest:
            self._line.append(rest)
            self._count(rest)

    def _newlines(self, chunk: bytes) -> bytes:
        """The chunk with every line ending (CR, LF or CRLF) as LF."""
        if self._after_cr:
            chunk = chunk.removeprefix(b"\n")
        if b"\r" not in chunk:
            self._after_cr = self._after_cr and not chunk
            return chunk
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _field(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")

    def _count(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > MAX_EVENT_BYTES:
            raise EventTooLargeError(f"an event is longer than {MAX_EVENT_BYTES // 1024**2} MiB")

    def _finish(self) -> ServerSentEvent:
        event = ServerSentEvent(self._name or "message", b"\n".join(self._data).decode())
        self._name, self._data, self._size = "", [], 0
        return event
