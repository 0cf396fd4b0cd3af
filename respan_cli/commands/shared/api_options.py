"""The options of commands that read Respan's API: its URL and the timeout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from respan_cli.commands.shared.options import (
    BaseUrl,
    GatewayHeader,
    InsecureHttp,
    MaxRetries,
    ProfileOptions,
    Timeout,
)

AsJsonLines = Annotated[bool, typer.Option("--json", help="JSON Lines: each one whole, as the API has it.")]


@dataclass(frozen=True, kw_only=True)
class ApiOptions(ProfileOptions):
    """The settings of a request to Respan's API."""

    base_url: BaseUrl = None
    gateway_headers: GatewayHeader = None
    timeout: Timeout = None
    max_retries: MaxRetries = None
    insecure_http: InsecureHttp = False
