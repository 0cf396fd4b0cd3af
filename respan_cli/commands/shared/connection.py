"""From the settings to an open client of the gateway they describe."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from respan_cli.gateway.api_errors import RequestContext
from respan_cli.gateway.client import GatewayClient
from respan_cli.settings.api_key import find_key
from respan_cli.settings.headers import on_the_wire, resolve_references
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.redact import secret_values
from respan_cli.terminal.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send, and with which key.

    Args:
        key: the API key; not in the repr.
        key_source: where the key came from.
    """

    url: str
    key: str = field(repr=False)
    key_source: str


@contextmanager
def open_target(settings: Settings, env: Mapping[str, str], *, sandbox: bool) -> Iterator[Target]:
    """The gateway of the settings, or the sandbox for as long as this lasts.

    Raises:
        SettingsError: there is no key, or the command that gives it fails.
        UsageError: the sandbox cannot start: this process may not have the memory or the threads for it.
    """
    if not sandbox:
        yield Target(settings.base_url, *find_key(settings, env))
        return
    from respan_cli.sandbox import Sandbox

    # Other users of this machine can connect too: they must not find the prompt, nor be answered.
    key = f"sandbox-{os.urandom(16).hex()}"
    with Sandbox(key=key, keep_requests=False) as running:
        yield Target(running.url + "/", key, "the sandbox")


def client_for(
    target: Target,
    settings: Settings,
    terminal: Terminal,
    *,
    max_retries: int | None = None,
    keep_alive: int = 0,
) -> GatewayClient:
    """A client of the gateway that the settings describe; it is not open yet.

    Args:
        target: where to, with which key. The terminal hides the key from now on.
        terminal: the environment that headers may refer to.
        max_retries: instead of what the settings say.
        keep_alive: connections that are kept for another request.

    Raises:
        SettingsError: a header refers to a variable that is not set.
    """
    gateway_headers = resolve_references(settings.gateway_headers, terminal.env)
    terminal.add_secrets(target.key, *secret_values(gateway_headers))
    return GatewayClient(
        RequestContext(target.url, settings.model, settings.sources["model"], target.key_source),
        on_the_wire(gateway_headers, authorization=f"Bearer {target.key}", sources=settings.sources),
        timeout=settings.timeout,
        max_retries=settings.max_retries if max_retries is None else max_retries,
        keep_alive=keep_alive,
    )
