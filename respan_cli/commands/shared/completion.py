"""The words that the shell offers after Tab. Fast, and silent: a completion that fails offers nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import typer

from respan_cli.commands.shared.context import read_document
from respan_cli.errors import RespanError
from respan_cli.settings import edits, profiles
from respan_cli.settings.fields import MODELS
from respan_cli.terminal.terminal import Terminal

# Headers that people set, by scope: what the integration page of Respan's documentation names, and what its
# gateway reads.
FORWARDED = ("anthropic-beta",)
TO_GATEWAY = ("anthropic-version", "X-Respan-Route-Provider", "X-Respan-Beta", "X-Data-Respan-Params")


def profile_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The profiles of the file."""
    return _begin_with(incomplete, _profiles(ctx))


def setting_keys(ctx: typer.Context, incomplete: str) -> list[str]:
    """The settings, and the keys of the tables of the active profile."""
    return _begin_with(incomplete, edits.setting_keys(_active_profile(ctx)))


def setting_values(ctx: typer.Context, incomplete: str) -> list[str]:
    """The values of a setting that has a list of them."""
    complete = {"inherits": profile_names, "model": models}.get(str(ctx.params.get("key")))
    return complete(ctx, incomplete) if complete else []


def header_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The headers of the active profile, in the scope that the flags choose."""
    scope = "gateway_headers" if ctx.params.get("gateway") else "headers"
    return _begin_with(incomplete, _active_profile(ctx).get(scope, {}))


def settable_headers(ctx: typer.Context, incomplete: str) -> list[str]:
    """The same, and those that people set, known from the documentation."""
    known = TO_GATEWAY if ctx.params.get("gateway") else FORWARDED
    return _begin_with(incomplete, [*header_names(ctx, incomplete), *known])


def models(ctx: typer.Context, incomplete: str) -> list[str]:
    """The current models, those that a profile names, and those that `respan models` listed last."""
    from respan_cli.commands.shared import model_cache  # only completion needs it

    named = [table["model"] for table in _profiles(ctx).values() if isinstance(table.get("model"), str)]
    return _begin_with(incomplete, [*MODELS, *named, *model_cache.remembered(_env(ctx))])


def headers(ctx: typer.Context, incomplete: str) -> list[str]:
    """Headers for the model's provider, up to their colon."""
    return _header_starts(ctx, incomplete, FORWARDED, "headers")


def gateway_headers(ctx: typer.Context, incomplete: str) -> list[str]:
    """Headers for the gateway, up to their colon."""
    return _header_starts(ctx, incomplete, TO_GATEWAY, "gateway_headers")


FOR_SETTING: dict[str, Callable[[typer.Context, str], list[str]]] = {
    "model": models,
    "headers": headers,
    "gateway_headers": gateway_headers,
}


def _header_starts(ctx: typer.Context, incomplete: str, known: Iterable[str], scope: str) -> list[str]:
    tables = [table.get(scope) for table in _profiles(ctx).values()]
    named = [name for table in tables if isinstance(table, dict) for name in table]
    return _begin_with(incomplete, [f"{name}:" for name in (*known, *named)])


def _begin_with(incomplete: str, words: Iterable[str]) -> list[str]:
    # A word from the file that could steer the terminal is left out: without those characters it would be
    # another word.
    return [
        word
        for word in dict.fromkeys(words)
        if word.isprintable() and word.lower().startswith(incomplete.lower())
    ]


def _active_profile(ctx: typer.Context) -> dict[str, Any]:
    tables = _tables(ctx)
    chosen = profiles.choose_profile(ctx.params.get("profile"), _env(ctx), tables).value
    table: dict[str, Any] = tables.get("profiles", {}).get(chosen, {})
    return table


def _profiles(ctx: typer.Context) -> Mapping[str, Mapping[str, Any]]:
    profiles: Mapping[str, Mapping[str, Any]] = _tables(ctx).get("profiles", {})
    return profiles


def _tables(ctx: typer.Context) -> Mapping[str, Any]:
    with suppress(RespanError):
        return read_document(_env(ctx)).tables
    return {}


def _env(ctx: typer.Context) -> Mapping[str, str]:
    terminal: Terminal = ctx.find_root().obj
    return terminal.env
