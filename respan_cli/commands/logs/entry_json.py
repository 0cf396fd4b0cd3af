"""Log entries as the API's JSON, with secrets hidden."""

from __future__ import annotations

from typing import Any

from respan_cli.gateway.log_entry import as_number
from respan_cli.output.renderers import json_line
from respan_cli.terminal.redact import HIDDEN, is_secret
from respan_cli.terminal.terminal import Terminal


def print_json(terminal: Terminal, value: dict[str, Any], *, show_secrets: bool) -> None:
    """Print an entry on one line."""
    line = json_line(value if show_secrets else redacted(value))
    terminal.write(line if show_secrets else terminal.redact_secrets(line))
    terminal.flush()


def redacted(value: Any, name: str = "") -> Any:
    """A copy of JSON without texts under secret names, at any depth.

    Numbers stay: `prompt_tokens` counts tokens and is none.
    """
    if isinstance(value, dict):
        return {key: redacted(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [redacted(one, name) for one in value]
    is_text = isinstance(value, str) and value != "" and as_number(value) is None
    return HIDDEN if is_text and is_secret(name) else value
