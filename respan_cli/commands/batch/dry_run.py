"""`respan batch --dry-run`: the requests as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator

from respan_cli.batch.requests import RowRequest
from respan_cli.settings.headers import KEY_PLACEHOLDER, as_mapping, on_the_wire
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.redact import redact
from respan_cli.terminal.terminal import Terminal


def print_requests(
    requests: Iterator[RowRequest], settings: Settings, terminal: Terminal, *, show_secrets: bool
) -> None:
    """Print each request as one line: its row's id, and what `send --dry-run` prints.

    Args:
        requests: with references to variables in their headers, not the values.
        show_secrets: show secret values; the key is never shown.
    """
    gateway_headers = redact(settings.gateway_headers, show_secrets=show_secrets, keep_references=True)
    wire = on_the_wire(gateway_headers, authorization=KEY_PLACEHOLDER, sources=settings.sources)
    headers = as_mapping(wire)
    for row_request in requests:
        line = {
            "id": row_request.row.id,
            "method": "POST",
            "url": f"{settings.base_url}v1/messages",
            "headers": headers,
            "body": redact(row_request.request.body(), show_secrets=show_secrets, keep_references=True),
        }
        terminal.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        terminal.flush()
