"""From the options of a command to Respan's API on the host of its profile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from respan_cli.commands.shared.api_options import ApiOptions
from respan_cli.commands.shared.connection import client_for, open_target
from respan_cli.commands.shared.context import check_in_the_clear, load_settings
from respan_cli.errors import SettingsError, UsageError
from respan_cli.gateway.api_errors import RequestContext
from respan_cli.gateway.client import GatewayClient
from respan_cli.gateway.deadline import Deadline
from respan_cli.gateway.log_api import LogApi
from respan_cli.gateway.models_api import ModelsApi
from respan_cli.output.progress import api_observer
from respan_cli.settings.headers import on_the_wire, resolve_references
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.redact import is_secret
from respan_cli.terminal.terminal import Terminal

TOTAL_TIMEOUT_S = 24 * 3600.0  # for all pages; `--timeout` is for silence


@contextmanager
def open_log(options: ApiOptions, terminal: Terminal) -> Iterator[LogApi]:
    """The log of the profile's host, read with the profile's key.

    Raises:
        UsageError, SettingsError: the settings cannot be used, or there is no key.
    """
    settings = _settings(options, terminal)
    with (
        open_target(settings, terminal.env, sandbox=False) as target,
        terminal.status("reading the log"),
        client_for(target, settings, terminal, keep_alive=1) as client,
    ):
        yield LogApi(client, Deadline(TOTAL_TIMEOUT_S), api_observer(terminal))


@contextmanager
def open_models(options: ApiOptions, terminal: Terminal) -> Iterator[ModelsApi]:
    """The catalogue of the profile's host, read without a key.

    Raises:
        UsageError, SettingsError: the settings cannot be used.
    """
    settings = _settings(options, terminal)
    with terminal.status("reading the models"), _client_without_key(settings, terminal) as client:
        yield ModelsApi(client, Deadline(TOTAL_TIMEOUT_S), api_observer(terminal))


def _settings(options: ApiOptions, terminal: Terminal) -> Settings:
    settings = load_settings(options, terminal.env)
    kind = UsageError if settings.sources["base_url"].startswith("--") else SettingsError
    check_in_the_clear(settings.base_url, kind, insecure_http=options.insecure_http)
    return settings


def _client_without_key(settings: Settings, terminal: Terminal) -> GatewayClient:
    headers = resolve_references(settings.gateway_headers, terminal.env)
    terminal.add_secrets(*(value for name, value in headers.items() if is_secret(name)))
    wire = on_the_wire(headers, authorization="", sources=settings.sources)
    return GatewayClient(
        RequestContext(settings.base_url, settings.model, settings.sources["model"], "no key is sent"),
        [header for header in wire if header.name != "Authorization"],
        timeout=settings.timeout,
        max_retries=settings.max_retries,
    )
