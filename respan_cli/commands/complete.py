"""What the shell offers after Tab: names from the profile file and from the table of settings.

A completion never fails and never speaks: with a broken file it just has less to offer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from respan_cli import changes, settings
from respan_cli.commands.common import read_document
from respan_cli.errors import RespanError
from respan_cli.terminal import Terminal


def profile_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The profiles of the file that begin as typed."""
    return [name for name in _tables(ctx).get("profiles", {}) if name.startswith(incomplete)]


def setting_keys(ctx: typer.Context, incomplete: str) -> list[str]:
    """The settings, and the keys of the profile's tables, that begin as typed."""
    tables = _tables(ctx)
    chosen = settings.profile_choice(ctx.params, _env(ctx), tables)
    table = tables.get("profiles", {}).get(chosen.value, {})
    return [key for key in changes.setting_keys(table) if key.startswith(incomplete)]


def header_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The headers of the profile, in the scope that the flags choose, that begin as typed."""
    tables = _tables(ctx)
    chosen = settings.profile_choice(ctx.params, _env(ctx), tables)
    scope = "gateway_headers" if ctx.params.get("gateway") else "headers"
    names = tables.get("profiles", {}).get(chosen.value, {}).get(scope, {})
    return [name for name in names if name.lower().startswith(incomplete.lower())]


def _tables(ctx: typer.Context) -> dict[str, Any]:
    try:
        return read_document(_env(ctx)).tables
    except RespanError:
        return {}


def _env(ctx: typer.Context) -> Mapping[str, str]:
    terminal = ctx.find_root().obj
    return terminal.env if isinstance(terminal, Terminal) else Terminal.standard().env
