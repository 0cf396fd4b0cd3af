"""`respan batch --dry-run`: the requests as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from respan_cli.batch.requests import RowRequest
from respan_cli.output.dry_run import PrintedRequest
from respan_cli.settings.headers import KEY_PLACEHOLDER, as_mapping, on_the_wire
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.redact import redact, redact_params
from respan_cli.terminal.terminal import Terminal


def print_requests(
    requests: Iterator[RowRequest], settings: Settings, terminal: Terminal, *, show_secrets: bool
) -> None:
    """Print each request as one line: its row's id, and what `send --dry-run` prints.

    Args:
        requests: their forwarded headers redacted already.
        show_secrets: show secret values; the key is never shown.
    """
    gateway_headers = redact(settings.gateway_headers, show_secrets=show_secrets)
    wire = on_the_wire(gateway_headers, authorization=KEY_PLACEHOLDER, sources=settings.sources)
    headers = as_mapping(wire)
    for row_request in requests:
        params = redact_params(row_request.request.respan_params, show_secrets=show_secrets)
        request = replace(row_request.request, respan_params=params)
        printed = PrintedRequest(settings.base_url, wire, request, settings.timeout)
        line = {
            "id": row_request.row.id,
            "method": "POST",
            "url": printed.endpoint,
            "headers": headers,
            "body": request.body(),
        }
        terminal.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        terminal.flush()
