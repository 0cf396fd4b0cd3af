"""A gateway to try things out with: Respan's Anthropic endpoint on 127.0.0.1, played by the standard library.

    with Sandbox() as sandbox:
        client = Anthropic(base_url=sandbox.url, api_key="any")

It checks requests as the API would, echoes them deterministically, keeps what it received, and plays
every fault in `FAULTS` when asked for it by model name. Inside, imports go one way:
api → faults → gateway → server.
"""

from respan_cli.sandbox.faults import FAULTS
from respan_cli.sandbox.server import Sandbox

__all__ = ["FAULTS", "Sandbox"]
