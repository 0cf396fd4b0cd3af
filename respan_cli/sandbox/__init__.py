"""A gateway to try things with: Respan's Anthropic endpoint and log API on 127.0.0.1.

    with Sandbox() as sandbox:
        client = Anthropic(base_url=sandbox.url, api_key="any")

It checks requests as the API would, echoes them deterministically, keeps what it received and logs it, and
has a model for each fault in `FAULTS`. It uses the standard library alone. Imports go one way:
api → replies → quirks → faults → app → connection → server; below app stands the log API (log_filters,
log_entry → logs), below connection HTTP.
"""

from respan_cli.sandbox.connection import Served
from respan_cli.sandbox.faults import FAULTS
from respan_cli.sandbox.server import Sandbox

__all__ = ["FAULTS", "Sandbox", "Served"]
