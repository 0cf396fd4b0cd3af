"""Events in, pieces of output out: plain text, one JSON object, JSON lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from respan_cli.messages.answer import Event
from respan_cli.output.result import Result


class Renderer:
    """Turns the events of one answer into the text for stdout."""

    def prepare(self) -> None:
        """The request is sent: there is time to get ready."""

    def finish_block(self) -> None:
        """Something else is about to be written below what was rendered so far."""

    def render(self, event: Event, text: str) -> str:
        """The text to write for one event, which added this text to the answer."""
        raise NotImplementedError

    def finish(self, result: Result) -> str:
        """The text to write when the answer is complete."""
        raise NotImplementedError

    def abort(self) -> str:
        """The text to write after an incomplete answer, before the error."""
        raise NotImplementedError


class PlainText(Renderer):
    """The text as it arrives, with one newline at its end if it lacks one.

    Args:
        shares_terminal: whether messages follow the answer on the same screen, so that it ends its line
            even where it broke off.
    """

    def __init__(self, *, shares_terminal: bool = False) -> None:
        self._shares_terminal = shares_terminal
        self._last = "\n"

    def render(self, event: Event, text: str) -> str:
        """The text itself."""
        if text:
            self._last = text
        return text

    def finish(self, result: Result) -> str:
        """The missing newline, or nothing."""
        return self._newline()

    def abort(self) -> str:
        """The missing newline before an error; a pipe of its own gets no byte that the model did not send."""
        return self._newline() if self._shares_terminal else ""

    def _newline(self) -> str:
        return "" if self._last.endswith("\n") else "\n"


class JsonObject(Renderer):
    """One object on one line, when the answer is complete."""

    def render(self, event: Event, text: str) -> str:
        """Nothing yet."""
        return ""

    def finish(self, result: Result) -> str:
        """The object."""
        return json_line(result.as_json())

    def abort(self) -> str:
        """Nothing: no object is better than half of one."""
        return ""


class JsonLines(Renderer):
    """Every event as it arrives, a line each, then the object of `--json` as the last."""

    def render(self, event: Event, text: str) -> str:
        """The event, as the API sent it."""
        return json_line(event)

    def finish(self, result: Result) -> str:
        """The result line."""
        return json_line({"type": "result", **result.as_json()})

    def abort(self) -> str:
        """Nothing: the lines so far are complete."""
        return ""


def json_line(value: Mapping[str, Any]) -> str:
    """One JSON value on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
