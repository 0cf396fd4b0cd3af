"""Read-only commands about profiles and settings: `config list`, `show`, `get`, `path` and `mcp`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from respan_cli.commands.shared import completion
from respan_cli.commands.shared.context import load_settings, read_document
from respan_cli.commands.shared.options import AsJson, CommandOptions, ProfileOptions, ShowSecrets
from respan_cli.errors import ExitCode, SettingsError
from respan_cli.settings import edits, profiles, store
from respan_cli.settings.api_key import key_origin
from respan_cli.settings.fields import (
    DEFAULT_PROFILE,
    FIELDS,
    THREAD_VARIABLE,
    Field,
    did_you_mean,
    format_value,
)
from respan_cli.settings.layers import SourcedValue, from_environment
from respan_cli.settings.resolve import Settings, resolve
from respan_cli.terminal.redact import HIDDEN, redact
from respan_cli.terminal.tables import print_table
from respan_cli.terminal.terminal import Terminal

if TYPE_CHECKING:
    from respan_cli.messages.thread import Thread

# The docs MCP of Respan (the integration page of its documentation); it needs no key.
DOCS_MCP = {"mcpServers": {"respan-docs": {"url": "https://respan.ai/docs/mcp"}}}


@dataclass(frozen=True, kw_only=True)
class ConfigListOptions(CommandOptions):
    """The options of `config list`."""

    as_json: AsJson = False


@dataclass(frozen=True, kw_only=True)
class ConfigShowOptions(ProfileOptions):
    """The options of `config show`."""

    origin: Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")] = False
    as_json: AsJson = False
    show_secrets: ShowSecrets = False


@dataclass(frozen=True, kw_only=True)
class GetOptions(ProfileOptions):
    """The options of `config get`."""

    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY", help="A setting, dotted for tables.", autocompletion=completion.setting_keys
        ),
    ]
    show_secrets: ShowSecrets = False


def _threads(env: Mapping[str, str]) -> list[Thread]:
    """The thread that a `send` in this shell continues, and whose settings it takes."""
    path = env.get(THREAD_VARIABLE)
    if not path:
        return []
    from respan_cli.commands.shared.thread_input import read_thread_file

    return [read_thread_file(path)]


def list_profiles(terminal: Terminal, options: ConfigListOptions) -> int:
    """List the profiles.

    $ respan config list
    $ respan config list --json | jq -r '.[].name'
    """
    document = read_document(terminal.env).tables
    chosen = profiles.choose_profile(None, terminal.env, document)
    known = document.get("profiles", {})
    if chosen.value not in known and chosen.value != DEFAULT_PROFILE:
        terminal.note(f"{chosen.source} names {chosen.value!r}, which is no profile", label="respan: ")
    rows = [_profile(name, chosen, document, terminal) for name in known or [DEFAULT_PROFILE]]
    if options.as_json:
        return _print_json(terminal, rows)
    print_table(terminal, ("PROFILE", "STATUS", "BASE URL", "KEY"), [_profile_row(row) for row in rows])
    return ExitCode.OK


def _profile(name: str, chosen: SourcedValue, document: edits.Tables, terminal: Terminal) -> dict[str, Any]:
    """One profile: its own base URL, and the key that `-p NAME` would use."""
    layers = profiles.profile_layers(document, name)
    own = resolve(name, layers)
    effective = resolve(name, [from_environment(terminal.env), *layers])
    return {
        "name": name,
        "active": name == chosen.value,
        "default": name == (document.get("default_profile") or DEFAULT_PROFILE),
        "base_url": own.base_url,
        "key": key_origin(effective),
        "inherits": next(iter(profiles.lineage(document, name)[1:]), None),
    }


def _profile_row(profile: dict[str, Any]) -> tuple[str, ...]:
    status = [word for word in ("active", "default") if profile[word]]
    status += [f"inherits {profile['inherits']}"] if profile["inherits"] else []
    name, key = profile["name"], profile["key"] or "none"
    # A row need not repeat its own name: with it, the usual one is wider than 80 columns.
    key = key.removesuffix(f" of profile {name}").removesuffix(f" {name}")
    return name, ", ".join(status), profile["base_url"], key


def show(terminal: Terminal, options: ConfigShowOptions) -> int:
    """Show the effective settings.

    $ respan config show --origin    # and where each value comes from
    $ respan config show --json | jq .settings.model
    """
    settings = load_settings(options, terminal.env, sources=_threads(terminal.env))
    values = effective_settings(settings, show_secrets=options.show_secrets)
    chosen = profiles.choose_profile(options.profile, terminal.env, read_document(terminal.env).tables)
    if options.as_json:
        whole = {"profile": settings.profile, "settings": values}
        sources = {"profile": chosen.source, **settings.sources}
        return _print_json(terminal, {**whole, "origin": sources} if options.origin else whole)
    rows = [("profile", settings.profile, chosen.source), *_rows(values, settings)]
    columns = 3 if options.origin or terminal.stdout_isatty else 2
    print_table(terminal, ("SETTING", "VALUE", "ORIGIN")[:columns], [row[:columns] for row in rows])
    return ExitCode.OK


def effective_settings(settings: Settings, *, show_secrets: bool) -> dict[str, Any]:
    """The settings as JSON has them, secrets hidden unless asked for."""
    key = settings.api_key
    values = {field.name: getattr(settings, field.name) for field in FIELDS}
    values["api_key"] = key and (key.reveal() if show_secrets else HIDDEN)
    values["required"] = list(settings.required)
    for field in FIELDS:
        if field.table:
            values[field.name] = redact(
                values[field.name], show_secrets=show_secrets, keep_references=field.ignore_case
            )
    return values


def _rows(values: dict[str, Any], settings: Settings) -> Iterator[tuple[str, str, str]]:
    for field in FIELDS:
        value = values[field.name]
        if not field.table or not value:
            source = settings.sources.get(field.name, "") if value else ""
            yield field.name, _format(field, value), source
            continue
        for key, item in value.items():
            source = settings.sources[".".join(field.path(key))]
            yield f"{field.name}.{key}", _format(field, item), source


def _format(field: Field, value: Any) -> str:
    if value in (None, (), [], {}):
        return ""
    if field.name == "respan_params":
        return json.dumps(value, ensure_ascii=False)
    return format_value(tuple(value) if isinstance(value, list) else value)


def get(terminal: Terminal, options: GetOptions) -> int:
    """Print one effective setting.

    $ respan config get model
    $ respan config get metadata.agent -p work
    """
    key = options.key
    setting_key = None if key == "profile" else edits.parse_setting_key(key)
    settings = load_settings(options, terminal.env, sources=_threads(terminal.env))
    values = effective_settings(settings, show_secrets=options.show_secrets)
    text = _value_at(setting_key, values) if setting_key else settings.profile
    if not text:
        near = did_you_mean(key, [name for name in settings.sources if name != key]) if "." in key else ""
        raise SettingsError(f"{key} is not set in profile {settings.profile!r}{near}")
    terminal.write(text + "\n")
    terminal.flush()
    return ExitCode.OK


def _value_at(setting_key: edits.SettingKey, values: dict[str, Any]) -> str:
    field, key = setting_key.field, setting_key.key
    value = values[field.name]
    if key is not None:
        value = next((item for name, item in value.items() if field.path(name) == field.path(key)), None)
    return _format(field, value)


def path(terminal: Terminal, options: CommandOptions) -> int:
    """Print the path of the profile file.

    $ ls -l "$(respan config path)"
    """
    terminal.write(f"{store.config_path(terminal.env)}\n")
    terminal.flush()
    return ExitCode.OK


def mcp(terminal: Terminal, options: CommandOptions) -> int:
    """Print the docs MCP JSON for AI coding tools.

    $ respan config mcp > .mcp.json
    """
    return _print_json(terminal, DOCS_MCP)


def _print_json(terminal: Terminal, value: object) -> int:
    terminal.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
    terminal.flush()
    return ExitCode.OK
